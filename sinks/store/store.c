/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was applied since the last commit is also kept as it came (the journal): a transaction that
 * turns out not to fit into the map is applied again to the larger one that kv makes then.
 */
#include "sinks/store/store.h"

#include <stdlib.h>

#include "core/job_id.h"
#include "core/kv.h"
#include "core/log.h"
#include "core/record.h"
#include "core/txn.h"
#include "sinks/store/audit.h"
#include "sinks/store/layout.h"

enum { COMMIT_RECORDS = 10 * 1000, COMMIT_BYTES = 8 << 20, COMMIT_TRIES = 8 };

struct journal_entry {
	uint64_t offset, now_ms;
	size_t size; /* of the record, which follows in the journal's bytes */
};

struct store {
	struct kv *kv;
	struct txn *txn; /* NULL: none is open */
	struct layout_sums sums, committed;
	struct audit audit, audit_committed;
	const struct sign_pair *signer; /* NULL: nobody vouches for the audit */
	struct journal_entry *entries;
	size_t entries_count;
	struct buffer journal;
	struct arena arena; /* of one verdict */
	struct buffer key, value;
};

/* ---- the kinds ---- */

static bool is_id(ProtobufCBinaryData bytes)
{
	return bytes.len == LAYOUT_ID_SIZE;
}

static struct buffer *fresh(struct buffer *buffer)
{
	buffer_clear(buffer);
	return buffer;
}

static enum status apply_asset(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__AssetVerdict *asset = record_unpack(&fettle__asset_verdict__descriptor, body,
	    &store->arena);

	(void)now_ms;
	if (asset == NULL || !is_id(asset->asset))
		return STATUS_REJECT;
	txn_put(store->txn, LAYOUT_ASSETS, record_bytes(asset->asset), body);
	return STATUS_OK;
}

static enum status apply_change(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__ChangeVerdict *change = record_unpack(&fettle__change_verdict__descriptor,
	    body, &store->arena);
	struct bytes known;
	enum status status;

	if (change == NULL || !is_id(change->id) || !is_id(change->asset))
		return STATUS_REJECT;
	layout_timed_key(fresh(&store->key), change->received_ms, record_bytes(change->id));
	status = txn_get(store->txn, LAYOUT_CHANGES, buffer_bytes(&store->key), &known);
	if (status == STATUS_OK && known.size < 8)
		return STATUS_CORRUPT;
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	/* It comes again once it is known whether it was expected; it was stored when it came
	 * first. */
	buffer_append_u64(fresh(&store->value),
	    status == STATUS_OK ? bytes_u64(known.data) : now_ms);
	buffer_append(&store->value, body);
	txn_put(store->txn, LAYOUT_CHANGES, buffer_bytes(&store->key), buffer_bytes(&store->value));
	buffer_append(fresh(&store->key), record_bytes(change->asset));
	layout_timed_key(&store->key, change->received_ms, record_bytes(change->id));
	txn_put(store->txn, LAYOUT_CHANGES_BY_ASSET, buffer_bytes(&store->key), BYTES_NONE);
	return STATUS_OK;
}

static enum status apply_results(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__ResultsVerdict *results = record_unpack(&fettle__results_verdict__descriptor,
	    body, &store->arena);

	(void)now_ms;
	if (results == NULL || !is_id(results->asset) || results->policy == NULL)
		return STATUS_REJECT;
	layout_results_key(fresh(&store->key), record_bytes(results->asset), results->policy);
	if (results->removed)
		txn_delete(store->txn, LAYOUT_RESULTS, buffer_bytes(&store->key));
	else
		txn_put(store->txn, LAYOUT_RESULTS, buffer_bytes(&store->key), body);
	return STATUS_OK;
}

static bool is_finding(const Fettle__FindingVerdict *finding)
{
	return finding != NULL && is_id(finding->id) && is_id(finding->asset)
	    && finding->state >= FETTLE__FINDING_STATE__FINDING_STATE_OPEN
	    && finding->state <= FETTLE__FINDING_STATE__FINDING_STATE_EXCEPTED;
}

