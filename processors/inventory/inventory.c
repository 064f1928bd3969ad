/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory - puts what agents observe into the state, and says what changed.
 *
 * The highest (epoch, revision) wins, tombstones included, so that a late bulk record never
 * overwrites a newer delta.  What is seen for the first time is baseline and no change: before a
 * collector's first pass is complete, or when the agent says that nobody had looked there before,
 * as a new plan makes it look at something that was there all along.
 */
#include "processors/inventory/inventory.h"

#include "core/lane.h"
#include "processors/inventory/bundled.h"
#include "processors/inventory/parts.h"
#include "processors/inventory/heal.h"
#include "processors/roles.h"
#include "processors/state/awaited.h"
#include "processors/state/changed.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"
#include "proto/verdict.pb-c.h"

/*
 * An asset's row is written again with every record, and every pass on it is looked through for
 * what is new: what an endpoint may put into them is bounded, or a few records would cost the host
 * a gigabyte and a minute.
 */
enum {
	ANNOUNCE_AFTER_MS = 2000,
	RESYNC_PAUSE_MS = 600 * 1000,
	COLLECTOR_MAX = 64,
	TEXT_MAX = 255,
	PASSES_MAX = 256,
};

static const struct setting settings[] = {
	SETTING_DURATION(struct inventory_settings, announce_after, ANNOUNCE_AFTER_MS, 100,
	    3600 * 1000, "how long an asset's counts and last contact may lag behind"),
	SETTING_DURATION(struct inventory_settings, resync_pause, RESYNC_PAUSE_MS, 0,
	    24 * 3600 * 1000, "how long an agent is not asked again for facts that differ"),
	SETTING_SIZE(struct inventory_settings, bundles_size, INVENTORY_BUNDLES_SIZE, 0, 1ULL << 40,
	    "how much is kept of what agents sent, for others that have the same"),
	SETTING_DURATION(struct inventory_settings, bundles_keep, INVENTORY_BUNDLES_KEEP_MS,
	    3600 * 1000, 365ULL * 24 * 3600 * 1000,
	    "how long it is kept after an agent had it last"),
	SETTING_DURATION(struct inventory_settings, ask_again, INVENTORY_ASK_AGAIN_MS, 1000,
	    3600 * 1000, "how long an agent has to send it before the next one is asked"),
	SETTING_END
};

const struct setting_section inventory_section = { .name = "inventory",
	.settings = settings,
	.size = sizeof(struct inventory_settings),
	.help = "what is known of each asset" };

/* ---- announcements ---- */

/* How many checks passed and failed is the assess stage's to know. */
static void add_scores(struct stage_io *io, const struct asset_ref *asset,
    Fettle__AssetVerdict *verdict)
{
	Fettle__StateAssessed *assessed;
	struct buffer key = { 0 };
	struct bytes value;

	asset_key(&key, asset);
	if (txn_get(io->txn, STATE_ASSESSED, buffer_bytes(&key), &value) == STATUS_OK
	    && (assessed = record_unpack(&fettle__state_assessed__descriptor, value, io->arena))
		   != NULL) {
		RECORD_SET(verdict, passed, assessed->passed);
		RECORD_SET(verdict, failed, assessed->failed);
		RECORD_SET(verdict, not_applicable, assessed->not_applicable);
		RECORD_SET(verdict, not_run, assessed->not_run);
	}
	buffer_fini(&key);
}

static void announce(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__StateAsset *record)
{
	Fettle__AssetVerdict verdict = FETTLE__ASSET_VERDICT__INIT;

	RECORD_SET_BYTES(&verdict, asset, BYTES_OF(asset->id));
	RECORD_SET_BYTES(&verdict, agent, record_bytes(record->agent));
	verdict.name = record->name;
	verdict.system = record->system;
	verdict.agent_version = record->agent_version;
	RECORD_SET(&verdict, first_seen_ms, record->first_seen_ms);
	RECORD_SET(&verdict, last_seen_ms, record->last_seen_ms);
	RECORD_SET(&verdict, facts, record->facts);
	add_scores(io, asset, &verdict);
	stage_verdict(io, FETTLE__KIND__KIND_ASSET, &verdict.base);
}

static enum status on_timer(struct stage_io *io, struct bytes key)
{
	Fettle__StateAsset *record;
	struct asset_ref asset;
	enum status status;

