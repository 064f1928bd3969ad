/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_command - c: what a command prints has a line that a pattern describes.
 *
 * No command is run yet.  One is answered without: stat, from the fact of the file it looks at.
 */
#include "processors/assess/rule_kinds.h"

static const char *read_command_rule(const struct pattern_context *context, struct rule *rule)
{
	rule->stat = stat_command_parse(rule->target, context->arena);
	if (rule->stat != NULL) {
		rule->keys = arena_take(context->arena, sizeof(*rule->keys));
		rule_add_file_key(context, rule, rule->stat->path, false);
	}
	return rule_read_pattern(context, rule);
}

static void judge_output(const struct rule *rule, const char *output, struct arena *arena,
    struct outcome *out)
{
	struct pattern_input input = { .name = arena_format(arena, "what \"%s\" prints",
					   rule->target),
		.text = bytes_of_text(output),
		.is_command = true };

	if (rule->pattern != NULL)
		pattern_evaluate(rule->pattern, rule->dialect, &input, arena, out);
	else
		rule_say(out, OUTCOME_FOUND, "the command was answered, and that is all it asks");
}

static void judge_stat(const struct rule *rule, const struct fact *fact, struct arena *arena,
    struct outcome *out)
{
	const char *missing = NULL;
	const char *output = stat_command_output(rule->stat, fact, arena, &missing);

	if (output == NULL)
		rule_say(out, OUTCOME_NOT_RUN, arena_format(arena, "not run: %s", missing));
	else if (fact->status == FACT_ABSENT && !rule->dialect->missing_stat_is_output)
		rule_say(out, OUTCOME_INVALID,
		    arena_format(arena, "%s is missing", rule->stat->path));
	else
		judge_output(rule, output, arena, out);
}

static enum status evaluate_command_rule(const struct rule *rule, const struct lookup *lookup,
    struct arena *arena, struct outcome *out)
{
	const struct fact *fact;
	enum status status;

	if (rule->pattern == NULL && rule->dialect->commands_need_no_run) {
		rule_say(out, OUTCOME_FOUND, "a command without a pattern counts as found, unseen");
		return STATUS_OK;
	}
	if (rule->stat == NULL) {
		rule_say(out, OUTCOME_NOT_RUN, "not run: rules of kind c: are not observed yet");
		return STATUS_OK;
	}
	status = rule_fact(lookup, &rule->keys[0], arena, &fact, out);
	if (status != STATUS_OK)
		return status;
	if (fact != NULL)
		judge_stat(rule, fact, arena, out);
	out->target = rule->stat->path;
	return STATUS_OK;
}

const struct rule_kind rule_command_kind = {
	.letter = 'c',
	.what = "commands",
	.has_variables = true,
	.read = read_command_rule,
	.evaluate = evaluate_command_rule,
};