static uint64_t *sum_of(struct store *store, const Fettle__FindingVerdict *finding)
{
	return &store->sums.findings[finding->state - 1][rank_of_severity(finding->severity)];
}

/* Takes the finding's older version, if there is one, out of the index and the sums. */
static enum status forget_finding(struct store *store, struct bytes id)
{
	const Fettle__FindingVerdict *older;
	struct bytes value;
	enum status status = txn_get(store->txn, LAYOUT_FINDINGS, id, &value);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	older = record_unpack(&fettle__finding_verdict__descriptor, value, &store->arena);
	if (!is_finding(older))
		return STATUS_CORRUPT;
	layout_finding_key(fresh(&store->key), older);
	txn_delete(store->txn, LAYOUT_FINDINGS_BY_RANK, buffer_bytes(&store->key));
	layout_due_key(fresh(&store->key), older);
	txn_delete(store->txn, LAYOUT_FINDINGS_BY_DUE, buffer_bytes(&store->key));
	--*sum_of(store, older);
	return STATUS_OK;
}

static enum status apply_finding(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__FindingVerdict *finding = record_unpack(&fettle__finding_verdict__descriptor,
	    body, &store->arena);
	enum status status;

	(void)now_ms;
	if (!is_finding(finding))
		return STATUS_REJECT;
	status = forget_finding(store, record_bytes(finding->id));
	if (status != STATUS_OK)
		return status;
	txn_put(store->txn, LAYOUT_FINDINGS, record_bytes(finding->id), body);
	layout_finding_key(fresh(&store->key), finding);
	txn_put(store->txn, LAYOUT_FINDINGS_BY_RANK, buffer_bytes(&store->key), BYTES_NONE);
	layout_due_key(fresh(&store->key), finding);
	txn_put(store->txn, LAYOUT_FINDINGS_BY_DUE, buffer_bytes(&store->key), BYTES_NONE);
	++*sum_of(store, finding);
	return STATUS_OK;
}

/* Puts BODY under its time and id, once.  EXISTS: it was there. */
static enum status put_timed(struct store *store, enum layout_table table, uint64_t at_ms,
    struct bytes id, struct bytes body)
{
	struct bytes known;
	enum status status;

	layout_timed_key(fresh(&store->key), at_ms, id);
	status = txn_get(store->txn, table, buffer_bytes(&store->key), &known);
	if (status != STATUS_NOT_FOUND)
		return status == STATUS_OK ? STATUS_EXISTS : status;
	txn_put(store->txn, table, buffer_bytes(&store->key), body);
	return STATUS_OK;
}

static enum status apply_quarantined(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__QuarantinedVerdict *quarantined = record_unpack(
	    &fettle__quarantined_verdict__descriptor, body, &store->arena);
	enum status status;

	(void)now_ms;
	if (quarantined == NULL || !is_id(quarantined->id))
		return STATUS_REJECT;
	status = put_timed(store, LAYOUT_QUARANTINED, quarantined->at_ms,
	    record_bytes(quarantined->id), body);
	/* That it was let go is written over what was told of it before. */
	if (status == STATUS_EXISTS && quarantined->released_ms > 0)
		txn_put(store->txn, LAYOUT_QUARANTINED, buffer_bytes(&store->key), body);
	return status == STATUS_EXISTS ? STATUS_OK : status;
}

static enum status apply_loss(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__LossVerdict *loss = record_unpack(&fettle__loss_verdict__descriptor, body,
	    &store->arena);
	enum status status;

	(void)now_ms;
	if (loss == NULL || !is_id(loss->id))
		return STATUS_REJECT;
	status = put_timed(store, LAYOUT_LOSSES, loss->at_ms, record_bytes(loss->id), body);
	if (status == STATUS_OK)
		store->sums.lost += loss->count;
	return status == STATUS_EXISTS ? STATUS_OK : status;
}