	if (key.size == BUNDLE_HASH_SIZE)
		return bundled_on_timer(io, key.data);
	if (!asset_of_key(key, &asset))
		return STATUS_OK;
	status = asset_get(io->txn, &asset, io->arena, &record);
	if (status == STATUS_OK)
		announce(io, &asset, record);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- assets ---- */

static enum status create_asset(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset)
{
	Fettle__StateAsset record = FETTLE__STATE_ASSET__INIT;
	struct event fresh = { .kind = EVENT_ASSET_NEW, .body = asset };

	RECORD_SET_BYTES(&record, asset, BYTES_OF(asset->id));
	RECORD_SET_BYTES(&record, agent, record_bytes(event->stamp->writer));
	RECORD_SET(&record, first_seen_ms, event->stamp->received_ms);
	RECORD_SET(&record, last_seen_ms, event->stamp->received_ms);
	RECORD_SET(&record, epoch, event->stamp->epoch);
	asset_bind(io->txn, event->stamp->writer.data, asset);
	asset_put(io->txn, asset, &record);
	announce(io, asset, &record);
	return stage_emit(io, &fresh);
}

/* The asset that the record is about, made if need be. */
static enum status find_asset(struct stage_io *io, const struct event *event,
    struct asset_ref *asset, Fettle__StateAsset **record)
{
	enum status status = asset_of_agent(io->txn, event->stamp->writer.data, asset);

	if (status == STATUS_NOT_FOUND)
		status = create_asset(io, event, asset);
	return status == STATUS_OK ? asset_get(io->txn, asset, io->arena, record) : status;
}

/* An agent that lost what it kept begins another epoch; lanes overtake each other. */
static enum status note_epoch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record)
{
	struct event anew = { .kind = EVENT_ASSET_ANEW, .body = asset };
	bool was_known = record->has_epoch;

	if (was_known && event->stamp->epoch <= record->epoch)
		return STATUS_OK;
	RECORD_SET(record, epoch, event->stamp->epoch);
	if (was_known) {
		/* It will say all of it again, or may not have it any more. */
		enum status status = awaited_forget(io->txn, asset);

		return status == STATUS_OK ? stage_emit(io, &anew) : status;
	}
	return STATUS_OK;
}

/* Many records a second may touch an asset; its verdict follows once, a little later. */
static enum status touch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record)
{
	const struct inventory_settings *set = io->settings;
	uint64_t delay_ms = set == NULL ? ANNOUNCE_AFTER_MS : set->announce_after;
	enum status status = note_epoch(io, event, asset, record);

	if (status != STATUS_OK)
		return status;
	if (event->stamp->received_ms > record->last_seen_ms)
		RECORD_SET(record, last_seen_ms, event->stamp->received_ms);
	if (record->announced_ms <= io->now_ms) {
		struct buffer key = { 0 };

		/* Until then it is known to be on its way. */
		RECORD_SET(record, announced_ms, io->now_ms + delay_ms);
		asset_key(&key, asset);
		status = stage_set_timer(io, buffer_bytes(&key), io->now_ms + delay_ms);
		buffer_fini(&key);
		if (status != STATUS_OK)
			return status;
	}
	asset_put(io->txn, asset, record);
	return STATUS_OK;
}

/* ---- what a few facts say about their asset ---- */

/* What is too long to be the name of anything is left unsaid. */
static bool is_name(const char *text)
{
	return text != NULL && strnlen(text, TEXT_MAX + 1) <= TEXT_MAX;
}

static const char *text_field(struct stage_io *io, struct bytes value, const char *name)
{
	struct fact_field *fields;
	const struct fact_field *field;
	size_t count;

	if (fact_value_decode(value, io->arena, &fields, &count) != STATUS_OK)
		return NULL;
	field = fact_find(fields, count, name);
	return field == NULL || field->type != FACT_TEXT || field->bytes.size == 0
	            || field->bytes.size > TEXT_MAX
	         ? NULL
	         : arena_format(io->arena, "%.*s", (int)field->bytes.size,
		     (const char *)field->bytes.data);
}

/* True where the asset is to be announced at once: it has a name now. */
static bool learn(struct stage_io *io, Fettle__StateAsset *record, struct bytes key,
    struct bytes value)
{
	const char *first, *second;

