/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prefix is what every match of a rule needs: of "and" the operand that asks for the most, of
 * "or" all operands together, of "not" nothing.  Prefixes are sorted; a key is looked up once for
 * each length that a prefix has.
 */
#include "processors/detect/key_index.h"

#include <stdlib.h>

#include "core/fact.h"

/* A key that was too long keeps less than this of its beginning: see fact_key(). */
enum { PREFIX_MAX = 256 };

/* ---- what a rule needs ---- */

struct prefixes {
	bool is_any; /* nothing is needed */
	struct bytes *items;
	size_t count;
};

struct derivation {
	const struct detection *rule;
	struct arena *arena;
	struct prefixes *selections; /* of each, found once */
};

static const struct prefixes any = { .is_any = true };

static size_t shortest(const struct prefixes *prefixes)
{
	size_t size = prefixes->is_any ? 0 : (size_t)-1;

	for (size_t i = 0; i < prefixes->count; i++)
		if (prefixes->items[i].size < size)
			size = prefixes->items[i].size;
	return size;
}

static struct prefixes stricter(struct prefixes a, struct prefixes b)
{
	return shortest(&b) > shortest(&a) ? b : a;
}

static int compare_bytes(const void *a, const void *b)
{
	return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Sorts; what begins with another one is covered by it. */
static void simplify(struct prefixes *prefixes)
{
	size_t kept = 0;

	if (prefixes->count > 1)
		qsort(prefixes->items, prefixes->count, sizeof(*prefixes->items), compare_bytes);
	for (size_t i = 0; i < prefixes->count; i++)
		if (kept == 0 || !bytes_start_with(prefixes->items[i], prefixes->items[kept - 1]))
			prefixes->items[kept++] = prefixes->items[i];
	prefixes->count = kept;
}

static struct prefixes unite(struct arena *arena, const struct prefixes *parts, size_t count)
{
	struct prefixes all = { 0 };
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].is_any)
			return any;
		size += parts[i].count;
	}
	all.items = arena_take(arena, size * sizeof(*all.items));
	for (size_t i = 0; i < count; i++) {
		if (parts[i].count > 0)
			memcpy(all.items + all.count, parts[i].items,
			    parts[i].count * sizeof(*all.items));
		all.count += parts[i].count;
	}
	simplify(&all);
	return all;
}

static struct prefixes of_term(const struct derivation *derivation, const struct term *term)
{
	struct arena *arena = derivation->arena;
	struct bytes prefix = term->kind == TERM_STRING ? wildcard_prefix(term->string)
	                                                : BYTES_NONE;
	struct prefixes one = { .count = 1 };

	if (prefix.size == 0)
		return any;
	prefix = wildcard_fold(arena, prefix);
	prefix = bytes_of_text(arena_format(arena, "%s%.*s", derivation->rule->source->key_prefix,
	    (int)prefix.size, (const char *)prefix.data));
	one.items = arena_take(arena, sizeof(*one.items));
	*one.items = BYTES(prefix.data, prefix.size < PREFIX_MAX ? prefix.size : PREFIX_MAX);
	return one;
}

static struct prefixes of_item(const struct derivation *derivation,
    const struct detection_item *item)
{
	struct prefixes *parts, best = any;

	if (item->field == NULL || strcmp(item->field, derivation->rule->source->key_field) != 0)
		return any;
	parts = arena_take(derivation->arena, item->terms_count * sizeof(*parts));
	for (size_t i = 0; i < item->terms_count; i++) {
		parts[i] = of_term(derivation, &item->terms[i]);
		best = stricter(best, parts[i]);
	}
	return item->is_all ? best : unite(derivation->arena, parts, item->terms_count);
}

static struct prefixes of_selection(const struct derivation *derivation,
    const struct detection_selection *selection)
{
	struct arena *arena = derivation->arena;
	struct prefixes *parts = arena_take(arena, selection->maps_count * sizeof(*parts));

	for (size_t i = 0; i < selection->maps_count; i++) {
		const struct detection_map *map = &selection->maps[i];

		parts[i] = any;
		for (size_t j = 0; j < map->items_count; j++)
			parts[i] = stricter(parts[i], of_item(derivation, &map->items[j]));
	}
	return unite(arena, parts, selection->maps_count);
}

static struct prefixes of_condition(const struct derivation *derivation,
    const struct condition *condition)
{
	struct prefixes *parts, best = any;

	if (condition->kind == CONDITION_SELECTION)
		return derivation->selections[condition->selection];
	if (condition->kind == CONDITION_NOT)
		return any;
	parts = arena_take(derivation->arena, condition->count * sizeof(*parts));
	for (size_t i = 0; i < condition->count; i++) {
		parts[i] = of_condition(derivation, condition->operands[i]);
		best = stricter(best, parts[i]);
	}
	return condition->kind == CONDITION_AND ? best
	                                        : unite(derivation->arena, parts, condition->count);
}

