/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each mistake is one function over one rule or one minterm, in a table.  A rule may have several,
 * and shows each of them once.
 */
#include "processors/assess/lint.h"

#include <stdlib.h>

struct linter {
	const struct policy *policy;
	const struct check *check;
	const struct rule *rule;
	struct buffer findings;
};

static void say(struct linter *linter, const char *why, const char *suggestion)
{
	struct lint_finding finding = {
		.line = linter->rule->line,
		.column = linter->rule->column,
		.check = linter->check->id,
		.rule = linter->rule->text,
		.why = why,
		.suggestion = suggestion,
	};

	buffer_append(&linter->findings, BYTES(&finding, sizeof(finding)));
}

/* Rules */

/* The spaces of an arrow are mandatory; without them it is a part of the name or command. */
static bool find_broken_arrow(struct linter *linter)
{
	const struct rule *rule = linter->rule;
	const char *target = rule->target;
	bool is_broken = rule_broken_arrow(target) != NULL
	              || (rule->rest == NULL
			  && (strstr(target, " > r:") != NULL || strstr(target, " > !r:") != NULL
			      || strstr(target, " > n:") != NULL));

	if (is_broken)
		say(linter, "this arrow is none: all of it is taken as the name or the command",
		    "write the arrow as \" -> \", with a space on both sides");
	return is_broken;
}

static void find_stray_spaces(struct linter *linter)
{
	const struct rule *rule = linter->rule;
	size_t size = strlen(rule->target);

	if (rule->target[0] == ' ' || rule->target[size - 1] == ' ')
		say(linter, "a space stands at an end of what the rule looks at",
		    "remove it: it counts as a part of the name");
	if (rule->rest != NULL
	    && (rule->rest[0] == ' '
		|| (*rule->rest != '\0' && rule->rest[strlen(rule->rest) - 1] == ' ')))
		say(linter, "a space stands at an end of the pattern",
		    "remove it: it has to match");
}

static void find_list_trouble(struct linter *linter)
{
	const struct rule *rule = linter->rule;

	if (rule->kind->letter != 'f' || strchr(rule->target, ',') == NULL)
		return;
	if (!rule->dialect->splits_lists)
		say(linter, "this dialect has no lists: the comma is a part of the file's name",
		    "write one rule for each file");
	else if (!rule->dialect->trims_lists && strstr(rule->target, ", ") != NULL)
		say(linter, "the space after a comma is a part of the next file's name",
		    "write the comma without a space");
}

static void find_relative_path(struct linter *linter)
{
	const struct rule *rule = linter->rule;

	for (size_t i = 0; i < rule->targets_count; i++)
		if (strchr("/ $%", rule->targets[i][0]) == NULL && rule->targets[i][1] != ':')
			say(linter, "a file is not named by its whole path",
			    "start the path with /");
}

static void find_unknown_variable(struct linter *linter)
{
	const struct rule *rule = linter->rule;

	if (rule->kind->letter == 'f' && strchr(rule->target, '$') != NULL)
		say(linter, "the file's name holds a $, and no variable of that name is defined",
		    "define it under \"variables\", or correct its spelling");
}

static bool is_for_shell(const struct rule *rule)
{
	return strncmp(rule->target, "sh ", 3) == 0 || strncmp(rule->target, "bash ", 5) == 0;
}

static void find_quotes(struct linter *linter)
{
	const struct rule *rule = linter->rule;

	if (rule->kind->letter == 'c' && !is_for_shell(rule) && strchr(rule->target, '\'') != NULL)
		say(linter, "no shell reads this command: ' is not a quote in it",
		    "group with \" instead");
}

static void find_shell(struct linter *linter)
{
	static const char *const signs[] = { " | ", " > ", " < ", " ; ", " 2>", " || ", "$(",
		NULL };

	if (linter->rule->kind->letter != 'c' || is_for_shell(linter->rule))
		return;
	for (size_t i = 0; signs[i] != NULL; i++)
		if (strstr(linter->rule->target, signs[i]) != NULL) {
			say(linter,
			    "no shell reads this command: its pipes and redirections are "
			    "arguments",
			    "match the command's whole output instead");
			return;
		}
}

