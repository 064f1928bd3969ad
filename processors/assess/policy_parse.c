/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From YAML to a policy.  All mistakes of a file are reported, not only its first; what a dialect
 * lets pass and its author should know becomes a note, which the linter shows.
 */
#include <ctype.h>
#include <stdlib.h>

#include "processors/assess/policy.h"

struct parser {
	struct policy *policy;
	const struct yaml *yaml;
	struct yaml_errors *errors;
	struct variables variables;
	struct buffer notes; /* struct policy_note, one after the other */
};

static const char *const root_keys[] = { "dialect", "policy", "requirements", "variables", "checks",
	NULL };
static const char *const policy_keys_known[] = { "id", "file", "name", "description", "references",
	"regex_type", NULL };
static const char *const requirements_keys[] = { "title", "name", "description", "condition",
	"rules", "regex_type", NULL };
static const char *const check_keys[] = { "id", "title", "name", "description", "rationale",
	"impact", "remediation", "references", "compliance", "mitre", "condition", "rules",
	"regex_type", "severity", NULL };

/* Saying */

#define fail(parser, mark, ...) yaml_error((parser)->errors, (parser)->yaml, (mark), __VA_ARGS__)

static void note(struct parser *parser, struct yaml_mark mark, const char *why,
    const char *suggestion)
{
	struct policy_note one = { mark.line, mark.column, why, suggestion };

	buffer_append(&parser->notes, BYTES(&one, sizeof(one)));
}

static void note_unknown_keys(struct parser *parser, const struct yaml_node *mapping,
    const char *const *known)
{
	for (size_t i = 0; i < mapping->count; i++) {
		const struct yaml_node *key = mapping->keys[i];
		size_t j = 0;

		while (known[j] != NULL && strcmp(known[j], key->text) != 0)
			j++;
		if (known[j] == NULL)
			note(parser, key->mark,
			    arena_format(&parser->policy->arena, "\"%s\" means nothing here",
				key->text),
			    "correct its spelling, or remove it");
	}
}

/* Texts */

static const char *expanded(struct parser *parser, struct yaml_mark mark, const char *text)
{
	struct arena *arena = &parser->policy->arena;
	const char *result = text;

	if (parser->policy->dialect->variables_are_everywhere)
		result = variables_expand(&parser->variables, text, arena);
	if (result == NULL) {
		fail(parser, mark, "its variables make this text too long");
		return "";
	}
	return result == text ? arena_text(arena, text) : result;
}

/* NULL: there is none, or it is no text, which is then an error already. */
static const char *text_of(struct parser *parser, const struct yaml_node *mapping, const char *key)
{
	const char *text = yaml_text(parser->yaml, mapping, key, parser->errors);

	return text == NULL ? NULL : expanded(parser, yaml_get(mapping, key)->mark, text);
}

static const char *text_or_empty(struct parser *parser, const struct yaml_node *mapping,
    const char *key)
{
	const char *text = text_of(parser, mapping, key);

	return text == NULL ? "" : text;
}

static const char *needed_text(struct parser *parser, const struct yaml_node *mapping,
    const char *key, const char *what)
{
	const char *text = text_of(parser, mapping, key);

	if (text != NULL && *text != '\0')
		return text;
	if (yaml_get(mapping, key) == NULL || text != NULL)
		fail(parser, mapping->mark, "%s needs \"%s\"", what, key);
	return "";
}

static const char **read_texts(struct parser *parser, const struct yaml_node *mapping,
    const char *key, size_t *count)
{
	const struct yaml_node *list = yaml_get(mapping, key);
	const char **texts;

	*count = 0;
	if (list == NULL || (list->type == YAML_SCALAR && *list->text == '\0'))
		return NULL;
	list = yaml_expect(parser->yaml, mapping, key, YAML_SEQUENCE, parser->errors);
	if (list == NULL)
		return NULL;
	texts = arena_take(&parser->policy->arena, list->count * sizeof(*texts));
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->values[i];

		if (item->type == YAML_SCALAR)
			texts[(*count)++] = expanded(parser, item->mark, item->text);
		else
			fail(parser, item->mark, "each of \"%s\" must be a text", key);
	}
	return texts;
}

