/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/inventory/bundled.h"

#include "processors/inventory/parts.h"
#include "processors/state/awaited.h"
#include "processors/state/bundle_store.h"
#include "processors/state/tables.h"
#include "proto/command.pb-c.h"

enum {
	RUNS_MAX = 256,    /* bundles that one record names */
	AT_ONCE = 64,      /* assets that a bundle is applied to when it comes; the rest is work */
	DOUBLINGS_MAX = 6, /* of the time that an agent has to answer */
	WORK_DELIVER = 1,
};

static uint64_t size_max(const struct stage_io *io)
{
	const struct inventory_settings *set = io->settings;

	return set == NULL ? INVENTORY_BUNDLES_SIZE : set->bundles_size;
}

static uint64_t keep_ms(const struct stage_io *io)
{
	const struct inventory_settings *set = io->settings;

	return set == NULL ? INVENTORY_BUNDLES_KEEP_MS : set->bundles_keep;
}

static uint64_t ask_again_ms(const struct stage_io *io)
{
	const struct inventory_settings *set = io->settings;

	return set == NULL ? INVENTORY_ASK_AGAIN_MS : set->ask_again;
}

/* ---- applying ---- */

/* One bundle's worth of facts, as the record said that names it. */
struct run {
	const struct asset_ref *asset;
	Fettle__StateAsset *record;
	const Fettle__Envelope *envelope;
	const Fettle__Stamp *stamp;
	uint64_t revision;
	const char *collector;
	bool is_baseline;
};

/* The envelope that the fact would have had alone. */
static const Fettle__Envelope *envelope_of(struct stage_io *io, const struct run *run, uint64_t at)
{
	Fettle__Envelope *envelope = arena_take(io->arena, sizeof(*envelope));
	uint8_t *id = arena_take(io->arena, EVENT_ID_SIZE), number[8];
	const struct bytes parts[] = { record_bytes(run->envelope->event_id), BYTES_OF(number) };

	for (unsigned i = 0; i < sizeof(number); i++)
		number[i] = (uint8_t)(at >> 8 * (7 - i));
	hash_parts(parts, 2, id);
	*envelope = *run->envelope;
	RECORD_SET(envelope, kind, FETTLE__KIND__KIND_FACT_SET);
	RECORD_SET_BYTES(envelope, event_id, BYTES(id, EVENT_ID_SIZE));
	RECORD_SET(envelope, fact_revision, at);
	return envelope;
}

static enum status apply(struct stage_io *io, const struct run *run,
    const struct bundle_fact *facts, size_t count)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < count; i++) {
		const struct event event = { .kind = EVENT_FACT_SET,
			.envelope = envelope_of(io, run, run->revision + i),
			.stamp = run->stamp };
		const struct inventory_fact fact = { .event = &event,
			.asset = run->asset,
			.record = run->record,
			.key = facts[i].key,
			.after = { facts[i].status, facts[i].value, facts[i].reason },
			.collector = run->collector,
			.is_baseline = run->is_baseline };

		status = inventory_apply(io, &fact);
	}
	return status;
}

/* ---- asking ---- */

struct asking {
	uint8_t *agent;
	Fettle__Need need;
};

static void init_asking(struct stage_io *io, struct asking *asking, struct bytes agent,
    size_t hashes)
{
	fettle__need__init(&asking->need);
	asking->agent = arena_take(io->arena, AGENT_ID_SIZE);
	memcpy(asking->agent, agent.data, AGENT_ID_SIZE);
	asking->need.hashes = arena_take(io->arena, hashes * sizeof(*asking->need.hashes));
	asking->need.revisions = arena_take(io->arena, hashes * sizeof(uint64_t));
	asking->need.facts = arena_take(io->arena, hashes * sizeof(uint64_t));
}

static void add_question(struct asking *asking, struct bytes hash, uint64_t revision,
    uint32_t facts)
{
	asking->need.hashes[asking->need.n_hashes++] = record_binary(hash);
	asking->need.revisions[asking->need.n_revisions++] = revision;
	asking->need.facts[asking->need.n_facts++] = facts;
}

