/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asset_table.h - the assets by name and id, for commands that are given one or show many.
 */
#ifndef CONSOLE_ASSET_TABLE_H
#define CONSOLE_ASSET_TABLE_H

#include "console/console.h"
#include "core/hash.h"
#include "processors/state/reader.h"
#include "sinks/store/query.h"

struct asset_row {
	uint8_t id[HASH_SIZE];
	const char *name; /* as it calls itself, else its id in hexadecimal */
	uint64_t last_seen_ms;
};

struct asset_table {
	struct asset_row *rows; /* by id */
	size_t count, room;
	struct arena arena;
};

void asset_table_fini(struct asset_table *table);
/* All that the store, or the processor's state, knows.  As query_assets and state_reader_assets. */
NODISCARD enum status asset_table_load(struct asset_table *table, struct query *query);
NODISCARD enum status asset_table_load_state(struct asset_table *table,
    struct state_reader *reader);

/* NULL: not known. */
const struct asset_row *asset_table_find(const struct asset_table *table, struct bytes id);
/*
 * The one that TEXT names: by name, id, or the beginning of an id (4 digits or more).  NULL: a
 * message said why not.
 */
const struct asset_row *asset_table_resolve(const struct asset_table *table, const char *text);

/* Its name; NULL: not known. */
const char *asset_table_name(const struct asset_table *table, struct bytes id);
/* The cells "asset" and "asset_id". */
void asset_table_output(const struct asset_table *table, struct output *output, struct bytes id);

#endif
