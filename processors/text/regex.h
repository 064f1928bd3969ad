/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex.h - the one adapter of PCRE2: compiled by JIT where the system lets it, and bounded.
 *
 * Subjects are bytes, never UTF-8 by PCRE2's notion: content from endpoints may be anything.  A
 * match that needs too many steps, too deep a recursion or too much memory is an answer of its own
 * and never "no match".
 */
#ifndef PROCESSORS_TEXT_REGEX_H
#define PROCESSORS_TEXT_REGEX_H

#include "core/bytes.h"

enum {
	REGEX_PATTERN_MAX = 4096,   /* bytes */
	REGEX_MATCH_LIMIT = 100000, /* steps; (a+)+$ reaches it within 0.1 ms */
	REGEX_DEPTH_LIMIT = 10000,
	REGEX_HEAP_LIMIT_KIB = 4096,
};

enum regex_flags { REGEX_CASELESS = 1, REGEX_MULTILINE = 2 };

enum regex_result { REGEX_NO_MATCH, REGEX_MATCH, REGEX_LIMIT };

/* Owns what was compiled into it, and the memory to match with: for one thread at a time. */
struct regex_set;
struct regex;

struct regex_set *regex_set_new(void);
void regex_set_free(struct regex_set *set); /* NULL is fine */

/*
 * NULL: it does not compile, or is longer than REGEX_PATTERN_MAX.  PROBLEM, in ARENA, then says why
 * and where.
 */
const struct regex *regex_compile(struct regex_set *set, const char *pattern, unsigned flags,
    struct arena *arena, const char **problem);

/* MATCH and GROUP (of the first parentheses) may be NULL; a group not taken has data NULL. */
enum regex_result regex_match(const struct regex *regex, struct bytes subject, struct bytes *match,
    struct bytes *group);
bool regex_has_group(const struct regex *regex);

/*
 * Of a subject of which only the BEGINNING is known: MATCH where it matches whatever follows, and
 * NO_MATCH where that is not certain.
 */
enum regex_result regex_match_beginning(const struct regex *regex, struct bytes beginning);

/*
 * What a result depends on besides pattern and subject: "10.42 2022-12-11 jit 100000 10000 4096".
 * Part of every rule's hash.
 */
const char *regex_version(void);

#endif
