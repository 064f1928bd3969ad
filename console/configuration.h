/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuration.h - the settings as a command has them: from --set, the environment, the files.
 */
#ifndef CONSOLE_CONFIGURATION_H
#define CONSOLE_CONFIGURATION_H

#include "console/console.h"
#include "core/setting.h"

/* The section `console`. */
struct configuration_console {
	uint64_t stale_after;
};
extern const struct setting_section configuration_section;

/*
 * FLAGS ("SECTION.NAME=VALUE", ends with NULL; or NULL) are what the command itself sets; --set
 * stands above them.  0, or CONSOLE_BAD_CONFIGURATION after saying all that is wrong.
 */
NODISCARD int configuration_load(const struct console *console, const char *const *flags,
    struct settings **out);

#endif
