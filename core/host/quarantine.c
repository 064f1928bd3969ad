/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that no stage would have, or that crashed them, kept as they came until somebody lets
 * them go: to the stages once more, or for good.  That is an intent like any other, so a replay
 * does the same.
 */
#include <stdlib.h>

#include "core/host/parts.h"
#include "core/log.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"

static struct bytes place_key(struct host *host, uint32_t flow, uint64_t number)
{
	buffer_clear(&host->key);
	buffer_append_u32(&host->key, flow);
	buffer_append_u64(&host->key, number);
	return buffer_bytes(&host->key);
}

static void describe_sender(Fettle__QuarantinedVerdict *verdict, const Fettle__Envelope *envelope,
    const Fettle__Stamp *stamp)
{
	if (stamp != NULL) {
		RECORD_SET_BYTES(verdict, agent, record_bytes(stamp->writer));
		RECORD_SET(verdict, lane, stamp->lane);
		RECORD_SET(verdict, sequence, stamp->sequence);
		RECORD_SET(verdict, epoch, stamp->epoch);
	}
	if (envelope != NULL)
		RECORD_SET(verdict, kind, envelope->kind);
}

void host_quarantine(struct host *host, uint32_t flow, uint64_t number, struct bytes record,
    const struct event *event)
{
	Fettle__Quarantine kept = FETTLE__QUARANTINE__INIT;
	Fettle__QuarantinedVerdict verdict = FETTLE__QUARANTINED_VERDICT__INIT;
	struct stage_io io = { .host = host };
	uint8_t id[HASH_SIZE];

	hash_bytes(record, id);
	RECORD_SET_BYTES(&kept, record, record);
	kept.reason = RECORD_TEXT(host->reject_reason);
	RECORD_SET(&kept, at_ms, host->now.stamp_ms);
	RECORD_SET(&kept, flow, flow);
	RECORD_SET(&kept, sequence, number);
	buffer_clear(&host->scratch);
	record_pack(&host->scratch, &kept.base);
	txn_put(host->txn, HOST_QUARANTINE, place_key(host, flow, number),
	    buffer_bytes(&host->scratch));
	RECORD_SET_BYTES(&verdict, id, BYTES_OF(id));
	verdict.reason = RECORD_TEXT(host->reject_reason);
	RECORD_SET(&verdict, at_ms, host->now.stamp_ms);
	describe_sender(&verdict, event->envelope, event->stamp);
	stage_verdict(&io, FETTLE__KIND__KIND_QUARANTINED, &verdict.base);
	log_write(LOG_WARN, "record-quarantined",
	    LOG_FIELDS(LOG_NUMBER("flow", flow), LOG_NUMBER("number", number)), "%s",
	    host->reject_reason);
}

/* ---- letting go ---- */

/* One order, while it is carried out; what it needs of the host's arena is copied. */
struct release {
	struct arena arena;
	const Fettle__QuarantineRelease *order;
	const char *by;
	Fettle__Quarantine **found; /* those that it names, in the order in which they came */
	size_t count, room;
};

static bool is_named(const struct release *release, struct bytes record)
{
	uint8_t id[HASH_SIZE];

	hash_bytes(record, id);
	for (size_t i = 0; i < release->order->n_ids; i++)
		if (bytes_equal(record_bytes(release->order->ids[i]), BYTES_OF(id)))
			return true;
	return false;
}

static void keep_found(struct release *release, Fettle__Quarantine *kept)
{
	if (release->count == release->room) {
		release->room = 2 * release->room + 16;
		release->found = memory_grow(release->found,
		    release->room * sizeof(*release->found));
	}
	release->found[release->count++] = kept;
}

static enum status find(struct host *host, struct release *release)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	enum status status = txn_scan_open(host->txn, HOST_QUARANTINE, BYTES_NONE, BYTES_NONE,
	    &scan);

	while (status == STATUS_OK && (status = txn_scan_next(scan, &key, &value)) == STATUS_OK) {
		Fettle__Quarantine *kept = record_unpack(&fettle__quarantine__descriptor, value,
		    &release->arena);

		if (kept == NULL)
			status = STATUS_CORRUPT;
		else if (is_named(release, record_bytes(kept->record)))
			keep_found(release, kept);
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void report(struct host *host, const struct release *release, const Fettle__Quarantine *kept)
{
	Fettle__QuarantinedVerdict verdict = FETTLE__QUARANTINED_VERDICT__INIT;
	struct stage_io io = { .host = host };
	Fettle__Record *decoded;
	uint8_t id[HASH_SIZE];

	hash_bytes(record_bytes(kept->record), id);
	arena_reset(&host->arena);
	if (record_decode(record_bytes(kept->record), &host->arena, &decoded) == STATUS_OK)
		describe_sender(&verdict, decoded->envelope, decoded->stamp);
	RECORD_SET_BYTES(&verdict, id, BYTES_OF(id));
	verdict.reason = kept->reason;
	RECORD_SET(&verdict, at_ms, kept->at_ms);
	RECORD_SET(&verdict, released_ms, host->now.stamp_ms);
	RECORD_SET(&verdict, is_discarded, release->order->is_discard);
	verdict.released_by = RECORD_TEXT(release->by);
	verdict.release_reason = release->order->reason;
	stage_verdict(&io, FETTLE__KIND__KIND_QUARANTINED, &verdict.base);
}

/* A record that is rejected again goes back to where it was, with a verdict of its own. */
static enum status let_go(struct host *host, const struct release *release,
    const Fettle__Quarantine *kept)
{
	enum status status = STATUS_OK;

	txn_delete(host->txn, HOST_QUARANTINE, place_key(host, kept->flow, kept->sequence));
	report(host, release, kept);
	if (!release->order->is_discard)
		status = host_process(host, kept->flow, kept->sequence, record_bytes(kept->record));
	return status;
}

enum status host_quarantine_release(struct host *host, const struct event *event)
{
	struct release release = { .by = "" };
	struct arena arena = host->arena; /* the order's: the records that it names have others */
	enum status status;

	host->arena = (struct arena){ 0 };
	release.order = event_quarantine_release(event);
	if (event->stamp->principal != NULL)
		release.by = event->stamp->principal;
	status = find(host, &release);
	for (size_t i = 0; status == STATUS_OK && i < release.count; i++)
		status = let_go(host, &release, release.found[i]);
	arena_fini(&host->arena);
	host->arena = arena;
	arena_fini(&release.arena);
	free(release.found);
	return status;
}