/* Variables */

static void read_variables(struct parser *parser, const struct yaml_node *root)
{
	const struct yaml_node *map = yaml_get(root, "variables");
	struct arena *arena = &parser->policy->arena;

	if (map == NULL || (map->type == YAML_SCALAR && *map->text == '\0'))
		return;
	map = yaml_expect(parser->yaml, root, "variables", YAML_MAPPING, parser->errors);
	if (map == NULL)
		return;
	if (map->count > VARIABLES_MAX) {
		fail(parser, map->mark, "more than %d variables", VARIABLES_MAX);
		return;
	}
	parser->variables.items = arena_take(arena, map->count * sizeof(struct variable));
	for (size_t i = 0; i < map->count; i++) {
		const char *name = map->keys[i]->text;

		if (name[0] != '$' || name[1] == '\0')
			fail(parser, map->keys[i]->mark, "a variable's name starts with $");
		else if (map->values[i]->type != YAML_SCALAR)
			fail(parser, map->values[i]->mark, "a variable's value must be a text");
		else
			parser->variables.items[parser->variables.count++] = (struct variable){
				arena_text(arena, name), arena_text(arena, map->values[i]->text)
			};
	}
	variables_sort(&parser->variables);
}

/* Checks */

static bool read_regex_type(struct parser *parser, const struct yaml_node *mapping, bool fallback)
{
	const char *text = text_of(parser, mapping, "regex_type");

	if (text == NULL)
		return fallback;
	if (!parser->policy->dialect->has_regex_type) {
		note(parser, yaml_get(mapping, "regex_type")->mark,
		    "this dialect has no \"regex_type\": its expressions are PCRE2", "remove it");
		return false;
	}
	if (strcmp(text, "osregex") == 0)
		return true;
	if (strcmp(text, "pcre2") != 0)
		fail(parser, yaml_get(mapping, "regex_type")->mark,
		    "\"regex_type\" is osregex or pcre2");
	return false;
}

static enum check_condition read_condition(struct parser *parser, const struct yaml_node *mapping)
{
	static const char *const deprecated[] = { "all required", "any required" };
	const char *text = needed_text(parser, mapping, "condition", "this");
	const struct yaml_node *node = yaml_get(mapping, "condition");

	for (int i = CHECK_ALL; i <= (int)CHECK_NONE; i++)
		if (strcmp(text, check_condition_text((enum check_condition)i)) == 0)
			return (enum check_condition)i;
	for (int i = 0; i < 2 && parser->policy->dialect->has_required_conditions; i++)
		if (strcmp(text, deprecated[i]) == 0) {
			note(parser, node->mark, "this condition is deprecated",
			    i == 0 ? "write: all" : "write: any");
			return i == 0 ? CHECK_ALL : CHECK_ANY;
		}
	if (*text != '\0')
		fail(parser, node->mark, "\"condition\" is all, any or none");
	return CHECK_ALL;
}

static enum check_severity read_severity(struct parser *parser, const struct yaml_node *mapping)
{
	const struct yaml_node *node = yaml_get(mapping, "severity");
	const char *text;

	if (node == NULL)
		return CHECK_SEVERITY_MEDIUM;
	if (!parser->policy->dialect->has_severity) {
		note(parser, node->mark, "this dialect has no \"severity\": it is not read",
		    "remove it, or write the policy in the dialect fettle");
		return CHECK_SEVERITY_MEDIUM;
	}
	text = text_or_empty(parser, mapping, "severity");
	for (int i = CHECK_SEVERITY_LOW; i <= (int)CHECK_SEVERITY_CRITICAL; i++)
		if (strcmp(text, check_severity_text((enum check_severity)i)) == 0)
			return (enum check_severity)i;
	fail(parser, node->mark, "\"severity\" is low, medium, high or critical");
	return CHECK_SEVERITY_MEDIUM;
}

