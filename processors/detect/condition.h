/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition.h - how a rule's selections go together.
 *
 *   or    := and {"or" and}
 *   and   := not {"and" not}
 *   not   := {"not"} primary
 *   primary := "(" or ")" | ("1" | "all") "of" ("them" | pattern) | name
 *
 * A pattern is a name in which `*` stands for anything; "them" are all selections whose names do
 * not begin with "_".
 */
#ifndef PROCESSORS_DETECT_CONDITION_H
#define PROCESSORS_DETECT_CONDITION_H

#include "core/bytes.h"
#include "processors/detect/answer.h"

enum { CONDITION_SIZE_MAX = 4096, CONDITION_DEPTH_MAX = 32 };

enum condition_kind { CONDITION_SELECTION, CONDITION_AND, CONDITION_OR, CONDITION_NOT };

/* "1 of" is an OR and "all of" an AND of selections. */
struct condition {
	enum condition_kind kind;
	size_t selection;                  /* SELECTION: its index */
	const struct condition **operands; /* the others */
	size_t count;
};

struct condition_problem {
	size_t offset; /* in the text */
	const char *message;
};

/* In ARENA.  NULL: it is none, or asks for what is not supported; PROBLEM, in ARENA, says what. */
const struct condition *condition_parse(const char *text, const char *const *names, size_t count,
    struct arena *arena, struct condition_problem *problem);

/* HOLDS answers for one selection; it may be asked more than once for the same. */
enum answer condition_evaluate(const struct condition *condition,
    enum answer (*holds)(void *self, size_t selection), void *self);

#endif