	if (bytes_equal(key, bytes_of_text("os/host"))) {
		first = text_field(io, value, "name");
		if (first != NULL)
			record->name = RECORD_TEXT(first);
	} else if (bytes_equal(key, bytes_of_text("os/release"))) {
		first = text_field(io, value, "id");
		second = text_field(io, value, "version_id");
		if (first != NULL)
			record->system = arena_format(io->arena, "%s%s%s", first,
			    second == NULL ? "" : " ", second == NULL ? "" : second);
	} else {
		return false;
	}
	return true;
}

/* ---- passes ---- */

/* A collector's name is part of keys. */
static bool is_too_long(const char *collector)
{
	return collector != NULL && strlen(collector) > COLLECTOR_MAX;
}

static void pass_key(struct buffer *key, const struct asset_ref *asset, const char *collector,
    struct bytes prefix)
{
	asset_key(key, asset);
	buffer_append_text(key, collector == NULL ? "" : collector);
	buffer_append_u8(key, 0);
	buffer_append(key, prefix);
}

/* ---- facts ---- */

/* What one record makes of one fact. */
struct update {
	const struct event *event;
	const struct asset_ref *asset;
	Fettle__StateAsset *record;
	struct bytes key;
	struct event_value after;
	uint64_t epoch, revision;
	const char *collector;
	bool is_baseline;
	bool is_agents_word; /* that it is */
};

static void fill_state_fact(const struct update *update, Fettle__StateFact *fact)
{
	RECORD_SET(fact, revision, update->revision);
	RECORD_SET(fact, epoch, update->epoch);
	RECORD_SET(fact, status, (uint32_t)update->after.status);
	RECORD_SET(fact, observed_ms, update->event->envelope->wall_ms);
	RECORD_SET(fact, received_ms, update->event->stamp->received_ms);
	fact->reason = RECORD_TEXT(update->after.reason);
	fact->collector = RECORD_TEXT(update->collector);
}

static bool is_same(const struct event_value *a, const struct event_value *b)
{
	return a->status == b->status && bytes_equal(a->value, b->value);
}

static enum status say_changed(struct stage_io *io, const struct update *update,
    const struct event_value *before, bool is_news)
{
	struct event_change change = { .asset = update->asset,
		.key = update->key,
		.before = *before,
		.after = update->after,
		.collector = update->collector,
		.is_baseline = !is_news };
	struct event event = { .kind = EVENT_FACT_CHANGED,
		.envelope = update->event->envelope,
		.stamp = update->event->stamp,
		.body = &change };

	if (is_news)
		stage_verdict(io, FETTLE__KIND__KIND_CHANGE,
		    &changed_verdict(&event, io->arena)->base);
	return stage_emit(io, &event);
}

/* The hash of the plan that the asset's agent was sent last; NONE. */
static enum status get_planned(struct stage_io *io, const struct asset_ref *asset,
    struct bytes *out)
{
	struct buffer key = { 0 };
	enum status status;

	asset_key(&key, asset);
	status = txn_get(io->txn, STATE_PLANNED, buffer_bytes(&key), out);
	buffer_fini(&key);
	*out = status == STATUS_OK ? arena_bytes(io->arena, *out) : BYTES_NONE;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/*
 * What an agent says to be baseline is so, unless it has only forgotten that it had looked there:
 * in an epoch before this one, and by no other plan.  Or whoever deletes what it keeps could put
 * anything there unseen.
 */
static bool is_forgotten(const struct update *update, const Fettle__StatePass *pass,
    struct bytes planned)
{
	return pass->epoch < update->epoch
	    && (pass->plan.len == 0 || bytes_equal(record_bytes(pass->plan), planned));
}

/* Whether the collector has completed a pass over a prefix of the fact. */
static enum status has_looked(struct stage_io *io, const struct update *update, bool *out)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value, planned;
	enum status status = get_planned(io, update->asset, &planned);

