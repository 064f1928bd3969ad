/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/systemctl.h"

#include <stdlib.h>

#include "collectors/small_file.h"

static bool is_transient(const char *fragment)
{
	static const char directory[] = "/run/systemd/transient/";

	return strncmp(fragment, directory, sizeof(directory) - 1) == 0;
}

/* ---- files ---- */

void systemctl_take_files(struct bytes output, struct unit_table *table)
{
	struct bytes line;

	while (small_file_line(&output, &line)) {
		struct bytes word = small_file_word(&line), state = small_file_word(&line);
		char *name = text_copy_bytes(word), *said = text_copy_bytes(state);

		if (unit_table_is_name(name) && said[0] != '\0' && strcmp(said, "transient") != 0)
			unit_table_add(table, name)->enabled = arena_text(&table->arena, said);
		free(name);
		free(said);
	}
}

/* ---- units ---- */

/* One block; NULL: it did not say. */
struct block {
	char *id, *active, *enabled, *fragment;
	struct buffer exec_start;
};

static void keep(char **at, struct bytes value)
{
	free(*at);
	*at = value.size == 0 ? NULL : text_copy_bytes(value);
}

/* "{ path=/bin/x ; argv[]=/bin/x -y ; ignore_errors=no ; start_time=… }": its times and process
 * change with every start. */
static void take_command(struct buffer *out, struct bytes value)
{
	static const char before[] = " argv[]=", after[] = " ; ignore_errors=";
	const uint8_t *start = value.size == 0
	                         ? NULL
	                         : memmem(value.data, value.size, before, sizeof(before) - 1);
	const uint8_t *end;

	if (start == NULL)
		return;
	start += sizeof(before) - 1;
	end = memmem(start, value.size - (size_t)(start - value.data), after, sizeof(after) - 1);
	if (end == NULL)
		return;
	if (out->size > 0)
		buffer_append_text(out, " ; ");
	buffer_append(out, BYTES(start, (size_t)(end - start)));
}

static void take_property(struct block *block, struct bytes line)
{
	const uint8_t *sign = memchr(line.data, '=', line.size);
	struct bytes name, value;

	if (sign == NULL)
		return;
	name = BYTES(line.data, (size_t)(sign - line.data));
	value = BYTES(sign + 1, line.size - name.size - 1);
	if (bytes_equal(name, bytes_of_text("Id")))
		keep(&block->id, value);
	else if (bytes_equal(name, bytes_of_text("ActiveState")))
		keep(&block->active, value);
	else if (bytes_equal(name, bytes_of_text("UnitFileState")))
		keep(&block->enabled, value);
	else if (bytes_equal(name, bytes_of_text("FragmentPath")))
		keep(&block->fragment, value);
	else if (bytes_equal(name, bytes_of_text("ExecStart")))
		take_command(&block->exec_start, value);
}

/*
 * What is on its way counts as where it comes from, or each run of a timer's service would be
 * several changes; what is not known by this list is told as it is.
 */
static const char *settled(const char *active)
{
	static const struct {
		const char *state, *settled;
	} states[] = {
		{ "activating", "inactive" },
		{ "deactivating", "active" },
		{ "reloading", "active" },
		{ "refreshing", "active" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(active, states[i].state) == 0)
			return states[i].settled;
	return active;
}

/* What has no file is of the moment; so is an instance that nothing on disk asks for. */
static struct unit *unit_of(const struct block *block, struct unit_table *table)
{
	if (block->id == NULL || !unit_table_is_name(block->id))
		return NULL;
	if (unit_table_template(block->id, &table->arena) != NULL || block->fragment == NULL
	    || is_transient(block->fragment))
		return unit_table_find(table, block->id);
	return unit_table_add(table, block->id);
}

static void take_block(struct block *block, struct unit_table *table)
{
	struct unit *unit = unit_of(block, table);
	struct arena *arena = &table->arena;

	if (unit == NULL)
		return;
	if (block->active != NULL)
		unit->active = arena_text(arena, settled(block->active));
	if (block->enabled != NULL)
		unit->enabled = arena_text(arena, block->enabled);
	if (block->fragment != NULL)
		unit->fragment = arena_text(arena, block->fragment);
	if (block->exec_start.size > 0)
		unit->exec_start = arena_text(arena, buffer_text(&block->exec_start));
}

static void block_clear(struct block *block)
{
	keep(&block->id, BYTES_NONE);
	keep(&block->active, BYTES_NONE);
	keep(&block->enabled, BYTES_NONE);
	keep(&block->fragment, BYTES_NONE);
	buffer_clear(&block->exec_start);
}

static bool can_be_active(const struct unit *unit)
{
	const char *at = strchr(unit->name, '@');

	return (at == NULL || at[1] != '.')
	    && (unit->enabled == NULL || strcmp(unit->enabled, "alias") != 0);
}

void systemctl_take_units(struct bytes output, struct unit_table *table)
{
	struct block block = { .id = NULL };
	struct bytes line;

	while (small_file_line(&output, &line)) {
		if (line.size > 0) {
			take_property(&block, line);
			continue;
		}
		take_block(&block, table);
		block_clear(&block);
	}
	take_block(&block, table);
	block_clear(&block);
	buffer_fini(&block.exec_start);
	for (struct unit *unit = table->units; unit != NULL; unit = unit->hh.next)
		if (unit->active == NULL && can_be_active(unit))
			unit->active = "inactive";
}
