/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - makes one audit verdict of each notice of the log, and of each step of a job.
 *
 * It judges nothing and keeps nothing.
 */
#include "processors/audit/audit.h"

#include "core/hash.h"
#include "processors/state/asset.h"

/* ---- notices ---- */

static const struct {
	uint32_t kind;
	const char *text;
} kinds[] = {
	{ FETTLE__KIND__KIND_POLICY, "policy" },
	{ FETTLE__KIND__KIND_POLICY_REMOVED, "policy removed" },
	{ FETTLE__KIND__KIND_PRIORITY_TABLE, "priority table" },
	{ FETTLE__KIND__KIND_DETECTION, "detection" },
	{ FETTLE__KIND__KIND_DETECTION_REMOVED, "detection removed" },
	{ FETTLE__KIND__KIND_WATCHLIST, "watch list" },
	{ FETTLE__KIND__KIND_ALERT_ACK, "alert ack" },
	{ FETTLE__KIND__KIND_JOB_PROPOSAL, "job proposal" },
	{ FETTLE__KIND__KIND_JOB_DECISION, "job decision" },
	{ FETTLE__KIND__KIND_OPERATORS, "operators" },
};

static const char *kind_text(struct arena *arena, uint32_t kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return kinds[i].text;
	return kind == 0 ? "order" : arena_format(arena, "kind %u", (unsigned)kind);
}

/* "intent policy", "denied job decision", "agent" */
static const char *action_of(struct arena *arena, const Fettle__Notice *notice)
{
	switch (notice->what) {
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_INTENT:
		return arena_format(arena, "intent %s", kind_text(arena, notice->kind));
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_DENIED:
		return arena_format(arena, "denied %s", kind_text(arena, notice->kind));
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER:
		return "agent";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_ENROLMENT:
		return "enrolment";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_OPERATOR:
		return "operator";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE:
		return "clone";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_ROLLED_BACK:
		return "rolled back";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_SUPERSEDED:
		return "superseded";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_OTHER_SPOOL:
		return "spool anew";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_NAMELESS:
		return "hello refused";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_FULL:
		return "quarantine full";
	case FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_OPEN:
		return "quarantine open";
	default:
		return arena_format(arena, "notice %d", (int)notice->what);
	}
}

/* Of the agent that NOTICE is about, where it has one. */
static enum status set_asset(struct stage_io *io, const Fettle__Notice *notice,
    struct asset_ref *asset, Fettle__AuditVerdict *verdict)
{
	enum status status;

	if (notice->agent.len != AGENT_ID_SIZE)
		return STATUS_OK;
	status = asset_of_agent(io->txn, notice->agent.data, asset);
	if (status == STATUS_OK)
		RECORD_SET_BYTES(verdict, asset, BYTES_OF(asset->id));
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	const Fettle__Notice *notice = event_notice(event);
	Fettle__AuditVerdict verdict = FETTLE__AUDIT_VERDICT__INIT;
	struct asset_ref asset;
	enum status status = set_asset(io, notice, &asset, &verdict);

	if (status != STATUS_OK)
		return status;
	RECORD_SET_BYTES(&verdict, id, record_bytes(event->envelope->event_id));
	RECORD_SET(&verdict, at_ms, notice->at_ms);
	verdict.principal = RECORD_TEXT(
	    notice->principal == NULL || notice->principal[0] == '\0' ? "log" : notice->principal);
	verdict.action = RECORD_TEXT(action_of(io->arena, notice));
	RECORD_SET_BYTES(&verdict, subject,
	    notice->key.len > 0 ? record_bytes(notice->key) : record_bytes(notice->agent));
	if (notice->hash.len > 0)
		RECORD_SET_BYTES(&verdict, hash, record_bytes(notice->hash));
	verdict.detail = notice->detail;
	RECORD_SET(&verdict, offset, event->stamp->offset);
	stage_verdict(io, FETTLE__KIND__KIND_AUDIT, &verdict.base);
	return STATUS_OK;
}

/* ---- jobs ---- */

static const char *state_text(unsigned state)
{
	static const char *const texts[] = { "none", "proposed", "rejected", "approved",
		"scheduled", "leased", "applying", "verifying", "confirmed", "failed", "lost",
		"cancelled", "superseded" };

	return state < sizeof(texts) / sizeof(texts[0]) ? texts[state] : "unknown";
}

/* The same step, told again, has the same id. */
static void step_id(const struct stage_io *io, const Fettle__JobVerdict *job, const char *by,
    const char *note, uint8_t out[HASH_SIZE])
{
	const uint64_t numbers[] = { job->state, io->now_ms, job->n_history };
	const struct bytes parts[] = { record_bytes(job->id), BYTES_OF(numbers), bytes_of_text(by),
		bytes_of_text(note) };

	hash_parts(parts, sizeof(parts) / sizeof(parts[0]), out);
}

void audit_job(struct stage_io *io, const Fettle__JobVerdict *job, bool is_step, const char *by,
    const char *note)
{
	Fettle__AuditVerdict verdict = FETTLE__AUDIT_VERDICT__INIT;
	uint8_t id[HASH_SIZE];

	step_id(io, job, by, note, id);
	RECORD_SET_BYTES(&verdict, id, BYTES_OF(id));
	RECORD_SET(&verdict, at_ms, io->now_ms);
	verdict.principal = RECORD_TEXT(by);
	verdict.action = RECORD_TEXT(
	    is_step ? arena_format(io->arena, "job %s", state_text((unsigned)job->state))
		    : "job note");
	RECORD_SET_BYTES(&verdict, subject, record_bytes(job->id));
	RECORD_SET_BYTES(&verdict, asset, record_bytes(job->asset));
	verdict.detail = RECORD_TEXT(note);
	stage_verdict(io, FETTLE__KIND__KIND_AUDIT, &verdict.base);
}

const struct stage audit_stage = {
	.name = "audit",
	.summary = "says who did what, for the audit",
	.consumes = (const enum event_kind[]){ EVENT_NOTICE, EVENT_NONE },
	.on_event = on_event,
};
