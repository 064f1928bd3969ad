/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From YAML to a rule.  Whatever is not understood is refused by name, so that a rule either means
 * here what Sigma says it means, or is not used.
 */
#include "processors/detect/detection.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

struct parser {
	struct detection *detection;
	const struct yaml *yaml;
	struct yaml_errors *errors;
	struct regex_set *regexes;
	size_t terms;
	size_t expressions;
	struct buffer notes; /* struct detection_note, one after the other */
};

#define fail(parser, mark, ...) yaml_error((parser)->errors, (parser)->yaml, (mark), __VA_ARGS__)

static void note(struct parser *parser, struct yaml_mark mark, const char *text)
{
	struct detection_note one = { mark.line, mark.column, text };

	buffer_append(&parser->notes, BYTES(&one, sizeof(one)));
}

/* ---- texts ---- */

static const char *text_or_empty(struct parser *parser, const struct yaml_node *mapping,
    const char *key)
{
	const char *text = yaml_text(parser->yaml, mapping, key, parser->errors);

	return text == NULL ? "" : arena_text(&parser->detection->arena, text);
}

/* A list of texts, or one text alone. */
static struct detection_texts read_texts(struct parser *parser, const struct yaml_node *root,
    const char *key)
{
	struct arena *arena = &parser->detection->arena;
	const struct yaml_node *node = yaml_get(root, key);
	struct detection_texts texts = { 0 };
	size_t count;

	if (node == NULL || (node->type == YAML_SCALAR && *node->text == '\0'))
		return texts;
	count = node->type == YAML_SCALAR ? 1 : node->count;
	texts.items = arena_take(arena, count * sizeof(*texts.items));
	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node->type == YAML_SCALAR ? node : node->values[i];

		if (node->type != YAML_MAPPING && item->type == YAML_SCALAR)
			texts.items[texts.count++] = arena_text(arena, item->text);
		else
			fail(parser, item->mark, "\"%s\" must be a list of texts", key);
	}
	return texts;
}

/* ---- what the rule says of itself ---- */

static bool is_plain_id(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr("-_.", *text) == NULL)
			return false;
	return true;
}

static const char *read_needed(struct parser *parser, const struct yaml_node *root, const char *key)
{
	const char *text = text_or_empty(parser, root, key);
	const struct yaml_node *node = yaml_get(root, key);

	if (*text == '\0' && (node == NULL || node->type == YAML_SCALAR))
		fail(parser, node == NULL ? root->mark : node->mark, "a rule needs \"%s\"", key);
	return text;
}

static void read_id(struct parser *parser, const struct yaml_node *root)
{
	const char *id = read_needed(parser, root, "id");

	if (strlen(id) > DETECTION_ID_MAX || !is_plain_id(id))
		fail(parser, yaml_get(root, "id")->mark,
		    "an id is made of at most %d letters, digits, \"-\", \"_\" and \".\"",
		    DETECTION_ID_MAX);
	parser->detection->id = id;
}

static void read_level(struct parser *parser, const struct yaml_node *root)
{
	const char *text = text_or_empty(parser, root, "level");

	parser->detection->level = LEVEL_MEDIUM;
	if (*text != '\0' && !level_parse(text, &parser->detection->level))
		fail(parser, yaml_get(root, "level")->mark,
		    "\"level\" is informational, low, medium, high or critical");
}

static void read_status(struct parser *parser, const struct yaml_node *root)
{
	static const char *const known[] = { "", "stable", "test", "experimental", "deprecated",
		"unsupported" };
	const char *text = text_or_empty(parser, root, "status");

	parser->detection->status = text;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(text, known[i]) == 0)
			return;
	fail(parser, yaml_get(root, "status")->mark,
	    "\"status\" is stable, test, experimental, deprecated or unsupported");
}

static bool is_technique(const char *text)
{
	size_t digits = tolower((unsigned char)text[0]) == 't' ? strspn(text + 1, "0123456789") : 0;

	text += 1 + digits;
	return digits == 4
	    && (*text == '\0'
		|| (*text == '.' && strlen(text) == 4 && strspn(text + 1, "0123456789") == 3));
}