static struct prefixes of_rule(const struct detection *rule, struct arena *arena)
{
	struct derivation derivation = { .rule = rule, .arena = arena };
	struct prefixes prefixes;

	derivation.selections = arena_take(arena,
	    rule->selections_count * sizeof(*derivation.selections));
	for (size_t i = 0; i < rule->selections_count; i++)
		derivation.selections[i] = of_selection(&derivation, &rule->selections[i]);
	prefixes = of_condition(&derivation, rule->condition);
	if (prefixes.is_any && rule->source->is_files_only) {
		prefixes = (struct prefixes){ .count = 1 };
		prefixes.items = arena_take(arena, sizeof(*prefixes.items));
		*prefixes.items = bytes_of_text("file/");
	}
	return prefixes;
}

bool key_index_prefixes(const struct detection *rule, struct arena *arena, struct bytes **out,
    size_t *count)
{
	struct prefixes prefixes = of_rule(rule, arena);

	*out = prefixes.items;
	*count = prefixes.count;
	return !prefixes.is_any;
}

/* ---- the index ---- */

struct entry {
	struct bytes prefix;
	size_t rule;
};

struct key_index {
	struct arena arena;
	size_t rules;
	struct buffer entries;         /* struct entry, sorted */
	struct buffer always;          /* size_t: rules for any key, in order */
	bool has_size[PREFIX_MAX + 1]; /* whether a prefix has this size */
};

static const struct entry *entries_of(const struct key_index *index, size_t *count)
{
	*count = index->entries.size / sizeof(struct entry);
	return (const struct entry *)(const void *)index->entries.data;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *first = a, *second = b;
	int order = bytes_compare(first->prefix, second->prefix);

	return order != 0 ? order : (first->rule > second->rule) - (first->rule < second->rule);
}

static void add_rule(struct key_index *index, const struct detection *rule, size_t number)
{
	struct arena scratch = { 0 };
	struct prefixes prefixes = of_rule(rule, &scratch);

	if (prefixes.is_any)
		buffer_append(&index->always, BYTES(&number, sizeof(number)));
	for (size_t i = 0; i < prefixes.count; i++) {
		struct entry entry = { arena_bytes(&index->arena, prefixes.items[i]), number };

		buffer_append(&index->entries, BYTES(&entry, sizeof(entry)));
		index->has_size[entry.prefix.size] = true;
	}
	arena_fini(&scratch);
}

struct key_index *key_index_new(const struct detection *const *rules, size_t count)
{
	struct key_index *index = memory_new(sizeof(*index));

	index->rules = count;
	for (size_t i = 0; i < count; i++)
		add_rule(index, rules[i], i);
	if (index->entries.size > 0)
		qsort(index->entries.data, index->entries.size / sizeof(struct entry),
		    sizeof(struct entry), compare_entries);
	return index;
}

void key_index_free(struct key_index *index)
{
	if (index == NULL)
		return;
	arena_fini(&index->arena);
	buffer_fini(&index->entries);
	buffer_fini(&index->always);
	free(index);
}

/* ---- finding ---- */

/* The first entry whose prefix is not before PREFIX. */
static size_t lower_bound(const struct entry *entries, size_t count, struct bytes prefix)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;

		if (bytes_compare(entries[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

static void mark_entries(const struct key_index *index, struct bytes prefix, bool *is_found)
{
	size_t count;
	const struct entry *entries = entries_of(index, &count);

	for (size_t i = lower_bound(entries, count, prefix);
	     i < count && bytes_equal(entries[i].prefix, prefix); i++)
		is_found[entries[i].rule] = true;
}

static size_t *list_marked(const bool *is_found, size_t rules, struct arena *arena, size_t *count)
{
	size_t *found = arena_take(arena, rules * sizeof(*found));

	*count = 0;
	for (size_t i = 0; i < rules; i++)
		if (is_found[i])
			found[(*count)++] = i;
	return found;
}

size_t *key_index_find(const struct key_index *index, struct bytes key, struct arena *arena,
    size_t *count)
{
	bool *is_found = arena_take(arena, index->rules);
	struct bytes folded = wildcard_fold(arena, key);
	size_t number;

	for (size_t at = 0; at < index->always.size; at += sizeof(number)) {
		memcpy(&number, index->always.data + at, sizeof(number));
		is_found[number] = true;
	}
	for (size_t size = 1; size <= PREFIX_MAX && size <= key.size; size++)
		if (index->has_size[size])
			mark_entries(index, BYTES(folded.data, size), is_found);
	return list_marked(is_found, index->rules, arena, count);
}
