/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_journal.h - what the agent knows of the jobs that it was given: the last 32 leases.
 *
 * It lives in the spool's environment, so that a step and the record that reports it are one
 * transaction, and a lease is kept with the number of the command that brought it.  What is read
 * here is a copy in memory; where a transaction was undone, the copy is read anew.
 */
#ifndef COLLECTORS_JOBS_JOB_JOURNAL_H
#define COLLECTORS_JOBS_JOB_JOURNAL_H

#include "core/record.h"
#include "core/spool.h"
#include "proto/state.pb-c.h"

enum { JOB_JOURNAL_SLOTS = 32 };

struct job_journal;

/* SPOOL lives longer.  Nothing is read yet. */
struct job_journal *job_journal_new(struct spool *spool);
void job_journal_free(struct job_journal *journal); /* NULL is fine */

/* Reads it, where it was not read since something was last undone.  CORRUPT, or as the spool. */
NODISCARD enum status job_journal_sync(struct job_journal *journal);
/* False where job_journal_sync has something to read; asks the spool for nothing. */
bool job_journal_is_synced(const struct job_journal *journal);

/* The job in slot INDEX, or NULL; borrowed until that slot is written or the journal read. */
const Fettle__SpoolJob *job_journal_at(const struct job_journal *journal, size_t index);
/* The slot of that attempt; JOB_JOURNAL_SLOTS: it is not known. */
size_t job_journal_find(const struct job_journal *journal, struct bytes job, uint64_t attempt);
/*
 * A slot for one more: an empty one, else that of the oldest attempt that is over;
 * JOB_JOURNAL_SLOTS: none is.
 */
size_t job_journal_room(const struct job_journal *journal);
/* Whether nothing more will come of it. */
bool job_journal_is_over(const Fettle__SpoolJob *job);

/* Puts JOB into slot INDEX; it counts once the spool has committed.  As spool_note_put. */
NODISCARD enum status job_journal_put(struct job_journal *journal, size_t index,
    const Fettle__SpoolJob *job);

/* The highest token that was ever given, and a higher one. */
uint64_t job_journal_token(const struct job_journal *journal);
NODISCARD enum status job_journal_raise_token(struct job_journal *journal, uint64_t token);

#endif
