/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record: decoded, handed to the stages, and undone and kept apart where they will not have it.
 */
#include "core/host/parts.h"

/* What RECORD says, in the host's arena.  REJECT: it says nothing that may come by FLOW. */
static enum status read_event(struct host *host, uint32_t flow, struct bytes record,
    struct event *event)
{
	const char *reason;
	enum status status = event_decode(record, &host->arena, event, &reason);

	if (status != STATUS_OK) {
		host->reject_reason = reason;
		return status;
	}
	if (!event_may_come_by(event, flow)) {
		host->reject_reason = "a record of this kind may not come by this stream";
		return STATUS_REJECT;
	}
	host->reject_reason = "a stage rejected it";
	return STATUS_OK;
}

/* The stages of RECORD, or the host itself, where it is about what the host keeps. */
static enum status hand_over(struct host *host, const struct event *event)
{
	return event->kind == EVENT_QUARANTINE_RELEASE ? host_quarantine_release(host, event)
	                                               : host_dispatch(host, event, 0);
}

enum status host_process(struct host *host, uint32_t flow, uint64_t number, struct bytes record)
{
	struct event event = { .kind = EVENT_NONE };
	txn_savepoint savepoint = txn_save(host->txn);
	uint64_t verdicts = host->now.verdicts, outbox = host->now.outbox;
	enum status status;

	if (record.size == 0)
		return STATUS_OK; /* replaced by a later one, or aged out after it was read */
	arena_reset(&host->arena);
	status = read_event(host, flow, record, &event);
	if (status == STATUS_OK)
		status = hand_over(host, &event);
	if (status != STATUS_REJECT)
		return status;
	/*
	 * What a stage cached may come from what is undone now.  Where nothing is, it stays: who
	 * sends rubbish must not have every policy compiled again for it.
	 */
	if (txn_save(host->txn) != savepoint)
		host_new_caches(host);
	txn_roll_back(host->txn, savepoint);
	host->now.verdicts = verdicts;
	host->now.outbox = outbox;
	host_quarantine(host, flow, number, record, &event);
	return STATUS_OK;
}
