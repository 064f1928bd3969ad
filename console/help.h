/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.h - what there is, for whoever asks.
 */
#ifndef CONSOLE_HELP_H
#define CONSOLE_HELP_H

#include "console/console.h"

/* Every command, one line each, by group. */
void help_overview(const struct command *commands, FILE *stream);
/* The commands of one noun, or where VERB is given that one, with an example each. */
void help_noun(const struct command *commands, const char *noun, const char *verb, FILE *stream);

#endif
