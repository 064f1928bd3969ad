/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.h - what became of one rule, and what shows it.
 */
#ifndef PROCESSORS_ASSESS_OUTCOME_H
#define PROCESSORS_ASSESS_OUTCOME_H

#include "core/bytes.h"

/* The numbers are kept in memos: they stay. */
enum outcome_kind {
	OUTCOME_FOUND = 1,
	OUTCOME_NOT_FOUND,
	OUTCOME_INVALID, /* the rule cannot be asked of this asset: its input is missing, say */
	OUTCOME_NOT_RUN, /* it could be asked, and nobody knows the answer yet */
};

enum { OUTCOME_EVIDENCE_MAX = 200 };

struct outcome {
	enum outcome_kind kind;
	const char *reason; /* for a person; never NULL */
	const char *target; /* the one of the rule's targets that decided, or NULL */
	/* The line that decided, or the only one there is, cut to OUTCOME_EVIDENCE_MAX; or empty.
	 */
	struct bytes evidence;
	unsigned line; /* its number, from 1; 0: no line decided */
	/*
	 * False where the reason quotes a fact's own reason, which is no part of a fact's hash:
	 * such an outcome holds for this asset only.
	 */
	bool may_memoise;
};

#endif