static void read_rule(struct parser *parser, const struct yaml_node *node,
    const struct pattern_context *context, struct check *check)
{
	const struct dialect *dialect = parser->policy->dialect;
	struct rule *rule = &check->rules[check->rules_count];
	const char *problem;

	if (node->type != YAML_SCALAR) {
		fail(parser, node->mark, "a rule must be a text: put quotes around it");
		return;
	}
	problem = rule_parse(context, dialect->variables_are_everywhere ? NULL : &parser->variables,
	    expanded(parser, node->mark, node->text), rule);
	rule->line = node->mark.line;
	rule->column = node->mark.column;
	if (problem == NULL)
		check->rules_count++;
	else if (dialect->drops_bad_rules)
		note(parser, node->mark,
		    arena_format(&parser->policy->arena, "this rule is dropped: %s", problem),
		    "correct it: without it the check may be weaker than it says");
	else
		fail(parser, node->mark, "the rule is not valid: %s", problem);
}

static void read_rules(struct parser *parser, const struct yaml_node *mapping, bool is_osregex,
    struct check *check)
{
	const struct yaml_node *list = yaml_expect(parser->yaml, mapping, "rules", YAML_SEQUENCE,
	    parser->errors);
	struct pattern_context context = { .dialect = parser->policy->dialect,
		.is_osregex = is_osregex,
		.set = parser->policy->regexes,
		.arena = &parser->policy->arena };

	if (list == NULL) {
		if (yaml_get(mapping, "rules") == NULL)
			fail(parser, mapping->mark, "this needs \"rules\"");
		return;
	}
	if (list->count == 0 || list->count > POLICY_RULES_MAX) {
		fail(parser, list->mark, "there must be 1 to %d rules", POLICY_RULES_MAX);
		return;
	}
	check->rules = arena_take(context.arena, list->count * sizeof(*check->rules));
	for (size_t i = 0; i < list->count; i++)
		read_rule(parser, list->values[i], &context, check);
}

static void read_core(struct parser *parser, const struct yaml_node *mapping, struct check *check)
{
	const struct policy *policy = parser->policy;

	check->dialect = policy->dialect;
	check->line = mapping->mark.line;
	check->column = mapping->mark.column;
	check->description = text_or_empty(parser, mapping, "description");
	check->condition = read_condition(parser, mapping);
	read_rules(parser, mapping, read_regex_type(parser, mapping, policy->is_osregex), check);
}

static const char *read_title(struct parser *parser, const struct yaml_node *mapping)
{
	bool has_old_key = yaml_get(mapping, "title") == NULL && yaml_get(mapping, "name") != NULL;

	return needed_text(parser, mapping, has_old_key ? "name" : "title", "this");
}

/* Compliance is a list of mappings in older files, one mapping in newer ones. */

static size_t count_requirements(const struct yaml_node *node)
{
	size_t count = node->type == YAML_SCALAR;

	for (size_t i = 0; i < node->count; i++)
		count += count_requirements(node->values[i]);
	return count;
}

static void add_requirements(struct parser *parser, const struct yaml_node *node,
    const char *standard, struct check *check)
{
	if (node->type == YAML_SCALAR) {
		check->compliance[check->compliance_count++] = (struct check_compliance){ standard,
			expanded(parser, node->mark, node->text) };
		return;
	}
	for (size_t i = 0; i < node->count; i++)
		add_requirements(parser, node->values[i],
		    node->type == YAML_MAPPING
			? arena_text(&parser->policy->arena, node->keys[i]->text)
			: standard,
		    check);
}

static void read_compliance(struct parser *parser, const struct yaml_node *mapping,
    struct check *check)
{
	const struct yaml_node *node = yaml_get(mapping, "compliance");

	if (node == NULL || node->type == YAML_SCALAR) {
		if (node != NULL && *node->text != '\0')
			fail(parser, node->mark, "\"compliance\" maps standards to lists");
		return;
	}
	check->compliance = arena_take(&parser->policy->arena,
	    count_requirements(node) * sizeof(*check->compliance));
	add_requirements(parser, node, "", check);
}

