/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prioritize - decides by the table in use how soon a finding is to be cured, and keeps it.
 *
 * Every decision stands with the finding: the table and its version, each input that the table
 * asked for, where it came from, and whether it was only assumed.  The clock starts when the
 * finding opens. A new table is durable work over the open findings; a date that was given is never
 * moved later by a mere change of evidence.
 */
#include "processors/prioritize/prioritize.h"

#include <stdlib.h>

#include "core/log.h"
#include "processors/prioritize/table.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

enum work_kind { WORK_TABLE = 1 };

static const char table_key[] = "table";

/* The table in use, parsed: a cache over the state's row. */
struct cache {
	bool is_loaded;
	struct priority_table *table; /* NULL: none is in use */
};

static void *cache_new(void)
{
	return memory_new(sizeof(struct cache));
}

static void forget(struct cache *cache)
{
	priority_table_free(cache->table);
	*cache = (struct cache){ .is_loaded = false };
}

static void cache_free(void *cache)
{
	forget(cache);
	free(cache);
}

static enum status load_table(struct stage_io *io, struct cache *cache)
{
	struct yaml_errors errors = { 0 };
	Fettle__Document *document;
	struct bytes value;
	enum status status;

	if (cache->is_loaded)
		return STATUS_OK;
	status = txn_get(io->txn, STATE_PRIORITY, bytes_of_text(table_key), &value);
	cache->is_loaded = status == STATUS_OK || status == STATUS_NOT_FOUND;
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	document = fettle__document__unpack(NULL, value.size, value.data);
	if (document == NULL || document->text == NULL
	    || priority_table_parse(document->file == NULL ? "" : document->file,
		   bytes_of_text(document->text), &cache->table, &errors)
		   != STATUS_OK)
		log_error("priority-table-unreadable",
		    "the priority table in use no longer parses with this version; findings get no "
		    "priority until another is put in force: %s",
		    yaml_errors_text(&errors));
	if (document != NULL)
		fettle__document__free_unpacked(document, NULL);
	yaml_errors_fini(&errors);
	return STATUS_OK;
}

/* ---- deciding ---- */

static const char *const kinds[] = {
	[FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION] = "misconfiguration",
	[FETTLE__FINDING_KIND__FINDING_KIND_VULNERABILITY] = "vulnerability",
	[FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH] = "missing_patch",
};

static void add_input(struct stage_io *io, Fettle__FindingVerdict *finding,
    const struct priority_input *from)
{
	Fettle__PriorityInput *input = arena_take(io->arena, sizeof(*input));

	fettle__priority_input__init(input);
	input->name = RECORD_TEXT(from->name);
	input->value = RECORD_TEXT(from->value);
	input->source = RECORD_TEXT(from->source);
	RECORD_SET(input, assumed, from->is_assumed);
	finding->inputs[finding->n_inputs++] = input;
}

static bool is_named(const struct priority_input *inputs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(inputs[i].name, name) == 0)
			return true;
	return false;
}

/* What the table asked for; then what is known besides, for another table to ask. */
static void explain(struct stage_io *io, const struct priority_table *table,
    const struct priority_decision *decision, const struct priority_input *known, size_t count,
    Fettle__FindingVerdict *finding)
{
	finding->priority_table = arena_format(io->arena, "%s %s, row %zu",
	    priority_table_id(table), priority_table_version(table), decision->row);
	finding->inputs = arena_take(io->arena,
	    (decision->inputs_count + count) * sizeof(*finding->inputs));
	finding->n_inputs = 0;
	for (size_t i = 0; i < decision->inputs_count; i++)
		add_input(io, finding, &decision->inputs[i]);
	for (size_t i = 0; i < count; i++)
		if (!is_named(decision->inputs, decision->inputs_count, known[i].name))
			add_input(io, finding, &known[i]);
}

/* Kind and severity, and whatever the stage that found it knew. */
static size_t gather(const Fettle__FindingVerdict *finding,
    struct priority_input known[TABLE_INPUTS_MAX])
{
	size_t count = 0;

	known[count++] = (struct priority_input){ .name = "kind",
		.value = kinds[finding->kind],
		.source = "the finding" };
	if (finding->severity != NULL)
		known[count++] = (struct priority_input){ .name = "severity",
			.value = finding->severity,
			.source = "the finding" };
	for (size_t i = 0; i < finding->n_inputs && count < TABLE_INPUTS_MAX; i++) {
		const Fettle__PriorityInput *input = finding->inputs[i];

		if (!input->assumed && input->name != NULL && input->value != NULL
		    && !is_named(known, count, input->name))
			known[count++] = (struct priority_input){ .name = input->name,
				.value = input->value,
				.source = input->source };
	}
	return count;
}

