/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A note a slot, "job/00" to "job/31", and one for the highest token: bounded by construction, and
 * a step writes no more than its own slot.
 */
#include "collectors/jobs/job_journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/require.h"

static const char token_note[] = "jobs";

struct slot {
	struct arena arena;
	const Fettle__SpoolJob *job; /* NULL: empty */
};

struct job_journal {
	struct spool *spool;
	struct slot slots[JOB_JOURNAL_SLOTS];
	uint64_t token;
	uint64_t undone; /* as the spool counted it when this was read */
	bool is_read;
};

struct name {
	char text[16];
};

static const char *name_of(struct name *name, size_t index)
{
	snprintf(name->text, sizeof(name->text), "job/%02u", (unsigned)index % 100);
	return name->text;
}

struct job_journal *job_journal_new(struct spool *spool)
{
	struct job_journal *journal = memory_new(sizeof(*journal));

	journal->spool = spool;
	return journal;
}

void job_journal_free(struct job_journal *journal)
{
	if (journal == NULL)
		return;
	for (size_t i = 0; i < JOB_JOURNAL_SLOTS; i++)
		arena_fini(&journal->slots[i].arena);
	free(journal);
}

/* ---- reading ---- */

static bool is_sound(const Fettle__SpoolJob *job)
{
	return job != NULL && job->action != NULL && job->job.len > 0;
}

static enum status fill(struct slot *slot, struct bytes packed)
{
	struct arena fresh = { 0 };
	const Fettle__SpoolJob *job = record_unpack(&fettle__spool_job__descriptor, packed, &fresh);

	if (!is_sound(job)) {
		arena_fini(&fresh);
		return STATUS_CORRUPT;
	}
	arena_fini(&slot->arena);
	*slot = (struct slot){ .arena = fresh, .job = job };
	return STATUS_OK;
}

/*
 * What cannot be read any more counts as empty: its token is refused all the same, and the helper
 * has a journal of its own.
 */
static enum status read_slot(struct job_journal *journal, size_t index)
{
	struct slot *slot = &journal->slots[index];
	struct buffer note = { 0 };
	struct name name;
	enum status status = spool_note_get(journal->spool, name_of(&name, index), &note);

	slot->job = NULL;
	if (status == STATUS_OK)
		status = fill(slot, buffer_bytes(&note));
	buffer_fini(&note);
	if (status == STATUS_CORRUPT)
		log_error("job-journal", "a job in the journal cannot be read; it is dropped");
	return status == STATUS_NOT_FOUND || status == STATUS_CORRUPT ? STATUS_OK : status;
}

static enum status read_token(struct job_journal *journal)
{
	struct buffer note = { 0 };
	struct arena arena = { 0 };
	const Fettle__SpoolJobs *jobs = NULL;
	enum status status = spool_note_get(journal->spool, token_note, &note);

	journal->token = 0;
	if (status == STATUS_OK) {
		jobs = record_unpack(&fettle__spool_jobs__descriptor, buffer_bytes(&note), &arena);
		status = jobs == NULL ? STATUS_CORRUPT : STATUS_OK;
	}
	if (jobs != NULL)
		journal->token = jobs->token;
	arena_fini(&arena);
	buffer_fini(&note);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

bool job_journal_is_synced(const struct job_journal *journal)
{
	return journal->is_read && journal->undone == spool_undone(journal->spool);
}

enum status job_journal_sync(struct job_journal *journal)
{
	enum status status;

	if (job_journal_is_synced(journal))
		return STATUS_OK;
	journal->is_read = false;
	status = read_token(journal);
	for (size_t i = 0; status == STATUS_OK && i < JOB_JOURNAL_SLOTS; i++)
		status = read_slot(journal, i);
	journal->is_read = status == STATUS_OK;
	journal->undone = spool_undone(journal->spool);
	return status;
}

/* ---- looking ---- */

const Fettle__SpoolJob *job_journal_at(const struct job_journal *journal, size_t index)
{
	REQUIRE(index < JOB_JOURNAL_SLOTS);
	return journal->slots[index].job;
}

size_t job_journal_find(const struct job_journal *journal, struct bytes job, uint64_t attempt)
{
	size_t index = 0;

	for (; index < JOB_JOURNAL_SLOTS; index++) {
		const Fettle__SpoolJob *known = journal->slots[index].job;

		if (known != NULL && known->attempt == attempt
		    && bytes_equal(record_bytes(known->job), job))
			break;
	}
	return index;
}

bool job_journal_is_over(const Fettle__SpoolJob *job)
{
	return job->step != FETTLE__JOB_STEP__JOB_STEP_ACCEPTED
	    && job->step != FETTLE__JOB_STEP__JOB_STEP_STARTED;
}

size_t job_journal_room(const struct job_journal *journal)
{
	size_t oldest = JOB_JOURNAL_SLOTS;

	for (size_t i = 0; i < JOB_JOURNAL_SLOTS; i++) {
		const Fettle__SpoolJob *job = journal->slots[i].job;

		if (job == NULL)
			return i;
		if (job_journal_is_over(job)
		    && (oldest == JOB_JOURNAL_SLOTS
			|| job->token < journal->slots[oldest].job->token))
			oldest = i;
	}
	return oldest;
}

/* ---- writing ---- */

enum status job_journal_put(struct job_journal *journal, size_t index, const Fettle__SpoolJob *job)
{
	struct buffer packed = { 0 };
	struct name name;
	enum status status;

	REQUIRE(index < JOB_JOURNAL_SLOTS && is_sound(job));
	record_pack(&packed, &job->base);
	status = spool_note_put(journal->spool, name_of(&name, index), buffer_bytes(&packed));
	if (status == STATUS_OK)
		status = fill(&journal->slots[index], buffer_bytes(&packed));
	buffer_fini(&packed);
	return status;
}

uint64_t job_journal_token(const struct job_journal *journal)
{
	return journal->token;
}

enum status job_journal_raise_token(struct job_journal *journal, uint64_t token)
{
	Fettle__SpoolJobs jobs = FETTLE__SPOOL_JOBS__INIT;
	struct buffer packed = { 0 };
	enum status status;

	if (token <= journal->token)
		return STATUS_OK;
	RECORD_SET(&jobs, token, token);
	record_pack(&packed, &jobs.base);
	status = spool_note_put(journal->spool, token_note, buffer_bytes(&packed));
	if (status == STATUS_OK)
		journal->token = token;
	buffer_fini(&packed);
	return status;
}