static bool is_number(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool is_plain_id(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr("-_.", *text) == NULL)
			return false;
	return true;
}

static const char *read_id(struct parser *parser, const struct yaml_node *mapping, const char *what,
    bool must_be_number)
{
	const char *id = needed_text(parser, mapping, "id", what);
	const struct yaml_node *node = yaml_get(mapping, "id");

	if (*id == '\0')
		return id;
	if (strlen(id) > POLICY_ID_MAX)
		fail(parser, node->mark, "an id has at most %d characters", POLICY_ID_MAX);
	else if (must_be_number && !is_number(id))
		fail(parser, node->mark, "the id of a check is a number in this dialect");
	else if (parser->policy->dialect->has_severity && !is_plain_id(id))
		fail(parser, node->mark,
		    "an id is made of letters, digits, \"-\", \"_\" and \".\"");
	return id;
}

static void read_check(struct parser *parser, const struct yaml_node *node)
{
	struct policy *policy = parser->policy;
	struct check *check = &policy->checks[policy->checks_count];

	if (node->type != YAML_MAPPING) {
		fail(parser, node->mark, "a check must be a mapping");
		return;
	}
	check->id = read_id(parser, node, "a check", policy->dialect->ids_are_numbers);
	check->title = read_title(parser, node);
	check->rationale = text_or_empty(parser, node, "rationale");
	check->remediation = text_or_empty(parser, node, "remediation");
	check->severity = read_severity(parser, node);
	check->references = read_texts(parser, node, "references", &check->references_count);
	read_compliance(parser, node, check);
	read_core(parser, node, check);
	note_unknown_keys(parser, node, check_keys);
	policy->checks_count++;
}

static int compare_ids(const void *a, const void *b)
{
	const struct check *const *first = a, *const *second = b;
	int order = strcmp((*first)->id, (*second)->id);

	return order != 0 ? order : (*first > *second) - (*first < *second);
}

