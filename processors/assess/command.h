/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - the command line of a rule c:, taken apart as no shell would: at spaces, with " to
 * group and \ to escape.  ' is a character like any other.
 */
#ifndef PROCESSORS_ASSESS_COMMAND_H
#define PROCESSORS_ASSESS_COMMAND_H

#include "core/bytes.h"

enum { COMMAND_ARGUMENTS_MAX = 64 };

/* Ends with NULL, in ARENA.  NULL: nothing but spaces, or more than COMMAND_ARGUMENTS_MAX. */
const char **command_split(const char *text, struct arena *arena, size_t *count);

#endif