static char *in_capitals(struct arena *arena, const char *text)
{
	char *out = arena_text(arena, text);

	for (char *at = out; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	return out;
}

/* Groups and software ("attack.g0016", "attack.s0154") are tags and nothing more. */
static bool is_tactic(const char *text)
{
	return strlen(text) > 5 && text[strspn(text, "abcdefghijklmnopqrstuvwxyz-")] == '\0';
}

/* Older rules write a tactic's name with "_". */
static char *with_hyphens(struct arena *arena, const char *text)
{
	char *out = arena_text(arena, text);

	for (char *at = out; *at != '\0'; at++)
		*at = *at == '_' ? '-' : *at;
	return out;
}

static void read_tags(struct parser *parser, const struct yaml_node *root)
{
	struct detection *detection = parser->detection;
	struct arena *arena = &detection->arena;
	size_t count;

	detection->tags = read_texts(parser, root, "tags");
	count = detection->tags.count;
	detection->techniques.items = arena_take(arena, count * sizeof(const char *));
	detection->tactics.items = arena_take(arena, count * sizeof(const char *));
	for (size_t i = 0; i < count; i++) {
		const char *tag = detection->tags.items[i], *name = tag + strlen("attack.");

		if (strncmp(tag, "attack.", strlen("attack.")) != 0)
			continue;
		if (is_technique(name))
			detection->techniques.items[detection->techniques.count++] = in_capitals(
			    arena, name);
		else if (is_tactic(with_hyphens(arena, name)))
			detection->tactics.items[detection->tactics.count++] = with_hyphens(arena,
			    name);
	}
}

static void read_header(struct parser *parser, const struct yaml_node *root)
{
	struct detection *detection = parser->detection;

	read_id(parser, root);
	read_status(parser, root);
	read_level(parser, root);
	read_tags(parser, root);
	detection->title = read_needed(parser, root, "title");
	detection->description = text_or_empty(parser, root, "description");
	detection->author = text_or_empty(parser, root, "author");
	detection->attack_version = text_or_empty(parser, root, "attack_version");
	detection->references = read_texts(parser, root, "references");
	detection->falsepositives = read_texts(parser, root, "falsepositives");
}

/* Kinds of files that are Sigma and no rules, and what changes how a rule is to be read. */
static void refuse_unsupported(struct parser *parser, const struct yaml_node *root)
{
	static const char *const unsupported[] = { "correlation", "filter", "action", "taxonomy" };

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		const struct yaml_node *node = yaml_get(root, unsupported[i]);

		if (node == NULL
		    || (i == 3 && node->type == YAML_SCALAR && strcmp(node->text, "sigma") == 0))
			continue;
		fail(parser, node->mark, "\"%s\" is not supported", unsupported[i]);
	}
}

/* ---- logsource ---- */

/* "product: linux, service: auditd" */
static const char *describe_source(struct arena *arena, const char *const *names,
    const char *const *values, size_t count)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		if (values[i] != NULL)
			text = arena_format(arena, "%s%s%s: %s", text, *text == '\0' ? "" : ", ",
			    names[i], values[i]);
	return *text == '\0' ? "nothing" : text;
}

static void read_source(struct parser *parser, const struct yaml_node *root)
{
	static const char *const names[] = { "product", "category", "service" };
	const struct yaml_node *node = yaml_expect(parser->yaml, root, "logsource", YAML_MAPPING,
	    parser->errors);
	const char *values[3];

	if (node == NULL) {
		if (yaml_get(root, "logsource") == NULL)
			fail(parser, root->mark, "a rule needs \"logsource\"");
		return;
	}
	for (size_t i = 0; i < 3; i++)
		values[i] = yaml_text(parser->yaml, node, names[i], parser->errors);
	parser->detection->source = source_find(values[0], values[1], values[2]);
	if (parser->detection->source == NULL)
		fail(parser, node->mark, "the logsource (%s) is not supported; there are %s",
		    describe_source(&parser->detection->arena, names, values, 3), source_names());
}

/* ---- values ---- */

static bool is_null(const struct yaml_node *node)
{
	return node->is_plain
	    && (*node->text == '\0' || strcmp(node->text, "~") == 0
		|| strcasecmp(node->text, "null") == 0);
}

