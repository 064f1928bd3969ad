/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened on the endpoint is true, whatever was decided here meanwhile: a job that begins
 * although it was called off is applying.  Each step of a lease counts once, so that an endpoint
 * can make a job neither longer nor end in two ways.
 */
#include "processors/dispatch/progress.h"

#include "processors/dispatch/confirm.h"
#include "processors/dispatch/lease.h"
#include "processors/dispatch/life.h"
#include "processors/state/asset.h"

static const char agent[] = "agent";

/* What is said, of which job. */
struct step {
	const Fettle__JobProgress *progress;
	uint64_t at_ms;     /* by the log's clock */
	const char *reason; /* the agent's; never NULL */
};

static bool is_state(const struct life *life, Fettle__JobState state)
{
	return life->job->state == state;
}

static bool is_lost(const struct life *life)
{
	return is_state(life, FETTLE__JOB_STATE__JOB_STATE_LOST);
}

/* It is with the agent, and nothing says that it was begun. */
static bool is_offered(const struct life *life)
{
	return is_state(life, FETTLE__JOB_STATE__JOB_STATE_SCHEDULED)
	    || is_state(life, FETTLE__JOB_STATE__JOB_STATE_LEASED);
}

static bool has_been_begun(const struct life *life)
{
	return life->job->has_started_ms || life->job->has_ended_ms;
}

/* WHAT, and what it happens against. */
static const char *against(const struct life *life, const char *what)
{
	switch (life->job->state) {
	case FETTLE__JOB_STATE__JOB_STATE_CANCELLED:
		return arena_format(life->io->arena, "%s, although it was cancelled", what);
	case FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED:
		return arena_format(life->io->arena, "%s, although it was superseded", what);
	case FETTLE__JOB_STATE__JOB_STATE_FAILED:
		return arena_format(life->io->arena, "%s, although it was refused", what);
	case FETTLE__JOB_STATE__JOB_STATE_LOST:
		return arena_format(life->io->arena, "%s; its agent is heard again", what);
	default:
		return what;
	}
}

/* ---- the steps ---- */

static enum status on_accepted(struct life *life, const struct step *step)
{
	bool is_in_time = step->at_ms < life->job->lease_until_ms;

	if (is_state(life, FETTLE__JOB_STATE__JOB_STATE_SCHEDULED)
	    || (is_lost(life) && !has_been_begun(life) && is_in_time))
		return life_enter(life, FETTLE__JOB_STATE__JOB_STATE_LEASED, agent,
		    against(life, "its agent has it, and has not begun"));
	if (is_lost(life) && !has_been_begun(life))
		life_note_once(life, agent, "its agent has it; what came of it is not known yet");
	return STATUS_OK;
}

static enum status on_started(struct life *life, const struct step *step)
{
	const char *note = against(life, "begun");

	if (has_been_begun(life))
		return STATUS_OK;
	RECORD_SET(life->job, started_ms, step->at_ms);
	life_began(life, step->at_ms);
	if (is_state(life, FETTLE__JOB_STATE__JOB_STATE_CONFIRMED)) {
		life_ended(life, step->at_ms); /* no timer would: it is over */
		life_note(life, agent, note);
		return STATUS_OK;
	}
	return life_enter(life, FETTLE__JOB_STATE__JOB_STATE_APPLYING, agent, note);
}

static void keep_output(Fettle__JobVerdict *job, const Fettle__JobProgress *progress)
{
	struct bytes output = record_bytes(progress->output);

	if (progress->has_exit_code)
		RECORD_SET(job, exit_code, progress->exit_code);
	if (output.size > PROGRESS_OUTPUT_MAX)
		output = BYTES(output.data + output.size - PROGRESS_OUTPUT_MAX,
		    PROGRESS_OUTPUT_MAX);
	if (output.size > 0)
		RECORD_SET_BYTES(job, output, output);
}

/* Facts decide, now or when they come. */
static enum status verify(struct life *life, const struct step *step, const char *note)
{
	enum status status;

	RECORD_SET(life->job, ended_ms, step->at_ms);
	life_ended(life, step->at_ms);
	if (is_state(life, FETTLE__JOB_STATE__JOB_STATE_CONFIRMED)) {
		life_note(life, agent, note);
		return STATUS_OK;
	}
	status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_VERIFYING, agent, note);
	if (status != STATUS_OK)
		return status;
	status = confirm_judge(life);
	return status == STATUS_OK ? lease_next(life->io, &life->asset) : status;
}

