/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/finding.h"

#include "processors/state/asset.h"
#include "processors/state/tables.h"

/* Part of every id: they stay as they are. */
static const char *const kind_words[] = {
	[FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION] = "misconfiguration",
	[FETTLE__FINDING_KIND__FINDING_KIND_VULNERABILITY] = "vulnerability",
	[FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH] = "missing_patch",
};

static void finding_id(const struct asset_ref *asset, Fettle__FindingKind kind, const char *subject,
    uint8_t out[HASH_SIZE])
{
	const struct bytes parts[] = { bytes_of_text(kind_words[kind]), BYTES_OF(asset->id),
		bytes_of_text(subject) };

	hash_parts(parts, 3, out);
}

static enum status get(struct stage_io *io, const struct asset_ref *asset,
    const uint8_t id[HASH_SIZE], Fettle__FindingVerdict **out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	asset_key(&key, asset);
	buffer_append(&key, BYTES(id, HASH_SIZE));
	status = txn_get(io->txn, STATE_FINDING, buffer_bytes(&key), &value);
	buffer_fini(&key);
	if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__finding_verdict__descriptor, value, io->arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

/* The stage that decides how soon completes it and keeps it. */
static enum status hand_on(struct stage_io *io, const struct asset_ref *asset,
    Fettle__FindingVerdict *finding)
{
	struct event_finding body = { .asset = asset, .finding = finding };
	struct event event = { .kind = EVENT_FINDING, .body = &body };

	return stage_emit(io, &event);
}

/* Where OLDER has been fixed meanwhile, the clock starts anew. */
static void carry_over(struct stage_io *io, const Fettle__FindingVerdict *older,
    Fettle__FindingVerdict *draft)
{
	bool was_fixed = older->state == FETTLE__FINDING_STATE__FINDING_STATE_FIXED;

	RECORD_SET(draft, first_seen_ms, older->first_seen_ms);
	RECORD_SET(draft, opened_ms, was_fixed ? io->now_ms : older->opened_ms);
	if (older->reopened > 0 || was_fixed)
		RECORD_SET(draft, reopened, older->reopened + was_fixed);
}

enum status finding_open(struct stage_io *io, const struct asset_ref *asset,
    Fettle__FindingKind kind, const char *subject, Fettle__FindingVerdict *draft)
{
	Fettle__FindingVerdict *older;
	uint8_t id[HASH_SIZE];
	enum status status;

	finding_id(asset, kind, subject, id);
	status = get(io, asset, id, &older);
	if (status == STATUS_OK) {
		carry_over(io, older, draft);
	} else if (status == STATUS_NOT_FOUND) {
		RECORD_SET(draft, first_seen_ms, io->now_ms);
		RECORD_SET(draft, opened_ms, io->now_ms);
	} else {
		return status;
	}
	RECORD_SET_BYTES(draft, id, BYTES_OF(id));
	RECORD_SET_BYTES(draft, asset, BYTES_OF(asset->id));
	RECORD_SET(draft, kind, kind);
	RECORD_SET(draft, state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	RECORD_SET(draft, last_seen_ms, io->now_ms);
	draft->subject = RECORD_TEXT(subject);
	return hand_on(io, asset, draft);
}

enum status finding_close(struct stage_io *io, const struct asset_ref *asset,
    Fettle__FindingKind kind, const char *subject, const char *reason, Fettle__Evidence **evidence,
    size_t count)
{
	Fettle__FindingVerdict *finding;
	uint8_t id[HASH_SIZE];
	enum status status;

	finding_id(asset, kind, subject, id);
	status = get(io, asset, id, &finding);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (finding->state == FETTLE__FINDING_STATE__FINDING_STATE_FIXED)
		return STATUS_OK;
	RECORD_SET(finding, state, FETTLE__FINDING_STATE__FINDING_STATE_FIXED);
	RECORD_SET(finding, fixed_ms, io->now_ms);
	finding->reason = RECORD_TEXT(reason);
	if (count > 0) {
		finding->evidence = evidence;
		finding->n_evidence = count;
	}
	return hand_on(io, asset, finding);
}
