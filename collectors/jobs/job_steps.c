/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/jobs/job_steps.h"

#include <stdlib.h>

#include "core/job_action.h"
#include "core/job_id.h"
#include "core/log.h"
#include "proto/command.pb-c.h"
#include "proto/observation.pb-c.h"

#define ACCEPTED FETTLE__JOB_STEP__JOB_STEP_ACCEPTED
#define REFUSED FETTLE__JOB_STEP__JOB_STEP_REFUSED
#define STARTED FETTLE__JOB_STEP__JOB_STEP_STARTED
#define ENDED FETTLE__JOB_STEP__JOB_STEP_ENDED
#define INTERRUPTED FETTLE__JOB_STEP__JOB_STEP_INTERRUPTED

static const char expired[] = "the lease had expired before it was begun";

enum { NONE = JOB_JOURNAL_SLOTS };

struct job_steps {
	struct job_journal *journal;
	struct spool *spool;
	const struct job_steps_operations *operations;
	void *self;
	bool is_asked;  /* the helper was asked of the started job, and owes an answer */
	bool is_to_ask; /* once what was written is durable */
	bool is_waiting_told;
};

struct job_steps *job_steps_new(struct spool *spool, const struct job_steps_operations *operations,
    void *self)
{
	struct job_steps *steps = memory_new(sizeof(*steps));

	steps->journal = job_journal_new(spool);
	steps->spool = spool;
	steps->operations = operations;
	steps->self = self;
	return steps;
}

void job_steps_free(struct job_steps *steps)
{
	if (steps == NULL)
		return;
	job_journal_free(steps->journal);
	free(steps);
}

/* ---- steps ---- */

static const char *step_name(Fettle__JobStep step)
{
	switch (step) {
	case ACCEPTED:
		return "accepted";
	case REFUSED:
		return "refused";
	case STARTED:
		return "started";
	case ENDED:
		return "ended";
	case INTERRUPTED:
		return "interrupted";
	default:
		return "unknown";
	}
}

static void tell(const Fettle__SpoolJob *job)
{
	char id[2 * JOB_ID_SIZE + 1] = "";

	if (job->job.len == JOB_ID_SIZE)
		bytes_to_hex(record_bytes(job->job), id);
	log_write(LOG_INFO, "job-step",
	    LOG_FIELDS(LOG_TEXT("job", id), LOG_NUMBER("attempt", job->attempt),
		LOG_TEXT("step", step_name(job->step))),
	    "%s", job->reason != NULL && job->reason[0] != '\0' ? job->reason : "a job goes on");
}

/* Changes nothing where there is no room for it. */
static enum status report(struct job_steps *steps, const Fettle__SpoolJob *job)
{
	Fettle__JobProgress progress = FETTLE__JOB_PROGRESS__INIT;
	struct buffer body = { 0 };
	enum status status;

	RECORD_SET_BYTES(&progress, job, record_bytes(job->job));
	RECORD_SET(&progress, attempt, job->attempt);
	RECORD_SET(&progress, token, job->token);
	RECORD_SET(&progress, step, job->step);
	progress.reason = job->reason;
	progress.has_exit_code = job->has_exit_code;
	progress.exit_code = job->exit_code;
	progress.has_output = job->has_output;
	progress.output = job->output;
	progress.has_is_final = job->has_is_final;
	progress.is_final = job->is_final;
	record_pack(&body, &progress.base);
	/* With the facts of packages in one lane, so that it stays before those that follow it. */
	status = spool_append(steps->spool, LANE_DELTA, FETTLE__KIND__KIND_JOB_PROGRESS, 0,
	    buffer_bytes(&body));
	buffer_fini(&body);
	if (status == STATUS_OK)
		tell(job);
	return status;
}

/* The record first: where it finds no room, the journal is to stay as it is. */
static enum status put(struct job_steps *steps, size_t slot, const Fettle__SpoolJob *job)
{
	enum status status = report(steps, job);