/* A question that is asked again takes the place of itself. */
static void ask(struct stage_io *io, const struct asking *asking)
{
	char hex[2 * BUNDLE_HASH_SIZE + 1];

	if (asking->need.n_hashes == 0)
		return;
	bytes_to_hex(record_bytes(asking->need.hashes[0]), hex);
	stage_command(io, asking->agent, arena_format(io->arena, "need/%s", hex),
	    FETTLE__KIND__KIND_NEED, &asking->need.base);
	stage_count(io, "bundles_asked_for", asking->need.n_hashes);
}

/* ASSET is asked, for the TIMESth time that anybody is. */
static enum status note_asked(struct stage_io *io, struct bytes hash, const struct asset_ref *asset,
    uint32_t times)
{
	unsigned doublings = times < DOUBLINGS_MAX ? times : DOUBLINGS_MAX;
	Fettle__StateAsked asked = FETTLE__STATE_ASKED__INIT;
	struct buffer key = { 0 }, row = { 0 };

	asset_key(&key, asset);
	RECORD_SET_BYTES(&asked, asset, buffer_bytes(&key));
	RECORD_SET(&asked, times, times + 1);
	record_pack(&row, &asked.base);
	txn_put(io->txn, STATE_ASKED, hash, buffer_bytes(&row));
	buffer_fini(&key);
	buffer_fini(&row);
	return stage_set_timer(io, hash, io->now_ms + (ask_again_ms(io) << doublings));
}

/* NOT_FOUND: nobody is. */
static enum status get_asked(struct stage_io *io, struct bytes hash, struct asset_ref *asset,
    uint32_t *times)
{
	const Fettle__StateAsked *asked;
	struct bytes value;
	enum status status = txn_get(io->txn, STATE_ASKED, hash, &value);

	if (status != STATUS_OK)
		return status;
	asked = record_unpack(&fettle__state_asked__descriptor, value, io->arena);
	if (asked == NULL || !asset_of_key(record_bytes(asked->asset), asset))
		return STATUS_CORRUPT;
	*times = asked->times;
	return STATUS_OK;
}

/* The next that awaits it, which may be the same again. */
static enum status ask_next(struct stage_io *io, struct bytes hash, const struct asset_ref *after,
    uint32_t times)
{
	Fettle__StateAwaited *row;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	struct asking asking;
	enum status status = awaited_next(io->txn, hash.data, after, &asset);

	if (status == STATUS_NOT_FOUND)
		status = awaited_next(io->txn, hash.data, NULL, &asset);
	if (status == STATUS_NOT_FOUND) {
		txn_delete(io->txn, STATE_ASKED, hash);
		return STATUS_OK;
	}
	if (status == STATUS_OK)
		status = awaited_get(io->txn, hash.data, &asset, io->arena, &row);
	if (status == STATUS_OK)
		status = asset_get(io->txn, &asset, io->arena, &record);
	if (status == STATUS_OK && record->agent.len != AGENT_ID_SIZE)
		status = STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status;
	init_asking(io, &asking, record_bytes(record->agent), 1);
	add_question(&asking, hash, row->revision, row->facts);
	ask(io, &asking);
	return note_asked(io, hash, &asset, times);
}

enum status bundled_on_timer(struct stage_io *io, const uint8_t hash[BUNDLE_HASH_SIZE])
{
	struct asset_ref asked;
	uint32_t times;
	enum status status = get_asked(io, BYTES(hash, BUNDLE_HASH_SIZE), &asked, &times);

	if (status == STATUS_OK)
		status = ask_next(io, BYTES(hash, BUNDLE_HASH_SIZE), &asked, times);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- passes and digests ---- */

/* No collector is called so. */
static const char digests[] = "\x01"
			      "digest";

static enum status hold(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, const char *collector, struct bytes prefix)
{
	Fettle__Record kept = FETTLE__RECORD__INIT;
	struct buffer bytes = { 0 };
	enum status status;

