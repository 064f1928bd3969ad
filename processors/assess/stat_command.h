/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stat_command.h - "stat -c FORMAT PATH", answered from the fact of the file.
 *
 * Policies ask for modes and owners by running stat.  What it would print is known where the file
 * was observed, so nothing is run: the output is composed exactly as GNU stat prints it in the C
 * locale, and only for formats of which every part is known.
 *
 * A fact file/PATH describes what PATH leads to once symbolic links are followed; a field "link"
 * says that PATH itself is one, whose own mode and owner nobody observed.
 */
#ifndef PROCESSORS_ASSESS_STAT_COMMAND_H
#define PROCESSORS_ASSESS_STAT_COMMAND_H

#include "core/bytes.h"
#include "core/fact.h"

struct stat_command {
	const char *path;
	const char *format;
	bool follows_links;
};

/* NULL: it is not a stat that can be answered from facts. */
const struct stat_command *stat_command_parse(const char *text, struct arena *arena);

/*
 * What it prints, its complaint where there is no such file.  NULL: the fact leaves some part open;
 * MISSING, in ARENA, says which.
 */
const char *stat_command_output(const struct stat_command *command, const struct fact *fact,
    struct arena *arena, const char **missing);

#endif