static enum status apply_health(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__HealthVerdict *health = record_unpack(&fettle__health_verdict__descriptor,
	    body, &store->arena);

	(void)now_ms;
	if (health == NULL || !is_id(health->asset) || health->what <= 0
	    || health->what > UINT8_MAX)
		return STATUS_REJECT;
	layout_health_key(fresh(&store->key), health);
	txn_put(store->txn, LAYOUT_HEALTH, buffer_bytes(&store->key), body);
	return STATUS_OK;
}

/* ---- alerts ---- */

static bool is_alert(const Fettle__AlertVerdict *alert, enum standing_alert *standing)
{
	return alert != NULL && is_id(alert->id) && is_id(alert->asset)
	    && standing_of_alert(alert, standing);
}

/* The keys of its rows in the indexes, by rank and then by asset. */
static struct bytes alert_by_rank(struct store *store, const Fettle__AlertVerdict *alert,
    enum standing_alert standing)
{
	layout_alert_key(fresh(&store->key), alert, standing);
	return buffer_bytes(&store->key);
}

static struct bytes alert_by_asset(struct store *store, const Fettle__AlertVerdict *alert,
    enum standing_alert standing)
{
	buffer_append(fresh(&store->key), record_bytes(alert->asset));
	layout_alert_key(&store->key, alert, standing);
	return buffer_bytes(&store->key);
}

/* Takes the alert's older version, if there is one, out of the indexes and the sums. */
static enum status forget_alert(struct store *store, struct bytes id)
{
	const Fettle__AlertVerdict *older;
	struct bytes value;
	enum standing_alert standing;
	enum status status = txn_get(store->txn, LAYOUT_ALERTS, id, &value);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	older = record_unpack(&fettle__alert_verdict__descriptor, value, &store->arena);
	if (!is_alert(older, &standing))
		return STATUS_CORRUPT;
	txn_delete(store->txn, LAYOUT_ALERTS_BY_RANK, alert_by_rank(store, older, standing));
	txn_delete(store->txn, LAYOUT_ALERTS_BY_ASSET, alert_by_asset(store, older, standing));
	store->sums.alerts[standing][rank_of_severity(older->severity)]--;
	return STATUS_OK;
}

static enum status apply_alert(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__AlertVerdict *alert = record_unpack(&fettle__alert_verdict__descriptor, body,
	    &store->arena);
	enum standing_alert standing;
	enum status status;

	(void)now_ms;
	if (!is_alert(alert, &standing))
		return STATUS_REJECT;
	status = forget_alert(store, record_bytes(alert->id));
	if (status != STATUS_OK)
		return status;
	txn_put(store->txn, LAYOUT_ALERTS, record_bytes(alert->id), body);
	txn_put(store->txn, LAYOUT_ALERTS_BY_RANK, alert_by_rank(store, alert, standing),
	    BYTES_NONE);
	txn_put(store->txn, LAYOUT_ALERTS_BY_ASSET, alert_by_asset(store, alert, standing),
	    BYTES_NONE);
	store->sums.alerts[standing][rank_of_severity(alert->severity)]++;
	return STATUS_OK;
}

/* ---- jobs ---- */

static bool is_job(const Fettle__JobVerdict *job)
{
	return job != NULL && job->id.len == JOB_ID_SIZE && is_id(job->asset)
	    && job->state > FETTLE__JOB_STATE__JOB_STATE_NONE
	    && (unsigned)job->state < STANDING_JOB_STATES_END;
}

/* Calls PUT for the key of each of its rows in the indexes. */
static void index_job(struct store *store, const Fettle__JobVerdict *job,
    void (*put)(struct store *store, enum layout_table table, struct bytes key))
{
	struct bytes id = record_bytes(job->id);

	layout_timed_key(fresh(&store->key), job->proposed_ms, id);
	put(store, LAYOUT_JOBS_BY_TIME, buffer_bytes(&store->key));
	buffer_append_u8(fresh(&store->key), (uint8_t)job->state);
	layout_timed_key(&store->key, job->proposed_ms, id);
	put(store, LAYOUT_JOBS_BY_STATE, buffer_bytes(&store->key));
	buffer_append(fresh(&store->key), record_bytes(job->asset));
	layout_timed_key(&store->key, job->proposed_ms, id);
	put(store, LAYOUT_JOBS_BY_ASSET, buffer_bytes(&store->key));
}