	return status == STATUS_OK ? job_journal_put(steps->journal, slot, job) : status;
}

static enum status advance(struct job_steps *steps, size_t slot, Fettle__JobStep step,
    const char *reason)
{
	Fettle__SpoolJob next = *job_journal_at(steps->journal, slot);

	RECORD_SET(&next, step, step);
	next.reason = RECORD_TEXT(reason);
	return put(steps, slot, &next);
}

static size_t find_started(const struct job_steps *steps)
{
	size_t slot = 0;

	for (; slot < JOB_JOURNAL_SLOTS; slot++) {
		const Fettle__SpoolJob *job = job_journal_at(steps->journal, slot);

		if (job != NULL && job->step == STARTED)
			break;
	}
	return slot;
}

static size_t find_next(const struct job_steps *steps)
{
	size_t next = NONE;

	for (size_t slot = 0; slot < JOB_JOURNAL_SLOTS; slot++) {
		const Fettle__SpoolJob *job = job_journal_at(steps->journal, slot);

		if (job != NULL && job->step == ACCEPTED
		    && (next == NONE || job->token < job_journal_at(steps->journal, next)->token))
			next = slot;
	}
	return next;
}

bool job_steps_has_work(const struct job_steps *steps)
{
	return !job_journal_is_synced(steps->journal) || find_started(steps) != NONE
	    || find_next(steps) != NONE;
}

/* ---- leases ---- */

static Fettle__JobLease *decode_lease(struct bytes body, struct arena *arena)
{
	Fettle__JobLease *lease = record_unpack(&fettle__job_lease__descriptor, body, arena);

	if (lease != NULL && lease->job.len == JOB_ID_SIZE && lease->attempt > 0 && lease->token > 0
	    && lease->action != NULL)
		return lease;
	log_warn("job-malformed", "the server sent a lease that names no job");
	return NULL;
}

static Fettle__SpoolJob job_of(const Fettle__JobLease *lease)
{
	Fettle__SpoolJob job = FETTLE__SPOOL_JOB__INIT;

	RECORD_SET_BYTES(&job, job, record_bytes(lease->job));
	RECORD_SET(&job, attempt, lease->attempt);
	RECORD_SET(&job, token, lease->token);
	RECORD_SET(&job, valid_until_ms, lease->valid_until_ms);
	RECORD_SET(&job, step, ACCEPTED);
	job.action = lease->action;
	return job;
}

static void refuse(Fettle__SpoolJob *job, const char *reason)
{
	job->step = REFUSED;
	job->reason = RECORD_TEXT(reason);
}

/* It would be refused again, and again, until somebody changes something on this machine. */
static void refuse_finally(Fettle__SpoolJob *job, const char *reason)
{
	refuse(job, reason);
	RECORD_SET(job, is_final, true);
}

/* What has not begun of the same job gives way to its later lease. */
static enum status replace_earlier(struct job_steps *steps, struct bytes job)
{
	enum status status = STATUS_OK;

	for (size_t slot = 0; status == STATUS_OK && slot < JOB_JOURNAL_SLOTS; slot++) {
		const Fettle__SpoolJob *known = job_journal_at(steps->journal, slot);

		if (known != NULL && known->step == ACCEPTED
		    && bytes_equal(record_bytes(known->job), job))
			status = advance(steps, slot, REFUSED, "a later lease took its place");
	}
	return status;
}

static enum status take_new(struct job_steps *steps, Fettle__SpoolJob *job, uint64_t now_ms)
{
	const char *wrong = job_action_check(job->action), *refusal = NULL;
	enum status status = replace_earlier(steps, record_bytes(job->job));
	size_t slot = job_journal_room(steps->journal);

	if (now_ms >= job->valid_until_ms)
		refusal = expired;
	else if (slot == NONE)
		refusal = "too many jobs wait on this machine";
	if (wrong != NULL)
		refuse_finally(job, wrong);
	else if (refusal != NULL)
		refuse(job, refusal);
	if (status == STATUS_OK)
		status = slot == NONE ? report(steps, job) : put(steps, slot, job);
	if (status == STATUS_OK)
		status = job_journal_raise_token(steps->journal, job->token);
	return status;
}

