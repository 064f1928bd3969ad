/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/watchlist.h"

#include <stdlib.h>

#include "core/path_glob.h"

struct parser {
	struct watchlist *list;
	const struct yaml *yaml;
	struct yaml_errors *errors;
};

#define fail(parser, mark, ...) yaml_error((parser)->errors, (parser)->yaml, (mark), __VA_ARGS__)

/* ---- reading ---- */

static void refuse_unknown_keys(struct parser *parser, const struct yaml_node *mapping,
    const char *const *known)
{
	for (size_t i = 0; i < mapping->count; i++) {
		size_t j = 0;

		while (known[j] != NULL && strcmp(known[j], mapping->keys[i]->text) != 0)
			j++;
		if (known[j] == NULL)
			fail(parser, mapping->keys[i]->mark, "\"%s\" means nothing here",
			    mapping->keys[i]->text);
	}
}

static const char *needed_text(struct parser *parser, const struct yaml_node *mapping,
    const char *key)
{
	const char *text = yaml_text(parser->yaml, mapping, key, parser->errors);

	if (text != NULL && *text != '\0')
		return arena_text(&parser->list->arena, text);
	if (text != NULL || yaml_get(mapping, key) == NULL)
		fail(parser, mapping->mark, "there must be \"%s\"", key);
	return "";
}

typedef bool check_text(struct parser *parser, const struct yaml_node *node);

/* CHECK may be NULL.  What it refuses is left out; it has said why. */
static const char **read_texts(struct parser *parser, const struct yaml_node *mapping,
    const char *key, check_text *check, size_t *count)
{
	const struct yaml_node *list = yaml_expect(parser->yaml, mapping, key, YAML_SEQUENCE,
	    parser->errors);
	const char **texts;

	*count = 0;
	if (list == NULL)
		return NULL;
	if (list->count > WATCHLIST_GLOBS_MAX) {
		fail(parser, list->mark, "a list has at most %d items", WATCHLIST_GLOBS_MAX);
		return NULL;
	}
	texts = arena_take(&parser->list->arena, list->count * sizeof(*texts));
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->values[i];

		if (item->type != YAML_SCALAR || *item->text == '\0')
			fail(parser, item->mark, "each of \"%s\" must be a text", key);
		else if (check == NULL || check(parser, item))
			texts[(*count)++] = arena_text(&parser->list->arena, item->text);
	}
	return texts;
}

/* "/etc/..": two slashes, dots and a wildcard at the top would name more than is meant. */
static const char *why_bad_glob(const char *glob)
{
	size_t first = *glob == '/' ? strcspn(glob + 1, "/") : 0;

	if (first == 0 || glob[strlen(glob) - 1] == '/')
		return "is no absolute path of a file";
	if (strstr(glob, "//") != NULL || strstr(glob, "/./") != NULL
	    || strstr(glob, "/../") != NULL)
		return "is not written in its shortest form";
	if (path_glob_has_wildcard(BYTES(glob + 1, first)))
		return "would have the whole file system searched";
	return NULL;
}

static bool has_partial_double_star(const char *glob)
{
	for (const char *at = glob; (at = strstr(at, "**")) != NULL; at += 2)
		if (at == glob || at[-1] != '/' || (at[2] != '/' && at[2] != '\0'))
			return true;
	return false;
}

static bool check_glob(struct parser *parser, const struct yaml_node *node)
{
	const char *problem = why_bad_glob(node->text);

	if (problem == NULL && has_partial_double_star(node->text))
		problem = "has a `**` that is not a whole component";
	if (problem != NULL)
		fail(parser, node->mark, "\"%s\" %s", node->text, problem);
	return problem == NULL;
}

static unsigned read_changes(struct parser *parser, const struct yaml_node *mapping)
{
	static const char *const names[] = { "create", "modify", "delete" };
	const struct yaml_node *list;
	unsigned changes = 0;

	if (yaml_get(mapping, "changes") == NULL)
		return WATCHLIST_CREATE | WATCHLIST_MODIFY;
	list = yaml_expect(parser->yaml, mapping, "changes", YAML_SEQUENCE, parser->errors);
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		const struct yaml_node *item = list->values[i];
		unsigned found = 0;

		for (unsigned j = 0; j < 3; j++)
			if (item->type == YAML_SCALAR && strcmp(item->text, names[j]) == 0)
				found = 1U << j;
		if (found == 0)
			fail(parser, item->mark, "a change is create, modify or delete");
		changes |= found;
	}
	return changes;
}