static void find_unseen_command(struct linter *linter)
{
	const struct rule *rule = linter->rule;

	if (rule->kind->letter == 'c' && rule->rest == NULL && rule->dialect->commands_need_no_run)
		say(linter, "a command without a pattern is always found, and never run",
		    "add \" -> \" and a pattern for its output");
}

static void find_lone_negation(struct linter *linter)
{
	const struct pattern *pattern = linter->rule->pattern;

	if (pattern != NULL && pattern->count == 1 && pattern->minterms[0].is_negated
	    && !linter->rule->dialect->lone_negation_is_none)
		say(linter,
		    "a single negated part asks for some line that does not match, "
		    "which there nearly always is",
		    "write \"not\" before the rule, and no ! in the pattern");
}

static void find_repetition(struct linter *linter)
{
	const struct check *check = linter->check;

	for (const struct rule *rule = check->rules; rule < linter->rule; rule++)
		if (strcmp(rule->text, linter->rule->text) == 0) {
			say(linter, "the check has this rule already", "remove one of the two");
			return;
		}
}

/* Minterms */

static void find_problem(struct linter *linter, const struct minterm *minterm)
{
	if (minterm->problem != NULL)
		say(linter, minterm->problem, "correct it: as it stands it never works");
}

static void find_spaced_prefix(struct linter *linter, const struct minterm *minterm)
{
	const char *text = minterm->text + strspn(minterm->text, " !");

	if (minterm->kind != MINTERM_LITERAL && *minterm->text == ' ')
		say(linter, "the space after r: or n: is a part of the regular expression",
		    "remove it, or write \\s where it is meant");
	else if (minterm->kind == MINTERM_LITERAL && text != minterm->text
		 && (strncmp(text, "r:", 2) == 0 || strncmp(text, "n:", 2) == 0))
		say(linter, "a space before r: or n: makes a literal text of it",
		    "remove the space");
}

static void find_tight_and(struct linter *linter, const struct minterm *minterm)
{
	if (strstr(minterm->text, "&&") != NULL)
		say(linter, "this && joins nothing: it is a part of the text to match",
		    "write \" && \", with a space on both sides, after r: or n:");
}

static void find_literal_brackets(struct linter *linter, const struct minterm *minterm)
{
	if (linter->rule->is_osregex && minterm->regex != NULL
	    && strpbrk(minterm->text, "[]{}?") != NULL)
		say(linter, "[ ] { } and ? stand for themselves in OSRegex",
		    "set \"regex_type: pcre2\", or write it without them");
}

/* What only wazuh4 takes for a comparison; the others refuse it themselves. */
static void find_loose_compare(struct linter *linter, const struct minterm *minterm)
{
	const char *text = minterm->comparison;

	if (text == NULL || !linter->rule->dialect->compare_is_loose)
		return;
	text += strspn(text, " \\");
	if (strncmp(text, "=>", 2) == 0 || strncmp(text, "=<", 2) == 0)
		say(linter, "=> and =< compare for equality", "write >= or <=");
	if (strchr(text, '-') != NULL)
		say(linter, "the minus of the number compared with is ignored",
		    "match the sign in the regular expression");
}

/* Digits alone are never below zero. */
static void find_impossible_compare(struct linter *linter, const struct minterm *minterm)
{
	bool is_below = minterm->compare == COMPARE_LESS || minterm->compare == COMPARE_AT_MOST
	             || minterm->compare == COMPARE_EQUAL;
	int64_t least = minterm->compare == COMPARE_LESS ? 1 : 0;

	if (minterm->kind == MINTERM_NUMBER && minterm->problem == NULL && is_below
	    && minterm->operand < least && strstr(minterm->text, "(\\d+)") != NULL)
		say(linter, "(\\d+) takes no minus, so this comparison never holds",
		    "write (-?\\d+), or compare with another number");
}

struct range {
	int64_t lowest, highest;
};

static struct range range_of(const struct minterm *minterm)
{
	struct range range = { INT64_MIN, INT64_MAX };
	int64_t operand = minterm->operand;

