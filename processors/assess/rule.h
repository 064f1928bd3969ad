/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule.h - one line of a check, read once and evaluated for every asset.
 *
 *   rule := ["not "] kind ":" target [" -> " rest]      split at the first " -> "
 *
 * An outcome depends on the rule (its hash) and the facts it reads (its keys), and on nothing else;
 * unless the outcome itself says otherwise, it may be kept under both.
 *
 * A kind is one row of the table in rule.c.  To add one: write rule_NAME.c with its two functions,
 * declare the constant in rule_kinds.h, put it into the table, test it in rule_NAME_test.c.
 */
#ifndef PROCESSORS_ASSESS_RULE_H
#define PROCESSORS_ASSESS_RULE_H

#include "core/hash.h"
#include "core/status.h"
#include "processors/assess/dialect.h"
#include "processors/assess/lookup.h"
#include "processors/assess/outcome.h"
#include "processors/assess/pattern.h"
#include "processors/assess/stat_command.h"
#include "processors/assess/variables.h"

/*
 * Part of every rule's hash.  To be raised with whatever changes the outcome of a rule for the same
 * facts, so that nothing is answered from before.
 */
enum { ASSESS_EVALUATOR_VERSION = 2 };

enum { RULE_TARGETS_MAX = 256, RULE_TEXT_MAX = 64 * 1024 };

/* A fact that a rule reads. */
struct rule_key {
	struct bytes key;
	bool wants_content; /* else existence, mode and the like are enough */
	const char *path;   /* as the policy names it; NULL where it is no file */
};

struct rule {
	const char *text; /* with variables replaced */
	unsigned line;    /* in the policy's file */
	unsigned column;
	const struct dialect *dialect;
	const struct rule_kind *kind;
	bool is_negated;
	bool is_osregex;
	const char *target;   /* all of it */
	const char *rest;     /* after the first " -> "; NULL: there is none */
	const char **targets; /* one by one, where the kind and dialect have lists */
	size_t targets_count;
	const struct pattern *pattern;   /* NULL: none, or not read yet for this kind */
	const struct stat_command *stat; /* c: that is answered from facts; else NULL */
	struct rule_key *keys;
	size_t keys_count;
	uint8_t hash[HASH_SIZE];
};

struct rule_kind {
	char letter;
	const char *what; /* "files" */
	bool has_variables;
	/* Fills in what follows TARGET and REST.  Returns NULL, or what is wrong, in the arena. */
	const char *(*read)(const struct pattern_context *context, struct rule *rule);
	/* NULL: such rules load and are not run. */
	enum status (*evaluate)(const struct rule *rule, const struct lookup *lookup,
	    struct arena *arena, struct outcome *out);
};

/*
 * Reads TEXT into OUT; what it points to is in the context's arena.  Returns NULL, or what is wrong
 * with it.  VARIABLES may be NULL.  Line and column are the caller's to set afterwards.
 */
const char *rule_parse(const struct pattern_context *context, const struct variables *variables,
    const char *text, struct rule *out);

/*
 * OUT's texts are in ARENA.  Whatever LOOKUP returns, but NOT_FOUND, is returned: CORRUPT, IO.
 */
NODISCARD enum status rule_evaluate(const struct rule *rule, const struct lookup *lookup,
    struct arena *arena, struct outcome *out);

/* An arrow that is not " -> " and so is no arrow; NULL: TEXT has none. */
const char *rule_broken_arrow(const char *text);

#endif
