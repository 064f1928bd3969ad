/* SPDX-License-Identifier: Apache-2.0 */
#include "console/asset_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/guess.h"
#include "core/record.h"

enum { PREFIX_LEAST = 4 };

void asset_table_fini(struct asset_table *table)
{
	free(table->rows);
	arena_fini(&table->arena);
	*table = (struct asset_table){ 0 };
}

static void add(struct asset_table *table, struct bytes id, const char *name, uint64_t last_seen_ms)
{
	struct asset_row *row;
	char hex[2 * HASH_SIZE + 1];

	if (id.size != HASH_SIZE)
		return;
	if (table->count == table->room) {
		table->room = table->room == 0 ? 64 : 2 * table->room;
		table->rows = memory_grow(table->rows, table->room * sizeof(*table->rows));
	}
	bytes_to_hex(id, hex);
	row = &table->rows[table->count++];
	memcpy(row->id, id.data, HASH_SIZE);
	row->name = arena_text(&table->arena, name == NULL || name[0] == '\0' ? hex : name);
	row->last_seen_ms = last_seen_ms;
}

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct asset_row *)a)->id, ((const struct asset_row *)b)->id,
	    HASH_SIZE);
}

static void sort(struct asset_table *table)
{
	if (table->count > 0)
		qsort(table->rows, table->count, sizeof(*table->rows), compare);
}

static enum status add_stored(void *visitor, const Fettle__AssetVerdict *asset)
{
	add(visitor, record_bytes(asset->asset), asset->name, asset->last_seen_ms);
	return STATUS_OK;
}

enum status asset_table_load(struct asset_table *table, struct query *query)
{
	enum status status = query_assets(query, add_stored, table);

	sort(table);
	return status;
}

static enum status add_state(void *visitor, const struct state_asset *asset)
{
	add(visitor, BYTES_OF(asset->id), asset->name, asset->last_seen_ms);
	return STATUS_OK;
}

enum status asset_table_load_state(struct asset_table *table, struct state_reader *reader)
{
	enum status status = state_reader_assets(reader, add_state, table);

	sort(table);
	return status;
}

const struct asset_row *asset_table_find(const struct asset_table *table, struct bytes id)
{
	struct asset_row wanted;

	if (id.size != HASH_SIZE || table->count == 0)
		return NULL;
	memcpy(wanted.id, id.data, HASH_SIZE);
	return bsearch(&wanted, table->rows, table->count, sizeof(*table->rows), compare);
}

/* ---- by what somebody typed ---- */

static bool has_name(const struct asset_row *row, const char *text)
{
	return strcmp(row->name, text) == 0;
}

static bool has_id(const struct asset_row *row, const char *text)
{
	char hex[2 * HASH_SIZE + 1];
	size_t size = strlen(text);

	bytes_to_hex(BYTES_OF(row->id), hex);
	return size >= PREFIX_LEAST && size <= 2 * HASH_SIZE && strncasecmp(hex, text, size) == 0;
}

/* How many match; the last of them in *OUT. */
static size_t matches(const struct asset_table *table, const char *text,
    bool (*is_match)(const struct asset_row *row, const char *text), const struct asset_row **out)
{
	size_t found = 0;

	for (size_t i = 0; i < table->count; i++)
		if (is_match(&table->rows[i], text)) {
			*out = &table->rows[i];
			found++;
		}
	return found;
}

static void say_unknown(const struct asset_table *table, const char *text)
{
	struct guess guess = { .wrong = text };

	for (size_t i = 0; i < table->count; i++)
		guess_consider(&guess, table->rows[i].name);
	if (guess.closest != NULL)
		(void)console_fail(STATUS_NOT_FOUND, "there is no asset `%s`; did you mean `%s`?",
		    text, guess.closest);
	else
		(void)console_fail(STATUS_NOT_FOUND, "there is no asset `%s`", text);
	guess_fini(&guess);
}

const struct asset_row *asset_table_resolve(const struct asset_table *table, const char *text)
{
	const struct asset_row *row = NULL;
	size_t found = matches(table, text, has_name, &row);

	if (found == 0)
		found = matches(table, text, has_id, &row);
	if (found == 1)
		return row;
	if (found == 0)
		say_unknown(table, text);
	else
		(void)console_fail(STATUS_NOT_FOUND,
		    "%zu assets are called `%s`: name one by its id (fettle assets)", found, text);
	return NULL;
}

const char *asset_table_name(const struct asset_table *table, struct bytes id)
{
	const struct asset_row *row = asset_table_find(table, id);

	return row == NULL ? NULL : row->name;
}

void asset_table_output(const struct asset_table *table, struct output *output, struct bytes id)
{
	const struct asset_row *row = asset_table_find(table, id);

	if (row == NULL)
		output_id(output, id);
	else
		output_text(output, row->name);
	output_id(output, id);
}
