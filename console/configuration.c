/* SPDX-License-Identifier: Apache-2.0 */
#include "console/configuration.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console/sections.h"
#include "core/require.h"
#include "sinks/sinks.h"

enum { FLAGS_MAX = CONSOLE_SETS_MAX + 8 };

static const struct setting settings[] = {
	SETTING_DURATION(struct configuration_console, stale_after, 15 * 60 * 1000, 1,
	    365ULL * 24 * 3600 * 1000,
	    "how long nothing may be heard of an asset before what is shown of it counts as stale"),
	SETTING_END
};

const struct setting_section configuration_section = { .name = "console",
	.settings = settings,
	.size = sizeof(struct configuration_console),
	.help = "the commands" };

/* What a table of settings cannot say. */
static enum status check_targets(const struct console *console, const struct settings *loaded,
    struct yaml_errors *errors)
{
	struct buffer why = { 0 };
	enum status status = sinks_check(loaded, &why);

	if (status != STATUS_OK)
		yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: %s", console->paths.config,
		    buffer_text(&why));
	buffer_fini(&why);
	return status;
}

static enum status load(const struct console *console, const char *const *flags,
    struct settings **out, struct yaml_errors *errors)
{
	const char *all[FLAGS_MAX + 1] = { NULL };
	const struct settings_sources sources = { .file = console->paths.config,
		.file_may_be_missing = !console->paths.is_config_wanted,
		.directory = console->paths.config_directory,
		.flags = all,
		.environment = (const char *const *)environ };
	size_t count = 0;
	enum status status;

	for (; flags != NULL && flags[count] != NULL; count++) {
		REQUIRE(count < FLAGS_MAX - CONSOLE_SETS_MAX);
		all[count] = flags[count];
	}
	memcpy(all + count, console->sets, console->sets_count * sizeof(*all));
	status = settings_load(sections_all(), &sources, out, errors);
	if (status != STATUS_OK)
		return status;
	status = check_targets(console, *out, errors);
	if (status == STATUS_OK)
		return STATUS_OK;
	settings_free(*out);
	*out = NULL;
	return status;
}

int configuration_load(const struct console *console, const char *const *flags,
    struct settings **out)
{
	struct yaml_errors errors = { 0 };
	enum status status = load(console, flags, out, &errors);

	if (status != STATUS_OK)
		fprintf(stderr,
		    "%sfettle: the configuration is not used; mend it and start again\n",
		    yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	return status == STATUS_OK ? 0 : CONSOLE_BAD_CONFIGURATION;
}