	*out = false;
	pass_key(&prefix, update->asset, update->collector, BYTES_NONE);
	if (status == STATUS_OK)
		status = txn_scan_open(io->txn, STATE_PASS, buffer_bytes(&prefix), BYTES_NONE,
		    &scan);
	while (status == STATUS_OK && !*out) {
		const Fettle__StatePass *pass;

		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK
		    || !bytes_start_with(update->key,
			BYTES(key.data + prefix.size, key.size - prefix.size)))
			continue;
		pass = record_unpack(&fettle__state_pass__descriptor, value, io->arena);
		if (pass == NULL)
			status = STATUS_CORRUPT;
		else
			*out = !update->is_baseline || is_forgotten(update, pass, planned);
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Whether that a fact came into sight, or left it, is news. */
static enum status is_news_of(struct stage_io *io, const struct update *update, bool *out)
{
	*out = false;
	if (update->is_baseline && !update->is_agents_word)
		return STATUS_OK;
	return has_looked(io, update, out);
}

static enum status apply(struct stage_io *io, const struct update *update)
{
	Fettle__StateFact fact = FETTLE__STATE_FACT__INIT;
	struct facts_entry older = { 0 };
	struct event_value before = { .status = FACT_NONE };
	bool is_known, is_news = true;
	enum status status = facts_get(io->txn, update->asset, update->key, io->arena, &older);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	is_known = status == STATUS_OK;
	if (is_known && !facts_is_newer(older.record, update->epoch, update->revision))
		return STATUS_OK;
	if (is_known)
		before = (struct event_value){ .status = (enum fact_status)older.record->status,
			.value = older.value,
			.reason = older.record->reason };
	/* Borrowed from the transaction, which is about to change. */
	before.value = arena_bytes(io->arena, before.value);
	fill_state_fact(update, &fact);
	status = facts_put(io->txn, update->asset, update->key, is_known ? &older : NULL, &fact,
	    update->after.value);
	if (status != STATUS_OK || is_same(&before, &update->after))
		return status;
	if (before.status == FACT_NONE)
		update->record->facts++;
	else if (update->after.status == FACT_NONE && update->record->facts > 0)
		update->record->facts--;
	update->record->has_facts = 1;
	if (learn(io, update->record, update->key, update->after.value))
		announce(io, update->asset, update->record);
	/* Without either the plan alone may have made it come into sight, or leave it. */
	if (before.status == FACT_NONE || update->after.status == FACT_NONE)
		status = is_news_of(io, update, &is_news);
	return status == STATUS_OK ? say_changed(io, update, &before, is_news) : status;
}

static enum status on_fact(struct stage_io *io, const struct event *event)
{
	const Fettle__Fact *fact = event_fact(event);
	bool is_unset = event->kind == EVENT_FACT_UNSET;
	struct asset_ref asset;
	struct update update = { .event = event,
		.asset = &asset,
		.key = record_bytes(fact->key),
		.epoch = event->stamp->epoch,
		.revision = event->envelope->fact_revision,
		.collector = fact->collector,
		.is_baseline = fact->is_baseline,
		.is_agents_word = true };
	struct fact_field *fields;
	size_t count;
	enum status status;

	if (update.key.size == 0 || update.key.size > FACT_KEY_MAX)
		return stage_reject(io, "the fact's key is empty or too long");
	if (is_too_long(update.collector))
		return stage_reject(io, "the fact's collector has too long a name");
	if (update.revision == 0)
		return stage_reject(io, "the fact has no revision");
	if (!is_unset) {
		update.after = (struct event_value){ .status = (enum fact_status)fact->status,
			.value = record_bytes(fact->value),
			.reason = fact->reason };
		if (fact->status < FETTLE__FACT_STATUS__FACT_STATUS_PRESENT
		    || (unsigned)fact->status > FACT_FAILED)
			return stage_reject(io, "the fact has a status that is not known here");
		if (fact_value_decode(update.after.value, io->arena, &fields, &count) != STATUS_OK)
			return stage_reject(io, "the fact's value is not well-formed");
	}
	status = find_asset(io, event, &asset, &update.record);
	if (status == STATUS_OK)
		status = apply(io, &update);
	return status == STATUS_OK ? touch(io, event, &asset, update.record) : status;
}

/* ---- what an agent that began anew did not mention is gone ---- */

struct leftovers {
	uint64_t epoch;
	struct buffer keys; /* u16 size and key */
};

static enum status collect_leftover(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct leftovers *leftovers = data;

	if (entry->record->status != FACT_NONE && entry->record->epoch < leftovers->epoch) {
		buffer_append_u16(&leftovers->keys, (uint16_t)key.size);
		buffer_append(&leftovers->keys, key);
	}
	return STATUS_OK;
}

/*
 * In the new epoch the agent knows nothing of what it sent before, so it cannot unset it.  By
 * another plan than before, it may just not have looked.
 */
static enum status unset_leftovers(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record, bool is_other_plan)
{
	const Fettle__Pass *pass = event_pass(event);
	struct leftovers leftovers = { .epoch = event->stamp->epoch };
	enum status status = facts_visit(io->txn, asset, record_bytes(pass->prefix),
	    collect_leftover, &leftovers);

