/* SPDX-License-Identifier: Apache-2.0 */
/*
 * term.h - one value that a rule gives for a field, and what it asks of the field's own values.
 *
 * The modifiers after a field's name say how its values are meant: "Key|startswith",
 * "After.content|re|m", "Key|contains|all".
 */
#ifndef PROCESSORS_DETECT_TERM_H
#define PROCESSORS_DETECT_TERM_H

#include "processors/detect/wildcard.h"
#include "processors/text/regex.h"

enum { TERM_SIZE_MAX = 4096 };

enum term_kind { TERM_STRING, TERM_REGEX, TERM_NETWORK, TERM_NULL };

struct term_modifiers {
	enum term_kind kind; /* of all but null */
	enum wildcard_place place;
	bool has_place;
	bool is_all; /* every value must be found, not only one */
	bool is_cased;
	unsigned regex_flags;
	bool is_dot_all; /* of a regular expression: `.` is a line feed, too */
};

struct term {
	enum term_kind kind;
	const struct wildcard *string;
	const struct regex *regex;
	struct {
		uint8_t address[16];
		size_t size; /* 4 or 16 */
		unsigned bits;
	} network;
};

/*
 * Reads TEXT, what follows the first "|" of a field.  NULL: it is fine; else what is wrong, in
 * ARENA, with the name of what is not supported.
 */
const char *term_modifiers_parse(const char *text, struct arena *arena, struct term_modifiers *out);

/* NULL: it is fine; else what is wrong with TEXT, in ARENA. */
const char *term_parse(const char *text, const struct term_modifiers *modifiers,
    struct regex_set *regexes, struct arena *arena, struct term *out);

/*
 * FOLDED is VALUE by wildcard_fold, BUDGET that of wildcard_match.  UNDECIDED: it takes too many
 * steps.  A null term finds nothing in any value: that there is none is the caller's to see.
 */
enum answer term_match(const struct term *term, struct bytes value, struct bytes folded,
    size_t *budget);

/*
 * Whether a term that matches VALUE, of which only the beginning is known, matches whatever follows
 * it.
 */
bool term_matches_more(const struct term *term, struct bytes value);

#endif