/* The same attempt is told of again; of another token, or an old one, nothing is done. */
static enum status take(struct job_steps *steps, Fettle__SpoolJob *job, uint64_t now_ms)
{
	size_t known = job_journal_find(steps->journal, record_bytes(job->job), job->attempt);

	if (known != NONE && job_journal_at(steps->journal, known)->token == job->token)
		return report(steps, job_journal_at(steps->journal, known));
	if (known == NONE && job->token > job_journal_token(steps->journal))
		return take_new(steps, job, now_ms);
	refuse(job, known != NONE ? "this attempt was given before, under another token"
				  : "it is older than another lease that was given since");
	return report(steps, job);
}

enum status job_steps_lease(struct job_steps *steps, struct bytes body, uint64_t now_ms)
{
	struct arena arena = { 0 };
	const Fettle__JobLease *lease = decode_lease(body, &arena);
	enum status status = lease == NULL ? STATUS_OK : job_journal_sync(steps->journal);

	if (lease != NULL && status == STATUS_OK) {
		Fettle__SpoolJob job = job_of(lease);

		status = take(steps, &job, now_ms);
	}
	arena_fini(&arena);
	return status;
}

/* ---- cancelling ---- */

static enum status cancel(struct job_steps *steps, const Fettle__JobCancel *order)
{
	enum status status = job_journal_sync(steps->journal);

	for (size_t slot = 0; status == STATUS_OK && slot < JOB_JOURNAL_SLOTS; slot++) {
		const Fettle__SpoolJob *job = job_journal_at(steps->journal, slot);

		if (job != NULL && job->step == ACCEPTED && job->token <= order->token
		    && bytes_equal(record_bytes(job->job), record_bytes(order->job)))
			status = advance(steps, slot, REFUSED, "cancelled");
	}
	/* Also where the lease itself never came: it is not to come after this. */
	return status == STATUS_OK ? job_journal_raise_token(steps->journal, order->token) : status;
}

enum status job_steps_cancel(struct job_steps *steps, struct bytes body)
{
	struct arena arena = { 0 };
	const Fettle__JobCancel *order = record_unpack(&fettle__job_cancel__descriptor, body,
	    &arena);
	enum status status = STATUS_OK;

	if (order != NULL && order->job.len == JOB_ID_SIZE && order->token > 0)
		status = cancel(steps, order);
	else
		log_warn("job-malformed", "the server took back a job and named none");
	arena_fini(&arena);
	return status;
}

/* ---- beginning ---- */

static void tell_waiting(struct job_steps *steps, bool is_waiting)
{
	if (is_waiting && !steps->is_waiting_told)
		log_warn("job-waiting",
		    "a job waits for fettle-helper, which cannot be reached now");
	steps->is_waiting_told = is_waiting;
}

static enum status give_up(struct job_steps *steps, size_t slot, const char *why)
{
	Fettle__SpoolJob next = *job_journal_at(steps->journal, slot);

	refuse_finally(&next, why);
	return put(steps, slot, &next);
}

/* OK: another may be looked at; AGAIN: not now. */
static enum status begin(struct job_steps *steps, size_t slot, uint64_t now_ms)
{
	const char *why = NULL;
	enum job_helper helper;
	enum status status;

	if (now_ms >= job_journal_at(steps->journal, slot)->valid_until_ms)
		return advance(steps, slot, REFUSED, expired);
	helper = steps->operations->helper(steps->self, &why);
	tell_waiting(steps, helper == JOB_HELPER_LATER);
	if (helper == JOB_HELPER_LATER)
		return STATUS_AGAIN;
	if (helper == JOB_HELPER_NEVER)
		return give_up(steps, slot, why);
	status = advance(steps, slot, STARTED, NULL);
	steps->is_asked = false;
	steps->is_to_ask = status == STATUS_OK;
	return status == STATUS_OK ? STATUS_AGAIN : status;
}

