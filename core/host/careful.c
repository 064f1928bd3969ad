/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a crash: which lot is about to be handed over is kept before it is (core/attempts.h), so
 * that the next run knows what the last one died of.
 */
#include "core/host/parts.h"

#include "core/log.h"

static const char attempts_key[] = "attempts";

void host_put_attempts(struct host *host, const struct attempts *attempts, bool is_running)
{
	buffer_clear(&host->scratch);
	attempts_encode(attempts, is_running, &host->scratch);
	txn_put(host->txn, HOST_META, bytes_of_text(attempts_key), buffer_bytes(&host->scratch));
}

/* Keeps which lot is about to be handed over, before it is. */
static enum status note_lot(struct host *host, uint32_t flow, size_t records)
{
	uint64_t first = host->queues[flow].first;
	enum status status = txn_begin(host->kv, &host->txn);

	if (status != STATUS_OK)
		return status;
	attempts_try(&host->attempts, flow, first, first + records - 1);
	host_put_attempts(host, &host->attempts, true);
	status = txn_commit(&host->txn);
	if (status != STATUS_OK) {
		txn_abort(&host->txn);
		attempts_forget(&host->attempts);
	}
	return status;
}

static enum status try_lot(struct host *host, uint64_t now_ms)
{
	struct host_lot lot = { .flow = 0 };
	struct host_queue *queue;
	enum status status;

	while (host->queues[lot.flow].count == 0)
		lot.flow++;
	queue = &host->queues[lot.flow];
	lot.records = attempts_width(&host->attempts, lot.flow, queue->first);
	if (lot.records > queue->count)
		lot.records = queue->count;
	lot.is_condemned = attempts_condemns(&host->attempts, lot.flow, queue->first);
	status = note_lot(host, lot.flow, lot.records);
	if (status == STATUS_OK)
		return host_run_batch(host, &lot, now_ms);
	host_forget_input(host);
	return status;
}

/* What is due without input goes first and alone: no record is to be blamed for it. */
enum status host_step_carefully(struct host *host, uint64_t now_ms)
{
	const struct host_lot nothing = { .flow = HOST_ANY_FLOW };
	enum status status = STATUS_OK;

	if (host_due_ms(host) <= now_ms)
		status = host_run_batch(host, &nothing, now_ms);
	return status == STATUS_OK && host->waiting > 0 ? try_lot(host, now_ms) : status;
}

static enum status read_attempts(struct host *host)
{
	struct bytes kept;
	struct kv_txn *txn;
	enum status status = kv_read_begin(host->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_get(txn, HOST_META, bytes_of_text(attempts_key), &kept);
	if (status == STATUS_OK)
		status = attempts_begin(&host->attempts, kept);
	kv_abort(&txn);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status keep_attempts(struct host *host, bool is_running)
{
	enum status status = txn_begin(host->kv, &host->txn);

	if (status != STATUS_OK)
		return status;
	host_put_attempts(host, &host->attempts, is_running);
	status = txn_commit(&host->txn);
	txn_abort(&host->txn);
	return status;
}

enum status host_begin(struct host *host)
{
	enum status status = read_attempts(host);

	if (status == STATUS_OK && attempts_is_careful(&host->attempts))
		log_warn("processor-careful",
		    "the last run ended without a word; records are handed over a few at a time, "
		    "to find out whether one of them is why");
	return status == STATUS_OK ? keep_attempts(host, true) : status;
}

enum status host_end(struct host *host)
{
	host_release(host);
	attempts_forget(&host->attempts);
	return keep_attempts(host, false);
}

/* ---- condemned ---- */

/* Who sent it is read from what the log has read before; the body is left alone. */
void host_condemn(struct host *host, uint32_t flow, uint64_t number, struct bytes record)
{
	struct event event = { .kind = EVENT_NONE };
	Fettle__Record *decoded;

	if (record.size == 0)
		return; /* it is not there any more */
	arena_reset(&host->arena);
	if (record_decode(record, &host->arena, &decoded) == STATUS_OK) {
		event.envelope = decoded->envelope;
		event.stamp = decoded->stamp;
	}
	host->reject_reason = "crashed the processor three times";
	host_quarantine(host, flow, number, record, &event);
}