static bool read_switch(struct parser *parser, const struct yaml_node *mapping, const char *key)
{
	const char *text = yaml_text(parser->yaml, mapping, key, parser->errors);

	if (text == NULL || strcmp(text, "false") == 0)
		return false;
	if (strcmp(text, "true") != 0)
		fail(parser, yaml_get(mapping, key)->mark, "\"%s\" is true or false", key);
	return true;
}

static enum level read_level(struct parser *parser, const struct yaml_node *mapping)
{
	const char *text = needed_text(parser, mapping, "level");
	enum level level = LEVEL_MEDIUM;

	if (*text != '\0' && !level_parse(text, &level))
		fail(parser, yaml_get(mapping, "level")->mark,
		    "\"level\" is informational, low, medium, high or critical");
	return level;
}

static enum watchlist_packages read_packages(struct parser *parser, const struct yaml_node *mapping)
{
	static const char *const names[] = { [WATCHLIST_PACKAGES_OWN] = "own",
		[WATCHLIST_PACKAGES_NEVER] = "never",
		[WATCHLIST_PACKAGES_SCRIPTS] = "scripts" };
	const char *text = yaml_text(parser->yaml, mapping, "packages", parser->errors);

	if (text == NULL)
		return WATCHLIST_PACKAGES_OWN;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum watchlist_packages)i;
	fail(parser, yaml_get(mapping, "packages")->mark, "\"packages\" is own, never or scripts");
	return WATCHLIST_PACKAGES_OWN;
}

static bool check_prefix(struct parser *parser, const struct yaml_node *node)
{
	size_t size = strcspn(node->text, "/");
	bool is_prefix = size > 0 && node->text[size] == '/' && node->text[size + 1] == '\0';

	if (!is_prefix)
		fail(parser, node->mark,
		    "\"%s\" is not how keys begin: a namespace and a slash, `cron/`", node->text);
	return is_prefix;
}

static void read_entry(struct parser *parser, const struct yaml_node *node)
{
	static const char *const known[] = { "globs", "technique", "level", "why", "changes",
		"content", "writers", "packages", "told_by", NULL };
	struct watchlist_entry *entry = &parser->list->entries[parser->list->entries_count++];

	if (node->type != YAML_MAPPING) {
		fail(parser, node->mark, "each of \"paths\" must be a mapping");
		return;
	}
	refuse_unknown_keys(parser, node, known);
	entry->globs = read_texts(parser, node, "globs", check_glob, &entry->globs_count);
	if (yaml_get(node, "globs") == NULL)
		fail(parser, node->mark, "there must be \"globs\"");
	entry->technique = needed_text(parser, node, "technique");
	entry->level = read_level(parser, node);
	entry->why = needed_text(parser, node, "why");
	entry->changes = read_changes(parser, node);
	entry->wants_content = read_switch(parser, node, "content");
	entry->writers = read_texts(parser, node, "writers", NULL, &entry->writers_count);
	entry->packages = read_packages(parser, node);
	entry->told_by = read_texts(parser, node, "told_by", check_prefix, &entry->told_by_count);
}

static void read_root(struct parser *parser)
{
	static const char *const known[] = { "attack_version", "exclude", "paths", NULL };
	const struct yaml_node *root = yaml_root(parser->yaml), *paths;
	struct watchlist *list = parser->list;

	if (root->type != YAML_MAPPING) {
		fail(parser, root->mark, "a watchlist is a mapping with \"paths\"");
		return;
	}
	refuse_unknown_keys(parser, root, known);
	list->attack_version = needed_text(parser, root, "attack_version");
	list->exclude = read_texts(parser, root, "exclude", NULL, &list->exclude_count);
	paths = yaml_expect(parser->yaml, root, "paths", YAML_SEQUENCE, parser->errors);
	if (paths == NULL || paths->count > WATCHLIST_ENTRIES_MAX) {
		fail(parser, root->mark, "there must be \"paths\", at most %d",
		    WATCHLIST_ENTRIES_MAX);
		return;
	}
	list->entries = arena_take(&list->arena, paths->count * sizeof(*list->entries));
	for (size_t i = 0; i < paths->count; i++)
		read_entry(parser, paths->values[i]);
}