static void put_row(struct store *store, enum layout_table table, struct bytes key)
{
	txn_put(store->txn, table, key, BYTES_NONE);
}

static void delete_row(struct store *store, enum layout_table table, struct bytes key)
{
	txn_delete(store->txn, table, key);
}

static enum status forget_job(struct store *store, struct bytes id)
{
	const Fettle__JobVerdict *older;
	struct bytes value;
	enum status status = txn_get(store->txn, LAYOUT_JOBS, id, &value);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	older = record_unpack(&fettle__job_verdict__descriptor, value, &store->arena);
	if (!is_job(older))
		return STATUS_CORRUPT;
	index_job(store, older, delete_row);
	store->sums.jobs[older->state]--;
	return STATUS_OK;
}

static enum status apply_job(struct store *store, struct bytes body, uint64_t now_ms)
{
	const Fettle__JobVerdict *job = record_unpack(&fettle__job_verdict__descriptor, body,
	    &store->arena);
	enum status status;

	(void)now_ms;
	if (!is_job(job))
		return STATUS_REJECT;
	status = forget_job(store, record_bytes(job->id));
	if (status != STATUS_OK)
		return status;
	txn_put(store->txn, LAYOUT_JOBS, record_bytes(job->id), body);
	index_job(store, job, put_row);
	store->sums.jobs[job->state]++;
	return STATUS_OK;
}

/* ---- the audit ---- */

static enum status apply_audit(struct store *store, struct bytes body, uint64_t now_ms)
{
	enum status status = audit_append(store->txn, &store->audit,
	    record_unpack(&fettle__audit_verdict__descriptor, body, &store->arena));

	if (status == STATUS_OK && store->signer != NULL
	    && store->audit.sequence >= store->audit.checkpoint + AUDIT_CHECKPOINT_ENTRIES)
		audit_checkpoint(store->txn, &store->audit, store->signer, now_ms);
	return status;
}

/* ---- all of them ---- */

static const struct {
	uint32_t kind;
	enum status (*apply)(struct store *store, struct bytes body, uint64_t now_ms);
} kinds[] = {
	{ FETTLE__KIND__KIND_ASSET, apply_asset },
	{ FETTLE__KIND__KIND_CHANGE, apply_change },
	{ FETTLE__KIND__KIND_RESULTS, apply_results },
	{ FETTLE__KIND__KIND_FINDING, apply_finding },
	{ FETTLE__KIND__KIND_QUARANTINED, apply_quarantined },
	{ FETTLE__KIND__KIND_LOSS, apply_loss },
	{ FETTLE__KIND__KIND_ALERT, apply_alert },
	{ FETTLE__KIND__KIND_JOB, apply_job },
	{ FETTLE__KIND__KIND_HEALTH, apply_health },
	{ FETTLE__KIND__KIND_AUDIT, apply_audit },
};

/* ---- the transaction ---- */

static void clear_journal(struct store *store)
{
	free(store->entries);
	store->entries = NULL;
	store->entries_count = 0;
	buffer_clear(&store->journal);
}

static void undo(struct store *store)
{
	if (store->txn != NULL)
		txn_abort(&store->txn);
	store->sums = store->committed;
	store->audit = store->audit_committed;
}

static enum status apply_body(struct store *store, struct bytes record, uint64_t now_ms)
{
	Fettle__Record *decoded;
	enum status status = record_decode(record, &store->arena, &decoded);

	for (size_t i = 0; status == STATUS_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == decoded->envelope->kind)
			return kinds[i].apply(store, record_bytes(decoded->body), now_ms);
	return status;
}

static enum status apply(struct store *store, uint64_t offset, struct bytes record, uint64_t now_ms)
{
	enum status status = STATUS_OK;

