/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_runner.h - jobs at the endpoint: job_steps on the agent's loop, with the real helper.
 */
#ifndef COLLECTORS_JOBS_JOB_RUNNER_H
#define COLLECTORS_JOBS_JOB_RUNNER_H

#include <uv.h>

#include "core/bytes.h"
#include "core/spool.h"
#include "core/status.h"

struct job_runner;

struct job_runner_options {
	uv_loop_t *loop;
	struct spool *spool;
	const char *data;   /* the data directory */
	const char *helper; /* the setting agent.helper */
	/* What is installed may have changed. */
	void (*on_applied)(void *data_of_caller);
	void *data_of_caller;
};

/* Everything in OPTIONS lives longer.  Goes on with what the journal holds. */
struct job_runner *job_runner_new(const struct job_runner_options *options);
/* Closes its handles; the helper ends too, unless it is applying something. */
void job_runner_stop(struct job_runner *runner);
/* After the loop has ended.  NULL is fine. */
void job_runner_free(struct job_runner *runner);

/* The bodies of commands: as job_steps.h. */
NODISCARD enum status job_runner_lease(struct job_runner *runner, struct bytes body);
NODISCARD enum status job_runner_cancel(struct job_runner *runner, struct bytes body);
/* Everything that was written to the spool is durable.  Writes nothing there.  NULL is fine. */
void job_runner_committed(struct job_runner *runner);

#endif
