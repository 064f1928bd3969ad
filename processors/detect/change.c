/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/change.h"

/* ---- facts ---- */

/* Of these the fields that are there are true, and others may be missing. */
static bool has_missing_fields(const struct fact *fact)
{
	return fact->status == FACT_UNREADABLE || fact->status == FACT_FAILED;
}

/* What was cut is the content; of a fact without one it may be any text. */
static bool is_cut(const struct fact *fact, const struct fact_field *field)
{
	if (fact->status != FACT_TRUNCATED || field->type == FACT_NUMBER)
		return false;
	return strcmp(field->name, "content") == 0
	    || fact_find(fact->fields, fact->fields_count, "content") == NULL;
}

static struct match_value field_value(const struct fact *fact, const struct fact_field *field,
    struct arena *arena)
{
	if (field->type == FACT_NUMBER)
		return (struct match_value){
			.text = bytes_of_text(arena_format(arena, "%lld", (long long)field->number))
		};
	return (struct match_value){ .text = field->bytes, .is_cut = is_cut(fact, field) };
}

/* The parts of a key that was too long: see fact_key(). */
static struct match_value key_value(struct bytes key, size_t prefix_size)
{
	size_t kept = FACT_KEY_MAX - 1 - 2 * HASH_SIZE;
	bool is_cut = key.size == FACT_KEY_MAX && key.data[kept] == '#';
	size_t size = is_cut ? kept : key.size;

	return (struct match_value){ .text = BYTES(key.data + prefix_size, size - prefix_size),
		.is_cut = is_cut };
}

/* ---- a growing list ---- */

struct list {
	struct arena *arena;
	struct match_value *items;
	size_t count;
	bool is_unknown;
};

static void add(struct list *list, struct match_value value)
{
	list->items[list->count++] = value;
}

static void add_text(struct list *list, const char *text)
{
	if (text != NULL)
		add(list, (struct match_value){ .text = bytes_of_text(text) });
}

static void add_fact(struct list *list, const struct fact *fact)
{
	for (size_t i = 0; i < fact->fields_count; i++)
		add(list, field_value(fact, &fact->fields[i], list->arena));
	list->is_unknown |= has_missing_fields(fact);
}

static void add_field(struct list *list, const struct fact *fact, const char *name)
{
	const struct fact_field *field = fact_find(fact->fields, fact->fields_count, name);

	if (field != NULL)
		add(list, field_value(fact, field, list->arena));
	else
		list->is_unknown |= has_missing_fields(fact);
}

static void add_differences(struct list *list, const struct fact *fact, const struct fact *other,
    bool has_common)
{
	for (size_t i = 0; i < fact->fields_count; i++) {
		const struct fact_field *field = &fact->fields[i];
		const struct fact_field *twin = fact_find(other->fields, other->fields_count,
		    field->name);

		if (twin != NULL ? has_common && !fact_field_equal(field, twin)
				 : !has_missing_fields(other))
			add_text(list, field->name);
		list->is_unknown |= twin == NULL && has_missing_fields(other);
		list->is_unknown |= twin != NULL && is_cut(fact, field);
	}
}

static void add_changed(struct list *list, const struct change *change)
{
	if (change->before.status != change->after.status)
		add_text(list, "status");
	add_differences(list, &change->after, &change->before, true);
	add_differences(list, &change->before, &change->after, false);
}

/* ---- the fields ---- */

static bool is_expected(const struct change *change)
{
	return change->expected_by != NULL && *change->expected_by != '\0';
}

static void get_key(const struct change *change, struct list *list)
{
	add(list, key_value(change->key, 0));
}

static void get_before(const struct change *change, struct list *list)
{
	add_fact(list, &change->before);
}

static void get_after(const struct change *change, struct list *list)
{
	add_fact(list, &change->after);
}

static void get_status(const struct change *change, struct list *list)
{
	add_text(list, fact_status_text(change->after.status));
}

static void get_before_status(const struct change *change, struct list *list)
{
	add_text(list, fact_status_text(change->before.status));
}

static void get_changed(const struct change *change, struct list *list)
{
	add_changed(list, change);
}

static void get_expected(const struct change *change, struct list *list)
{
	add_text(list, is_expected(change) ? "true" : "false");
}

static void get_package(const struct change *change, struct list *list)
{
	add_text(list, change->package);
}

static void get_writer(const struct change *change, struct list *list)
{
	add_text(list, change->writer);
}

static void get_asset_name(const struct change *change, struct list *list)
{
	add_text(list, change->asset_name);
}

static void get_asset_system(const struct change *change, struct list *list)
{
	add_text(list, change->asset_system);
}

static void get_path(const struct change *change, struct list *list)
{
	if (bytes_start_with(change->key, bytes_of_text("file/")))
		add(list, key_value(change->key, strlen("file")));
}

static const struct {
	const char *name;
	bool is_keyword; /* keywords are looked for in it */
	void (*get)(const struct change *change, struct list *list);
} fields[] = {
	{ "Key", true, get_key },
	{ "Before", true, get_before },
	{ "After", true, get_after },
	{ "Status", true, get_status },
	{ "After.Status", false, get_status },
	{ "Before.Status", true, get_before_status },
	{ "Changed", true, get_changed },
	{ "Expected", true, get_expected },
	{ "Package", true, get_package },
	{ "Writer", true, get_writer },
	{ "Asset.Name", true, get_asset_name },
	{ "Asset.System", true, get_asset_system },
	{ "TargetFilename", false, get_path },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void get_all(const struct change *change, struct list *list)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].is_keyword)
			fields[i].get(change, list);
}

static void get_named(const struct change *change, const char *name, struct list *list)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strcmp(name, fields[i].name) == 0) {
			fields[i].get(change, list);
			return;
		}
	if (strncmp(name, "Before.", 7) == 0)
		add_field(list, &change->before, name + 7);
	else if (strncmp(name, "After.", 6) == 0)
		add_field(list, &change->after, name + 6);
}

static struct match_values get(void *self, const char *field, struct arena *arena)
{
	const struct change *change = self;
	size_t most = FIELDS + 2 * (change->before.fields_count + change->after.fields_count) + 1;
	struct list list = { .arena = arena };

	list.items = arena_take(arena, most * sizeof(*list.items));
	if (field == NULL)
		get_all(change, &list);
	else
		get_named(change, field, &list);
	return (struct match_values){ list.items, list.count, list.is_unknown };
}

struct match_lookup change_lookup(const struct change *change)
{
	return (struct match_lookup){ .self = (void *)(uintptr_t)change, .get = get };
}

bool change_concerns(const struct change *change, const struct source *source)
{
	if (!source->is_files_only)
		return true;
	return bytes_start_with(change->key, bytes_of_text("file/")) && !is_expected(change)
	    && change->after.status != FACT_NONE && change->after.status != FACT_ABSENT;
}