	kept.envelope = (Fettle__Envelope *)(uintptr_t)event->envelope;
	kept.stamp = (Fettle__Stamp *)(uintptr_t)event->stamp;
	RECORD_SET_BYTES(&kept, body, event->encoded);
	record_pack(&bytes, &kept.base);
	status = awaited_hold_pass(io->txn, asset, collector, prefix, buffer_bytes(&bytes));
	buffer_fini(&bytes);
	return status == STATUS_FULL ? stage_reject(io, "the asset has too many passes") : status;
}

enum status bundled_hold_pass(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, const Fettle__StateAsset *record, bool *is_held)
{
	const Fettle__Pass *pass = event_pass(event);
	const char *collector = pass->collector == NULL ? "" : pass->collector;
	struct buffer name = { 0 };
	enum status status = awaited_any(io->txn, asset, collector, is_held);

	/* One of an epoch that is over says nothing of what is awaited in this one. */
	if (status == STATUS_OK && event->stamp->epoch < record->epoch)
		*is_held = false;
	/* One by another lane does not take the place of the first, which alone is believed. */
	buffer_append_u8(&name, (uint8_t)event->stamp->lane);
	buffer_append(&name, record_bytes(pass->prefix));
	if (status == STATUS_OK && *is_held)
		status = hold(io, event, asset, collector, buffer_bytes(&name));
	buffer_fini(&name);
	return status;
}

enum status bundled_hold_digest(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, const Fettle__StateAsset *record, bool *is_held)
{
	const uint8_t lane[] = { (uint8_t)event->stamp->lane };
	enum status status = awaited_any(io->txn, asset, NULL, is_held);