void job_steps_turn(struct job_steps *steps, uint64_t now_ms)
{
	size_t slot;

	if (job_journal_sync(steps->journal) != STATUS_OK)
		return; /* it was logged; tried again with the next turn */
	if (find_started(steps) != NONE) {
		steps->is_to_ask = !steps->is_asked;
		return;
	}
	for (;;) {
		slot = find_next(steps);
		if (slot == NONE || begin(steps, slot, now_ms) != STATUS_OK)
			return;
	}
}

void job_steps_committed(struct job_steps *steps)
{
	const char *why = NULL;
	size_t slot;

	if (!steps->is_to_ask || !job_journal_is_synced(steps->journal))
		return;
	steps->is_to_ask = false;
	slot = find_started(steps);
	if (slot == NONE)
		return;
	steps->is_asked = steps->operations->helper(steps->self, &why) == JOB_HELPER_READY;
	tell_waiting(steps, !steps->is_asked);
	if (steps->is_asked)
		steps->operations->query(steps->self, job_journal_at(steps->journal, slot));
}

/* ---- answers ---- */

static enum status end(struct job_steps *steps, size_t slot, Fettle__JobStep step,
    const Fettle__HelperReply *reply)
{
	Fettle__SpoolJob next = *job_journal_at(steps->journal, slot);
	struct bytes output = record_bytes(reply->output);

	if (output.size > JOB_OUTPUT_MAX)
		output = BYTES(output.data + output.size - JOB_OUTPUT_MAX, JOB_OUTPUT_MAX);
	RECORD_SET(&next, step, step);
	next.reason = reply->reason;
	next.has_exit_code = step == ENDED;
	next.exit_code = reply->exit_code;
	RECORD_SET_BYTES(&next, output, output);
	return put(steps, slot, &next);
}

static enum status take_answer(struct job_steps *steps, size_t slot,
    const Fettle__HelperReply *reply, uint64_t now_ms)
{
	const Fettle__SpoolJob *job = job_journal_at(steps->journal, slot);

	switch (reply->state) {
	case FETTLE__HELPER_STATE__HELPER_STATE_UNKNOWN:
		if (now_ms >= job->valid_until_ms)
			return advance(steps, slot, REFUSED, expired);
		steps->operations->run(steps->self, job);
		return STATUS_OK;
	case FETTLE__HELPER_STATE__HELPER_STATE_RUNNING:
		return STATUS_OK;
	case FETTLE__HELPER_STATE__HELPER_STATE_REFUSED:
		return advance(steps, slot, REFUSED, reply->reason);
	case FETTLE__HELPER_STATE__HELPER_STATE_ENDED:
		return end(steps, slot, ENDED, reply);
	case FETTLE__HELPER_STATE__HELPER_STATE_INTERRUPTED:
		return end(steps, slot, INTERRUPTED, reply);
	default: /* busy, or what a newer helper says: asked again with the next turn */
		return STATUS_AGAIN;
	}
}

void job_steps_answer(struct job_steps *steps, const Fettle__HelperReply *reply, uint64_t now_ms)
{
	size_t slot;

	if (job_journal_sync(steps->journal) != STATUS_OK) {
		steps->is_asked = false;
		return;
	}
	slot = job_journal_find(steps->journal, record_bytes(reply->job), reply->attempt);
	if (slot == NONE || slot != find_started(steps))
		return;
	if (take_answer(steps, slot, reply, now_ms) != STATUS_OK) {
		steps->is_asked = false; /* what could not be kept is asked again */
	} else if (job_journal_is_over(job_journal_at(steps->journal, slot))) {
		steps->is_asked = false; /* as it is where the transaction is undone yet */
		steps->operations->on_applied(steps->self);
	}
}

void job_steps_lost(struct job_steps *steps)
{
	steps->is_asked = false;
}
