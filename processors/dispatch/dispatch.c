/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch - leads each job from its proposal to the facts that confirm it.
 *
 * What people decide, what agents say and what time has run out only moves a job along; whether it
 * is done, facts alone say.  What is not known is called lost and is never tried again by itself.
 */
#include "processors/dispatch/dispatch.h"

#include "processors/dispatch/confirm.h"
#include "processors/dispatch/decision.h"
#include "processors/dispatch/lease.h"
#include "processors/dispatch/life.h"
#include "processors/dispatch/people.h"
#include "processors/dispatch/progress.h"
#include "processors/dispatch/proposal.h"
#include "processors/roles.h"
#include "processors/state/asset.h"
#include "processors/state/awaited.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };
/* A timer that is called later than this was not asleep: the processor was. */
enum { LATE_MS = 10 * SECOND_MS };

static const char packages[] = "package/dpkg/";

static const struct setting settings[] = { SETTING_TEXT(struct dispatch_settings, two_people,
					       "auto",
					       "whether who proposed a job may not approve it: on, "
					       "off, or auto (where somebody else may); any "
					       "other word is on"),
	SETTING_DURATION(struct dispatch_settings, lease, 15 * MINUTE_MS, SECOND_MS, 24 * HOUR_MS,
	    "how long an agent has to begin a job that it was given"),
	SETTING_DURATION(struct dispatch_settings, apply_limit, 2 * HOUR_MS, SECOND_MS,
	    24 * 7 * HOUR_MS, "after how long without word a job that has begun counts as lost"),
	SETTING_DURATION(struct dispatch_settings, settle, 30 * SECOND_MS, SECOND_MS, HOUR_MS,
	    "how long after an agent has looked at its packages a job may still be confirmed"),
	SETTING_END };

const struct setting_section dispatch_section = { .name = "dispatch",
	.settings = settings,
	.size = sizeof(struct dispatch_settings),
	.help = "jobs: what is done on endpoints, and who may allow it" };

const struct dispatch_settings *dispatch_settings_of(const struct stage_io *io)
{
	static const struct dispatch_settings defaults = { .two_people = RECORD_TEXT("auto"),
		.lease = 15 * MINUTE_MS,
		.apply_limit = 2 * HOUR_MS,
		.settle = 30 * SECOND_MS };

	return io->settings == NULL ? &defaults : io->settings;
}

/* ---- each open job of an asset ---- */

/* Whether the job is over after that. */
static bool is_over(const struct life *life)
{
	return life->open == NULL;
}

/* Calls VISIT for each; where one ended, the next one's turn has come. */
static enum status each_open(struct stage_io *io, const struct asset_ref *asset,
    enum status (*visit)(struct life *life, const void *data), const void *data)
{
	Fettle__StateJobs *common;
	bool has_ended = false;
	enum status status = job_get_common(io->txn, asset, io->arena, &common);

	for (size_t i = 0; status == STATUS_OK && i < common->n_open; i++) {
		struct life life;

		status = life_load(io, record_bytes(common->open[i]->job), &life);
		if (status == STATUS_NOT_FOUND)
			status = STATUS_CORRUPT;
		if (status == STATUS_OK)
			status = visit(&life, data);
		has_ended |= status == STATUS_OK && is_over(&life);
	}
	return status == STATUS_OK && has_ended ? lease_next(io, asset) : status;
}

/* ---- facts ---- */

static const Fettle__JobPackageState *find_package(const struct life *life, struct bytes name)
{
	for (size_t i = 0; i < life->job->n_packages; i++)
		if (bytes_equal(bytes_of_text(life->job->packages[i]->name), name))
			return life->job->packages[i];
	return NULL;
}

/* All its packages are looked up only where this one is as it should be. */
static enum status judge_by_change(struct life *life, const void *data)
{
	const struct event_change *change = data;
	size_t skip = strlen(packages);
	const Fettle__JobPackageState *package = find_package(life,
	    BYTES(change->key.data + skip, change->key.size - skip));

	if (package == NULL
	    || !confirm_has_reached(life->io->arena, change->after.value, package->target))
		return STATUS_OK;
	return confirm_judge(life);
}

static enum status on_change(struct stage_io *io, const struct event *event)
{
	const struct event_change *change = event_change(event);

	if (change->after.status != FACT_PRESENT
	    || !bytes_start_with(change->key, bytes_of_text(packages)))
		return STATUS_OK;
	return each_open(io, change->asset, judge_by_change, change);
}

/* ---- passes: somebody has looked at all packages ---- */

static enum status judge_by_pass(struct life *life, const void *data)
{
	const struct event *event = data;
	uint64_t at_ms = event->stamp->received_ms;
	bool is_lost = life->job->state == FETTLE__JOB_STATE__JOB_STATE_LOST;
	enum status status = STATUS_OK;

