/* SPDX-License-Identifier: Apache-2.0 */
#include "console/agent_table.h"

#include <stdlib.h>

#include "brokers/log/members_dump.h"
#include "core/record.h"
#include "sinks/store/query.h"

static const char *const states[] = {
	[FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING] = "pending",
	[FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED] = "admitted",
	[FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED] = "revoked",
	[FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED] = "quarantined",
};
enum { STATES = sizeof(states) / sizeof(states[0]) };

struct loading {
	struct agent_table *table;
	uint64_t now_ms;
};

const char *agent_table_state(unsigned state)
{
	return state < STATES && states[state] != NULL ? states[state] : "unknown";
}

bool agent_table_state_parse(const char *text, unsigned *out)
{
	for (unsigned i = 0; i < STATES; i++)
		if (states[i] != NULL && strcmp(states[i], text) == 0) {
			*out = i;
			return true;
		}
	return false;
}

/* ---- from the log: a row a key ---- */

static bool has_ended(const Fettle__Member *member, uint64_t now_ms)
{
	return member->valid_until_ms != 0 && now_ms >= member->valid_until_ms;
}

static enum status add(void *visitor, const Fettle__Member *member)
{
	struct loading *loading = visitor;
	struct agent_table *table = loading->table;
	struct agent_row *row;

	if (member->agent.len != HASH_SIZE || member->key.len != SOCKET_KEY_SIZE)
		return STATUS_CORRUPT;
	if (table->count == table->room) {
		table->room = table->room * 2 + 64;
		table->rows = memory_grow(table->rows, table->room * sizeof(*table->rows));
	}
	row = &table->rows[table->count++];
	*row = (struct agent_row){ .state = (unsigned)member->state,
		.name = arena_text(&table->arena, member->name == NULL ? "" : member->name),
		.group = arena_text(&table->arena, member->group == NULL ? "" : member->group),
		.by = arena_text(&table->arena, member->by == NULL ? "" : member->by),
		.reason = arena_text(&table->arena, member->reason == NULL ? "" : member->reason),
		.address = arena_text(&table->arena,
		    member->address == NULL ? "" : member->address),
		.enrolment = arena_bytes(&table->arena, record_bytes(member->enrolment)),
		.since_ms = member->since_ms,
		.keys = !has_ended(member, loading->now_ms) };
	memcpy(row->id, member->agent.data, HASH_SIZE);
	memcpy(row->key, member->key.data, SOCKET_KEY_SIZE);
	return STATUS_OK;
}

/* ---- and then one an agent ---- */

static int by_agent(const void *a, const void *b)
{
	const struct agent_row *left = a, *right = b;
	int order = memcmp(left->id, right->id, HASH_SIZE);

	if (order != 0)
		return order;
	/* The newest that has not ended is what the agent is. */
	if (left->keys != right->keys)
		return left->keys > right->keys ? -1 : 1;
	return left->since_ms > right->since_ms ? -1 : left->since_ms < right->since_ms;
}

static int by_name(const void *a, const void *b)
{
	const struct agent_row *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order != 0 ? order : memcmp(left->id, right->id, HASH_SIZE);
}

static void merge(struct agent_table *table)
{
	size_t kept = 0;

	if (table->count == 0)
		return;
	qsort(table->rows, table->count, sizeof(*table->rows), by_agent);
	for (size_t i = 1; i < table->count; i++) {
		if (memcmp(table->rows[i].id, table->rows[kept].id, HASH_SIZE) == 0)
			table->rows[kept].keys += table->rows[i].keys;
		else
			table->rows[++kept] = table->rows[i];
	}
	table->count = kept + 1;
	qsort(table->rows, table->count, sizeof(*table->rows), by_name);
}

/* ---- from the store ---- */

static enum status note_asset(void *visitor, const Fettle__AssetVerdict *asset)
{
	struct agent_table *table = visitor;

	for (size_t i = 0; i < table->count; i++) {
		struct agent_row *row = &table->rows[i];

		if (bytes_equal(BYTES_OF(row->id), record_bytes(asset->agent)))
			row->last_seen_ms = asset->last_seen_ms;
	}
	return STATUS_OK;
}

static enum status look_into_store(struct agent_table *table, const char *data)
{
	struct query *query = NULL;
	enum status status = query_open(data, &query);

	if (status == STATUS_OK)
		status = query_assets(query, note_asset, table);
	query_close(query);
	return status;
}

enum status agent_table_load(struct agent_table *table, const char *data, uint64_t now_ms)
{
	struct loading loading = { .table = table, .now_ms = now_ms };
	enum status status;

	*table = (struct agent_table){ 0 };
	status = log_members_dump(data, add, &loading);
	if (status != STATUS_OK)
		return status;
	merge(table);
	/* Where the store is on another machine, or not there yet, nobody was seen. */
	(void)!look_into_store(table, data);
	return STATUS_OK;
}

void agent_table_fini(struct agent_table *table)
{
	free(table->rows);
	arena_fini(&table->arena);
	*table = (struct agent_table){ 0 };
}
