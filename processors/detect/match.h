/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.h - whether a rule's condition holds, over fields that are asked for by name.
 *
 * Pure: the same rule and the same fields have the same answer.  Three answers, not two: a value
 * that was cut, or could not be seen, or took too many steps to search, never counts as one without
 * a match; nor does one that was cut count as one with a match that the rest could undo.
 */
#ifndef PROCESSORS_DETECT_MATCH_H
#define PROCESSORS_DETECT_MATCH_H

#include "processors/detect/detection.h"

/* One value of a field.  A field without any is null. */
struct match_value {
	struct bytes text;
	bool is_cut; /* there was more of it, which is not known */
};

struct match_values {
	const struct match_value *items;
	size_t count;
	bool is_unknown; /* there may be others */
};

struct match_lookup {
	void *self;
	/* The values of FIELD, in ARENA or borrowed; of every field where it is NULL. */
	struct match_values (*get)(void *self, const char *field, struct arena *arena);
};

struct match_result {
	enum answer answer;
	const char **selections; /* the names of those that were seen to hold */
	size_t selections_count;
	const char *reason; /* UNDECIDED: what was in the way first; else NULL */
};

/* What OUT points to is in ARENA. */
void match_detection(const struct detection *detection, const struct match_lookup *lookup,
    struct arena *arena, struct match_result *out);

#endif
