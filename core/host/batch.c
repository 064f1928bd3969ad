/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch: what is due, a slice of work, the records that wait, and one commit of all of it.
 */
#include "core/host/parts.h"

#include <stdlib.h>

#include "core/require.h"

enum {
	BATCH_RECORDS_KEPT = 100 * 1000,
	OVERLAY_MAX = 500 * 1000,
	BATCH_BYTES = 8 * 1024 * 1024,
	WORK_EVERY = 8,      /* batches, where input never ends */
	RECORDS_A_LOOK = 16, /* at the clock */
};

/* ---- its ends ---- */

enum status host_begin_batch(struct host *host, uint64_t stamp_ms)
{
	REQUIRE(host->read == NULL);
	if (stamp_ms > host->now.stamp_ms)
		host->now.stamp_ms = stamp_ms;
	return txn_begin(host->kv, &host->txn);
}

static void put_batch(struct host *host, Fettle__BatchRecord *batch)
{
	host->now.batches++;
	RECORD_SET(batch, stamp_ms, host->now.stamp_ms);
	RECORD_SET(batch, verdicts, host->now.verdicts);
	buffer_clear(&host->scratch);
	record_pack(&host->scratch, &batch->base);
	txn_put(host->txn, HOST_BATCH, host_u64_key(host, host->now.batches),
	    buffer_bytes(&host->scratch));
	if (host->now.batches > BATCH_RECORDS_KEPT)
		txn_delete(host->txn, HOST_BATCH,
		    host_u64_key(host, host->now.batches - BATCH_RECORDS_KEPT));
}

/*
 * What was tried is survived in the transaction that keeps what it did: as far as it was handed
 * over, which a full batch ends early.
 */
static void note_survived(struct host *host, struct attempts *attempts)
{
	uint64_t last = host->now.positions[attempts->trying_flow];

	if (attempts->trying.first == 0)
		return;
	if (last >= attempts->trying.first) {
		attempts->trying.last = last;
		attempts_survived(attempts);
	}
	attempts_forget(attempts);
	host_put_attempts(host, attempts, true);
}

enum status host_finish_batch(struct host *host, enum status status, Fettle__BatchRecord *batch)
{
	struct attempts after = host->attempts;

	if (status == STATUS_OK) {
		note_survived(host, &after);
		host_put_positions(host);
		put_batch(host, batch);
		host_put_memory(host);
		status = txn_commit(&host->txn);
	}
	if (status == STATUS_OK) {
		host->committed = host->now;
		host->attempts = after;
		return STATUS_OK;
	}
	attempts_forget(&host->attempts);
	txn_abort(&host->txn);
	host->now = host->committed;
	host_forget_input(host);
	host_new_caches(host);
	host->has_work = true; /* unknown now: the next step looks */
	host->next_timer_ms = 0;
	return status;
}

/* ---- what waits ---- */

/* Whether a batch that has taken so much from FLOW, where it is bound to one, takes more. */
static bool takes_more(const struct host *host, const struct host_lot *lot, uint32_t flow,
    size_t taken, size_t bytes)
{
	return host->queues[flow].count > 0 && (lot->flow == HOST_ANY_FLOW || lot->flow == flow)
	    && taken < lot->records && bytes < BATCH_BYTES && txn_size(host->txn) < OVERLAY_MAX;
}

/* What is critical, and intent, are never put off, nor is the first record of a batch. */
static bool is_put_off(const struct host *host, uint32_t flow, size_t taken)
{
	return host->is_long != NULL && taken > 0 && taken % RECORDS_A_LOOK == 0
	    && flow >= SUBLOG_FIRST && sublog_lane(flow) != LANE_CRITICAL
	    && host->is_long(host->is_long_data);
}

/* Intent and the critical sub-logs first; the others take turns where a batch was too long. */
static uint32_t flow_in_order(const struct host *host, uint32_t place)
{
	const uint32_t others = sublog_flow(0, LANE_DELTA);

	return place < others ? place
	                      : others + (place - others + host->turn) % (SUBLOG_END - others);
}

static void give_turn(struct host *host, uint32_t flow, bool is_over)
{
	const uint32_t others = sublog_flow(0, LANE_DELTA);

	host->turn = is_over ? (flow + 1 - others) % (SUBLOG_END - others) : 0;
}

/* Takes what waits, flow by flow: intent first, then the critical sub-logs, and so on. */
static enum status take_waiting(struct host *host, const struct host_lot *lot,
    Fettle__BatchRecord *batch, Fettle__BatchRange *ranges)
{
	enum status status = STATUS_OK;
	size_t taken = 0, bytes = 0;
	bool is_over = false;
	uint32_t last = 0;

	for (uint32_t place = 0; status == STATUS_OK && !is_over && place < SUBLOG_END; place++) {
		uint32_t flow = flow_in_order(host, place);
		struct host_queue *queue = &host->queues[flow];
		Fettle__BatchRange *range = &ranges[batch->n_ranges];

		if (!takes_more(host, lot, flow, taken, bytes))
			continue;
		fettle__batch_range__init(range);
		RECORD_SET(range, flow, flow);
		RECORD_SET(range, first, queue->first);
		if (lot->is_condemned)
			RECORD_SET(range, is_condemned, true);
		while (
		    status == STATUS_OK && !is_over && takes_more(host, lot, flow, taken, bytes)) {
			uint64_t number = queue->first;
			struct bytes record = host_queue_next(host, queue);

			if (lot->is_condemned)
				host_condemn(host, flow, number, record);
			else
				status = host_process(host, flow, number, record);
			bytes += record.size;
			host->now.positions[flow] = number;
			is_over = is_put_off(host, flow, ++taken);
		}
		RECORD_SET(range, last, host->now.positions[flow]);
		batch->ranges[batch->n_ranges++] = range;
		last = flow;
	}
	give_turn(host, last, is_over);
	return status;
}

/* ---- the whole of it ---- */

/* Input goes first, but a fleet that always has something to say must not keep a policy waiting. */
static bool is_time_for_work(const struct host *host)
{
	return host->has_work && (host->waiting == 0 || host->now.batches % WORK_EVERY == 0);
}

enum status host_run_batch(struct host *host, const struct host_lot *lot, uint64_t now_ms)
{
	Fettle__BatchRecord batch = FETTLE__BATCH_RECORD__INIT;
	Fettle__BatchRange *ranges, **pointers;
	struct arena arena = { 0 };
	enum status status = host_begin_batch(host, now_ms);

	if (status != STATUS_OK) {
		host_forget_input(host);
		return status;
	}
	ranges = memory_new(SUBLOG_END * sizeof(*ranges));
	pointers = memory_new(SUBLOG_END * sizeof(*pointers));
	batch.ranges = pointers;
	status = host_run_due(host);
	if (status == STATUS_OK && host->attempts.trying.first == 0 && is_time_for_work(host))
		status = host_work(host, BYTES_NONE, &batch, &arena);
	if (status == STATUS_OK)
		status = take_waiting(host, lot, &batch, ranges);
	if (status == STATUS_OK)
		host_forget_read(host);
	status = host_finish_batch(host, status, &batch);
	arena_fini(&arena);
	free(ranges);
	free(pointers);
	return status;
}
