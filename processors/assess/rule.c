/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/rule.h"

#include "processors/assess/rule_kinds.h"

/* These load, so that a policy with some is still worth its other checks, and say "not run". */
const struct rule_kind rule_directory_kind = { .letter = 'd',
	.what = "directories",
	.has_variables = true };
const struct rule_kind rule_process_kind = { .letter = 'p', .what = "processes" };
const struct rule_kind rule_registry_kind = { .letter = 'r', .what = "the Windows registry" };

static const struct rule_kind *const kinds[] = {
	&rule_file_kind,
	&rule_directory_kind,
	&rule_command_kind,
	&rule_process_kind,
	&rule_registry_kind,
};

static const char arrow[] = " -> ";

/* Reading */

static const struct rule_kind *kind_of(const char *text)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (text[0] == kinds[i]->letter && text[1] == ':')
			return kinds[i];
	return NULL;
}

static const char *read_negation(const struct dialect *dialect, const char *text, bool *is_negated)
{
	*is_negated = strncmp(text, "not ", 4) == 0
	           || (dialect->has_upper_not && strncmp(text, "NOT ", 4) == 0);
	if (*is_negated)
		text += 4;
	if (dialect->ignores_leading_bang && *text == '!')
		text++;
	return text;
}

const char *rule_broken_arrow(const char *text)
{
	for (const char *at = text; (at = strstr(at, "->")) != NULL; at += 2) {
		bool is_spaced = at > text && at[-1] == ' ' && at[2] == ' ';
		bool starts_pattern = at[2] == '\0' || strncmp(at + 2, "r:", 2) == 0
		                   || strncmp(at + 2, "!r:", 3) == 0
		                   || strncmp(at + 2, "n:", 2) == 0
		                   || strncmp(at + 2, "!n:", 3) == 0;

		if (!is_spaced && (starts_pattern || at[2] == ' '))
			return at;
	}
	return NULL;
}

static const char *split(const struct pattern_context *context, const struct variables *variables,
    const char *text, struct rule *rule)
{
	const char *at = strstr(text, arrow);
	size_t size = at == NULL ? strlen(text) : (size_t)(at - text);

	rule->target = arena_format(context->arena, "%.*s", (int)size, text);
	if (at != NULL)
		rule->rest = arena_text(context->arena, at + sizeof(arrow) - 1);
	if (variables != NULL && rule->kind->has_variables)
		rule->target = variables_expand(variables, rule->target, context->arena);
	if (rule->target == NULL)
		return "its variables make it too long";
	if (*rule->target == '\0')
		return "it names nothing to look at";
	if (context->dialect->refuses_bad_patterns && rule_broken_arrow(rule->target) != NULL)
		return "an arrow is written \" -> \", with a space on both sides";
	return NULL;
}

static void compute_hash(const struct pattern_context *context, struct rule *rule)
{
	uint8_t header[] = { (uint8_t)context->dialect->id, ASSESS_EVALUATOR_VERSION,
		context->is_osregex, rule->is_negated, (uint8_t)rule->kind->letter,
		rule->rest != NULL };
	struct bytes parts[] = { BYTES_OF(header), bytes_of_text(regex_version()),
		bytes_of_text(rule->target), bytes_of_text(rule->rest == NULL ? "" : rule->rest) };

	hash_parts(parts, sizeof(parts) / sizeof(parts[0]), rule->hash);
}

const char *rule_parse(const struct pattern_context *context, const struct variables *variables,
    const char *text, struct rule *out)
{
	const char *problem;

	*out = (struct rule){ .dialect = context->dialect, .is_osregex = context->is_osregex };
	if (strlen(text) > RULE_TEXT_MAX)
		return "it is too long";
	text = read_negation(context->dialect, text, &out->is_negated);
	out->kind = kind_of(text);
	if (out->kind == NULL)
		return "it starts with none of f: d: c: p: r: (or \"not \" and one of these)";
	problem = split(context, variables, text + 2, out);
	if (problem != NULL)
		return problem;
	out->text = arena_format(context->arena, "%s%c:%s%s%s", out->is_negated ? "not " : "",
	    out->kind->letter, out->target, out->rest == NULL ? "" : arrow,
	    out->rest == NULL ? "" : out->rest);
	compute_hash(context, out);
	return out->kind->read == NULL ? NULL : out->kind->read(context, out);
}

const char *rule_read_pattern(const struct pattern_context *context, struct rule *rule)
{
	const char *problem = NULL;

	if (rule->rest == NULL)
		return NULL;
	rule->pattern = pattern_parse(context, rule->rest, &problem);
	if (rule->pattern == NULL || !context->dialect->refuses_bad_patterns)
		return problem;
	for (size_t i = 0; i < rule->pattern->count; i++)
		if (rule->pattern->minterms[i].problem != NULL)
			return rule->pattern->minterms[i].problem;
	return NULL;
}

void rule_add_file_key(const struct pattern_context *context, struct rule *rule, const char *path,
    bool wants_content)
{
	struct buffer key = { 0 };
	const char *rest = path + (*path == '/');

	/* "etc/x" depends on where an agent happens to run: never the fact of /etc/x. */
	if (*path != '/' && path[1] != ':')
		rest = arena_format(context->arena, "./%s", path);
	fact_key(&key, "file", bytes_of_text(rest));
	rule->keys[rule->keys_count++] = (struct rule_key){
		.key = arena_bytes(context->arena, buffer_bytes(&key)),
		.wants_content = wants_content,
		.path = path,
	};
	buffer_fini(&key);
}

/* Evaluating */

void rule_say(struct outcome *out, enum outcome_kind kind, const char *reason)
{
	*out = (struct outcome){ .kind = kind, .reason = reason, .may_memoise = true };
}

enum status rule_fact(const struct lookup *lookup, const struct rule_key *key, struct arena *arena,
    const struct fact **fact, struct outcome *out)
{
	enum status status = lookup->get(lookup->self, key->key, fact);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	if (status == STATUS_NOT_FOUND || (*fact)->status == FACT_NONE) {
		*fact = NULL;
		rule_say(out, OUTCOME_NOT_RUN,
		    arena_format(arena, "not run: %s is not observed yet", key->path));
	} else if ((*fact)->status == FACT_FAILED) {
		const char *reason = (*fact)->reason;

		*fact = NULL;
		rule_say(out, OUTCOME_NOT_RUN,
		    arena_format(arena, "not run: observing %s failed: %s", key->path,
			reason == NULL ? "no reason was given" : reason));
		out->may_memoise = false;
	}
	return STATUS_OK;
}

enum status rule_evaluate(const struct rule *rule, const struct lookup *lookup, struct arena *arena,
    struct outcome *out)
{
	enum status status;

	if (rule->kind->evaluate == NULL) {
		rule_say(out, OUTCOME_NOT_RUN,
		    arena_format(arena, "not run: rules of kind %c: are not observed yet",
			rule->kind->letter));
		return STATUS_OK;
	}
	status = rule->kind->evaluate(rule, lookup, arena, out);
	if (status != STATUS_OK || !rule->is_negated)
		return status;
	if (out->kind == OUTCOME_FOUND)
		out->kind = OUTCOME_NOT_FOUND;
	else if (out->kind == OUTCOME_NOT_FOUND)
		out->kind = OUTCOME_FOUND;
	return STATUS_OK;
}
