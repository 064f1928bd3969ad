/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/finding.h"

#include "processors/state/asset.h"
#include "processors/state/tables.h"

/* The same thing wrong with the same asset has one id for ever, however often it comes back. */
static void finding_id(const struct asset_ref *asset, const char *subject, uint8_t out[HASH_SIZE])
{
	const struct bytes parts[] = { bytes_of_text("misconfiguration"), BYTES_OF(asset->id),
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

static void fill(struct stage_io *io, Fettle__FindingVerdict *finding, const struct policy *policy,
    const struct check *check, const Fettle__CheckOutcome *outcome)
{
	finding->title = RECORD_TEXT(check->title);
	finding->severity = RECORD_TEXT(check_severity_text(check->severity));
	finding->rationale = RECORD_TEXT(check->rationale);
	finding->remediation = RECORD_TEXT(check->remediation);
	finding->policy = RECORD_TEXT(policy->id);
	finding->dialect = RECORD_TEXT(policy->dialect->name);
	finding->reason = outcome->reason;
	finding->n_evidence = outcome->n_evidence;
	finding->evidence = outcome->evidence;
	RECORD_SET_BYTES(finding, policy_hash, BYTES_OF(policy->hash));
	RECORD_SET(finding, last_seen_ms, io->now_ms);
}

static enum status close_finding(struct stage_io *io, const struct asset_ref *asset,
    Fettle__FindingVerdict *finding, const char *reason)
{
	RECORD_SET(finding, state, FETTLE__FINDING_STATE__FINDING_STATE_FIXED);
	RECORD_SET(finding, fixed_ms, io->now_ms);
	finding->reason = RECORD_TEXT(reason);
	return hand_on(io, asset, finding);
}

enum status finding_update(struct stage_io *io, const struct asset_ref *asset,
    const struct policy *policy, const struct check *check, const Fettle__CheckOutcome *outcome)
{
	const char *subject = arena_format(io->arena, "%s/%s", policy->id, check->id);
	Fettle__FindingVerdict fresh = FETTLE__FINDING_VERDICT__INIT, *finding = &fresh;
	uint8_t id[HASH_SIZE];
	bool is_known;
	enum status status;

	if (outcome->result == FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN)
		return STATUS_OK;
	finding_id(asset, subject, id);
	status = get(io, asset, id, &finding);
	is_known = status == STATUS_OK;
	if (!is_known && status != STATUS_NOT_FOUND)
		return status;
	if (outcome->result != FETTLE__CHECK_RESULT__CHECK_RESULT_FAIL) {
		if (is_known && finding->state != FETTLE__FINDING_STATE__FINDING_STATE_FIXED) {
			finding->n_evidence = outcome->n_evidence;
			finding->evidence = outcome->evidence;
			return close_finding(io, asset, finding, outcome->reason);
		}
		return STATUS_OK;
	}
	if (!is_known) {
		finding = &fresh;
		RECORD_SET_BYTES(finding, id, BYTES_OF(id));
		RECORD_SET_BYTES(finding, asset, BYTES_OF(asset->id));
		RECORD_SET(finding, kind, FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION);
		RECORD_SET(finding, first_seen_ms, io->now_ms);
		RECORD_SET(finding, opened_ms, io->now_ms);
		finding->subject = RECORD_TEXT(subject);
	} else if (finding->state == FETTLE__FINDING_STATE__FINDING_STATE_FIXED) {
		RECORD_SET(finding, reopened, finding->reopened + 1);
		RECORD_SET(finding, opened_ms, io->now_ms);
		finding->has_fixed_ms = 0;
	}
	RECORD_SET(finding, state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	fill(io, finding, policy, check, outcome);
	return hand_on(io, asset, finding);
}

enum status finding_withdraw(struct stage_io *io, const struct asset_ref *asset,
    const char *policy_id, const char *check_id, const char *reason)
{
	const char *subject = arena_format(io->arena, "%s/%s", policy_id, check_id);
	Fettle__FindingVerdict *finding;
	uint8_t id[HASH_SIZE];
	enum status status;

	finding_id(asset, subject, id);
	status = get(io, asset, id, &finding);
	if (status == STATUS_OK
	    && finding->state != FETTLE__FINDING_STATE__FINDING_STATE_FIXED)
		return close_finding(io, asset, finding, reason);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
