/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts.c - what a record makes of a fact, and whether that is news.
 *
 * The highest (epoch, revision) wins, tombstones included, so that a late bulk record never
 * overwrites a newer delta.  What is seen for the first time is baseline and no change: before a
 * collector's first pass is complete, or when the agent says that nobody had looked there before,
 * as a new plan makes it look at something that was there all along.
 */
#include "processors/inventory/parts.h"

#include "processors/state/changed.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"

enum { COLLECTOR_MAX = 64 };

/* A collector's name is part of keys. */
bool inventory_is_collector(const char *collector)
{
	return collector == NULL || strlen(collector) <= COLLECTOR_MAX;
}

/* ---- what a few facts say about their asset ---- */

static const char *text_field(struct stage_io *io, struct bytes value, const char *name)
{
	struct fact_field *fields;
	const struct fact_field *field;
	size_t count;

	if (fact_value_decode(value, io->arena, &fields, &count) != STATUS_OK)
		return NULL;
	field = fact_find(fields, count, name);
	return field == NULL || field->type != FACT_TEXT || field->bytes.size == 0
	            || field->bytes.size > INVENTORY_TEXT_MAX
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

/* ---- facts ---- */

static void fill_state_fact(const struct inventory_update *update, Fettle__StateFact *fact)
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

static enum status say_changed(struct stage_io *io, const struct inventory_update *update,
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
static bool is_forgotten(const struct inventory_update *update, const Fettle__StatePass *pass,
    struct bytes planned)
{
	return pass->epoch < update->epoch
	    && (pass->plan.len == 0 || bytes_equal(record_bytes(pass->plan), planned));
}

/* Whether the collector has completed a pass over a prefix of the fact. */
static enum status has_looked(struct stage_io *io, const struct inventory_update *update, bool *out)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value, planned;
	enum status status = get_planned(io, update->asset, &planned);

	*out = false;
	inventory_pass_key(&prefix, update->asset, update->collector, BYTES_NONE);
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
static enum status is_news_of(struct stage_io *io, const struct inventory_update *update, bool *out)
{
	*out = false;
	if (update->is_baseline && !update->is_agents_word)
		return STATUS_OK;
	return has_looked(io, update, out);
}

enum status inventory_update(struct stage_io *io, const struct inventory_update *update)
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
		inventory_announce(io, update->asset, update->record);
	/* Without either the plan alone may have made it come into sight, or leave it. */
	if (before.status == FACT_NONE || update->after.status == FACT_NONE)
		status = is_news_of(io, update, &is_news);
	return status == STATUS_OK ? say_changed(io, update, &before, is_news) : status;
}

enum status inventory_on_fact(struct stage_io *io, const struct event *event)
{
	const Fettle__Fact *fact = event_fact(event);
	bool is_unset = event->kind == EVENT_FACT_UNSET;
	struct asset_ref asset;
	struct inventory_update update = { .event = event,
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
	if (!inventory_is_collector(update.collector))
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
	status = inventory_find_asset(io, event, &asset, &update.record);
	if (status == STATUS_OK)
		status = inventory_update(io, &update);
	return status == STATUS_OK ? inventory_touch(io, event, &asset, update.record) : status;
}

enum status inventory_apply(struct stage_io *io, const struct inventory_fact *fact)
{
	const struct inventory_update update = { .event = fact->event,
		.asset = fact->asset,
		.record = fact->record,
		.key = fact->key,
		.after = fact->after,
		.epoch = fact->event->stamp->epoch,
		.revision = fact->event->envelope->fact_revision,
		.collector = fact->collector,
		.is_baseline = fact->is_baseline,
		.is_agents_word = true };

	return inventory_update(io, &update);
}
