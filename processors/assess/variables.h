/* SPDX-License-Identifier: Apache-2.0 */
/*
 * variables.h - the variables of a policy and their replacement, the longest name first and never
 * within what a replacement put there.
 */
#ifndef PROCESSORS_ASSESS_VARIABLES_H
#define PROCESSORS_ASSESS_VARIABLES_H

#include "core/bytes.h"

enum { VARIABLES_MAX = 256, VARIABLES_TEXT_MAX = 64 * 1024 };

struct variable {
	const char *name; /* with its $ */
	const char *value;
};

struct variables {
	struct variable *items; /* the longest name first: variables_sort */
	size_t count;
};

void variables_sort(struct variables *variables);

/* TEXT itself where it names none.  NULL: the result would exceed VARIABLES_TEXT_MAX. */
const char *variables_expand(const struct variables *variables, const char *text,
    struct arena *arena);

#endif