	for (size_t at = 0; status == STATUS_OK && at < leftovers.keys.size;) {
		uint16_t size = bytes_u16(leftovers.keys.data + at);
		struct update update = { .event = event,
			.asset = asset,
			.record = record,
			.key = BYTES(leftovers.keys.data + at + 2, size),
			.epoch = event->stamp->epoch,
			.collector = pass->collector,
			.is_baseline = is_other_plan };

		status = apply(io, &update);
		at += 2U + size;
	}
	buffer_fini(&leftovers.keys);
	return status;
}

/* REJECT: there are as many passes on the asset as it may have. */
static enum status admit_pass(struct stage_io *io, const struct asset_ref *asset)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value;
	size_t count = 0;
	enum status status;

	asset_key(&prefix, asset);
	status = txn_scan_open(io->txn, STATE_PASS, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		status = txn_scan_next(scan, &key, &value);
		if (status == STATUS_OK && ++count == PASSES_MAX)
			status = stage_reject(io, "the asset has too many passes");
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* *OUT NULL: there was none. */
static enum status last_pass(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__Pass *pass, Fettle__StatePass **out)
{
	struct buffer key = { 0 };
	struct bytes kept;
	enum status status;

	*out = NULL;
	pass_key(&key, asset, pass->collector, record_bytes(pass->prefix));
	status = txn_get(io->txn, STATE_PASS, buffer_bytes(&key), &kept);
	buffer_fini(&key);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	*out = record_unpack(&fettle__state_pass__descriptor, kept, io->arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

/*
 * Lanes overtake each other.  The first pass of an epoch, and the first by a plan, goes by bulk
 * behind all that it saw: until it is here a later one by another lane proves nothing, as what it
 * covers may not be here either.  One of an epoch that is over says nothing of this one.
 */
static bool is_overtaking(const struct event *event, const Fettle__StatePass *older)
{
	if (older != NULL && older->epoch > event->stamp->epoch)
		return true;
	return event->stamp->lane != LANE_BULK
	    && (older == NULL || older->epoch < event->stamp->epoch
		|| !bytes_equal(record_bytes(older->plan), record_bytes(event_pass(event)->plan)));
}

static void put_pass(struct stage_io *io, const struct event *event, const struct asset_ref *asset)
{
	const Fettle__Pass *pass = event_pass(event);
	Fettle__StatePass row = FETTLE__STATE_PASS__INIT;
	struct buffer key = { 0 }, value = { 0 };

	RECORD_SET(&row, facts, pass->facts);
	RECORD_SET(&row, at_ms, event->stamp->received_ms);
	RECORD_SET(&row, epoch, event->stamp->epoch);
	RECORD_SET_BYTES(&row, plan, record_bytes(pass->plan));
	record_pack(&value, &row.base);
	pass_key(&key, asset, pass->collector, record_bytes(pass->prefix));
	txn_put(io->txn, STATE_PASS, buffer_bytes(&key), buffer_bytes(&value));
	buffer_fini(&key);
	buffer_fini(&value);
}

/* EVENT's pass is whole, and all of it is here. */
static enum status complete(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record, const Fettle__StatePass *older)
{
	enum status status = older == NULL ? admit_pass(io, asset) : STATUS_OK;

	if (status == STATUS_OK && (older == NULL || older->epoch < event->stamp->epoch))
		status = unset_leftovers(io, event, asset, record,
		    older != NULL
			&& !bytes_equal(record_bytes(older->plan),
			    record_bytes(event_pass(event)->plan)));
	if (status == STATUS_OK)
		put_pass(io, event, asset);
	return status;
}

static enum status on_pass(struct stage_io *io, const struct event *event)
{
	const Fettle__Pass *pass = event_pass(event);
	Fettle__StatePass *older;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	bool is_held = false;
	enum status status;

	if (pass->prefix.len > FACT_KEY_MAX || pass->plan.len > TEXT_MAX
	    || is_too_long(pass->collector))
		return stage_reject(io, "the pass has too long a prefix, plan or collector");
	status = find_asset(io, event, &asset, &record);
	/* What was awaited before it is not what keeps it back. */
	if (status == STATUS_OK)
		status = note_epoch(io, event, &asset, record);
	if (status == STATUS_OK)
		status = last_pass(io, &asset, pass, &older);
	if (status == STATUS_OK && is_overtaking(event, older))
		return touch(io, event, &asset, record);
	if (status == STATUS_OK)
		status = bundled_hold_pass(io, event, &asset, record, &is_held);
	if (status == STATUS_OK && is_held)
		return touch(io, event, &asset, record);
	if (status == STATUS_OK)
		status = complete(io, event, &asset, record, older);
	if (status == STATUS_OK)
		status = touch(io, event, &asset, record);
	/* Now the counts mean something. */
	if (status == STATUS_OK)
		announce(io, &asset, record);
	return status;
}

/* ---- what an agent was asked to tell anew and did not mention is gone ---- */

struct untold {
	const struct digest_set *buckets;
	uint64_t epoch, floor;
	struct buffer keys; /* u16 size and key, u8 size and collector */
};

static enum status collect_untold(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct untold *untold = data;
	const Fettle__StateFact *fact = entry->record;
	struct bytes collector = bytes_of_text(fact->collector);

	/* In this epoch and later than that: it has been told since. */
	if (fact->status == FACT_NONE || !untold->buckets->has[digest_bucket(key)]
	    || !(fact->epoch < untold->epoch
		 || (fact->epoch == untold->epoch && fact->revision < untold->floor)))
		return STATUS_OK;
	buffer_append_u16(&untold->keys, (uint16_t)key.size);
	buffer_append(&untold->keys, key);
	buffer_append_u8(&untold->keys, (uint8_t)collector.size);
	buffer_append(&untold->keys, collector);
	return STATUS_OK;
}

/* FLOOR is a revision that no fact has: a fact that was told since and is late still wins. */
static enum status unset_untold(const struct heal *heal, const struct digest_set *buckets,
    uint64_t floor)
{
	struct untold untold = { .buckets = buckets,
		.epoch = heal->event->stamp->epoch,
		.floor = floor };
	enum status status = facts_visit(heal->io->txn, heal->asset, BYTES_NONE, collect_untold,
	    &untold);

	for (size_t at = 0; status == STATUS_OK && at < untold.keys.size;) {
		const uint8_t *key = untold.keys.data + at;
		uint16_t size = bytes_u16(key);
		const uint8_t *collector = key + 2 + size;
		struct update update = { .event = heal->event,
			.asset = heal->asset,
			.record = heal->record,
			.key = BYTES(key + 2, size),
			.epoch = untold.epoch,
			.revision = floor,
			.collector = arena_format(heal->io->arena, "%.*s", (int)collector[0],
			    (const char *)collector + 1) };

		status = apply(heal->io, &update);
		at += 2U + size + 1U + collector[0];
	}
	buffer_fini(&untold.keys);
	return status;
}

static enum status on_digest(struct stage_io *io, const struct event *event)
{
	const struct inventory_settings *set = io->settings;
	struct asset_ref asset;
	struct heal heal = { .io = io,
		.event = event,
		.asset = &asset,
		.pause_ms = set == NULL ? RESYNC_PAUSE_MS : set->resync_pause,
		.unset_untold = unset_untold };
	bool is_held = false;
	enum status status = inventory_find_asset(io, event, &asset, &heal.record);

	if (status == STATUS_OK)
		status = bundled_hold_digest(io, event, &asset, heal.record, &is_held);
	if (status == STATUS_OK && !is_held)
		status = heal_on_digest(&heal);
	return status == STATUS_OK ? touch(io, event, &asset, heal.record) : status;
}

/* ---- heartbeats and gaps ---- */

static enum status on_heartbeat(struct stage_io *io, const struct event *event)
{
	const Fettle__Heartbeat *heartbeat = event_heartbeat(event);
	Fettle__StateAsset *record;
	struct asset_ref asset;
	enum status status = find_asset(io, event, &asset, &record);

	if (status != STATUS_OK)
		return status;
	if (is_name(heartbeat->host_name) && record->name == NULL)
		record->name = heartbeat->host_name;
	if (is_name(heartbeat->agent_version))
		record->agent_version = heartbeat->agent_version;
	return touch(io, event, &asset, record);
}

static enum status on_gap(struct stage_io *io, const struct event *event)
{
	const Fettle__Gap *gap = event_gap(event);
	Fettle__LossVerdict verdict = FETTLE__LOSS_VERDICT__INIT;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	enum status status = find_asset(io, event, &asset, &record);

	if (status != STATUS_OK)
		return status;
	RECORD_SET_BYTES(&verdict, id, record_bytes(event->envelope->event_id));
	RECORD_SET_BYTES(&verdict, asset, BYTES_OF(asset.id));
	RECORD_SET(&verdict, count, gap->count);
	verdict.reason = gap->reason;
	if (gap->lane >= LANE_CRITICAL && gap->lane < LANE_END)
		RECORD_SET(&verdict, lane, gap->lane);
	if (gap->has_from && gap->has_to) {
		RECORD_SET(&verdict, from, gap->from);
		RECORD_SET(&verdict, to, gap->to);
		RECORD_SET(&verdict, first_ms, gap->first_ms);
		RECORD_SET(&verdict, last_ms, gap->last_ms);
	}
	RECORD_SET(&verdict, at_ms, event->stamp->received_ms);
	stage_verdict(io, FETTLE__KIND__KIND_LOSS, &verdict.base);
	return touch(io, event, &asset, record);
}

/* ---- what the files of this folder share ---- */

enum status inventory_find_asset(struct stage_io *io, const struct event *event,
    struct asset_ref *asset, Fettle__StateAsset **record)
{
	enum status status = find_asset(io, event, asset, record);

	return status == STATUS_OK ? note_epoch(io, event, asset, *record) : status;
}

enum status inventory_touch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record)
{
	return touch(io, event, asset, record);
}

enum status inventory_apply(struct stage_io *io, const struct inventory_fact *fact)
{
	const struct update update = { .event = fact->event,
		.asset = fact->asset,
		.record = fact->record,
		.key = fact->key,
		.after = fact->after,
		.epoch = fact->event->stamp->epoch,
		.revision = fact->event->envelope->fact_revision,
		.collector = fact->collector,
		.is_baseline = fact->is_baseline,
		.is_agents_word = true };

	return apply(io, &update);
}

bool inventory_is_collector(const char *collector)
{
	return !is_too_long(collector);
}

enum status inventory_take_held(struct stage_io *io, const struct event *event)
{
	return event->kind == EVENT_DIGEST ? on_digest(io, event) : on_pass(io, event);
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	switch (event->kind) {
	case EVENT_FACT_SET:
	case EVENT_FACT_UNSET:
		return on_fact(io, event);
	case EVENT_PASS:
		return on_pass(io, event);
	case EVENT_HEARTBEAT:
		return on_heartbeat(io, event);
	case EVENT_GAP:
		return on_gap(io, event);
	case EVENT_HAVE:
		return bundled_on_have(io, event);
	case EVENT_BUNDLE:
		return bundled_on_bundle(io, event);
	case EVENT_DIGEST:
		return on_digest(io, event);
	default:
		return STATUS_OK;
	}
}

const struct stage inventory_stage = {
	.name = "inventory",
	.summary = "keeps what agents observe, and says what changed",
	.consumes = (const enum event_kind[]){ EVENT_FACT_SET, EVENT_FACT_UNSET, EVENT_PASS,
	    EVENT_HEARTBEAT, EVENT_GAP, EVENT_DIGEST, EVENT_HAVE, EVENT_BUNDLE, EVENT_NONE },
	.settings = settings,
	.settings_size = sizeof(struct inventory_settings),
	.tick_ms = 3600 * 1000,
	.on_event = on_event,
	.on_tick = bundled_on_tick,
	.on_timer = on_timer,
	.on_work = bundled_on_work,
};
