/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event.h"

#include "core/sublog.h"

#define BODY(function, type, condition) \
	const type *function(const struct event *event) \
	{ \
		return (condition) ? event->body : NULL; \
	}

BODY(event_fact, Fettle__Fact, event->kind == EVENT_FACT_SET || event->kind == EVENT_FACT_UNSET)
BODY(event_pass, Fettle__Pass, event->kind == EVENT_PASS)
BODY(event_heartbeat, Fettle__Heartbeat, event->kind == EVENT_HEARTBEAT)
BODY(event_gap, Fettle__Gap, event->kind == EVENT_GAP)
BODY(event_job_progress, Fettle__JobProgress, event->kind == EVENT_JOB_PROGRESS)
BODY(event_document, Fettle__Document,
    event->kind >= EVENT_POLICY && event->kind <= EVENT_WATCHLIST)
BODY(event_alert_ack, Fettle__AlertAck, event->kind == EVENT_ALERT_ACK)
BODY(event_job_proposal, Fettle__JobProposal, event->kind == EVENT_JOB_PROPOSAL)
BODY(event_job_decision, Fettle__JobDecision, event->kind == EVENT_JOB_DECISION)
BODY(event_operators, Fettle__Operators, event->kind == EVENT_OPERATORS)
BODY(event_quarantine_release, Fettle__QuarantineRelease, event->kind == EVENT_QUARANTINE_RELEASE)
BODY(event_digest, Fettle__Digest, event->kind == EVENT_DIGEST)
BODY(event_have, Fettle__Have, event->kind == EVENT_HAVE)
BODY(event_bundle, Fettle__Bundle, event->kind == EVENT_BUNDLE)
BODY(event_notice, Fettle__Notice, event->kind == EVENT_NOTICE)
BODY(event_change, struct event_change, event->kind == EVENT_FACT_CHANGED)
BODY(event_finding, struct event_finding, event->kind == EVENT_FINDING)
BODY(event_asset, struct asset_ref,
    event->kind == EVENT_ASSET_NEW || event->kind == EVENT_ASSET_ANEW)

/* Or an endpoint could withdraw policies, and an operator forge what was observed. */
bool event_may_come_by(const struct event *event, uint32_t flow)
{
	bool is_intent = event->kind >= EVENT_POLICY && event->kind <= EVENT_QUARANTINE_RELEASE;
	bool is_notice = event->kind == EVENT_NOTICE;

	return is_intent == (flow == SUBLOG_INTENT) && is_notice == (flow == SUBLOG_NOTICE);
}

struct kind_row {
	uint32_t kind;
	enum event_kind event;
	const ProtobufCMessageDescriptor *descriptor;
};

static const struct kind_row kinds[] = {
	{ FETTLE__KIND__KIND_FACT_SET, EVENT_FACT_SET, &fettle__fact__descriptor },
	{ FETTLE__KIND__KIND_FACT_UNSET, EVENT_FACT_UNSET, &fettle__fact__descriptor },
	{ FETTLE__KIND__KIND_PASS, EVENT_PASS, &fettle__pass__descriptor },
	{ FETTLE__KIND__KIND_HEARTBEAT, EVENT_HEARTBEAT, &fettle__heartbeat__descriptor },
	{ FETTLE__KIND__KIND_GAP, EVENT_GAP, &fettle__gap__descriptor },
	{ FETTLE__KIND__KIND_POLICY, EVENT_POLICY, &fettle__document__descriptor },
	{ FETTLE__KIND__KIND_POLICY_REMOVED, EVENT_POLICY_REMOVED, &fettle__document__descriptor },
	{ FETTLE__KIND__KIND_JOB_PROGRESS, EVENT_JOB_PROGRESS, &fettle__job_progress__descriptor },
	{ FETTLE__KIND__KIND_PRIORITY_TABLE, EVENT_PRIORITY_TABLE, &fettle__document__descriptor },
	{ FETTLE__KIND__KIND_DETECTION, EVENT_DETECTION, &fettle__document__descriptor },
	{ FETTLE__KIND__KIND_DETECTION_REMOVED, EVENT_DETECTION_REMOVED,
	    &fettle__document__descriptor },
	{ FETTLE__KIND__KIND_WATCHLIST, EVENT_WATCHLIST, &fettle__document__descriptor },
	{ FETTLE__KIND__KIND_ALERT_ACK, EVENT_ALERT_ACK, &fettle__alert_ack__descriptor },
	{ FETTLE__KIND__KIND_JOB_PROPOSAL, EVENT_JOB_PROPOSAL, &fettle__job_proposal__descriptor },
	{ FETTLE__KIND__KIND_JOB_DECISION, EVENT_JOB_DECISION, &fettle__job_decision__descriptor },
	{ FETTLE__KIND__KIND_OPERATORS, EVENT_OPERATORS, &fettle__operators__descriptor },
	{ FETTLE__KIND__KIND_QUARANTINE_RELEASE, EVENT_QUARANTINE_RELEASE,
	    &fettle__quarantine_release__descriptor },
	{ FETTLE__KIND__KIND_DIGEST, EVENT_DIGEST, &fettle__digest__descriptor },
	{ FETTLE__KIND__KIND_HAVE, EVENT_HAVE, &fettle__have__descriptor },
	{ FETTLE__KIND__KIND_BUNDLE, EVENT_BUNDLE, &fettle__bundle__descriptor },
	{ FETTLE__KIND__KIND_NOTICE, EVENT_NOTICE, &fettle__notice__descriptor },
};

static const struct kind_row *find_kind(uint32_t kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

enum status event_decode(struct bytes bytes, struct arena *arena, struct event *out,
    const char **reason)
{
	const struct kind_row *row;
	Fettle__Record *record;

	*reason = "the record is not well-formed";
	if (record_decode(bytes, arena, &record) != STATUS_OK || record->stamp == NULL
	    || record->stamp->writer.len != AGENT_ID_SIZE)
		return STATUS_REJECT;
	*out = (struct event){ .envelope = record->envelope, .stamp = record->stamp };
	if (record->envelope->kind == FETTLE__KIND__KIND_MALFORMED)
		return STATUS_REJECT;
	row = find_kind(record->envelope->kind);
	if (row == NULL) {
		*reason = "this version does not know the kind of the record";
		return STATUS_REJECT;
	}
	out->kind = row->event;
	out->encoded = record_bytes(record->body);
	out->body = record_unpack(row->descriptor, out->encoded, arena);
	*reason = "the record's body is not well-formed";
	return out->body == NULL ? STATUS_REJECT : STATUS_OK;
}