	if ((!is_lost && life->job->state != FETTLE__JOB_STATE__JOB_STATE_VERIFYING)
	    || at_ms < (life->job->has_ended_ms ? life->job->ended_ms : life->open->since_ms)
	    || (!is_lost && life->open->looked_ms > 0))
		return STATUS_OK;
	if (is_lost && life->job->has_ended_ms)
		status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_VERIFYING, "facts",
		    "its agent has looked at its packages again");
	RECORD_SET(life->open, looked_ms, at_ms);
	job_put_common(life->io->txn, &life->asset, life->common);
	if (status == STATUS_OK)
		status = life_arm(life);
	return status == STATUS_OK ? confirm_judge(life) : status;
}

static enum status on_pass(struct stage_io *io, const struct event *event)
{
	const Fettle__Pass *pass = event_pass(event);
	struct asset_ref asset;
	bool is_held = false;
	enum status status;

	if (pass->collector == NULL || strcmp(pass->collector, "packages") != 0
	    || !bytes_start_with(bytes_of_text(packages), record_bytes(pass->prefix)))
		return STATUS_OK;
	status = asset_of_agent(io->txn, event->stamp->writer.data, &asset);
	if (status == STATUS_OK)
		status = awaited_any(io->txn, &asset, pass->collector, &is_held);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	/* It comes again once all that was seen is known. */
	return is_held ? STATUS_OK : each_open(io, &asset, judge_by_pass, event);
}

/* ---- time ---- */

static enum status lose(struct life *life)
{
	const Fettle__JobVerdict *job = life->job;
	const char *why = "nothing was heard of it in time: whether it ran is not known";
	enum status status;

	if (job->has_ended_ms)
		why = "it has ended, and its agent has not looked at its packages since";
	else if (job->has_started_ms)
		why = "it has begun, and nothing was heard of it since: how it ended is not known";
	if (job->has_started_ms && !job->has_ended_ms)
		life_ended(life, life->io->now_ms);
	status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_LOST, "time", why);
	return status == STATUS_OK ? confirm_judge(life) : status;
}

static enum status run_out(struct life *life)
{
	bool has_been_looked_at = life->job->state == FETTLE__JOB_STATE__JOB_STATE_VERIFYING
	                       && life->open->looked_ms > 0;
	enum status status = has_been_looked_at ? confirm_settle(life) : lose(life);

	return status == STATUS_OK ? lease_next(life->io, &life->asset) : status;
}

/* Once more, by a key that tells that it is the second time. */
static enum status wait_again(struct life *life)
{
	struct buffer key = { 0 };
	enum status status;

	buffer_append(&key, record_bytes(life->job->id));
	buffer_append_u8(&key, 2);
	status = stage_set_timer(life->io, buffer_bytes(&key),
	    life->io->now_ms + dispatch_settings_of(life->io)->settle);
	buffer_fini(&key);
	return status;
}

/*
 * Where the processor was away, what agents said meanwhile waits to be read, and may be just what
 * is missed here: it is given the time to come.
 */
static enum status on_timer(struct stage_io *io, struct bytes key)
{
	bool is_second = key.size > JOB_ID_SIZE;
	struct life life;
	uint64_t due_ms;
	enum status status = life_load(io, BYTES(key.data, JOB_ID_SIZE), &life);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	due_ms = life_due_ms(&life);
	if (io->now_ms < due_ms)
		return STATUS_OK; /* it has moved on, and its timer with it */
	if (!is_second && io->now_ms - due_ms > LATE_MS)
		return wait_again(&life);
	return run_out(&life);
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	switch (event->kind) {
	case EVENT_JOB_PROPOSAL:
		return proposal_take(io, event);
	case EVENT_JOB_DECISION:
		return decision_take(io, event);
	case EVENT_OPERATORS:
		return people_take(io, event);
	case EVENT_JOB_PROGRESS:
		return progress_take(io, event);
	case EVENT_FACT_CHANGED:
		return on_change(io, event);
	case EVENT_PASS:
		return on_pass(io, event);
	default:
		return STATUS_OK;
	}
}

const struct stage dispatch_stage = {
	.name = "dispatch",
	.summary = "has jobs done on endpoints, and confirms them by facts",
	.consumes = (const enum event_kind[]){ EVENT_JOB_PROPOSAL, EVENT_JOB_DECISION,
	    EVENT_OPERATORS, EVENT_JOB_PROGRESS, EVENT_FACT_CHANGED, EVENT_PASS, EVENT_NONE },
	.settings = settings,
	.settings_size = sizeof(struct dispatch_settings),
	.on_event = on_event,
	.on_timer = on_timer,
};
