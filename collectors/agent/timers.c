/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers.c - what the agent does now and then: it says that it is there, looks whether it is heard,
 * and tries again what found no room.
 */
#include "collectors/agent/parts.h"

#include <unistd.h>

#include "core/clock.h"
#include "core/version.h"
#include "proto/observation.pb-c.h"

enum {
	SILENT_MS = 25 * 1000,  /* a session that is well is heard of every 15 seconds */
	GATEWAY_MS = 15 * 1000, /* that a key is given then, for each gateway */
};

/* ---- heartbeats ---- */

static void expire_bundles(struct agent *agent)
{
	uint64_t now_ms = clock_wall_ms(), kept_ms = agent->settings->bundles_kept;
	enum status status = now_ms < kept_ms
	                       ? STATUS_OK
	                       : spool_expire_bundles(agent->spool, now_ms - kept_ms);

	if (status != STATUS_OK)
		agent_on_spool_failure(agent, status);
}

static void on_heartbeat(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	Fettle__Heartbeat heartbeat = FETTLE__HEARTBEAT__INIT;
	struct buffer body = { 0 };
	char name[256] = "";
	uint64_t facts = 0;
	enum status status = spool_ledger_count(agent->spool, &facts);

	if (gethostname(name, sizeof(name) - 1) == 0 && bytes_is_utf8(bytes_of_text(name)))
		heartbeat.host_name = name;
	heartbeat.agent_version = RECORD_TEXT(FETTLE_VERSION);
	RECORD_SET(&heartbeat, facts, facts);
	RECORD_SET(&heartbeat, every_ms, agent->settings->heartbeat);
	if (agent_is_open(agent) && spool_kept(agent->spool) == 0)
		RECORD_SET(&heartbeat, is_prompt, true);
	if (agent->plan != NULL)
		RECORD_SET_BYTES(&heartbeat, plan, BYTES_OF(agent->plan->hash));
	record_pack(&body, &heartbeat.base);
	if (status == STATUS_OK)
		status = spool_append(agent->spool, LANE_DELTA, FETTLE__KIND__KIND_HEARTBEAT, 0,
		    buffer_bytes(&body));
	if (status != STATUS_OK && status != STATUS_FULL)
		agent_on_spool_failure(agent, status);
	buffer_fini(&body);
	expire_bundles(agent);
	uv_timer_start(&agent->heartbeat, on_heartbeat, clock_jitter_ms(agent->settings->heartbeat),
	    0);
}

/*
 * Once the dialler has been round all gateways: the key before the last, where there is one, as the
 * server may have been restored to a time before the exchange.
 */
static void try_older_key(struct agent *agent, uint64_t now_ms)
{
	if (now_ms - agent->tried_ms < (agent->gateways_count + 1) * GATEWAY_MS)
		return;
	agent->tried_ms = now_ms;
	agent->wants_dial |= rotation_silent(agent->rotation);
}

/* A server that says nothing is gone, or does not let this agent in any more. */
static void watch_silence(struct agent *agent)
{
	uint64_t now_ms = clock_monotonic_ms(), silent_ms;

	if (agent->server == NULL || agent->is_stopping)
		return;
	if (link_is_open(dialler_link(agent->server)))
		agent->heard_ms = link_heard_ms(dialler_link(agent->server));
	silent_ms = now_ms - agent->heard_ms;
	if (silent_ms >= SILENT_MS)
		try_older_key(agent, now_ms);
	standing_tick(agent->standing, agent->keys, silent_ms, now_ms);
}

/* Once there is room again: what the spool refused is counted, what it lacks is looked for. */
static void on_retry(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	enum status status;

	watch_silence(agent);
	if (agent->has_failed || !spool_has_room(agent->spool))
		return;
	status = spool_refused(agent->spool) > 0 ? spool_report_refused(agent->spool) : STATUS_OK;
	if (status != STATUS_OK && status != STATUS_FULL)
		agent_on_spool_failure(agent, status);
	else if (observer_wants_refresh(agent->observer))
		agent_refresh(agent);
}

void agent_start_timers(struct agent *agent)
{
	uv_prepare_init(agent->host->loop, &agent->prepare);
	uv_timer_init(agent->host->loop, &agent->heartbeat);
	uv_timer_init(agent->host->loop, &agent->retry);
	agent->prepare.data = agent->heartbeat.data = agent->retry.data = agent;
	uv_prepare_start(&agent->prepare, agent_on_prepare);
	uv_timer_start(&agent->heartbeat, on_heartbeat, 0, 0);
	uv_timer_start(&agent->retry, on_retry, AGENT_RETRY_MS, AGENT_RETRY_MS);
}
