/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - a policy in memory, from the text of its YAML file.
 *
 * A policy keeps nothing of its text but what it says; it may be dropped and parsed again at any
 * time with the same result.  It belongs to one thread at a time: matching uses memory of its own.
 */
#ifndef PROCESSORS_ASSESS_POLICY_H
#define PROCESSORS_ASSESS_POLICY_H

#include "core/yaml.h"
#include "processors/assess/check.h"

enum { POLICY_ID_MAX = 128, POLICY_RULES_MAX = 255, POLICY_CHECKS_MAX = 10000 };

/* Something that the dialect lets pass and that its author should hear of. */
struct policy_note {
	unsigned line;
	unsigned column;
	const char *why;
	const char *suggestion;
};

struct policy {
	const char *id;
	const char *file;
	const char *name;
	const char *description;
	const char **references;
	size_t references_count;
	const struct dialect *dialect;
	bool is_osregex;            /* unless a check says otherwise */
	uint8_t hash[HASH_SIZE];    /* of the text */
	struct check *requirements; /* NULL: none */
	struct check *checks;
	size_t checks_count;
	struct policy_note *notes;
	size_t notes_count;

	struct arena arena; /* of all that the above points to */
	struct regex_set *regexes;
};

/*
 * FILE is for messages, and the policy's "file" where it names none.  DIALECT_OVERRIDE, or NULL,
 * stands above what the text says; without either it is wazuh4.
 * INVALID: ERRORS says what, and where.
 */
NODISCARD enum status policy_parse(const char *file, struct bytes text,
    const char *dialect_override, struct policy **out, struct yaml_errors *errors);
void policy_free(struct policy *policy); /* NULL is fine */

const struct check *policy_check(const struct policy *policy, const char *id);

/*
 * What an asset's requirements say about its checks.
 *
 * OPEN: evaluate them.  CLOSED_SILENTLY: the policy has no results there.  Else every check has the
 * one result and reason in OUT, without being evaluated.
 */
enum policy_gate { POLICY_OPEN, POLICY_CLOSED, POLICY_CLOSED_SILENTLY };

/* OUT: the requirements' own outcome where OPEN; else that of every check. */
NODISCARD enum status policy_requirements_evaluate(const struct policy *policy,
    const struct lookup *lookup, struct arena *arena, struct check_outcome *out,
    enum policy_gate *gate);

/*
 * Every fact that the policy reads, once each and in order of key: for the observation plan and the
 * reverse index.  In ARENA.
 */
struct policy_key {
	struct bytes key;
	bool wants_content; /* where any rule does */
	const char *path;
};

struct policy_key *policy_keys(const struct policy *policy, struct arena *arena, size_t *count);

/* 100 * passed / (passed + failed), rounded down; 0 where there is none of either. */
unsigned policy_score(size_t passed, size_t failed);

#endif
