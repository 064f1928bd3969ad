/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_table.h - units by name.
 */
#ifndef COLLECTORS_UNITS_UNIT_TABLE_H
#define COLLECTORS_UNITS_UNIT_TABLE_H

#include "core/bytes.h"
#include "core/hashmap.h"

/* Texts are in the table's arena; NULL: not known. */
struct unit {
	const char *name;
	const char *enabled, *active, *fragment, *exec_start;
	const char *drop_ins; /* the paths of files that add to it, with blanks between */
	UT_hash_handle hh;
};

/* All zeroes is an empty one. */
struct unit_table {
	struct unit *units; /* by hh.next, in the order in which they came */
	struct arena arena;
};

void unit_table_fini(struct unit_table *table);

/* "NAME.service", and the other kinds that files are of. */
bool unit_table_is_name(const char *name);
/* NULL where it is none, or "getty@.service" of "getty@tty1.service", in ARENA. */
const char *unit_table_template(const char *name, struct arena *arena);

struct unit *unit_table_find(const struct unit_table *table, const char *name); /* or NULL */
struct unit *unit_table_add(struct unit_table *table, const char *name);        /* or finds it */

#endif