/* A word that the field never is would make a rule silent for ever. */
static void check_word(struct parser *parser, const struct yaml_node *node, const char *field,
    const struct term_modifiers *modifiers)
{
	const char *const *words = field == NULL ? NULL : source_words(field);

	if (words == NULL || modifiers->kind != TERM_STRING || modifiers->has_place
	    || strpbrk(node->text, "*?") != NULL)
		return;
	for (; *words != NULL; words++)
		if (strcasecmp(node->text, *words) == 0)
			return;
	fail(parser, node->mark, "\"%s\" is never \"%s\"", field, node->text);
}

static bool count_term(struct parser *parser, const struct yaml_node *node,
    const struct term_modifiers *modifiers)
{
	parser->terms++;
	parser->expressions += modifiers->kind == TERM_REGEX;
	if (parser->terms == DETECTION_TERMS_MAX + 1)
		fail(parser, node->mark, "a rule has at most %d values", DETECTION_TERMS_MAX);
	if (parser->expressions == DETECTION_REGEXES_MAX + 1)
		fail(parser, node->mark, "a rule has at most %d regular expressions",
		    DETECTION_REGEXES_MAX);
	return parser->terms <= DETECTION_TERMS_MAX && parser->expressions <= DETECTION_REGEXES_MAX;
}

static void read_null(struct parser *parser, const struct yaml_node *node, const char *field,
    const struct term_modifiers *modifiers, struct detection_item *item)
{
	if (field == NULL || modifiers->kind != TERM_STRING || modifiers->has_place)
		fail(parser, node->mark, "null is a value of a field without modifiers");
	item->terms[item->terms_count++] = (struct term){ .kind = TERM_NULL };
}

static void read_term(struct parser *parser, const struct yaml_node *node,
    const struct term_modifiers *modifiers, struct detection_item *item)
{
	const char *problem;

	if (node->type != YAML_SCALAR) {
		fail(parser, node->mark, "lists and maps inside a value are not supported");
		return;
	}
	if (!count_term(parser, node, modifiers))
		return;
	if (is_null(node)) {
		read_null(parser, node, item->field, modifiers, item);
		return;
	}
	check_word(parser, node, item->field, modifiers);
	problem = term_parse(node->text, modifiers, parser->regexes, &parser->detection->arena,
	    &item->terms[item->terms_count]);
	if (problem != NULL)
		fail(parser, node->mark, "%s", problem);
	else
		item->terms_count++;
}

static void read_values(struct parser *parser, const struct yaml_node *node,
    const struct term_modifiers *modifiers, struct detection_item *item)
{
	size_t count = node->type == YAML_SEQUENCE ? node->count : 1;

	item->terms = arena_take(&parser->detection->arena, count * sizeof(*item->terms));
	if (count == 0)
		fail(parser, node->mark, "there must be a value");
	if (node->type != YAML_SEQUENCE)
		read_term(parser, node, modifiers, item);
	else
		for (size_t i = 0; i < count; i++)
			read_term(parser, node->values[i], modifiers, item);
}

/* ---- fields ---- */

static void check_field(struct parser *parser, const struct yaml_node *key, const char *field)
{
	const struct source *source = parser->detection->source;

	if (source == NULL || source_has_field(source, field))
		return;
	if (source->is_strict)
		fail(parser, key->mark, "there is no field \"%s\" in this logsource", field);
	else
		note(parser, key->mark,
		    arena_format(&parser->detection->arena,
			"the field \"%s\" is not observed: it never has a value", field));
}

static void read_item(struct parser *parser, const struct yaml_node *key,
    const struct yaml_node *value, struct detection_item *item)
{
	struct arena *arena = &parser->detection->arena;
	size_t size = strcspn(key->text, "|");
	struct term_modifiers modifiers = { .kind = TERM_STRING };
	const char *problem = NULL;

	item->text = arena_text(arena, key->text);
	if (size > 0) {
		item->field = arena_format(arena, "%.*s", (int)size, key->text);
		check_field(parser, key, item->field);
	}
	if (key->text[size] == '|')
		problem = term_modifiers_parse(key->text + size + 1, arena, &modifiers);
	else if (size == 0)
		problem = "a field needs a name";
	if (problem != NULL) {
		fail(parser, key->mark, "%s", problem);
		return;
	}
	/* Keywords may stand anywhere. */
	if (item->field == NULL && modifiers.kind == TERM_STRING && !modifiers.has_place)
		modifiers.place = WILDCARD_ANYWHERE;
	item->is_all = modifiers.is_all;
	read_values(parser, value, &modifiers, item);
}