static void refuse_duplicate_ids(struct parser *parser)
{
	struct policy *policy = parser->policy;
	size_t count = policy->checks_count;
	const struct check **sorted = memory_new((count + 1) * sizeof(const struct check *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &policy->checks[i];
	qsort(sorted, count, sizeof(*sorted), compare_ids);
	for (size_t i = 1; i < count; i++)
		if (*sorted[i]->id != '\0' && strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
			fail(parser, ((struct yaml_mark){ sorted[i]->line, sorted[i]->column }),
			    "the id %s is taken by the check in line %u", sorted[i]->id,
			    sorted[i - 1]->line);
	free(sorted);
}

static void read_checks(struct parser *parser, const struct yaml_node *root)
{
	const struct yaml_node *list = yaml_expect(parser->yaml, root, "checks", YAML_SEQUENCE,
	    parser->errors);
	struct policy *policy = parser->policy;

	if (list == NULL) {
		if (yaml_get(root, "checks") == NULL)
			fail(parser, root->mark, "a policy needs \"checks\"");
		return;
	}
	if (list->count == 0 || list->count > POLICY_CHECKS_MAX) {
		fail(parser, list->mark, "there must be 1 to %d checks", POLICY_CHECKS_MAX);
		return;
	}
	policy->checks = arena_take(&policy->arena, list->count * sizeof(*policy->checks));
	for (size_t i = 0; i < list->count; i++)
		read_check(parser, list->values[i]);
	refuse_duplicate_ids(parser);
}

static void read_requirements(struct parser *parser, const struct yaml_node *root)
{
	const struct yaml_node *node = yaml_get(root, "requirements");
	struct check *check;

	if (node == NULL || (node->type == YAML_SCALAR && *node->text == '\0'))
		return;
	node = yaml_expect(parser->yaml, root, "requirements", YAML_MAPPING, parser->errors);
	if (node == NULL)
		return;
	check = arena_take(&parser->policy->arena, sizeof(*check));
	check->id = "requirements";
	check->title = read_title(parser, node);
	check->rationale = "";
	check->remediation = "";
	check->severity = CHECK_SEVERITY_MEDIUM;
	read_core(parser, node, check);
	note_unknown_keys(parser, node, requirements_keys);
	parser->policy->requirements = check;
}

/* The whole */

static bool choose_dialect(struct parser *parser, const struct yaml_node *root,
    const char *override)
{
	const struct yaml_node *node = yaml_get(root, "dialect");
	const char *name = override;

	if (name == NULL)
		name = yaml_text(parser->yaml, root, "dialect", parser->errors);
	if (name == NULL)
		name = "wazuh4";
	parser->policy->dialect = dialect_find(name);
	if (parser->policy->dialect == NULL)
		fail(parser, node == NULL ? root->mark : node->mark,
		    "\"%s\" is no dialect; there are %s", name, dialect_names());
	return parser->policy->dialect != NULL;
}

static void read_header(struct parser *parser, const struct yaml_node *root)
{
	const struct yaml_node *node = yaml_expect(parser->yaml, root, "policy", YAML_MAPPING,
	    parser->errors);
	struct policy *policy = parser->policy;

	if (node == NULL) {
		if (yaml_get(root, "policy") == NULL)
			fail(parser, root->mark, "a policy needs \"policy\", with its id and name");
		return;
	}
	policy->id = read_id(parser, node, "a policy", false);
	policy->name = needed_text(parser, node, "name", "a policy");
	if (policy->dialect->needs_all_headers) {
		policy->file = needed_text(parser, node, "file", "a policy of this dialect");
		policy->description = needed_text(parser, node, "description",
		    "a policy of this dialect");
	} else {
		const char *file = text_of(parser, node, "file");

		policy->file = file == NULL ? arena_text(&policy->arena, yaml_name(parser->yaml))
		                            : file;
		policy->description = text_or_empty(parser, node, "description");
	}
	policy->references = read_texts(parser, node, "references", &policy->references_count);
	policy->is_osregex = read_regex_type(parser, node, policy->dialect->has_regex_type);
	note_unknown_keys(parser, node, policy_keys_known);
}

static void keep_notes(struct parser *parser)
{
	struct policy *policy = parser->policy;
	struct bytes kept = arena_bytes(&policy->arena, buffer_bytes(&parser->notes));

	policy->notes_count = kept.size / sizeof(struct policy_note);
	policy->notes = (struct policy_note *)(uintptr_t)kept.data;
	buffer_fini(&parser->notes);
}

static void read_root(struct parser *parser, const char *dialect_override)
{
	const struct yaml_node *root = yaml_root(parser->yaml);

	if (root->type != YAML_MAPPING) {
		fail(parser, root->mark, "a policy is a mapping with \"policy\" and \"checks\"");
		return;
	}
	if (!choose_dialect(parser, root, dialect_override))
		return;
	read_variables(parser, root);
	read_header(parser, root);
	read_requirements(parser, root);
	read_checks(parser, root);
	note_unknown_keys(parser, root, root_keys);
	keep_notes(parser);
}

enum status policy_parse(const char *file, struct bytes text, const char *dialect_override,
    struct policy **out, struct yaml_errors *errors)
{
	struct parser parser = { .errors = errors };
	unsigned errors_before = errors->count;
	struct yaml *yaml;
	enum status status = yaml_parse(file, text, &yaml, errors);

	if (status != STATUS_OK)
		return status;
	parser.yaml = yaml;
	parser.policy = memory_new(sizeof(*parser.policy));
	parser.policy->regexes = regex_set_new();
	hash_bytes(text, parser.policy->hash);
	read_root(&parser, dialect_override);
	yaml_free(yaml);
	if (errors->count != errors_before) {
		policy_free(parser.policy);
		return STATUS_INVALID;
	}
	*out = parser.policy;
	return STATUS_OK;
}
