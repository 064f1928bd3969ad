/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_kinds.h - the kinds of rules, and what they share.
 */
#ifndef PROCESSORS_ASSESS_RULE_KINDS_H
#define PROCESSORS_ASSESS_RULE_KINDS_H

#include "processors/assess/rule.h"

extern const struct rule_kind rule_file_kind;
extern const struct rule_kind rule_command_kind;
extern const struct rule_kind rule_directory_kind;
extern const struct rule_kind rule_process_kind;
extern const struct rule_kind rule_registry_kind;

/* The pattern of f: and c:, from REST.  Returns NULL, or what is wrong. */
const char *rule_read_pattern(const struct pattern_context *context, struct rule *rule);

/* The fact file/PATH as one more key of RULE, whose KEYS has room. */
void rule_add_file_key(const struct pattern_context *context, struct rule *rule, const char *path,
    bool wants_content);

/* Sets OUT to KIND with REASON, without evidence. */
void rule_say(struct outcome *out, enum outcome_kind kind, const char *reason);

/*
 * The fact under KEY.  OK with *FACT NULL: OUT says already why there is none to evaluate (never
 * observed, or the observation failed).
 */
NODISCARD enum status rule_fact(const struct lookup *lookup, const struct rule_key *key,
    struct arena *arena, const struct fact **fact, struct outcome *out);

#endif
