/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint.h - what a policy's dialect lets pass and its author surely did not mean.
 */
#ifndef PROCESSORS_ASSESS_LINT_H
#define PROCESSORS_ASSESS_LINT_H

#include "processors/assess/policy.h"

struct lint_finding {
	unsigned line; /* where the rule, or the key, starts */
	unsigned column;
	const char *check; /* its id; NULL: not within a check */
	const char *rule;  /* its text; NULL: not within a rule */
	const char *why;
	const char *suggestion;
};

/* In the order of the file; in ARENA, and borrowing from POLICY. */
struct lint_finding *policy_lint(const struct policy *policy, struct arena *arena, size_t *count);

#endif
