/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - what a rule asks of a text: minterms that must all hold on one same line.
 *
 *   pattern := minterm {" && " minterm}
 *   minterm := ["!"] ( "r:" regex | "n:" regex " compare " op " " integer | literal )
 */
#ifndef PROCESSORS_ASSESS_PATTERN_H
#define PROCESSORS_ASSESS_PATTERN_H

#include "core/bytes.h"
#include "processors/assess/dialect.h"
#include "processors/assess/outcome.h"
#include "processors/text/regex.h"

enum { PATTERN_MINTERMS_MAX = 64 };

enum minterm_kind { MINTERM_LITERAL, MINTERM_REGEX, MINTERM_NUMBER };

enum compare {
	COMPARE_LESS,
	COMPARE_AT_MOST,
	COMPARE_EQUAL,
	COMPARE_UNEQUAL,
	COMPARE_AT_LEAST,
	COMPARE_GREATER
};

struct minterm {
	enum minterm_kind kind;
	bool is_negated;
	const char *text;          /* the literal, or the regular expression as it is written */
	const struct regex *regex; /* NULL: a literal, or it does not compile */
	const char *comparison;    /* n: as it is written after " compare "; else NULL */
	enum compare compare;
	int64_t operand;
	const char *problem; /* NULL, or why it can never work as it stands */
	bool is_malformed;   /* the comparison is none: a match is INVALID */
};

struct pattern {
	struct minterm *minterms;
	size_t count;
};

/* What is needed to read rules; all of it lives as long as the policy. */
struct pattern_context {
	const struct dialect *dialect;
	bool is_osregex;
	struct regex_set *set;
	struct arena *arena;
};

/*
 * NULL, with PROBLEM: more than PATTERN_MINTERMS_MAX.  A minterm with a problem of its own is kept:
 * the dialects differ in what it then means.
 */
const struct pattern *pattern_parse(const struct pattern_context *context, const char *text,
    const char **problem);

struct pattern_input {
	const char *name; /* what messages call it: a path */
	struct bytes text;
	bool is_truncated; /* there was more than TEXT, so that no absence is proved */
	bool is_command;   /* the output of one */
};

void pattern_evaluate(const struct pattern *pattern, const struct dialect *dialect,
    const struct pattern_input *input, struct arena *arena, struct outcome *out);

/* "<", "<=", "==", "!=", ">=", ">" */
const char *pattern_compare_text(enum compare compare);

#endif