static enum status on_ended(struct life *life, const struct step *step)
{
	const Fettle__JobProgress *progress = step->progress;
	const char *what = "the package manager has ended";

	if (life->job->has_ended_ms)
		return STATUS_OK;
	if (progress->has_exit_code)
		what = arena_format(life->io->arena, "%s with %lld", what,
		    (long long)progress->exit_code);
	keep_output(life->job, progress);
	return verify(life, step, against(life, what));
}

/* It may have done all, a part or nothing.  It is not run again before facts have told. */
static enum status on_interrupted(struct life *life, const struct step *step)
{
	const char *what = "interrupted: nobody saw how it ended";

	if (life->job->has_ended_ms)
		return STATUS_OK;
	if (step->reason[0] != '\0')
		what = arena_format(life->io->arena, "%s: %s", what, step->reason);
	keep_output(life->job, step->progress);
	return verify(life, step, against(life, what));
}

static enum status on_refused(struct life *life, const struct step *step)
{
	const char *why = step->reason[0] == '\0' ? "its agent gave no reason" : step->reason;
	bool is_final = step->progress->is_final;
	enum status status;

	if ((!is_offered(life) && !is_lost(life)) || has_been_begun(life))
		return STATUS_OK;
	if (!is_final && life->job->attempt < LEASE_ATTEMPTS_MAX)
		return lease_give(life, agent,
		    arena_format(life->io->arena, "not begun, and offered again: %s", why));
	status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_FAILED, agent,
	    is_final ? arena_format(life->io->arena, "refused: %s", why)
		     : arena_format(life->io->arena, "refused %d times, at last: %s",
			 LEASE_ATTEMPTS_MAX, why));
	return status == STATUS_OK ? lease_next(life->io, &life->asset) : status;
}

typedef enum status (*handler)(struct life *life, const struct step *step);

static const handler handlers[] = {
	[FETTLE__JOB_STEP__JOB_STEP_ACCEPTED] = on_accepted,
	[FETTLE__JOB_STEP__JOB_STEP_REFUSED] = on_refused,
	[FETTLE__JOB_STEP__JOB_STEP_STARTED] = on_started,
	[FETTLE__JOB_STEP__JOB_STEP_ENDED] = on_ended,
	[FETTLE__JOB_STEP__JOB_STEP_INTERRUPTED] = on_interrupted,
};

/* ---- whose it is ---- */

static handler find_handler(const Fettle__JobProgress *progress)
{
	size_t step = (size_t)progress->step;

	return progress->job.len == JOB_ID_SIZE && step < sizeof(handlers) / sizeof(handlers[0])
	         ? handlers[step]
	         : NULL;
}

/* REJECT: another asset's agent. */
static enum status check_writer(struct life *life, const struct event *event)
{
	Fettle__StateAsset *asset;
	enum status status = asset_get(life->io->txn, &life->asset, life->io->arena, &asset);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
	return bytes_equal(record_bytes(asset->agent), record_bytes(event->stamp->writer))
	         ? STATUS_OK
	         : stage_reject(life->io, "the agent is not that of the job's asset");
}

static bool is_of_current_lease(const struct life *life, const Fettle__JobProgress *progress)
{
	const Fettle__JobVerdict *job = life->job;

	return job->token > 0 && progress->token == job->token && progress->attempt == job->attempt;
}

enum status progress_take(struct stage_io *io, const struct event *event)
{
	const Fettle__JobProgress *progress = event_job_progress(event);
	struct step step = { .progress = progress,
		.at_ms = event->stamp->received_ms,
		.reason = progress->reason == NULL
		            ? ""
		            : life_clean(io->arena, bytes_of_text(progress->reason)) };
	handler handle = find_handler(progress);
	struct life life;
	enum status status;

	if (handle == NULL)
		return stage_reject(io, "the job's id or step is not well-formed");
	status = life_load(io, record_bytes(progress->job), &life);
	if (status == STATUS_NOT_FOUND) {
		/* Of a state that was lost, or long over: nobody is left to whom it matters. */
		stage_count(io, "job_progress_unknown", 1);
		return STATUS_OK;
	}
	if (status == STATUS_OK)
		status = check_writer(&life, event);
	if (status != STATUS_OK)
		return status;
	if (is_of_current_lease(&life, progress))
		return handle(&life, &step);
	stage_count(io, "job_progress_stale", 1);
	if (life.job->token > 0)
		life_note_once(&life, agent, "progress of a lease that is over was passed over");
	return STATUS_OK;
}
