/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_file - f: a file exists, or has a line that a pattern describes.
 *
 * Of a list, the first file that is found decides; otherwise what is not known outweighs what is
 * not valid, and both outweigh what is not there.
 */
#include "processors/assess/rule_kinds.h"

/* Reading */

static size_t count_commas(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == ',';
	return count;
}

static const char *item_of(const struct pattern_context *context, const char *text, size_t size)
{
	if (context->dialect->trims_lists) {
		while (size > 0 && *text == ' ') {
			text++;
			size--;
		}
		while (size > 0 && text[size - 1] == ' ')
			size--;
	}
	return arena_format(context->arena, "%.*s", (int)size, text);
}

static const char *read_targets(const struct pattern_context *context, struct rule *rule)
{
	bool is_list = context->dialect->splits_lists;
	size_t count = is_list ? count_commas(rule->target) + 1 : 1;
	const char *at = rule->target;

	if (count > RULE_TARGETS_MAX)
		return "it names too many files";
	rule->targets = arena_take(context->arena, count * sizeof(*rule->targets));
	rule->keys = arena_take(context->arena, count * sizeof(*rule->keys));
	for (size_t i = 0; i < count; i++) {
		size_t size = is_list ? strcspn(at, ",") : strlen(at);
		const char *item = item_of(context, at, size);

		at += size + (at[size] == ',');
		if (*item == '\0' && !context->dialect->refuses_bad_patterns)
			continue;
		if (*item != '/' && context->dialect->refuses_bad_patterns)
			return "a file is named by its whole path, from /";
		rule->targets[rule->targets_count++] = item;
		rule_add_file_key(context, rule, item, rule->rest != NULL);
	}
	return rule->targets_count == 0 ? "it names no file" : NULL;
}

static const char *read_file_rule(const struct pattern_context *context, struct rule *rule)
{
	const char *problem = read_targets(context, rule);

	return problem == NULL ? rule_read_pattern(context, rule) : problem;
}

/* Evaluating */

enum shape { SHAPE_FILE, SHAPE_OTHER, SHAPE_UNKNOWN };

static const struct fact_field *find(const struct fact *fact, const char *name)
{
	return fact_find(fact->fields, fact->fields_count, name);
}

static enum shape shape_of(const struct fact *fact)
{
	const struct fact_field *type = find(fact, "type");

	if (type == NULL || type->type != FACT_TEXT)
		return find(fact, "content") != NULL ? SHAPE_FILE : SHAPE_UNKNOWN;
	return bytes_equal(type->bytes, bytes_of_text("file")) ? SHAPE_FILE : SHAPE_OTHER;
}

static void judge_existence(const struct rule *rule, const char *path, const struct fact *fact,
    struct arena *arena, struct outcome *out)
{
	enum shape shape = shape_of(fact);

	if (fact->status == FACT_ABSENT)
		rule_say(out, OUTCOME_NOT_FOUND, arena_format(arena, "%s is missing", path));
	else if (shape == SHAPE_FILE)
		rule_say(out, OUTCOME_FOUND, arena_format(arena, "%s exists", path));
	else if (shape == SHAPE_OTHER)
		rule_say(out, rule->dialect->other_type,
		    arena_format(arena, "%s is not a regular file", path));
	else if (fact->status == FACT_UNREADABLE)
		rule_say(out, OUTCOME_INVALID, arena_format(arena, "%s may not be read", path));
	else
		rule_say(out, OUTCOME_NOT_RUN,
		    arena_format(arena, "not run: what %s is was not observed", path));
}

static enum outcome_kind unreadable(const struct rule *rule)
{
	if (rule->pattern->minterms[0].kind == MINTERM_LITERAL)
		return OUTCOME_INVALID;
	return rule->dialect->unreadable_regex;
}

static void judge_content(const struct rule *rule, const char *path, const struct fact *fact,
    struct arena *arena, struct outcome *out)
{
	const struct fact_field *content = find(fact, "content");
	struct pattern_input input = { .name = path,
		.is_truncated = fact->status == FACT_TRUNCATED };

	if (fact->status == FACT_ABSENT) {
		rule_say(out, OUTCOME_INVALID, arena_format(arena, "%s is missing", path));
	} else if (shape_of(fact) == SHAPE_OTHER) {
		rule_say(out, OUTCOME_INVALID,
		    arena_format(arena, "%s is not a regular file", path));
	} else if (fact->status == FACT_UNREADABLE) {
		rule_say(out, unreadable(rule), arena_format(arena, "%s may not be read", path));
	} else if (content == NULL || content->type == FACT_NUMBER) {
		rule_say(out, OUTCOME_NOT_RUN,
		    arena_format(arena, "not run: what is in %s is not observed yet", path));
	} else {
		input.text = content->bytes;
		pattern_evaluate(rule->pattern, rule->dialect, &input, arena, out);
	}
}

static enum status judge_target(const struct rule *rule, size_t index, const struct lookup *lookup,
    struct arena *arena, struct outcome *out)
{
	const char *path = rule->targets[index];
	const struct fact *fact;
	enum status status = rule_fact(lookup, &rule->keys[index], arena, &fact, out);

	if (status != STATUS_OK)
		return status;
	if (fact != NULL) {
		if (rule->pattern == NULL)
			judge_existence(rule, path, fact, arena, out);
		else
			judge_content(rule, path, fact, arena, out);
	}
	out->target = path;
	return STATUS_OK;
}

static int weight_of(enum outcome_kind kind)
{
	switch (kind) {
	case OUTCOME_NOT_FOUND:
		return 0;
	case OUTCOME_INVALID:
		return 1;
	case OUTCOME_NOT_RUN:
		return 2;
	case OUTCOME_FOUND:
		break;
	}
	return 3;
}

static enum status evaluate_file_rule(const struct rule *rule, const struct lookup *lookup,
    struct arena *arena, struct outcome *out)
{
	for (size_t i = 0; i < rule->targets_count; i++) {
		struct outcome one;
		enum status status = judge_target(rule, i, lookup, arena, &one);

		if (status != STATUS_OK)
			return status;
		if (i == 0 || weight_of(one.kind) > weight_of(out->kind))
			*out = one;
		if (out->kind == OUTCOME_FOUND)
			break;
	}
	return STATUS_OK;
}

const struct rule_kind rule_file_kind = {
	.letter = 'f',
	.what = "files",
	.has_variables = true,
	.read = read_file_rule,
	.evaluate = evaluate_file_rule,
};
