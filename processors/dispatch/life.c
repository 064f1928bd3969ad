/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/dispatch/life.h"

#include "core/log.h"
#include "processors/audit/audit.h"
#include "processors/dispatch/dispatch.h"

/* ---- lists in the arena ---- */

/* A copy of COUNT items of SIZE bytes, with room for one more. */
static void *extended(struct arena *arena, const void *items, size_t count, size_t size)
{
	uint8_t *copy = arena_take(arena, (count + 1) * size);

	if (count > 0)
		memcpy(copy, items, count * size);
	return copy;
}

static void add_open(struct life *life)
{
	Fettle__StateJobs *common = life->common;
	Fettle__StateOpenJob *open = arena_take(life->io->arena, sizeof(*open));

	fettle__state_open_job__init(open);
	RECORD_SET_BYTES(open, job, record_bytes(life->job->id));
	common->open = extended(life->io->arena, common->open, common->n_open,
	    sizeof(*common->open));
	common->open[common->n_open++] = open;
	life->open = open;
}

static void remove_open(struct life *life)
{
	Fettle__StateJobs *common = life->common;
	size_t kept = 0;

	for (size_t i = 0; i < common->n_open; i++)
		if (common->open[i] != life->open)
			common->open[kept++] = common->open[i];
	common->n_open = kept;
	life->open = NULL;
}

static void remove_over(struct life *life)
{
	Fettle__StateJobs *common = life->common;
	size_t kept = 0;

	for (size_t i = 0; i < common->n_over; i++)
		if (!bytes_equal(record_bytes(common->over[i]), record_bytes(life->job->id)))
			common->over[kept++] = common->over[i];
	common->n_over = kept;
}

/* The store keeps them for years; the state only as long as somebody may still speak of them. */
static void forget_oldest(struct life *life)
{
	Fettle__StateJobs *common = life->common;

	for (; common->n_over > LIFE_OVER_MAX; common->n_over--, common->over++)
		job_delete(life->io->txn, &life->asset, record_bytes(common->over[0]));
}

static void add_over(struct life *life)
{
	Fettle__StateJobs *common = life->common;

	common->over = extended(life->io->arena, common->over, common->n_over,
	    sizeof(*common->over));
	common->over[common->n_over++] = life->job->id;
	forget_oldest(life);
}

static void add_event(struct life *life, bool is_step, const char *by, const char *note)
{
	Fettle__JobVerdict *job = life->job;
	Fettle__JobEvent *event = arena_take(life->io->arena, sizeof(*event));

	fettle__job_event__init(event);
	RECORD_SET(event, state, job->state);
	RECORD_SET(event, at_ms, life->io->now_ms);
	event->by = RECORD_TEXT(by);
	event->note = RECORD_TEXT(note);
	job->history = extended(life->io->arena, job->history, job->n_history,
	    sizeof(*job->history));
	job->history[job->n_history++] = event;
	for (; job->n_history > LIFE_HISTORY_MAX; job->n_history--)
		job->history++;
	audit_job(life->io, job, is_step, by, note);
}

/* ---- loading ---- */

static void find_open(struct life *life)
{
	for (size_t i = 0; i < life->common->n_open; i++)
		if (bytes_equal(record_bytes(life->common->open[i]->job),
			record_bytes(life->job->id)))
			life->open = life->common->open[i];
}

enum status life_load(struct stage_io *io, struct bytes id, struct life *out)
{
	enum status status;

	*out = (struct life){ .io = io };
	status = job_get(io->txn, id, io->arena, &out->asset, &out->job);
	if (status == STATUS_OK)
		status = job_get_common(io->txn, &out->asset, io->arena, &out->common);
	if (status == STATUS_OK)
		find_open(out);
	return status;
}

enum status life_new(struct stage_io *io, const struct asset_ref *asset, Fettle__JobVerdict *job,
    struct life *out)
{
	enum status status;

	*out = (struct life){ .io = io, .asset = *asset, .job = job };
	status = job_get_common(io->txn, asset, io->arena, &out->common);
	if (status == STATUS_OK)
		add_open(out);
	return status;
}

/* ---- states ---- */

static bool is_over(Fettle__JobState state)
{
	switch (state) {
	case FETTLE__JOB_STATE__JOB_STATE_REJECTED:
	case FETTLE__JOB_STATE__JOB_STATE_CONFIRMED:
	case FETTLE__JOB_STATE__JOB_STATE_FAILED:
	case FETTLE__JOB_STATE__JOB_STATE_CANCELLED:
	case FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED:
		return true;
	default:
		return false;
	}
}

bool life_is_out(const struct life *life)
{
	switch (life->job->state) {
	case FETTLE__JOB_STATE__JOB_STATE_SCHEDULED:
	case FETTLE__JOB_STATE__JOB_STATE_LEASED:
	case FETTLE__JOB_STATE__JOB_STATE_APPLYING:
	case FETTLE__JOB_STATE__JOB_STATE_VERIFYING:
	case FETTLE__JOB_STATE__JOB_STATE_LOST:
		return true;
	default:
		return false;
	}
}

