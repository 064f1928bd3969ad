/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c - the end of a turn of the loop: what came together is committed together, and only then
 * is anything sent, and a command acknowledged.
 */
#include "collectors/agent/parts.h"

#include "core/clock.h"
#include "core/log.h"

enum { COMMAND_WINDOW_BYTES = 4 * LINK_BATCH_BYTES };

void agent_fail(struct agent *agent, enum status status)
{
	if (!agent->has_failed)
		log_error("agent-stopped", "the agent cannot go on: %s", status_text(status));
	agent->has_failed = true;
	role_fail(agent->host, status);
}

/* A full disk is waited out: what could not be kept is observed again. */
void agent_on_spool_failure(struct agent *agent, enum status status)
{
	observer_on_undone(agent->observer);
	if (status != STATUS_NO_SPACE && status != STATUS_FULL) {
		agent_fail(agent, status);
		return;
	}
	log_warn("spool-no-space",
	    "the disk has no room for observations: %s; trying again in %d "
	    "seconds; nothing that was seen is forgotten, it is looked at "
	    "again",
	    status_text(status), AGENT_RETRY_MS / 1000);
}

/* A command that was undone with its transaction, whoever's failure that was, comes again. */
static void acknowledge_commands(struct agent *agent, struct link *link)
{
	uint64_t committed = spool_command(agent->spool);

	if (agent->command_taken > committed)
		link_rewind(link, SPOOL_COMMAND_FLOW, committed);
	else if (agent->command_taken > 0)
		link_committed(link, SPOOL_COMMAND_FLOW, committed, LINK_BATCH_RECORDS,
		    COMMAND_WINDOW_BYTES);
	agent->command_taken = 0;
}

enum status agent_flush(struct agent *agent)
{
	struct link *link = agent->server == NULL ? NULL : dialler_link(agent->server);
	enum status status = STATUS_OK;

	if (agent->has_failed)
		return STATUS_CLOSED;
	if (link != NULL && link_is_open(link))
		status = spool_number(agent->spool);
	if (status == STATUS_OK)
		status = spool_commit(agent->spool);
	if (status != STATUS_OK) {
		agent_on_spool_failure(agent, status);
		return status;
	}
	if (link == NULL)
		return STATUS_OK;
	acknowledge_commands(agent, link);
	job_runner_committed(agent->jobs);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		link_wake(link, lane, spool_head(agent->spool, (enum lane)lane));
	return STATUS_OK;
}

void agent_on_round(void *data, bool has_more)
{
	struct agent *agent = data;

	(void)has_more;
	if (agent->server == NULL || agent->is_stopping)
		return;
	if (agent_flush(agent) == STATUS_OK)
		dialler_pump(agent->server);
}

/* What a turn wants done to the link, once nothing of that turn stands on it. */
static void renew_link(struct agent *agent)
{
	if (agent->is_stopping || agent->server == NULL)
		return;
	if (agent->wants_dial) {
		enum status status;

		dialler_free(agent->server);
		agent->server = NULL;
		status = agent_dial(agent);
		if (status != STATUS_OK)
			agent_fail(agent, status);
	} else if (agent->offers_key) {
		link_restart(dialler_link(agent->server), clock_monotonic_ms(),
		    "a new key is offered");
		dialler_pump(agent->server);
	}
	agent->wants_dial = agent->offers_key = false;
}

/* What timers did in this turn must not wait for the poll to end. */
void agent_on_prepare(uv_prepare_t *prepare)
{
	agent_on_round(prepare->data, false);
	renew_link(prepare->data);
}
