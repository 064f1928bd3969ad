/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/unit_table.h"

void unit_table_fini(struct unit_table *table)
{
	HASH_CLEAR(hh, table->units);
	arena_fini(&table->arena);
}

bool unit_table_is_name(const char *name)
{
	static const char *const kinds[] = { ".service", ".socket", ".timer", ".path", ".mount",
		".automount", ".swap", ".target", ".slice" };
	const char *dot = strrchr(name, '.');

	if (dot == NULL || dot == name || strchr(name, '/') != NULL)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(dot, kinds[i]) == 0)
			return true;
	return false;
}

const char *unit_table_template(const char *name, struct arena *arena)
{
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

	if (at == NULL || dot == NULL || dot <= at + 1)
		return NULL;
	return arena_format(arena, "%.*s%s", (int)(at + 1 - name), name, dot);
}

struct unit *unit_table_find(const struct unit_table *table, const char *name)
{
	struct unit *unit;

	HASH_FIND_STR(table->units, name, unit);
	return unit;
}

struct unit *unit_table_add(struct unit_table *table, const char *name)
{
	struct unit *unit = unit_table_find(table, name);

	if (unit == NULL) {
		unit = arena_take(&table->arena, sizeof(*unit));
		unit->name = arena_text(&table->arena, name);
		HASH_ADD_KEYPTR(hh, table->units, unit->name, strlen(unit->name), unit);
	}
	return unit;
}
