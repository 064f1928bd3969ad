/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choices.h - options that name some of a few: "--state open,undone".
 */
#ifndef CONSOLE_CHOICES_H
#define CONSOLE_CHOICES_H

#include "console/console.h"
#include "sinks/store/rank.h"

/*
 * The bits of *BITS, 1 << the number that PARSE gives, for each word of the option NAME; none where
 * it was not given.  False where one is wrong: a message names it, and what was EXPECTED.
 */
bool choices_parse(const struct console *console, const char *name,
    bool (*parse)(const char *text, unsigned *out), const char *expected, uint32_t *bits);
/* The option --severity. */
bool choices_ranks(const struct console *console, uint32_t *bits);

/* In a table. */
enum output_color choices_rank_color(enum rank rank);

#endif