static void decide(struct stage_io *io, const struct priority_table *table,
    Fettle__FindingVerdict *finding)
{
	struct priority_input known[TABLE_INPUTS_MAX];
	size_t count = gather(finding, known);
	struct priority_decision decision;

	priority_decide(table, known, count, &decision);
	finding->priority = RECORD_TEXT(decision.priority);
	finding->has_due_ms = 0;
	if (decision.has_due)
		RECORD_SET(finding, due_ms, finding->opened_ms + decision.due_after_ms);
	explain(io, table, &decision, known, count, finding);
}

static void keep(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__FindingVerdict *finding)
{
	struct buffer key = { 0 }, value = { 0 };

	asset_key(&key, asset);
	buffer_append(&key, record_bytes(finding->id));
	record_pack(&value, &finding->base);
	txn_put(io->txn, STATE_FINDING, buffer_bytes(&key), buffer_bytes(&value));
	stage_verdict(io, FETTLE__KIND__KIND_FINDING, &finding->base);
	buffer_fini(&key);
	buffer_fini(&value);
}

static enum status on_finding(struct stage_io *io, const struct event_finding *event)
{
	struct cache *cache = io->cache;
	enum status status = load_table(io, cache);

	if (status != STATUS_OK)
		return status;
	if (cache->table != NULL
	    && event->finding->state == FETTLE__FINDING_STATE__FINDING_STATE_OPEN)
		decide(io, cache->table, event->finding);
	keep(io, event->asset, event->finding);
	return STATUS_OK;
}

/* ---- another table ---- */

static enum status on_table(struct stage_io *io, const struct event *event)
{
	const Fettle__Document *document = event_document(event);
	struct yaml_errors errors = { 0 };
	struct priority_table *table = NULL;
	struct buffer value = { 0 };
	enum status status = STATUS_OK;

	if (document->text == NULL
	    || priority_table_parse(document->file == NULL ? "" : document->file,
		   bytes_of_text(document->text), &table, &errors)
		   != STATUS_OK) {
		status = stage_reject(io,
		    arena_format(io->arena, "the priority table is broken: %s",
			yaml_errors_text(&errors)));
	} else {
		record_pack(&value, &document->base);
		txn_put(io->txn, STATE_PRIORITY, bytes_of_text(table_key), buffer_bytes(&value));
		forget(io->cache);
		stage_enqueue(io, WORK_TABLE, BYTES_NONE);
	}
	priority_table_free(table);
	yaml_errors_fini(&errors);
	buffer_fini(&value);
	return status;
}

/* The open findings of one asset, decided anew; the others keep what was decided. */
static enum status decide_asset(void *data, const struct asset_ref *asset)
{
	struct stage_io *io = data;
	const struct cache *cache = io->cache;
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value;
	enum status status;

	asset_key(&prefix, asset);
	status = txn_scan_open(io->txn, STATE_FINDING, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		Fettle__FindingVerdict *finding;

		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK)
			break;
		finding = record_unpack(&fettle__finding_verdict__descriptor, value, io->arena);
		if (finding == NULL)
			status = STATUS_CORRUPT;
		else if (finding->state == FETTLE__FINDING_STATE__FINDING_STATE_OPEN) {
			decide(io, cache->table, finding);
			keep(io, asset, finding);
		}
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status on_work(struct stage_io *io, struct stage_work *work)
{
	const struct cache *cache = io->cache;
	enum status status = load_table(io, io->cache);

	if (status != STATUS_OK || work->kind != WORK_TABLE || cache->table == NULL)
		return status;
	return asset_slice(io->txn, work->cursor, work->budget, work->next, decide_asset, io);
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	return event->kind == EVENT_FINDING ? on_finding(io, event_finding(event))
	                                    : on_table(io, event);
}

const struct stage prioritize_stage = {
	.name = "prioritize",
	.summary = "says how soon each finding is to be cured, and by what it was decided",
	.consumes = (const enum event_kind[]){ EVENT_FINDING, EVENT_PRIORITY_TABLE, EVENT_NONE },
	.cache_new = cache_new,
	.cache_free = cache_free,
	.on_event = on_event,
	.on_work = on_work,
};
