/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the link to the server: whom to call, what is sent, and what came of it.
 */
#include "collectors/agent/parts.h"

#include "core/clock.h"

static const char default_server[] = "tcp://127.0.0.1:7117";

bool agent_is_open(void *self)
{
	const struct agent *agent = self;
	struct link *link = agent->server == NULL ? NULL : dialler_link(agent->server);

	return link != NULL && link_is_open(link);
}

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct agent *agent = self;
	enum status status = agent_flush(agent);

	return status == STATUS_OK ? spool_read(agent->spool, (enum lane)flow, from, most, batch)
	                           : status;
}

static void release(void *self)
{
	struct agent *agent = self;

	spool_release(agent->spool);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct agent *agent = self;
	enum status status = spool_acked(agent->spool, (enum lane)flow, committed);

	if (status != STATUS_OK)
		agent_on_spool_failure(agent, status);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct agent *agent = self;

	if (agent_flush(agent) != STATUS_OK)
		spool_abort(agent->spool);
	hello->name = RECORD_TEXT("agent");
	spool_hello(agent->spool, hello, arena);
	rotation_hello(agent->rotation, hello, arena);
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct agent *agent = self;
	bool is_challenged = rotation_challenged(agent->rotation, welcome);
	enum status status = agent_flush(agent);

	if (status == STATUS_OK)
		status = spool_welcome(agent->spool, welcome);
	if (status == STATUS_OK && is_challenged)
		return STATUS_AGAIN; /* the next hello has the proof */
	if (status == STATUS_AGAIN)
		healing_anew(agent->healing, welcome->spread_ms);
	else if (status == STATUS_OK)
		healing_welcome(agent->healing, welcome->spread_ms);
	else
		agent_on_spool_failure(agent, status);
	agent->wants_dial |= rotation_welcome(agent->rotation, welcome);
	return status;
}

static void on_open(void *self)
{
	struct agent *agent = self;

	rotation_opened(agent->rotation);
}

static const struct link_operations operations = {
	.read = read_records,
	.release = release,
	.on_acked = on_acked,
	.on_data = agent_on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
	.on_open = on_open,
};

/* Borrowed from the settings, or from what its enrolment said; the dialler chooses among several.
 */
void agent_choose_gateways(struct agent *agent, const struct role_endpoints *endpoints)
{
	const struct setting_list *set = &agent->settings->server;
	bool is_set = set->count > 0;

	agent->heard_ms = agent->tried_ms = clock_monotonic_ms();
	agent->gateway = endpoints->gateway != NULL ? endpoints->gateway : default_server;
	if (endpoints->gateway != NULL)
		return;
	agent->gateways = is_set ? (const char *const *)set->items : agent->enrolled.gateways;
	agent->gateways_count = is_set ? set->count : agent->enrolled.gateways_count;
}

enum status agent_dial(struct agent *agent)
{
	struct dialler_options options = { .loop = agent->host->loop,
		.sockets = agent->sockets,
		.endpoint = agent->gateway,
		.endpoints = agent->gateways,
		.endpoints_count = agent->gateways_count,
		.server_key = agent->server_key,
		.operations = operations,
		.self = agent };

	agent->keys = rotation_dial(agent->rotation);
	options.public_key = agent->keys->public_key;
	options.secret_key = agent->keys->secret_key;
	return dialler_new(&options, &agent->server);
}