	if (store->txn == NULL)
		status = txn_begin(store->kv, &store->txn);
	if (status == STATUS_OK && record.size > 0) {
		arena_reset(&store->arena);
		status = apply_body(store, record, now_ms);
	}
	if (status == STATUS_REJECT) {
		log_write(LOG_ERROR, "store-refused", LOG_FIELDS(LOG_NUMBER("offset", offset)),
		    "a verdict cannot be understood; it is counted and passed over");
		store->sums.refused++;
		status = STATUS_OK;
	}
	store->sums.position = offset;
	return status;
}

static void note(struct store *store, uint64_t offset, struct bytes record, uint64_t now_ms)
{
	if (store->entries == NULL)
		store->entries = memory_new(COMMIT_RECORDS * sizeof(*store->entries));
	store->entries[store->entries_count++] =
	    (struct journal_entry){ .offset = offset, .now_ms = now_ms, .size = record.size };
	buffer_append(&store->journal, record);
}

enum status store_apply(struct store *store, uint64_t offset, struct bytes record, uint64_t now_ms)
{
	enum status status = STATUS_OK;

	if (offset <= store->sums.position)
		return STATUS_OK;
	if (store_wants_commit(store))
		status = store_commit(store);
	if (status == STATUS_OK) {
		note(store, offset, record, now_ms);
		status = apply(store, offset, record, now_ms);
	}
	if (status != STATUS_OK) {
		undo(store);
		clear_journal(store);
	}
	return status;
}

bool store_wants_commit(const struct store *store)
{
	return store->entries_count >= COMMIT_RECORDS || store->journal.size >= COMMIT_BYTES;
}

static enum status apply_journal(struct store *store)
{
	const uint8_t *at = store->journal.data;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < store->entries_count && status == STATUS_OK; i++) {
		const struct journal_entry *entry = &store->entries[i];

		status = apply(store, entry->offset, BYTES(at, entry->size), entry->now_ms);
		at += entry->size;
	}
	return status;
}

static enum status commit_once(struct store *store)
{
	buffer_clear(&store->value);
	layout_sums_encode(&store->value, &store->sums);
	txn_put(store->txn, LAYOUT_META, layout_sums_key(), buffer_bytes(&store->value));
	audit_put(store->txn, &store->audit);
	return txn_commit(&store->txn);
}

static void keep_sums(struct store *store)
{
	store->committed = store->sums;
	store->audit_committed = store->audit;
}

enum status store_commit(struct store *store)
{
	enum status status = STATUS_FULL;

	if (store->txn == NULL)
		return STATUS_OK;
	for (unsigned tries = 0; status == STATUS_FULL && tries < COMMIT_TRIES; tries++) {
		status = STATUS_OK;
		if (tries > 0) {
			undo(store);
			status = apply_journal(store);
		}
		if (status == STATUS_OK)
			status = commit_once(store);
	}
	if (status == STATUS_OK)
		keep_sums(store);
	else
		undo(store);
	clear_journal(store);
	return status;
}

void store_sign_with(struct store *store, const struct sign_pair *signer)
{
	store->signer = signer;
}

enum status store_checkpoint(struct store *store, uint64_t now_ms, uint64_t age_ms)
{
	enum status status;

	undo(store);
	clear_journal(store);
	if (store->signer == NULL || store->audit.sequence == store->audit.checkpoint
	    || now_ms < store->audit.checkpoint_ms + age_ms)
		return STATUS_OK;
	status = txn_begin(store->kv, &store->txn);
	if (status != STATUS_OK)
		return status;
	audit_checkpoint(store->txn, &store->audit, store->signer, now_ms);
	status = commit_once(store);
	if (status == STATUS_OK)
		keep_sums(store);
	else
		undo(store);
	return status == STATUS_FULL ? STATUS_OK : status; /* then there is room the next time */
}

enum status store_audit(struct store *store, const Fettle__AuditVerdict *verdict)
{
	enum status status = store_commit(store);

