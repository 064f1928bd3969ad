/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - what stages are given: a decoded record, or what an earlier stage made of one.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/fact.h"
#include "core/record.h"
#include "proto/admission.pb-c.h"
#include "proto/control.pb-c.h"
#include "proto/intent.pb-c.h"
#include "proto/observation.pb-c.h"
#include "proto/verdict.pb-c.h"

enum event_kind {
	EVENT_NONE,

	/* from the observation stream */
	EVENT_FACT_SET,
	EVENT_FACT_UNSET,
	EVENT_PASS,
	EVENT_HEARTBEAT,
	EVENT_GAP,
	EVENT_JOB_PROGRESS,
	EVENT_DIGEST,
	EVENT_HAVE,
	EVENT_BUNDLE,

	/* from the intent stream */
	EVENT_POLICY,
	EVENT_POLICY_REMOVED,
	EVENT_PRIORITY_TABLE,
	EVENT_DETECTION,
	EVENT_DETECTION_REMOVED,
	EVENT_WATCHLIST,
	EVENT_ALERT_ACK,
	EVENT_JOB_PROPOSAL,
	EVENT_JOB_DECISION,
	EVENT_OPERATORS,
	EVENT_QUARANTINE_RELEASE, /* the host's own: no stage is given it */

	/* from the log itself */
	EVENT_NOTICE,

	/* made by stages */
	EVENT_FACT_CHANGED, /* by inventory: the state has a new value */
	EVENT_ASSET_NEW,    /* by inventory: the first that was heard of an asset */
	EVENT_ASSET_ANEW,   /* by inventory: its agent has forgotten all that it knew */
	EVENT_FINDING,      /* by assess: a finding opened, changed or closed */
};

/* An asset is named by 16 bytes; its slot is that of its agent. */
enum { ASSET_ID_SIZE = 16 };
struct asset_ref {
	uint8_t id[ASSET_ID_SIZE];
	uint8_t slot;
};

/* One side of a change, encoded. */
struct event_value {
	enum fact_status status; /* FACT_NONE: there was none */
	struct bytes value;
	const char *reason; /* or NULL */
};

struct event_change {
	const struct asset_ref *asset;
	struct bytes key;
	struct event_value before, after;
	const char *collector; /* or NULL */
	bool is_baseline;      /* first seen, not changed */
};

struct event_finding {
	const struct asset_ref *asset;
	Fettle__FindingVerdict *finding; /* to be completed and kept by the last that sees it */
};

struct event {
	enum event_kind kind;
	/* Of the record that it comes from; both NULL for work, ticks and timers. */
	const Fettle__Envelope *envelope;
	const Fettle__Stamp *stamp;
	const void *body;
	struct bytes encoded; /* the body as it came; empty where a stage made it */
};

/* True where a record of this kind may come by FLOW of the log (core/sublog.h). */
bool event_may_come_by(const struct event *event, uint32_t flow);

/* The body, if the event is of that kind; else NULL. */
const Fettle__Fact *event_fact(const struct event *event);
const Fettle__Pass *event_pass(const struct event *event);
const Fettle__Heartbeat *event_heartbeat(const struct event *event);
const Fettle__Gap *event_gap(const struct event *event);
const Fettle__JobProgress *event_job_progress(const struct event *event);
const Fettle__Document *event_document(const struct event *event);
const Fettle__AlertAck *event_alert_ack(const struct event *event);
const Fettle__JobProposal *event_job_proposal(const struct event *event);
const Fettle__JobDecision *event_job_decision(const struct event *event);
const Fettle__Operators *event_operators(const struct event *event);
const Fettle__QuarantineRelease *event_quarantine_release(const struct event *event);
const Fettle__Digest *event_digest(const struct event *event);
const Fettle__Have *event_have(const struct event *event);
const Fettle__Bundle *event_bundle(const struct event *event);
const Fettle__Notice *event_notice(const struct event *event);
const struct event_change *event_change(const struct event *event);
const struct event_finding *event_finding(const struct event *event);

/* What an EVENT_ASSET_NEW or EVENT_ASSET_ANEW carries. */
const struct asset_ref *event_asset(const struct event *event);

/*
 * Decodes RECORD into an event, in ARENA.  REJECT and *reason: it is not well-formed, carries no
 * stamp, or is of a kind that this version does not know.
 */
NODISCARD enum status event_decode(struct bytes record, struct arena *arena, struct event *out,
    const char **reason);

#endif