enum status watchlist_parse(const char *name, struct bytes text, struct watchlist **out,
    struct yaml_errors *errors)
{
	struct parser parser = { .errors = errors };
	unsigned errors_before = errors->count;
	struct yaml *yaml;
	enum status status = yaml_parse(name, text, &yaml, errors);

	*out = NULL;
	if (status != STATUS_OK)
		return status;
	parser.yaml = yaml;
	parser.list = memory_new(sizeof(*parser.list));
	read_root(&parser);
	yaml_free(yaml);
	if (errors->count != errors_before) {
		watchlist_free(parser.list);
		return STATUS_INVALID;
	}
	*out = parser.list;
	return STATUS_OK;
}

void watchlist_free(struct watchlist *list)
{
	if (list == NULL)
		return;
	arena_fini(&list->arena);
	free(list);
}

/* ---- finding ---- */

/* The last components of PATH, as many as GLOB has; all of it, where it has fewer. */
static struct bytes last_components(struct bytes path, const char *glob)
{
	size_t slashes = 1, at = path.size;

	for (const char *c = glob; *c != '\0'; c++)
		slashes += *c == '/';
	while (at > 0 && (path.data[at - 1] != '/' || --slashes > 0))
		at--;
	return BYTES(path.data + at, path.size - at);
}

static bool is_excluded(const struct watchlist *list, struct bytes path)
{
	for (size_t i = 0; i < list->exclude_count; i++)
		if (path_glob_match(list->exclude[i], last_components(path, list->exclude[i])))
			return true;
	return false;
}

/* Every change of a file is looked up, and most globs differ from it in their first letters. */
static bool may_match(const char *glob, struct bytes path)
{
	size_t at = 0;

	while (glob[at] != '\0' && glob[at] != '*' && glob[at] != '?') {
		if (at == path.size)
			return strcmp(glob + at, "/**") == 0;
		if ((uint8_t)glob[at] != path.data[at])
			return false;
		at++;
	}
	return true;
}

static bool is_meant(const struct watchlist_entry *entry, struct bytes path)
{
	for (size_t i = 0; i < entry->globs_count; i++)
		if (may_match(entry->globs[i], path) && path_glob_match(entry->globs[i], path))
			return true;
	return false;
}

const struct watchlist_entry *watchlist_find(const struct watchlist *list, struct bytes path,
    unsigned changes)
{
	const struct watchlist_entry *found = NULL;

	if (path.size == 0)
		return NULL;
	for (size_t i = 0; i < list->entries_count; i++) {
		const struct watchlist_entry *entry = &list->entries[i];

		if ((entry->changes & changes) != 0
		    && (found == NULL || entry->level > found->level) && is_meant(entry, path))
			found = entry;
	}
	return found == NULL || is_excluded(list, path) ? NULL : found;
}

/* ---- the plan ---- */

static struct watchlist_path plan_of(const char *glob, bool wants_content, struct arena *arena)
{
	struct watchlist_path planned = { .path = glob, .wants_content = wants_content };
	size_t size = strcspn(glob, "*?");

	if (glob[size] == '\0')
		return planned;
	while (glob[size] != '/')
		size--;
	planned.path = arena_format(arena, "%.*s", (int)size, glob);
	planned.glob = glob;
	return planned;
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int compare_paths(const void *a, const void *b)
{
	const struct watchlist_path *first = a, *second = b;
	int order = strcmp(first->path, second->path);

	return order != 0 ? order : compare_texts(first->glob, second->glob);
}

static size_t merge(struct watchlist_path *paths, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (kept > 0 && compare_paths(&paths[kept - 1], &paths[i]) == 0)
			paths[kept - 1].wants_content |= paths[i].wants_content;
		else
			paths[kept++] = paths[i];
	return kept;
}

struct watchlist_path *watchlist_plan(const struct watchlist *list, struct arena *arena,
    size_t *count)
{
	struct watchlist_path *paths;
	size_t all = 0, at = 0;

	for (size_t i = 0; i < list->entries_count; i++)
		all += list->entries[i].globs_count;
	paths = arena_take(arena, all * sizeof(*paths));
	for (size_t i = 0; i < list->entries_count; i++) {
		const struct watchlist_entry *entry = &list->entries[i];

		for (size_t j = 0; j < entry->globs_count; j++)
			paths[at++] = plan_of(entry->globs[j], entry->wants_content, arena);
	}
	if (all > 1)
		qsort(paths, all, sizeof(*paths), compare_paths);
	*count = merge(paths, all);
	return paths;
}
