/* SPDX-License-Identifier: Apache-2.0 */
/*
 * looks.h - what each collector of an asset has looked at, and when: how fresh it all is.
 */
#ifndef CONSOLE_LOOKS_H
#define CONSOLE_LOOKS_H

#include <jansson.h>

#include "console/console.h"

/*
 * An array of {collector, prefix, facts, at, is_current}; null where the processor's state cannot
 * be read.  is_current: it was by the plan that was sent last, or needs none.
 */
json_t *looks_json(const struct console *console, const uint8_t asset[16]);

/* The same as a table.  Nothing, where it cannot be read. */
NODISCARD enum status looks_table(const struct console *console, const uint8_t asset[16]);

#endif