	switch (minterm->compare) {
	case COMPARE_LESS:
		range.highest = operand == INT64_MIN ? operand : operand - 1;
		break;
	case COMPARE_AT_MOST:
		range.highest = operand;
		break;
	case COMPARE_EQUAL:
		range = (struct range){ operand, operand };
		break;
	case COMPARE_AT_LEAST:
		range.lowest = operand;
		break;
	case COMPARE_GREATER:
		range.lowest = operand == INT64_MAX ? operand : operand + 1;
		break;
	case COMPARE_UNEQUAL:
		break;
	}
	return range;
}

/* Two comparisons of the same number that no number meets. */
static void find_contradiction(struct linter *linter, const struct minterm *minterm)
{
	const struct pattern *pattern = linter->rule->pattern;
	struct range range = range_of(minterm);

	if (minterm->kind != MINTERM_NUMBER || minterm->is_negated || minterm->problem != NULL)
		return;
	for (const struct minterm *other = pattern->minterms; other < minterm; other++) {
		struct range second = range_of(other);

		if (other->kind == MINTERM_NUMBER && !other->is_negated && other->problem == NULL
		    && strcmp(other->text, minterm->text) == 0
		    && (range.lowest > second.highest || second.lowest > range.highest))
			say(linter, "no number meets both of these comparisons",
			    "correct one of them, or make two rules of them");
	}
}

/* All of them */

static void (*const rule_mistakes[])(struct linter *) = {
	find_stray_spaces,
	find_list_trouble,
	find_relative_path,
	find_unknown_variable,
	find_quotes,
	find_shell,
	find_unseen_command,
	find_lone_negation,
	find_repetition,
};

static void (*const minterm_mistakes[])(struct linter *, const struct minterm *) = {
	find_problem,
	find_spaced_prefix,
	find_tight_and,
	find_literal_brackets,
	find_loose_compare,
	find_impossible_compare,
	find_contradiction,
};

static void lint_rule(struct linter *linter)
{
	const struct pattern *pattern = linter->rule->pattern;

	/* Whatever else such a rule shows follows from its arrow. */
	if (find_broken_arrow(linter))
		return;
	for (size_t i = 0; i < sizeof(rule_mistakes) / sizeof(rule_mistakes[0]); i++)
		rule_mistakes[i](linter);
	for (size_t i = 0; pattern != NULL && i < pattern->count; i++)
		for (size_t j = 0; j < sizeof(minterm_mistakes) / sizeof(minterm_mistakes[0]); j++)
			minterm_mistakes[j](linter, &pattern->minterms[i]);
}

static void lint_check(struct linter *linter, const struct check *check)
{
	linter->check = check;
	for (size_t i = 0; check != NULL && i < check->rules_count; i++) {
		linter->rule = &check->rules[i];
		lint_rule(linter);
	}
}

static void add_notes(struct linter *linter)
{
	for (size_t i = 0; i < linter->policy->notes_count; i++) {
		const struct policy_note *note = &linter->policy->notes[i];
		struct lint_finding finding = { .line = note->line,
			.column = note->column,
			.why = note->why,
			.suggestion = note->suggestion };

		buffer_append(&linter->findings, BYTES(&finding, sizeof(finding)));
	}
}

static int compare_places(const void *a, const void *b)
{
	const struct lint_finding *first = a, *second = b;

	if (first->line != second->line)
		return first->line < second->line ? -1 : 1;
	if (first->column != second->column)
		return first->column < second->column ? -1 : 1;
	return strcmp(first->why, second->why);
}

/* Several parts of a rule may show the same mistake. */
static size_t merge_findings(struct lint_finding *findings, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare_places(&findings[kept - 1], &findings[i]) != 0)
			findings[kept++] = findings[i];
	return kept;
}

struct lint_finding *policy_lint(const struct policy *policy, struct arena *arena, size_t *count)
{
	struct linter linter = { .policy = policy };
	struct bytes kept;
	struct lint_finding *findings;

	add_notes(&linter);
	lint_check(&linter, policy->requirements);
	for (size_t i = 0; i < policy->checks_count; i++)
		lint_check(&linter, &policy->checks[i]);
	kept = arena_bytes(arena, buffer_bytes(&linter.findings));
	buffer_fini(&linter.findings);
	*count = kept.size / sizeof(*findings);
	findings = (struct lint_finding *)(uintptr_t)kept.data;
	if (*count > 1)
		qsort(findings, *count, sizeof(*findings), compare_places);
	*count = merge_findings(findings, *count);
	return findings;
}
