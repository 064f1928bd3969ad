/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - the outcomes of a check's rules folded into one result.
 *
 *   all:  any not found fails; then any not run, then any invalid leaves it open; else it passes
 *   any:  any found passes;    then the same;                                     else it fails
 *   none: any found fails;     then the same;                                     else it passes
 *
 * Not run stands ahead of not applicable in every dialect: what nobody looked at is never taken for
 * what cannot be asked.
 */
#ifndef PROCESSORS_ASSESS_CHECK_H
#define PROCESSORS_ASSESS_CHECK_H

#include "processors/assess/rule.h"

enum check_condition { CHECK_ALL, CHECK_ANY, CHECK_NONE };

/* The numbers are kept in results: they stay. */
enum check_result {
	CHECK_PASSED = 1,
	CHECK_FAILED,
	CHECK_NOT_APPLICABLE,
	CHECK_NOT_RUN,
};

enum check_severity {
	CHECK_SEVERITY_LOW = 1,
	CHECK_SEVERITY_MEDIUM,
	CHECK_SEVERITY_HIGH,
	CHECK_SEVERITY_CRITICAL,
};

/* "cis", "5.1.22" */
struct check_compliance {
	const char *standard;
	const char *requirement;
};

struct check {
	const char *id;
	const char *title;
	const char *description; /* these three: "" where the policy has none */
	const char *rationale;
	const char *remediation;
	enum check_severity severity;
	const char **references;
	size_t references_count;
	struct check_compliance *compliance;
	size_t compliance_count;
	enum check_condition condition;
	struct rule *rules;
	size_t rules_count; /* 0 only in wazuh5, where bad ones are dropped */
	const struct dialect *dialect;
	unsigned line;
	unsigned column;
};

struct check_outcome {
	enum check_result result;
	const char *reason;            /* for a person: that of the rule that decided */
	const struct rule *rule;       /* the one that decided; NULL: no single one */
	const struct outcome *outcome; /* its outcome, or NULL */
	struct outcome *outcomes;      /* of the first outcomes_count rules, in their order */
	size_t outcomes_count;
};

/* "passed", "failed", "not applicable", "not run" */
const char *check_result_text(enum check_result result);
const char *check_severity_text(enum check_severity severity);
const char *check_condition_text(enum check_condition condition);

/*
 * Fold outcomes that are at hand, from a memo for instance.  COUNT is check->rules_count, or less
 * where check_is_decided() said after the last of them that the rest does not matter.
 */
void check_fold(const struct check *check, struct outcome *outcomes, size_t count,
    struct check_outcome *out);

/* Whether the dialect stops here: KIND, of the rule just evaluated, decides the check. */
bool check_is_decided(const struct check *check, enum outcome_kind kind);

/* Evaluate the rules and fold.  Returns what rule_evaluate returns. */
NODISCARD enum status check_evaluate(const struct check *check, const struct lookup *lookup,
    struct arena *arena, struct check_outcome *out);

#endif