static void read_map(struct parser *parser, const struct yaml_node *node, struct detection_map *map)
{
	map->items = arena_take(&parser->detection->arena, node->count * sizeof(*map->items));
	if (node->count == 0)
		fail(parser, node->mark, "an empty map would hold always");
	for (size_t i = 0; i < node->count; i++)
		read_item(parser, node->keys[i], node->values[i], &map->items[map->items_count++]);
}

/* One, or a list of which one must be found. */
static void read_keywords(struct parser *parser, const struct yaml_node *node,
    struct detection_map *map)
{
	static const struct term_modifiers anywhere = { .kind = TERM_STRING,
		.place = WILDCARD_ANYWHERE };

	map->items = arena_take(&parser->detection->arena, sizeof(*map->items));
	map->items_count = 1;
	map->items->text = "";
	read_values(parser, node, &anywhere, map->items);
}

/* ---- selections ---- */

static void read_alternative(struct parser *parser, const struct yaml_node *node,
    struct detection_map *map)
{
	if (node->type == YAML_MAPPING)
		read_map(parser, node, map);
	else if (node->type == YAML_SCALAR)
		read_keywords(parser, node, map);
	else
		fail(parser, node->mark, "a list inside a list is not supported");
}

static bool is_list_of_keywords(const struct yaml_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		if (node->type != YAML_SEQUENCE || node->values[i]->type != YAML_SCALAR)
			return false;
	return node->count > 0;
}

static void read_selection(struct parser *parser, const struct yaml_node *node,
    struct detection_selection *selection)
{
	bool is_keywords = is_list_of_keywords(node);
	size_t count = node->type == YAML_SEQUENCE && !is_keywords ? node->count : 1;

	selection->maps = arena_take(&parser->detection->arena, count * sizeof(*selection->maps));
	selection->maps_count = count;
	if (count == 0)
		fail(parser, node->mark, "a selection needs something to look for");
	if (is_keywords)
		read_keywords(parser, node, selection->maps);
	else if (node->type != YAML_SEQUENCE)
		read_alternative(parser, node, selection->maps);
	else
		for (size_t i = 0; i < count; i++)
			read_alternative(parser, node->values[i], &selection->maps[i]);
}

static bool is_selection(struct parser *parser, const struct yaml_node *key)
{
	if (strcmp(key->text, "condition") == 0)
		return false;
	if (strcmp(key->text, "timeframe") != 0)
		return true;
	fail(parser, key->mark, "\"timeframe\" is not supported");
	return false;
}

static bool read_selections(struct parser *parser, const struct yaml_node *node)
{
	struct detection *detection = parser->detection;

	if (node->count > DETECTION_SELECTIONS_MAX + 1) {
		fail(parser, node->mark, "a rule has at most %d selections",
		    DETECTION_SELECTIONS_MAX);
		return false;
	}
	detection->selections = arena_take(&detection->arena,
	    node->count * sizeof(*detection->selections));
	for (size_t i = 0; i < node->count; i++) {
		struct detection_selection *selection =
		    &detection->selections[detection->selections_count];

		if (!is_selection(parser, node->keys[i]))
			continue;
		selection->name = arena_text(&detection->arena, node->keys[i]->text);
		read_selection(parser, node->values[i], selection);
		detection->selections_count++;
	}
	return true;
}

/* ---- condition ---- */

static void mark_used(const struct condition *condition, bool *is_used)
{
	if (condition->kind == CONDITION_SELECTION)
		is_used[condition->selection] = true;
	for (size_t i = 0; i < condition->count; i++)
		mark_used(condition->operands[i], is_used);
}

static void note_unused(struct parser *parser, const struct yaml_node *node)
{
	struct detection *detection = parser->detection;
	bool *is_used = arena_take(&detection->arena, detection->selections_count);

	mark_used(detection->condition, is_used);
	for (size_t i = 0, selection = 0; i < node->count; i++) {
		if (strcmp(node->keys[i]->text, "condition") == 0)
			continue;
		if (!is_used[selection++])
			note(parser, node->keys[i]->mark,
			    arena_format(&detection->arena, "the condition does not use \"%s\"",
				node->keys[i]->text));
	}
}

