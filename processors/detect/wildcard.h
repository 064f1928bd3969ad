/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wildcard.h - a string of Sigma: `*` is any number of characters, `?` is one.
 *
 * A backslash takes its meaning from what follows, as the Sigma specification has it: `\*`, `\?`
 * and `\\` are the second character alone; before anything else, and at the end, it is itself.
 * Case is that of ASCII: letters beyond it compare as they are.
 */
#ifndef PROCESSORS_DETECT_WILDCARD_H
#define PROCESSORS_DETECT_WILDCARD_H

#include "core/bytes.h"
#include "processors/detect/answer.h"

/* Bytes compared with pieces that have a `?`, of all strings of one rule; the rest is linear. */
enum { WILDCARD_STEPS_MAX = 4 * 1000 * 1000 };

/* Where the string may stand in a value. */
enum wildcard_place {
	WILDCARD_WHOLE,
	WILDCARD_AT_START,
	WILDCARD_AT_END,
	WILDCARD_ANYWHERE,
};

/* A piece between two `*`. */
struct wildcard_piece {
	struct bytes text;
	const bool *is_any; /* of each byte: whether it stands for any character; NULL: none does */
};

struct wildcard {
	/* The first stands at the start of a value and the last at its end; either may be empty. */
	struct wildcard_piece *pieces;
	size_t count; /* at least 1 */
	bool is_cased;
};

/* In ARENA.  TEXT is as it stands in the rule. */
struct wildcard *wildcard_new(struct arena *arena, const char *text, enum wildcard_place place,
    bool is_cased);

/*
 * Takes what it compares with a `?` from *BUDGET, at first WILDCARD_STEPS_MAX.  UNDECIDED: it was
 * not enough.  Where the string is not cased, VALUE is one that was folded.
 */
enum answer wildcard_match(const struct wildcard *wildcard, struct bytes value, size_t *budget);

/* Whether what matches still does when something follows it. */
bool wildcard_is_open(const struct wildcard *wildcard);

/* What every match begins with, without case where the string has none. */
struct bytes wildcard_prefix(const struct wildcard *wildcard);

/* VALUE with the capital letters of ASCII made small, in ARENA. */
struct bytes wildcard_fold(struct arena *arena, struct bytes value);

#endif
