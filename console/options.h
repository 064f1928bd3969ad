/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the options that every command takes, and those of its own, by argp.
 */
#ifndef CONSOLE_OPTIONS_H
#define CONSOLE_OPTIONS_H

#include "console/console.h"

/*
 * The options before the command; *NEXT is the index of its noun, or ARGC.  INVALID: a message said
 * what is wrong.
 */
NODISCARD enum status options_parse_before(struct console *console, int argc, char **argv,
    int *next);
/*
 * Those of console->command, wherever they stand in ARGV; what is left are its arguments, of which
 * *COUNT are moved to the front of ARGV (from index 1).  INVALID as above.
 */
NODISCARD enum status options_parse(struct console *console, int argc, char **argv, int *count);

/* How the command is used, with an example and its own options; and the options of every command.
 */
void options_help(const struct command *command, FILE *stream);
void options_help_common(FILE *stream);

/* The table of the options of every command; ends with a NULL name. */
const struct argp_option *options_common(void);

/* "findings show", in one of two rotating static buffers. */
const char *options_command_name(const struct command *command);

#endif
