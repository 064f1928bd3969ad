/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "brokers/log/dump.h"
#include "tests/checker/parts.h"

/* One lane of one agent, as far as it was read. */
struct flow {
	uint64_t epoch, sequence;
};

struct reading {
	struct checker *checker;
	struct flow *flows; /* agent * LANE_END + lane */
	struct arena arena;
};

static int agent_of(const struct checker *checker, struct bytes id)
{
	for (size_t i = 0; i < checker->agents_count; i++)
		if (bytes_equal(id, BYTES_OF(checker->agents[i].id)))
			return (int)i;
	return -1;
}

/* I3 and I7, in the order in which the log took them. */
static void check_number(struct reading *reading, unsigned agent, const Fettle__Stamp *stamp)
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
	else if (stamp->sequence != flow->sequence + 1)
		checker_complain(reading->checker,
		    "I3 agent %u, lane %u, epoch %" PRIu64 ": number %" PRIu64 " after %" PRIu64,
		    agent, stamp->lane, stamp->epoch, stamp->sequence, flow->sequence);
	flow->sequence = stamp->sequence;
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
	check_number(reading, (unsigned)agent, record->stamp);
	check_event(reading, (unsigned)agent, record);
	return STATUS_OK;
}

enum status checker_look_at_log(struct checker *checker)
{
	struct reading reading = { .checker = checker };
	enum status status;

	reading.flows = memory_new((checker->agents_count + 1) * LANE_END * sizeof(struct flow));
	status = log_dump(checker->data, take, &reading);
	arena_fini(&reading.arena);
	free(reading.flows);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