	if (status == STATUS_OK && event->stamp->epoch < record->epoch)
		*is_held = false;
	return status == STATUS_OK && *is_held ? hold(io, event, asset, digests, BYTES_OF(lane))
	                                       : status;
}

/* What was held of COLLECTOR is what it says, if nothing is awaited of AWAITED_OF any more. */
static enum status release_of(struct stage_io *io, const struct asset_ref *asset,
    const char *collector, const char *awaited_of)
{
	struct event event;
	struct bytes bytes;
	const char *reason;
	bool is_awaited;
	enum status status = awaited_any(io->txn, asset, awaited_of, &is_awaited);

	if (status != STATUS_OK || is_awaited)
		return status;
	while ((status = awaited_take_pass(io->txn, asset, collector, io->arena, &bytes))
	       == STATUS_OK) {
		if (event_decode(bytes, io->arena, &event, &reason) != STATUS_OK)
			return STATUS_CORRUPT;
		status = inventory_take_held(io, &event);
		/* One that finds no place among the asset's passes is none. */
		if (status == STATUS_REJECT)
			continue;
		if (status == STATUS_OK)
			status = stage_emit(io, &event);
		if (status != STATUS_OK)
			return status;
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status release(struct stage_io *io, const struct asset_ref *asset,
    const char *collector)
{
	enum status status = release_of(io, asset, collector, collector);

	return status == STATUS_OK ? release_of(io, asset, digests, NULL) : status;
}

static enum status drop_held(struct stage_io *io, const struct asset_ref *asset,
    const char *collector)
{
	struct bytes bytes;
	enum status status = STATUS_OK;

	while (status == STATUS_OK)
		status = awaited_take_pass(io->txn, asset, collector, io->arena, &bytes);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- hashes that come ---- */

static const char *fault_of(const Fettle__Have *have)
{
	size_t runs = have->hash.len / BUNDLE_HASH_SIZE;

	if (runs == 0 || runs > RUNS_MAX || have->hash.len % BUNDLE_HASH_SIZE != 0)
		return "it names no bundles, too many, or not by their hashes";
	if (have->is_withdrawn)
		return have->n_revisions == 0 || have->n_revisions == runs
		         ? NULL
		         : "it does not say as what each bundle is withdrawn";
	if (have->revision == 0 || have->revision > UINT64_MAX / 2)
		return "the facts have no revision";
	if (!inventory_is_collector(have->collector))
		return "the facts' collector has too long a name";
	if (have->counts.len != runs && !(runs == 1 && !have->has_counts))
		return "it does not say how many facts each bundle has";
	return NULL;
}

static unsigned count_of(const Fettle__Have *have, size_t run)
{
	return have->has_counts ? have->counts.data[run] : (unsigned)have->facts;
}

static enum status check_counts(struct stage_io *io, const Fettle__Have *have)
{
	for (size_t run = 0; run < have->hash.len / BUNDLE_HASH_SIZE; run++)
		if (count_of(have, run) == 0 || count_of(have, run) > BUNDLE_FACTS_MAX)
			return stage_reject(io, "a bundle has no facts, or too many");
	return STATUS_OK;
}

static enum status apply_known(struct stage_io *io, const struct run *run, struct bytes bundle,
    unsigned expected)
{
	struct bundle_fact *facts;
	size_t count;
	const char *reason;

	if (bundle_decode(bundle, io->arena, &facts, &count, &reason) != STATUS_OK)
		return STATUS_CORRUPT; /* it was looked at before it was kept */
	if (count != expected)
		return stage_reject(io, "the bundle has not as many facts as it was said to have");
	stage_count(io, "bundles_known", 1);
	return apply(io, run, facts, count);
}

static bool is_same_asset(const struct asset_ref *a, const struct asset_ref *b)
{
	return a->slot == b->slot && memcmp(a->id, b->id, ASSET_ID_SIZE) == 0;
}

/*
 * Whether another is asked for HASH.  That ASSET itself was does not count: it may have been in an
 * epoch that is over, or as what it has told anew.
 */
static enum status is_asked_of_another(struct stage_io *io, struct bytes hash,
    const struct asset_ref *asset, bool *out)
{
	Fettle__StateAwaited *row;
	struct asset_ref asked;
	uint32_t times;
	enum status status = get_asked(io, hash, &asked, &times);

	*out = false;
	if (status == STATUS_OK && is_same_asset(&asked, asset))
		return STATUS_OK;
	if (status == STATUS_OK) /* it may have begun anew, and not have it any more */
		status = awaited_get(io->txn, hash.data, &asked, io->arena, &row);
	*out = status == STATUS_OK;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status await(struct stage_io *io, const struct run *run, struct bytes hash,
    unsigned facts, struct asking *asking)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__StateAwaited row = FETTLE__STATE_AWAITED__INIT;
	bool is_asked = false;
	enum status status;

	record.envelope = (Fettle__Envelope *)(uintptr_t)run->envelope;
	record.stamp = (Fettle__Stamp *)(uintptr_t)run->stamp;
	row.record = &record;
	RECORD_SET(&row, revision, run->revision);
	RECORD_SET(&row, facts, facts);
	RECORD_SET(&row, is_baseline, run->is_baseline);
	row.collector = RECORD_TEXT(run->collector);
	status = awaited_put(io->txn, hash.data, run->asset, &row);
	if (status == STATUS_FULL)
		return stage_reject(io, "the asset has too many bundles that it has not sent");
	if (status == STATUS_OK)
		status = is_asked_of_another(io, hash, run->asset, &is_asked);
	if (status != STATUS_OK || is_asked)
		return status;
	add_question(asking, hash, run->revision, facts);
	return note_asked(io, hash, run->asset, 0);
}

static enum status take_run(struct stage_io *io, const struct run *run, struct bytes hash,
    unsigned facts, struct asking *asking)
{
	struct bytes bundle;
	enum status status = bundle_store_get(io->txn, hash.data, io->now_ms, &bundle);

	if (status == STATUS_OK) /* borrowed from what is about to change */
		return apply_known(io, run, arena_bytes(io->arena, bundle), facts);
	if (status != STATUS_NOT_FOUND)
		return status;
	/* What is of an epoch that is over comes again in this one. */
	if (run->stamp->epoch < run->record->epoch)
		return STATUS_OK;
	return await(io, run, hash, facts, asking);
}

static enum status take_runs(struct stage_io *io, const Fettle__Have *have, struct run *run)
{
	size_t runs = have->hash.len / BUNDLE_HASH_SIZE;
	struct asking asking;
	enum status status = STATUS_OK;

	init_asking(io, &asking, record_bytes(run->stamp->writer), runs);
	for (size_t i = 0; status == STATUS_OK && i < runs; i++) {
		const struct bytes hash = BYTES(have->hash.data + i * BUNDLE_HASH_SIZE,
		    BUNDLE_HASH_SIZE);

		status = take_run(io, run, hash, count_of(have, i), &asking);
		run->revision += count_of(have, i);
	}
	if (status == STATUS_OK)
		ask(io, &asking);
	return status;
}

/*
 * One that the agent cannot send any more; what it held is observed anew.  What it has told of the
 * same hash since, under another REVISION (0: an older agent, which does not say), stands.
 */
static enum status withdraw(struct stage_io *io, const struct asset_ref *asset, struct bytes hash,
    uint64_t revision)
{
	Fettle__StateAwaited *row;
	struct asset_ref asked;
	uint32_t times;
	enum status status = awaited_get(io->txn, hash.data, asset, io->arena, &row);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (revision > 0 && row->revision != revision)
		return STATUS_OK;
	status = awaited_remove(io->txn, hash.data, asset, row);
	/* Those passes would be complete without it: others follow. */
	if (status == STATUS_OK)
		status = drop_held(io, asset, row->collector);
	if (status == STATUS_OK)
		status = drop_held(io, asset, digests);
	if (status == STATUS_OK)
		status = get_asked(io, hash, &asked, &times);
	if (status == STATUS_OK && is_same_asset(&asked, asset))
		status = ask_next(io, hash, asset, times - 1);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status withdraw_all(struct stage_io *io, const Fettle__Have *have,
    const struct asset_ref *asset)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < have->hash.len / BUNDLE_HASH_SIZE; i++)
		status = withdraw(io, asset,
		    BYTES(have->hash.data + i * BUNDLE_HASH_SIZE, BUNDLE_HASH_SIZE),
		    have->n_revisions > 0 ? have->revisions[i] : 0);
	return status;
}

enum status bundled_on_have(struct stage_io *io, const struct event *event)
{
	const Fettle__Have *have = event_have(event);
	const char *fault = fault_of(have);
	struct asset_ref asset;
	struct run run = { .asset = &asset,
		.envelope = event->envelope,
		.stamp = event->stamp,
		.revision = have->revision,
		.collector = have->collector == NULL ? "" : have->collector,
		.is_baseline = have->is_baseline };
	enum status status = fault == NULL ? STATUS_OK : stage_reject(io, fault);

	if (status == STATUS_OK && !have->is_withdrawn)
		status = check_counts(io, have);
	if (status == STATUS_OK)
		status = inventory_find_asset(io, event, &asset, &run.record);
	if (status == STATUS_OK)
		status = have->is_withdrawn ? withdraw_all(io, have, &asset)
		                            : take_runs(io, have, &run);
	return status == STATUS_OK ? inventory_touch(io, event, &asset, run.record) : status;
}

/* ---- bundles that come ---- */

/* ASSET has what it awaited. */
static enum status deliver(struct stage_io *io, const struct asset_ref *asset, struct bytes hash,
    const struct bundle_fact *facts, size_t count)
{
	Fettle__StateAwaited *row;
	struct run run = { .asset = asset };
	struct event event = { .kind = EVENT_HAVE };
	enum status status = awaited_get(io->txn, hash.data, asset, io->arena, &row);

	if (status == STATUS_OK)
		status = awaited_remove(io->txn, hash.data, asset, row);
	if (status == STATUS_OK)
		status = asset_get(io->txn, asset, io->arena, &run.record);
	if (status != STATUS_OK)
		return status;
	event.envelope = run.envelope = row->record->envelope;
	event.stamp = run.stamp = row->record->stamp;
	run.revision = row->revision;
	run.collector = row->collector;
	run.is_baseline = row->is_baseline;
	/* Who said that it had another number of facts did not speak of this one. */
	if (row->facts == count)
		status = apply(io, &run, facts, count);
	if (status == STATUS_OK)
		status = inventory_touch(io, &event, asset, run.record);
	return status == STATUS_OK ? release(io, asset, row->collector) : status;
}

/* To MOST of those who await it; IS_DONE: that was all. */
static enum status deliver_some(struct stage_io *io, struct bytes hash, struct bytes bundle,
    size_t most, bool *is_done)
{
	struct asset_ref asset;
	struct bundle_fact *facts;
	size_t count;
	const char *reason;
	enum status status = STATUS_OK;

	*is_done = false;
	if (bundle_decode(bundle, io->arena, &facts, &count, &reason) != STATUS_OK)
		return STATUS_CORRUPT;
	for (size_t i = 0; status == STATUS_OK && i < most; i++) {
		status = awaited_next(io->txn, hash.data, NULL, &asset);
		if (status == STATUS_OK)
			status = deliver(io, &asset, hash, facts, count);
	}
	if (status == STATUS_OK)
		status = awaited_next(io->txn, hash.data, NULL, &asset);
	*is_done = status == STATUS_NOT_FOUND;
	return *is_done ? STATUS_OK : status;
}

enum status bundled_on_work(struct stage_io *io, struct stage_work *work)
{
	struct bytes bundle;
	bool is_done;
	enum status status;

	if (work->kind != WORK_DELIVER || work->subject.size != BUNDLE_HASH_SIZE)
		return STATUS_OK;
	status = bundle_store_get(io->txn, work->subject.data, io->now_ms, &bundle);
	/* It went to make room for others: whoever awaits it is asked again. */
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK)
		status = deliver_some(io, work->subject, arena_bytes(io->arena, bundle),
		    work->budget, &is_done);
	if (status == STATUS_OK && !is_done)
		buffer_append_u8(work->next, 1);
	return status;
}

static enum status take_bundle(struct stage_io *io, struct bytes hash, struct bytes bundle)
{
	bool is_done;
	enum status status = bundle_store_put(io->txn, hash.data, bundle, io->now_ms, size_max(io));

	if (status == STATUS_OK)
		status = deliver_some(io, hash, bundle, AT_ONCE, &is_done);
	if (status != STATUS_OK)
		return status;
	stage_count(io, "bundles_received", 1);
	if (is_done)
		txn_delete(io->txn, STATE_ASKED, hash);
	else /* asked for until then, if it should not be kept for so long */
		stage_enqueue(io, WORK_DELIVER, hash);
	return STATUS_OK;
}

/*
 * Only what the asset said that it had.  What nobody awaits any more came late, as others were
 * asked as well, or in an epoch that is over: it is no fault.
 */
enum status bundled_on_bundle(struct stage_io *io, const struct event *event)
{
	uint8_t hash[BUNDLE_HASH_SIZE];
	Fettle__StateAwaited *row;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	struct bundle_fact *facts;
	const char *reason;
	size_t count;
	enum status status = bundle_decode(event->encoded, io->arena, &facts, &count, &reason);

	if (status != STATUS_OK)
		return stage_reject(io, reason);
	bundle_hash(event->encoded, hash);
	status = inventory_find_asset(io, event, &asset, &record);
	if (status == STATUS_OK)
		status = inventory_touch(io, event, &asset, record);
	if (status != STATUS_OK)
		return status;
	status = awaited_get(io->txn, hash, &asset, io->arena, &row);
	if (status == STATUS_OK)
		return take_bundle(io, BYTES_OF(hash), event->encoded);
	if (status == STATUS_NOT_FOUND)
		stage_count(io, "bundles_unasked", 1);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status bundled_on_tick(struct stage_io *io)
{
	return io->now_ms < keep_ms(io) ? STATUS_OK
	                                : bundle_store_expire(io->txn, io->now_ms - keep_ms(io));
}
