/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "brokers/log/tables.h"
#include "core/spool/parts.h"
#include "proto/observation.pb-c.h"
#include "proto/state.pb-c.h"
#include "tests/checker/parts.h"

static const char *const spool_tables[] = { "meta", "record", NULL };
static const char *const log_tables[] = { LOG_TABLE_NAMES };

enum { META, RECORD };

static enum status open_spool(const char *directory, struct kv **kv, struct kv_txn **txn)
{
	const struct kv_options options = { .tables = spool_tables };
	enum status status = kv_open(directory, &options, kv);

	if (status != STATUS_OK)
		return status;
	status = kv_read_begin(*kv, txn);
	if (status != STATUS_OK)
		kv_close(*kv);
	return status;
}

static void close_spool(struct kv *kv, struct kv_txn *txn)
{
	kv_abort(&txn);
	kv_close(kv);
}

/* ---- what it knows of itself ---- */

static enum status read_lane(struct kv_txn *txn, unsigned lane, struct arena *arena,
    struct checker_spool *out)
{
	uint8_t key[9] = { (uint8_t)lane };
	struct bytes value;
	enum status status = kv_get(txn, META, BYTES_OF(key), &value);
	const Fettle__SpoolLane *row;

	if (status != STATUS_OK)
		return status;
	row = record_unpack(&fettle__spool_lane__descriptor, value, arena);
	if (row == NULL)
		return STATUS_CORRUPT;
	out->lanes[lane].acked = row->acked;
	out->lanes[lane].sequence = row->sequence;
	out->lanes[lane].appended = row->appended;
	out->lanes[lane].coalesced = row->coalesced;
	out->lanes[lane].evicted = row->evicted;
	out->lanes[lane].refused = row->refused;
	out->lanes[lane].told = row->told;
	out->lanes[lane].records = row->records;
	out->lanes[lane].bytes = row->bytes;
	return STATUS_OK;
}

enum status checker_read_spool(const char *directory, struct checker_spool *out)
{
	struct arena arena = { 0 };
	struct kv *kv;
	struct kv_txn *txn;
	struct bytes value;
	const Fettle__SpoolMeta *meta;
	enum status status = open_spool(directory, &kv, &txn);

	*out = (struct checker_spool){ 0 };
	if (status != STATUS_OK)
		return status;
	status = kv_get(txn, META, bytes_of_text("meta"), &value);
	if (status == STATUS_OK) {
		meta = record_unpack(&fettle__spool_meta__descriptor, value, &arena);
		status = meta == NULL ? STATUS_CORRUPT : STATUS_OK;
		out->epoch = meta == NULL ? 0 : meta->epoch;
	}
	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = read_lane(txn, lane, &arena, out);
	close_spool(kv, txn);
	arena_fini(&arena);
	return status;
}

/* ---- I1 ---- */

struct committed {
	uint64_t epoch, sequence;
};

static enum status read_committed(const char *data, const uint8_t *agent, unsigned lane,
    struct committed *out)
{
	const struct kv_options options = { .tables = log_tables };
	char *directory = text_format("%s/log", data);
	uint8_t key[AGENT_ID_SIZE + 4] = { 0 };
	struct arena arena = { 0 };
	struct kv *kv = NULL;
	struct kv_txn *txn = NULL;
	struct bytes value;
	const Fettle__LogCursor *cursor;
	enum status status = kv_open(directory, &options, &kv);

	*out = (struct committed){ 0 };
	memcpy(key, agent, AGENT_ID_SIZE);
	key[sizeof(key) - 1] = (uint8_t)lane;
	if (status == STATUS_OK)
		status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_CURSOR, BYTES_OF(key), &value);
	cursor = status == STATUS_OK ? record_unpack(&fettle__log_cursor__descriptor, value, &arena)
	                             : NULL;
	if (cursor != NULL)
		*out = (struct committed){ cursor->epoch, cursor->sequence };
	kv_abort(&txn);
	kv_close(kv);
	arena_fini(&arena);
	free(directory);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

void checker_check_acks(struct checker *checker, const struct checker_agent *agent)
{
	struct checker_spool spool;

	if (checker_read_spool(agent->spool, &spool) != STATUS_OK)
		return;
	for (unsigned lane = 1; lane < LANE_END; lane++) {
		struct committed log;

		if (read_committed(checker->data, agent->id, lane, &log) != STATUS_OK)
			continue;
		/* In another epoch than the log it says hello first, and learns of it. */
		if (log.epoch == spool.epoch && spool.lanes[lane].acked > log.sequence)
			checker_complain(checker,
			    "I1 acknowledged and not in the log: agent %zu, lane %u, up to %" PRIu64
			    ", committed %" PRIu64,
			    (size_t)(agent - checker->agents), lane, spool.lanes[lane].acked,
			    log.sequence);
		if (log.epoch > spool.epoch && spool.epoch != 0
		    && spool.lanes[lane].acked > spool.lanes[lane].sequence)
			checker_complain(checker, "I7 agent %zu acknowledges what it never sent",
			    (size_t)(agent - checker->agents));
	}
}

/* ---- what waits ---- */

void checker_take_gap(struct checker *checker, const struct production_entry *gap,
    struct bytes body)
{
	struct arena arena = { 0 };
	const Fettle__Gap *row = record_unpack(&fettle__gap__descriptor, body, &arena);
	struct production_entry *entry = NULL;

	while (row != NULL && row->has_from
	       && (entry = production_next(checker->production, entry)) != NULL)
		if (entry->agent == gap->agent && entry->life == gap->life
		    && entry->lane == (enum lane)row->lane && entry->position >= row->from
		    && entry->position <= row->to && entry != gap)
			entry->is_in_gap = true;
	arena_fini(&arena);
}

static void take_record(struct checker *checker, unsigned agent, struct bytes bytes)
{
	struct arena arena = { 0 };
	struct production_entry *entry = NULL;
	Fettle__Record *record;

	if (record_decode(bytes, &arena, &record) == STATUS_OK)
		entry = production_find(checker->production, record->envelope->event_id.data);
	if (entry == NULL || entry->agent != agent) {
		checker_complain(checker, "I4 agent %u spools what it did not produce", agent);
	} else {
		entry->is_spooled = true;
		if (entry->kind == FETTLE__KIND__KIND_GAP)
			checker_take_gap(checker, entry, record_bytes(record->body));
	}
	arena_fini(&arena);
}

/* I10: what a lane may hold is bounded, but for one gap record. */
static void check_bound(struct checker *checker, unsigned agent)
{
	const struct checker_agent *about = &checker->agents[agent];
	struct checker_spool spool;
	uint64_t held = 0;

	if (about->spool_max == 0 || checker_read_spool(about->spool, &spool) != STATUS_OK)
		return;
	for (unsigned lane = 1; lane < LANE_END; lane++)
		held += spool.lanes[lane].bytes;
	if (held > about->spool_max + 4096)
		checker_complain(checker, "I10 the spool of agent %u holds %" PRIu64 " bytes",
		    agent, held);
}

enum status checker_look_at_spool(struct checker *checker, unsigned agent)
{
	struct kv *kv;
	struct kv_txn *txn;
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = open_spool(checker->agents[agent].spool, &kv, &txn);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	status = kv_cursor_open(txn, RECORD, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		take_record(checker, agent, value);
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	close_spool(kv, txn);
	check_bound(checker, agent);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