	if (status == STATUS_OK)
		status = txn_begin(store->kv, &store->txn);
	if (status == STATUS_OK)
		status = audit_append(store->txn, &store->audit, verdict);
	if (status == STATUS_OK)
		status = commit_once(store);
	if (status == STATUS_OK)
		keep_sums(store);
	else
		undo(store);
	return status;
}

uint64_t store_position(const struct store *store)
{
	return store->committed.position;
}

/* ---- an index that is younger than the store ---- */

static enum status count_rows(struct store *store, uint64_t *findings, uint64_t *indexed)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(store->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_count(txn, LAYOUT_FINDINGS, findings);
	if (status == STATUS_OK)
		status = kv_count(txn, LAYOUT_FINDINGS_BY_DUE, indexed);
	kv_abort(&txn);
	return status;
}

/* The next findings of SCAN; store->value is the id of the last one then. */
static enum status index_some(struct store *store, struct txn_scan *scan)
{
	enum status status = STATUS_OK;
	struct bytes id, body;

	for (unsigned rows = 0; rows < COMMIT_RECORDS; rows++) {
		const Fettle__FindingVerdict *finding;

		status = txn_scan_next(scan, &id, &body);
		if (status != STATUS_OK)
			return status;
		arena_reset(&store->arena);
		finding = record_unpack(&fettle__finding_verdict__descriptor, body, &store->arena);
		if (!is_finding(finding))
			return STATUS_CORRUPT;
		layout_due_key(fresh(&store->key), finding);
		txn_put(store->txn, LAYOUT_FINDINGS_BY_DUE, buffer_bytes(&store->key), BYTES_NONE);
		buffer_append(fresh(&store->value), id);
	}
	return STATUS_OK;
}

/* NOT_FOUND once the last one is in the index. */
static enum status index_page(struct store *store)
{
	struct txn_scan *scan;
	enum status status = txn_begin(store->kv, &store->txn), committed;

	if (status != STATUS_OK)
		return status;
	status = txn_scan_open(store->txn, LAYOUT_FINDINGS, BYTES_NONE, buffer_bytes(&store->value),
	    &scan);
	if (status == STATUS_OK) {
		status = index_some(store, scan);
		txn_scan_close(scan);
	}
	if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
		txn_abort(&store->txn);
		return status;
	}
	committed = txn_commit(&store->txn);
	return committed == STATUS_OK ? status : committed;
}

/* A store of before there was the index by due time gets it; one that was begun is ended. */
static enum status complete_index(struct store *store)
{
	uint64_t findings, indexed;
	enum status status = count_rows(store, &findings, &indexed);

	buffer_clear(&store->value);
	if (status != STATUS_OK || findings == indexed)
		return status;
	while (status == STATUS_OK)
		status = index_page(store);
	buffer_clear(&store->value);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- life ---- */

static enum status load_sums(struct store *store)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = kv_read_begin(store->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_get(txn, LAYOUT_META, layout_sums_key(), &value);
	if (status == STATUS_OK && !layout_sums_decode(value, &store->sums))
		status = STATUS_CORRUPT;
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = audit_load(txn, &store->audit);
	kv_abort(&txn);
	keep_sums(store);
	return status;
}

enum status store_open(const char *data, struct store **out)
{
	struct store *store = memory_new(sizeof(*store));
	struct kv_options options = { .tables = layout_tables,
		.format = LAYOUT_FORMAT,
		.is_writer = true };
	char *directory = layout_directory(data);
	enum status status = kv_open(directory, &options, &store->kv);

	if (status == STATUS_OK)
		status = load_sums(store);
	if (status == STATUS_OK)
		status = complete_index(store);
	free(directory);
	if (status != STATUS_OK) {
		store_close(store);
		return status;
	}
	*out = store;
	return STATUS_OK;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	undo(store);
	clear_journal(store);
	kv_close(store->kv);
	buffer_fini(&store->journal);
	buffer_fini(&store->key);
	buffer_fini(&store->value);
	arena_fini(&store->arena);
	free(store);
}
