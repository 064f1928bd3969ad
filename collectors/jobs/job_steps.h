/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_steps.h - the agent's side of a job, without a socket, a loop or a clock.
 *
 *	lease -> ACCEPTED -> STARTED -> ENDED | INTERRUPTED
 *	      `> REFUSED  <- (expired, cancelled, replaced, nobody to apply it)
 *
 * Each step is in the journal and in the spool, as a record for the server, in one transaction.
 * STARTED is durable before the helper is asked.  The helper is always asked first what became of
 * the attempt, and to apply it only where it has certainly not heard of it: so a start after a
 *crash is no case of its own.  Jobs are applied one at a time, in the order of their tokens.
 */
#ifndef COLLECTORS_JOBS_JOB_STEPS_H
#define COLLECTORS_JOBS_JOB_STEPS_H

#include "collectors/jobs/job_journal.h"
#include "proto/helper.pb-c.h"

enum { JOB_OUTPUT_MAX = 4096 };

enum job_helper {
	JOB_HELPER_READY,
	JOB_HELPER_LATER, /* not now; the lease is kept as long as it is valid */
	JOB_HELPER_NEVER, /* nobody will apply jobs on this machine as it is set up */
};

struct job_steps_operations {
	/* Whether the helper can be asked.  *WHY is for a person; it is set where NEVER. */
	enum job_helper (*helper)(void *self, const char **why);
	/* Both: what comes of it is told by job_steps_answer or _lost, later and not from within.
	 */
	void (*query)(void *self, const Fettle__SpoolJob *job);
	void (*run)(void *self, const Fettle__SpoolJob *job);
	/* Packages may have changed: look again. */
	void (*on_applied)(void *self);
};

struct job_steps;

/* SPOOL lives longer. */
struct job_steps *job_steps_new(struct spool *spool, const struct job_steps_operations *operations,
    void *self);
void job_steps_free(struct job_steps *steps); /* NULL is fine */

/*
 * Commands; BODY is that of the record.  Any status but OK: it was not taken, and is to be sent
 * again.  What is malformed is taken and logged.
 */
NODISCARD enum status job_steps_lease(struct job_steps *steps, struct bytes body, uint64_t now_ms);
NODISCARD enum status job_steps_cancel(struct job_steps *steps, struct bytes body);

/* To be called about every second while there is work, and soon after a command was taken. */
void job_steps_turn(struct job_steps *steps, uint64_t now_ms);
/* Everything that was written is durable: what waited for that is asked.  Writes nothing. */
void job_steps_committed(struct job_steps *steps);
/* False where every job is over, as far as is known; a journal that was not read may hold some. */
bool job_steps_has_work(const struct job_steps *steps);

void job_steps_answer(struct job_steps *steps, const Fettle__HelperReply *reply, uint64_t now_ms);
/* The connection to the helper is gone: what was asked has to be asked again. */
void job_steps_lost(struct job_steps *steps);

#endif