/* Where in the file OFFSET of a scalar is, as far as its first line goes. */
static struct yaml_mark mark_inside(const struct yaml_node *node, size_t offset)
{
	struct yaml_mark mark = node->mark;

	if (node->is_plain && strcspn(node->text, "\n") >= offset)
		mark.column += (unsigned)offset;
	return mark;
}

static void read_condition(struct parser *parser, const struct yaml_node *detection_node)
{
	struct detection *detection = parser->detection;
	const struct yaml_node *node = yaml_get(detection_node, "condition");
	size_t count = detection->selections_count;
	const char **names = arena_take(&detection->arena, count * sizeof(*names));
	struct condition_problem problem;

	if (node == NULL || node->type != YAML_SCALAR) {
		fail(parser, node == NULL ? detection_node->mark : node->mark,
		    node == NULL ? "a detection needs \"condition\""
				 : "a list of conditions is not supported");
		return;
	}
	for (size_t i = 0; i < count; i++)
		names[i] = detection->selections[i].name;
	detection->condition = condition_parse(node->text, names, count, &detection->arena,
	    &problem);
	if (detection->condition == NULL)
		fail(parser, mark_inside(node, problem.offset), "the condition: %s",
		    problem.message);
}

/* ---- the whole ---- */

static void read_detection(struct parser *parser, const struct yaml_node *root)
{
	const struct yaml_node *node = yaml_expect(parser->yaml, root, "detection", YAML_MAPPING,
	    parser->errors);

	if (node == NULL) {
		if (yaml_get(root, "detection") == NULL)
			fail(parser, root->mark, "a rule needs \"detection\"");
		return;
	}
	if (!read_selections(parser, node))
		return;
	read_condition(parser, node);
	if (parser->detection->condition != NULL && yaml_get(node, "timeframe") == NULL)
		note_unused(parser, node);
}

static void keep_notes(struct parser *parser)
{
	struct detection *detection = parser->detection;
	struct bytes kept = arena_bytes(&detection->arena, buffer_bytes(&parser->notes));

	detection->notes_count = kept.size / sizeof(struct detection_note);
	detection->notes = (struct detection_note *)(uintptr_t)kept.data;
	buffer_fini(&parser->notes);
}

static void read_root(struct parser *parser)
{
	const struct yaml_node *root = yaml_root(parser->yaml);

	if (root->type != YAML_MAPPING) {
		fail(parser, root->mark,
		    "a rule is a mapping with \"title\", \"logsource\" and "
		    "\"detection\"");
		return;
	}
	refuse_unsupported(parser, root);
	read_header(parser, root);
	read_source(parser, root);
	read_detection(parser, root);
	keep_notes(parser);
}

static enum status read_yaml(const char *name, struct bytes text, struct yaml **out,
    struct yaml_errors *errors)
{
	if (text.size > DETECTION_TEXT_MAX) {
		yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: a rule has at most %d bytes",
		    name, DETECTION_TEXT_MAX);
		return STATUS_INVALID;
	}
	return yaml_parse(name, text, out, errors);
}

enum status detection_parse(const char *name, struct bytes text, struct regex_set *regexes,
    struct detection **out, struct yaml_errors *errors)
{
	struct parser parser = { .errors = errors, .regexes = regexes };
	unsigned errors_before = errors->count;
	struct yaml *yaml;
	enum status status = read_yaml(name, text, &yaml, errors);

	*out = NULL;
	if (status != STATUS_OK)
		return status;
	parser.yaml = yaml;
	parser.detection = memory_new(sizeof(*parser.detection));
	hash_bytes(text, parser.detection->hash);
	read_root(&parser);
	yaml_free(yaml);
	if (errors->count != errors_before) {
		detection_free(parser.detection);
		return STATUS_INVALID;
	}
	*out = parser.detection;
	return STATUS_OK;
}

void detection_free(struct detection *detection)
{
	if (detection == NULL)
		return;
	arena_fini(&detection->arena);
	free(detection);
}
