/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - the endpoint's role: runs the collectors, and sends what they observe.
 *
 * Everything is one loop on one thread.  What collectors report and what the server acknowledges
 * goes into one spool transaction, which ends with the loop's turn; only then is anything sent, and
 * only then is a command acknowledged.  Here is how it starts and stops.
 */
#include "collectors/agent.h"

#include <stdlib.h>

#include "collectors/agent/parts.h"
#include "collectors/collectors.h"
#include "collectors/enrol.h"
#include "core/log.h"

/* ---- collectors ---- */

void agent_tell_plan(struct agent *agent)
{
	for (size_t i = 0; collectors_all[i] != NULL; i++)
		if (agent->collectors[i] != NULL && collectors_all[i]->on_plan != NULL)
			collectors_all[i]->on_plan(agent->collectors[i], agent->plan);
}

void agent_refresh(struct agent *agent)
{
	for (size_t i = 0; collectors_all[i] != NULL; i++)
		if (agent->collectors[i] != NULL)
			collectors_all[i]->refresh(agent->collectors[i]);
}

/* What a job may have changed is seen soon, and not when it is next looked for. */
static void refresh_packages(void *data)
{
	struct agent *agent = data;

	for (size_t i = 0; collectors_all[i] != NULL; i++)
		if (agent->collectors[i] != NULL
		    && (strcmp(collectors_all[i]->name, "packages") == 0
			|| strcmp(collectors_all[i]->name, "updates") == 0))
			collectors_all[i]->refresh(agent->collectors[i]);
}

/* ---- opening ---- */

static void close_last(struct agent *agent)
{
	if (agent_flush(agent) != STATUS_OK)
		spool_abort(agent->spool);
	agent->is_stopping = true;
	dialler_free(agent->server);
	agent->server = NULL;
	standing_free(agent->standing);
	sockets_free(agent->sockets);
	if (agent->jobs != NULL)
		job_runner_stop(agent->jobs);
	uv_close((uv_handle_t *)&agent->prepare, NULL);
	uv_close((uv_handle_t *)&agent->heartbeat, NULL);
	uv_close((uv_handle_t *)&agent->retry, NULL);
	healing_stop(agent->healing);
}

static void on_collector_stopped(void *data)
{
	struct agent *agent = data;

	if (--agent->collectors_running == 0)
		close_last(agent);
}

static void stop(void *self)
{
	struct agent *agent = self;

	agent->collectors_running++; /* held until every collector was told */
	for (size_t i = 0; collectors_all[i] != NULL; i++) {
		if (agent->collectors[i] == NULL)
			continue;
		agent->collectors_running++;
		collectors_all[i]->stop(agent->collectors[i], on_collector_stopped, agent);
		agent->collectors[i] = NULL;
	}
	on_collector_stopped(agent);
}

static void finish(void *self)
{
	struct agent *agent = self;

	observer_free(agent->observer);
	job_runner_free(agent->jobs);
	healing_free(agent->healing);
	spool_close(agent->spool);
	arena_fini(&agent->plan_arena);
	enrolment_file_fini(&agent->enrolled);
	rotation_free(agent->rotation);
	free(agent);
}

static enum status load_identity(struct agent *agent)
{
	char *keys = text_format("%s/keys", agent->host->data);
	char *beside = text_format("%s/server.pub", keys);
	const char *named = agent->settings->server_key;
	enum status status = rotation_open(keys, &agent->rotation);

	if (status == STATUS_OK)
		status = keys_secret(keys, "redaction", agent->secret);
	if (status == STATUS_OK)
		status = keys_load_public(named[0] != '\0' ? named : beside, agent->server_key);
	if (status == STATUS_OK) {
		status = enrol_server(agent->host->data, &agent->enrolled);
		status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	}
	free(keys);
	free(beside);
	return status;
}

static enum status load_plan(struct agent *agent)
{
	struct buffer body = { 0 };
	enum status status = spool_note_get(agent->spool, "plan", &body);

	if (status == STATUS_OK)
		(void)(plan_decode(buffer_bytes(&body), &agent->plan_arena, &agent->plan)
		       == STATUS_OK);
	/* The plan's texts are in the arena by now. */
	buffer_fini(&body);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status start_collectors(struct agent *agent)
{
	enum status status = agent_check_skip(&agent->settings->skip);

	agent->context = (struct collector_context){ .loop = agent->host->loop,
		.observer = agent->observer,
		.root = "",
		.secret = agent->secret };
	for (size_t i = 0; status == STATUS_OK && collectors_all[i] != NULL; i++) {
		const struct collector *collector = collectors_all[i];

		if (!agent_runs(agent->host->settings, collector->name))
			continue;
		status = collector->start(&agent->context,
		    collector->settings == NULL
			? NULL
			: settings_of(agent->host->settings, collector->name),
		    &agent->collectors[i]);
	}
	if (status == STATUS_OK && agent->plan != NULL)
		agent_tell_plan(agent);
	return status;
}

static void start_jobs(struct agent *agent)
{
	const struct job_runner_options options = { .loop = agent->host->loop,
		.spool = agent->spool,
		.data = agent->host->data,
		.helper = agent->settings->helper,
		.on_applied = refresh_packages,
		.data_of_caller = agent };

	agent->jobs = job_runner_new(&options);
}

static void refresh(void *self)
{
	agent_refresh(self);
}

static void on_healing_failure(void *self, enum status status)
{
	agent_on_spool_failure(self, status);
}

static void start_healing(struct agent *agent)
{
	const struct healing_options options = { .loop = agent->host->loop,
		.spool = agent->spool,
		.observer = agent->observer,
		.digest_ms = agent->settings->digest,
		.is_open = agent_is_open,
		.refresh = refresh,
		.on_failure = on_healing_failure,
		.self = agent };

	agent->healing = healing_new(&options);
}

static enum status start(const struct role_host *host, const struct role_endpoints *endpoints,
    void **self)
{
	struct agent *agent = memory_new(sizeof(*agent));
	char *directory = text_format("%s/spool", host->data);
	enum status status;

	agent->host = host;
	agent->settings = settings_of(host->settings, "agent");
	status = load_identity(agent);
	if (status == STATUS_OK)
		status = spool_open(directory, agent->settings->spool_size, &agent->spool);
	free(directory);
	if (status == STATUS_OK)
		status = load_plan(agent);
	if (status != STATUS_OK) {
		finish(agent);
		return status;
	}
	agent->observer = observer_new(agent->spool);
	observer_set_bundles(agent->observer, agent->settings->bundles);
	agent_start_timers(agent);
	start_jobs(agent);
	start_healing(agent);
	agent_choose_gateways(agent, endpoints);
	status = sockets_new(host->sockets, host->loop, agent_on_round, agent, &agent->sockets);
	if (status == STATUS_OK) {
		agent->standing = standing_new(host->loop, agent->sockets, &agent->enrolled);
		status = agent_dial(agent);
	}
	if (status == STATUS_OK)
		status = start_collectors(agent);
	if (status != STATUS_OK) {
		*self = agent; /* to be taken down */
		return status;
	}
	log_write(LOG_INFO, "agent-ready",
	    LOG_FIELDS(LOG_TEXT("public_key", agent->keys->public_key)), "observing this machine");
	*self = agent;
	return STATUS_OK;
}

const struct role agent_role = {
	.name = "agent",
	.summary = "observes this machine and sends what it sees",
	.start = start,
	.stop = stop,
	.finish = finish,
};
