/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may apply jobs is decided here, by the setting agent.helper and by who runs this:
 *
 *	on     root keeps a helper running; another user uses the one that somebody started
 *	off    no job is begun: it is refused
 *	later  no job is begun: it is kept as long as its lease is valid
 *	PATH   as `on`, with that program
 */
#include "collectors/jobs/job_runner.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/jobs/helper_client.h"
#include "collectors/jobs/helper_process.h"
#include "collectors/jobs/job_steps.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

enum { TURN_MS = 1000, PATH_SIZE = 4096 };

struct job_runner {
	struct job_runner_options options;
	struct job_steps *steps;
	struct helper_client *client;
	struct helper_process *process; /* NULL: none is kept running by this */
	uv_timer_t timer;
	char *program, *data;
	struct buffer why;
};

/* ---- the helper ---- */

static bool is_set_to(const struct job_runner *runner, const char *word)
{
	return strcmp(runner->options.helper, word) == 0;
}

static void explain(struct job_runner *runner, int error)
{
	buffer_clear(&runner->why);
	if (is_set_to(runner, "off"))
		buffer_append_text(&runner->why, "the setting agent.helper is off on this machine; "
						 "set it to on, and propose the job again");
	else if (runner->process != NULL)
		buffer_append_format(&runner->why,
		    "%s, which applies jobs, is not there: install it, or name another in the "
		    "setting agent.helper",
		    runner->program);
	else if (error == EPERM)
		buffer_append_text(&runner->why,
		    "what listens in the place of fettle-helper is run "
		    "neither by root nor by the agent's user");
	else
		buffer_append_format(&runner->why,
		    "the agent does not run as root, and no helper runs: start it by `sudo "
		    "fettle-helper --data %s`",
		    runner->data);
}

static enum job_helper find_helper(void *self, const char **why)
{
	struct job_runner *runner = self;
	int error;

	if (is_set_to(runner, "later"))
		return JOB_HELPER_LATER;
	error = is_set_to(runner, "off") ? ENOENT : helper_client_open(runner->client);
	if (error == 0)
		return JOB_HELPER_READY;
	/* Nobody listens at it any more: who started that helper may be starting it again. */
	if (error == EAGAIN || (error == ECONNREFUSED && runner->process == NULL)
	    || (runner->process != NULL && access(runner->program, X_OK) == 0))
		return JOB_HELPER_LATER;
	explain(runner, error);
	*why = buffer_text(&runner->why);
	return JOB_HELPER_NEVER;
}

static void query(void *self, const Fettle__SpoolJob *job)
{
	struct job_runner *runner = self;
	Fettle__HelperQuery question = FETTLE__HELPER_QUERY__INIT;
	Fettle__HelperRequest request = FETTLE__HELPER_REQUEST__INIT;

	RECORD_SET_BYTES(&question, job, record_bytes(job->job));
	RECORD_SET(&question, attempt, job->attempt);
	request.query = &question;
	helper_client_send(runner->client, &request);
}

static void run(void *self, const Fettle__SpoolJob *job)
{
	struct job_runner *runner = self;
	Fettle__HelperRun order = FETTLE__HELPER_RUN__INIT;
	Fettle__HelperRequest request = FETTLE__HELPER_REQUEST__INIT;

	RECORD_SET_BYTES(&order, job, record_bytes(job->job));
	RECORD_SET(&order, attempt, job->attempt);
	RECORD_SET(&order, valid_until_ms, job->valid_until_ms);
	order.action = job->action;
	request.run = &order;
	helper_client_send(runner->client, &request);
}

static void on_applied(void *self)
{
	struct job_runner *runner = self;

	runner->options.on_applied(runner->options.data_of_caller);
}

static const struct job_steps_operations operations = {
	.helper = find_helper,
	.query = query,
	.run = run,
	.on_applied = on_applied,
};

static void on_reply(void *data, const Fettle__HelperReply *reply)
{
	struct job_runner *runner = data;

	job_steps_answer(runner->steps, reply, clock_wall_ms());
}

static void on_lost(void *data)
{
	struct job_runner *runner = data;

	job_steps_lost(runner->steps);
}

static const struct helper_client_events events = { .on_reply = on_reply, .on_lost = on_lost };

/* ---- turns ---- */

static void on_turn(uv_timer_t *timer)
{
	struct job_runner *runner = timer->data;

	job_steps_turn(runner->steps, clock_wall_ms());
	if (!job_steps_has_work(runner->steps))
		uv_timer_stop(timer);
}

void job_runner_committed(struct job_runner *runner)
{
	if (runner == NULL)
		return;
	job_steps_committed(runner->steps);
	if (job_steps_has_work(runner->steps) && !uv_is_active((uv_handle_t *)&runner->timer))
		uv_timer_start(&runner->timer, on_turn, 0, TURN_MS);
}

/* ---- life ---- */

static char *beside_this_program(const char *name)
{
	char path[PATH_SIZE];
	size_t size = sizeof(path);
	char *slash;

	if (uv_exepath(path, &size) != 0)
		return text_copy(name);
	slash = strrchr(path, '/');
	if (slash != NULL)
		*slash = '\0';
	return text_format("%s/%s", path, name);
}

static bool keeps_helper(const struct job_runner *runner)
{
	return geteuid() == 0 && !is_set_to(runner, "off") && !is_set_to(runner, "later");
}

struct job_runner *job_runner_new(const struct job_runner_options *options)
{
	struct job_runner *runner = memory_new(sizeof(*runner));

	runner->options = *options;
	runner->data = realpath(options->data, NULL);
	if (runner->data == NULL)
		runner->data = text_copy(options->data);
	runner->program = options->helper[0] == '/' ? text_copy(options->helper)
	                                            : beside_this_program("fettle-helper");
	runner->steps = job_steps_new(options->spool, &operations, runner);
	runner->client = helper_client_new(options->loop, runner->data, &events, runner);
	if (keeps_helper(runner))
		runner->process = helper_process_new(options->loop, runner->program, runner->data);
	uv_timer_init(options->loop, &runner->timer);
	runner->timer.data = runner;
	return runner;
}

void job_runner_stop(struct job_runner *runner)
{
	helper_client_free(runner->client);
	runner->client = NULL;
	helper_process_stop(runner->process);
	runner->process = NULL;
	uv_close((uv_handle_t *)&runner->timer, NULL);
}

void job_runner_free(struct job_runner *runner)
{
	if (runner == NULL)
		return;
	job_steps_free(runner->steps);
	buffer_fini(&runner->why);
	free(runner->program);
	free(runner->data);
	free(runner);
}

enum status job_runner_lease(struct job_runner *runner, struct bytes body)
{
	return job_steps_lease(runner->steps, body, clock_wall_ms());
}

enum status job_runner_cancel(struct job_runner *runner, struct bytes body)
{
	return job_steps_cancel(runner->steps, body);
}
