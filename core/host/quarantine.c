/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that no stage would have, or that crashed them, kept as they came until somebody lets
 * them go: to the stages once more, or for good.  That is an intent like any other, so a replay
 * does the same.
 *
 * How much there is of each agent is counted (quarantine_of: agent -> records, bytes, whether it is
 * held), and has a bound.
 */
#include <stdlib.h>

#include "core/host/parts.h"
#include "core/log.h"
#include "proto/command.pb-c.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"

static struct bytes place_key(struct host *host, uint32_t flow, uint64_t number)
{
	buffer_clear(&host->key);
	buffer_append_u32(&host->key, flow);
	buffer_append_u64(&host->key, number);
	return buffer_bytes(&host->key);
}

/* ---- how much of each agent ---- */

struct tally {
	uint64_t records, bytes;
	bool is_held;
};

enum { TALLY_SIZE = 17 };

/* Only an agent's flows have a bound: what operators write is few, and nobody else sends any. */
static bool is_agents(uint32_t flow, const Fettle__Stamp *stamp)
{
	return flow >= SUBLOG_FIRST && stamp != NULL && stamp->writer.len == AGENT_ID_SIZE;
}

/* One that cannot be read begins anew: it is the records themselves that must not be lost. */
static struct tally get_tally(struct host *host, const uint8_t agent[AGENT_ID_SIZE])
{
	struct bytes value;

	if (txn_get(host->txn, HOST_QUARANTINE_OF, BYTES(agent, AGENT_ID_SIZE), &value) != STATUS_OK
	    || value.size != TALLY_SIZE)
		return (struct tally){ .records = 0 };
	return (struct tally){ .records = bytes_u64(value.data),
		.bytes = bytes_u64(value.data + 8),
		.is_held = value.data[16] != 0 };
}

static void put_tally(struct host *host, const uint8_t agent[AGENT_ID_SIZE],
    const struct tally *tally)
{
	if (tally->records == 0 && !tally->is_held) {
		txn_delete(host->txn, HOST_QUARANTINE_OF, BYTES(agent, AGENT_ID_SIZE));
		return;
	}
	buffer_clear(&host->scratch);
	buffer_append_u64(&host->scratch, tally->records);
	buffer_append_u64(&host->scratch, tally->bytes);
	buffer_append_u8(&host->scratch, tally->is_held);
	txn_put(host->txn, HOST_QUARANTINE_OF, BYTES(agent, AGENT_ID_SIZE),
	    buffer_bytes(&host->scratch));
}

/* Tells the log, and whoever reads the log lines. */
static void tell_hold(struct host *host, const uint8_t agent[AGENT_ID_SIZE],
    const struct tally *tally)
{
	Fettle__Hold hold = FETTLE__HOLD__INIT;
	struct stage_io io = { .host = host };
	char name[2 * AGENT_ID_SIZE + 1];

	RECORD_SET(&hold, is_held, tally->is_held);
	RECORD_SET(&hold, records, tally->records);
	RECORD_SET(&hold, bytes, tally->bytes);
	stage_command(&io, agent, "hold", FETTLE__KIND__KIND_HOLD, &hold.base);
	bytes_to_hex(BYTES(agent, AGENT_ID_SIZE), name);
	if (tally->is_held)
		log_write(LOG_WARN, "quarantine-full",
		    LOG_FIELDS(LOG_TEXT("agent", name), LOG_NUMBER("records", tally->records),
			LOG_NUMBER("bytes", tally->bytes)),
		    "so much of this agent is quarantined that nothing more of it is taken "
		    "until some is let go (fettle quarantine)");
	else
		log_write(LOG_INFO, "quarantine-open",
		    LOG_FIELDS(LOG_TEXT("agent", name), LOG_NUMBER("records", tally->records)),
		    "the quarantine of this agent has room again");
}

static bool is_full(const struct tally *tally)
{
	return tally->records >= HOST_QUARANTINE_RECORDS || tally->bytes >= HOST_QUARANTINE_BYTES;
}

static void count_in(struct host *host, uint32_t flow, const Fettle__Stamp *stamp, size_t size)
{
	struct tally tally;
	bool fills;

	if (!is_agents(flow, stamp))
		return;
	tally = get_tally(host, stamp->writer.data);
	tally.records++;
	tally.bytes += size;
	fills = !tally.is_held && is_full(&tally);
	tally.is_held |= fills;
	put_tally(host, stamp->writer.data, &tally);
	if (fills)
		tell_hold(host, stamp->writer.data, &tally);
}

/* What was quarantined before there was a tally is not in it. */
static void count_out(struct host *host, uint32_t flow, const Fettle__Stamp *stamp, size_t size)
{
	struct tally tally;

	if (!is_agents(flow, stamp))
		return;
	tally = get_tally(host, stamp->writer.data);
	tally.records -= tally.records > 0;
	tally.bytes -= size < tally.bytes ? size : tally.bytes;
	put_tally(host, stamp->writer.data, &tally);
}

/* After what was let go has been processed, as it may have come back. */
static void open_if_room(struct host *host, const uint8_t agent[AGENT_ID_SIZE])
{
	struct tally tally = get_tally(host, agent);

	if (!tally.is_held || is_full(&tally))
		return;
	tally.is_held = false;
	put_tally(host, agent, &tally);
	tell_hold(host, agent, &tally);
}

/* ---- keeping ---- */

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
	count_in(host, flow, event->stamp, record.size);
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

/* The agent's id is copied to AGENT; false: there is none. */
static bool report(struct host *host, const struct release *release, const Fettle__Quarantine *kept,
    uint8_t agent[AGENT_ID_SIZE])
{
	Fettle__QuarantinedVerdict verdict = FETTLE__QUARANTINED_VERDICT__INIT;
	struct stage_io io = { .host = host };
	const Fettle__Stamp *stamp = NULL;
	Fettle__Record *decoded;
	uint8_t id[HASH_SIZE];

	hash_bytes(record_bytes(kept->record), id);
	arena_reset(&host->arena);
	if (record_decode(record_bytes(kept->record), &host->arena, &decoded) == STATUS_OK) {
		stamp = decoded->stamp;
		describe_sender(&verdict, decoded->envelope, stamp);
	}
	RECORD_SET_BYTES(&verdict, id, BYTES_OF(id));
	verdict.reason = kept->reason;
	RECORD_SET(&verdict, at_ms, kept->at_ms);
	RECORD_SET(&verdict, released_ms, host->now.stamp_ms);
	RECORD_SET(&verdict, is_discarded, release->order->is_discard);
	verdict.released_by = RECORD_TEXT(release->by);
	verdict.release_reason = release->order->reason;
	stage_verdict(&io, FETTLE__KIND__KIND_QUARANTINED, &verdict.base);
	if (!is_agents(kept->flow, stamp))
		return false;
	memcpy(agent, stamp->writer.data, AGENT_ID_SIZE);
	count_out(host, kept->flow, stamp, kept->record.len);
	return true;
}

/* A record that is rejected again goes back to where it was, with a verdict of its own. */
static enum status let_go(struct host *host, const struct release *release,
    const Fettle__Quarantine *kept)
{
	enum status status = STATUS_OK;
	uint8_t agent[AGENT_ID_SIZE];
	bool is_an_agents;

	txn_delete(host->txn, HOST_QUARANTINE, place_key(host, kept->flow, kept->sequence));
	is_an_agents = report(host, release, kept, agent);
	if (!release->order->is_discard)
		status = host_process(host, kept->flow, kept->sequence, record_bytes(kept->record));
	if (status == STATUS_OK && is_an_agents)
		open_if_room(host, agent);
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
