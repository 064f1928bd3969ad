/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "brokers/log/dump.h"
#include "brokers/log/tables.h"
#include "core/kv.h"
#include "proto/state.pb-c.h"
#include "tests/checker/parts.h"

/* One lane of one agent, as far as it was read. */
struct flow {
	uint64_t epoch, sequence;
	bool has_begun;
};

struct reading {
	struct checker *checker;
	struct flow *flows; /* agent * LANE_END + lane */
	struct arena arena;
	struct checker_log heads;
};

static const char *const tables[] = { LOG_TABLE_NAMES };

static void read_heads(struct kv_cursor *cursor, struct checker_log *out)
{
	struct arena arena = { 0 };
	struct bytes key, value;
	enum status status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);

	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value)) {
		const Fettle__LogHead *row = record_unpack(&fettle__log_head__descriptor, value,
		    &arena);
		uint32_t flow = key.size == 4 ? bytes_u32(key.data) : SUBLOG_END;

		if (row == NULL || flow >= SUBLOG_END)
			continue;
		out->head[flow] = row->head;
		out->tail[flow] = row->tail;
	}
	arena_fini(&arena);
}

enum status checker_read_log(const char *data, struct checker_log *out)
{
	const struct kv_options options = { .tables = tables };
	char *directory = text_format("%s/log", data);
	struct kv *kv = NULL;
	struct kv_txn *txn = NULL;
	struct kv_cursor *cursor = NULL;
	enum status status = kv_open(directory, &options, &kv);

	*out = (struct checker_log){ 0 };
	free(directory);
	if (status == STATUS_OK)
		status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, TABLE_HEAD, &cursor);
	if (status == STATUS_OK)
		read_heads(cursor, out);
	kv_cursor_close(cursor);
	kv_abort(&txn);
	kv_close(kv);
	return status;
}

static int agent_of(const struct checker *checker, struct bytes id)
{
	for (size_t i = 0; i < checker->agents_count; i++)
		if (bytes_equal(id, BYTES_OF(checker->agents[i].id)))
			return (int)i;
	return -1;
}

/* I3 and I7, in the order in which the log took them. */
static void check_number(struct reading *reading, unsigned agent, const Fettle__Stamp *stamp,
    bool has_let_go)
{
	struct flow *flow = &reading->flows[agent * LANE_END + stamp->lane];

	if (stamp->epoch < flow->epoch)
		checker_complain(reading->checker,
		    "I7 agent %u, lane %u: epoch %" PRIu64 " after %" PRIu64, agent, stamp->lane,
		    stamp->epoch, flow->epoch);
	if (stamp->epoch > flow->epoch)
		*flow = (struct flow){ .epoch = stamp->epoch };
	if (stamp->sequence <= flow->sequence)
		checker_complain(reading->checker,
		    "I2 agent %u, lane %u, epoch %" PRIu64 ": number %" PRIu64 " again", agent,
		    stamp->lane, stamp->epoch, stamp->sequence);
	else if (stamp->sequence != flow->sequence + 1 && (flow->has_begun || !has_let_go))
		checker_complain(reading->checker,
		    "I3 agent %u, lane %u, epoch %" PRIu64 ": number %" PRIu64 " after %" PRIu64,
		    agent, stamp->lane, stamp->epoch, stamp->sequence, flow->sequence);
	flow->sequence = stamp->sequence;
	flow->has_begun = true;
}

/* I2 by what was sent, I8 by whose it is. */
static void check_event(struct reading *reading, unsigned agent, const Fettle__Record *record)
{
	struct checker *checker = reading->checker;
	struct production_entry *entry = production_find(checker->production,
	    record->envelope->event_id.data);
	char name[CHECKER_NAME_SIZE];

	if (entry == NULL) {
		checker_complain(checker, "I4 the log has of agent %u what nobody produced", agent);
		return;
	}
	if (entry->agent != agent)
		checker_complain(checker, "I8 stored as agent %u's: %s", agent,
		    checker_name(entry, name));
	if (entry->lane != (enum lane)record->stamp->lane)
		checker_complain(checker, "I3 stored in lane %u: %s", record->stamp->lane,
		    checker_name(entry, name));
	if (entry->logged > 0 && entry->logged_epoch == record->stamp->epoch)
		checker_complain(checker, "I2 logged again: %s", checker_name(entry, name));
	checker->sent_again += entry->logged > 0;
	entry->logged++;
	entry->logged_epoch = record->stamp->epoch;
	if (entry->kind == FETTLE__KIND__KIND_GAP)
		checker_take_gap(checker, entry, record_bytes(record->body));
}

static enum status take(void *visitor, const struct log_dump_record *row)
{
	struct reading *reading = visitor;
	Fettle__Record *record;
	int agent;

	if (row->flow < SUBLOG_FIRST)
		return STATUS_OK;
	arena_reset(&reading->arena);
	if (record_decode(row->record, &reading->arena, &record) != STATUS_OK
	    || record->stamp == NULL) {
		checker_complain(reading->checker, "I3 a row of the log is no record");
		return STATUS_OK;
	}
	agent = agent_of(reading->checker, record_bytes(record->stamp->writer));
	if (agent < 0 || record->stamp->lane >= LANE_END) {
		checker_complain(reading->checker, "I8 the log has what no agent wrote");
		return STATUS_OK;
	}
	check_number(reading, (unsigned)agent, record->stamp, reading->heads.tail[row->flow] > 1);
	check_event(reading, (unsigned)agent, record);
	return STATUS_OK;
}

enum status checker_look_at_log(struct checker *checker)
{
	struct reading reading = { .checker = checker };
	enum status status;

	reading.flows = memory_new((checker->agents_count + 1) * LANE_END * sizeof(struct flow));
	status = checker_read_log(checker->data, &reading.heads);
	if (status == STATUS_OK)
		status = log_dump(checker->data, take, &reading);
	arena_fini(&reading.arena);
	free(reading.flows);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
