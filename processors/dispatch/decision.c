/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/dispatch/decision.h"

#include "processors/dispatch/lease.h"
#include "processors/dispatch/life.h"
#include "processors/dispatch/people.h"

/* What is being decided. */
struct ruling {
	const struct event *event;
	const char *by;
	const char *words; /* why, in the words of who decided; "" if they gave none */
};

/* "approved", or "approved: IT IS URGENT" */
static const char *tell(struct life *life, const char *what, const struct ruling *ruling)
{
	return ruling->words[0] == '\0'
	         ? what
	         : arena_format(life->io->arena, "%s: %s", what, ruling->words);
}

static void set_decided(struct life *life, const struct ruling *ruling)
{
	life->job->decided_by = RECORD_TEXT(ruling->by);
	RECORD_SET(life->job, decided_ms, ruling->event->stamp->received_ms);
}

/* It stays as it is, and says why. */
static enum status refuse(struct life *life, const struct ruling *ruling, const char *why)
{
	life_note(life, ruling->by, why);
	return STATUS_OK;
}

/* Who proposed it wants to approve it, and it takes somebody else. */
static enum status takes_another(const struct life *life, const struct ruling *ruling, bool *out)
{
	struct bytes writer = record_bytes(ruling->event->stamp->writer);

	*out = false;
	return life->open != NULL && bytes_equal(record_bytes(life->open->proposer), writer)
	         ? people_takes_another(life->io, writer, out)
	         : STATUS_OK;
}

static enum status approve(struct life *life, const struct ruling *ruling)
{
	bool is_not_theirs;
	enum status status;

	if (life->job->state == FETTLE__JOB_STATE__JOB_STATE_APPROVED || life_is_out(life))
		return STATUS_OK;
	if (life->job->state != FETTLE__JOB_STATE__JOB_STATE_PROPOSED)
		return refuse(life, ruling, "not approved: it is over already");
	status = takes_another(life, ruling, &is_not_theirs);
	if (status != STATUS_OK)
		return status;
	if (is_not_theirs) {
		life->job->reason = RECORD_TEXT(
		    "waits for somebody else to approve it: who proposed it may not");
		return refuse(life, ruling, "not approved: who proposed it may not approve it");
	}
	set_decided(life, ruling);
	status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_APPROVED, ruling->by,
	    tell(life, "approved", ruling));
	return status == STATUS_OK ? lease_next(life->io, &life->asset) : status;
}

static enum status reject(struct life *life, const struct ruling *ruling)
{
	if (life->job->state == FETTLE__JOB_STATE__JOB_STATE_REJECTED)
		return STATUS_OK;
	if (life->job->state != FETTLE__JOB_STATE__JOB_STATE_PROPOSED)
		return refuse(life, ruling,
		    life->open == NULL ? "not rejected: it is over already"
				       : "not rejected: it is approved already; cancel it");
	set_decided(life, ruling);
	return life_enter(life, FETTLE__JOB_STATE__JOB_STATE_REJECTED, ruling->by,
	    tell(life, "rejected", ruling));
}

/* The state first, the agent after: what it then does against it, its progress tells. */
static enum status call_off(struct life *life, const struct ruling *ruling)
{
	bool was_lost = life->job->state == FETTLE__JOB_STATE__JOB_STATE_LOST;
	enum status status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_CANCELLED, ruling->by,
	    tell(life, was_lost ? "given up; whether it ran is not known" : "cancelled", ruling));

	if (status == STATUS_OK)
		status = lease_take_back(life);
	return status == STATUS_OK ? lease_next(life->io, &life->asset) : status;
}

static enum status cancel(struct life *life, const struct ruling *ruling)
{
	switch (life->job->state) {
	case FETTLE__JOB_STATE__JOB_STATE_CANCELLED:
		return STATUS_OK;
	case FETTLE__JOB_STATE__JOB_STATE_APPLYING:
		return refuse(life, ruling, "not cancelled: it has begun, and is not interrupted");
	case FETTLE__JOB_STATE__JOB_STATE_VERIFYING:
		return refuse(life, ruling, "not cancelled: it has ended, and facts will tell");
	default:
		return life->open == NULL
		         ? refuse(life, ruling, "not cancelled: it is over already")
		         : call_off(life, ruling);
	}
}

enum status decision_take(struct stage_io *io, const struct event *event)
{
	const Fettle__JobDecision *decision = event_job_decision(event);
	struct ruling ruling = { .event = event,
		.by = life_person(io->arena, event),
		.words = decision->reason == NULL
		           ? ""
		           : life_clean(io->arena, bytes_of_text(decision->reason)) };
	struct life life;
	enum status status = decision->job.len != JOB_ID_SIZE
	                       ? STATUS_NOT_FOUND
	                       : life_load(io, record_bytes(decision->job), &life);

	if (status == STATUS_NOT_FOUND)
		return stage_reject(io, "the decision is about a job that is not known");
	if (status != STATUS_OK)
		return status;
	switch (decision->decision) {
	case FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_APPROVE:
		return approve(&life, &ruling);
	case FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_REJECT:
		return reject(&life, &ruling);
	case FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_CANCEL:
		return cancel(&life, &ruling);
	default:
		return stage_reject(io, "the decision is none that is known here");
	}
}