uint64_t life_due_ms(const struct life *life)
{
	const struct dispatch_settings *set = dispatch_settings_of(life->io);
	const Fettle__JobVerdict *job = life->job;

	switch (job->state) {
	case FETTLE__JOB_STATE__JOB_STATE_SCHEDULED:
	case FETTLE__JOB_STATE__JOB_STATE_LEASED:
		return job->lease_until_ms;
	case FETTLE__JOB_STATE__JOB_STATE_APPLYING:
		return job->started_ms + set->apply_limit;
	case FETTLE__JOB_STATE__JOB_STATE_VERIFYING:
		return life->open != NULL && life->open->looked_ms > 0
		         ? life->open->looked_ms + set->settle
		         : job->ended_ms + set->apply_limit;
	default:
		return UINT64_MAX;
	}
}

void life_keep(struct life *life)
{
	RECORD_SET(life->job, updated_ms, life->io->now_ms);
	job_put(life->io->txn, &life->asset, life->job);
	job_put_common(life->io->txn, &life->asset, life->common);
	stage_verdict(life->io, FETTLE__KIND__KIND_JOB, &life->job->base);
}

enum status life_arm(struct life *life)
{
	uint64_t due_ms = life_due_ms(life);

	return due_ms == UINT64_MAX
	         ? STATUS_OK
	         : stage_set_timer(life->io, record_bytes(life->job->id), due_ms);
}

/* Facts from before it began tell nothing of it; nor do those from before it was given up on. */
static void open_to_facts(struct life *life)
{
	const Fettle__JobVerdict *job = life->job;
	uint64_t since_ms = job->has_started_ms ? job->started_ms
	                  : job->has_ended_ms   ? job->ended_ms
	                                        : life->io->now_ms;

	if (job->state != FETTLE__JOB_STATE__JOB_STATE_VERIFYING
	    && job->state != FETTLE__JOB_STATE__JOB_STATE_LOST)
		return;
	RECORD_SET(life->open, since_ms, since_ms);
	RECORD_SET(life->open, looked_ms, 0);
}

enum status life_enter(struct life *life, Fettle__JobState state, const char *by, const char *note)
{
	RECORD_SET(life->job, state, state);
	life->job->reason = RECORD_TEXT(note);
	add_event(life, true, by, note);
	if (is_over(state) && life->open != NULL) {
		remove_open(life);
		add_over(life);
	} else if (!is_over(state) && life->open == NULL) {
		remove_over(life);
		add_open(life);
	}
	open_to_facts(life);
	life_keep(life);
	return life_arm(life);
}

void life_note(struct life *life, const char *by, const char *note)
{
	add_event(life, false, by, note);
	life_keep(life);
}

void life_note_once(struct life *life, const char *by, const char *note)
{
	for (size_t i = 0; i < life->job->n_history; i++)
		if (life->job->history[i]->note != NULL
		    && strcmp(life->job->history[i]->note, note) == 0)
			return;
	life_note(life, by, note);
}

/* ---- at work ---- */

static Fettle__StateJobWork *find_work(const struct life *life)
{
	for (size_t i = life->common->n_works; i > 0; i--)
		if (bytes_equal(record_bytes(life->common->works[i - 1]->job),
			record_bytes(life->job->id)))
			return life->common->works[i - 1];
	return NULL;
}

static Fettle__StateJobWork *add_work(struct life *life, uint64_t from_ms)
{
	Fettle__StateJobs *common = life->common;
	Fettle__StateJobWork *work = arena_take(life->io->arena, sizeof(*work));

	fettle__state_job_work__init(work);
	RECORD_SET_BYTES(work, job, record_bytes(life->job->id));
	RECORD_SET(work, from_ms, from_ms);
	common->works = extended(life->io->arena, common->works, common->n_works,
	    sizeof(*common->works));
	common->works[common->n_works++] = work;
	for (; common->n_works > LIFE_WORKS_MAX; common->n_works--)
		common->works++;
	return work;
}

void life_began(struct life *life, uint64_t at_ms)
{
	(void)add_work(life, at_ms);
}

void life_ended(struct life *life, uint64_t at_ms)
{
	Fettle__StateJobWork *work = find_work(life);

	if (work == NULL)
		work = add_work(life, at_ms);
	RECORD_SET(work, until_ms, at_ms);
}

/* ---- words ---- */

const char *life_name(const struct life *life)
{
	return job_name(life->io->arena, record_bytes(life->job->id));
}

const char *life_clean(struct arena *arena, struct bytes text)
{
	struct buffer clean = { 0 };
	const char *copy;

	text.size = text.size > LIFE_TEXT_MAX ? LIFE_TEXT_MAX : text.size;
	log_escape(&clean, text);
	copy = arena_text(arena, buffer_text(&clean));
	buffer_fini(&clean);
	return copy;
}

const char *life_person(struct arena *arena, const struct event *event)
{
	const char *name = event->stamp->principal;

	return name == NULL || name[0] == '\0' ? "somebody"
	                                       : life_clean(arena, bytes_of_text(name));
}
