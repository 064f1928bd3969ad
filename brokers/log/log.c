/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - where an agent's session ends and a promise is kept: an ACK means committed here.
 *
 * What came in is gathered in memory and written in one transaction; only then is anything
 * acknowledged, and readers are woken (parts.h has which file does what).  Here it is opened and
 * closed.
 */
#include <stdlib.h>

#include "brokers/log/notices.h"
#include "brokers/log/own_agent.h"
#include "brokers/log/parts.h"
#include "brokers/roles.h"
#include "core/clock.h"
#include "core/log.h"

enum {
	RETAIN_MS = 10 * 1000,
	/* Of what came and is not committed, over all agents. */
	UNCOMMITTED_MAX = 64 * 1024 * 1024,
};

static const struct setting settings[] = { SETTING_TEXT(struct log_settings, agents,
					       "tcp://127.0.0.1:7118", "where gateways connect"),
	SETTING_TEXT(struct log_settings, readers, "tcp://127.0.0.1:7119",
	    "where processors connect"),
	SETTING_DURATION(struct log_settings, keep, 24ULL * 3600 * 1000, 0,
	    3650ULL * 24 * 3600 * 1000,
	    "how long observations are kept once every processor has "
	    "read them"),
	SETTING_SIZE(struct log_settings, size_max, 8ULL << 30, 16ULL << 20, 1ULL << 42,
	    "above this the oldest that were read go earlier"),
	SETTING_U32(struct log_settings, resync_rate, 10, 1, 100000,
	    "how many agents a second send all facts anew after a restore"),
	SETTING_END };

const struct setting_section log_section = { .name = "log",
	.settings = settings,
	.size = sizeof(struct log_settings),
	.help = "the durable log behind the gateways" };

/* ---- the links ---- */

static void on_gone(void *host, struct acceptor_peer *peer)
{
	(void)host;
	free(peer->data);
}

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct acceptor_peer *peer = self;
	struct log_role *role = acceptor_host(peer->acceptor);

	if (peer->acceptor == role->agents)
		return log_store_read_commands(role->store, peer->identity, from, most, batch);
	return log_store_read(role->store, flow, from, most, batch);
}

static void release(void *self)
{
	struct acceptor_peer *peer = self;
	struct log_role *role = acceptor_host(peer->acceptor);

	log_store_release(role->store);
}

static const struct link_operations operations = {
	.read = read_records,
	.release = release,
	.on_acked = intake_on_acked,
	.on_data = intake_on_data,
};

/* ---- this machine's own agent ---- */

static enum status write_own_agent(struct log_role *role, void *data)
{
	return own_agent_admit(role->store, data, clock_wall_ms());
}

/* One machine alone needs no enrolment: whoever has its data directory has both keys. */
static enum status admit_own_agent(struct log_role *role, const struct role_endpoints *endpoints)
{
	uint8_t key[SOCKET_KEY_SIZE];
	enum status status = own_agent_key(role->host->data, endpoints->log_agents != NULL, key);

	if (status == STATUS_OK)
		status = commit_transact(role, write_own_agent, key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- retention ---- */

static enum status write_left_out(struct log_role *role, void *data)
{
	(void)data;
	return notices_sweep(role->store, clock_wall_ms());
}

/* How many notices were not listed one by one. */
static void tell_left_out(struct log_role *role)
{
	bool has_any = false;
	enum status status = notices_has_any(role->store, &has_any);

	log_store_release(role->store);
	if (status == STATUS_OK && has_any)
		status = commit_transact(role, write_left_out, NULL);
	if (status != STATUS_OK)
		commit_fail(role, status);
	reader_sessions_wake(role);
	turn_pump(role);
}

static void on_retain(uv_timer_t *timer)
{
	struct log_role *role = timer->data;
	size_t deleted;
	enum status status;

	intake_flush(role);
	if (!role->has_failed)
		tell_left_out(role);
	if (role->has_failed)
		return;
	status = commit_retain(role, role->settings->size_max, &deleted);
	if (status != STATUS_OK)
		commit_fail(role, status);
	else
		uv_timer_start(&role->retain, on_retain,
		    deleted == LOG_RETAIN_RECORDS ? LOG_COMMIT_MS : RETAIN_MS, 0);
}

/* ---- opening ---- */

static void stop(void *self)
{
	struct log_role *role = self;

	if (role->agents != NULL && role->readers != NULL)
		intake_flush(role);
	control_close(role->control);
	acceptor_free(role->agents);
	acceptor_free(role->readers);
	peers_close(role->peers);
	sockets_free(role->sockets);
	uv_close((uv_handle_t *)&role->retain, NULL);
	uv_close((uv_handle_t *)&role->commit_soon, NULL);
}

static void finish(void *self)
{
	struct log_role *role = self;

	log_store_close(role->store);
	rate_free(role->enrolments);
	rate_free(role->hellos);
	key_proof_verifier_fini(&role->proofs);
	arena_fini(&role->arena);
	buffer_fini(&role->refusal);
	free(role);
}

/* Who may call at either end, where that is not this process itself. */
static const char *const gateways[] = { "gateway", NULL };
static const char *const readers[] = { "processor", "gateway", NULL };

static enum status open_peers(struct log_role *role, const struct role_endpoints *endpoints)
{
	if (endpoints->log_agents != NULL && endpoints->log_readers != NULL)
		return STATUS_OK;
	return peers_open(role->host->data, "log", role->sockets, &role->peers);
}

static void reload(void *self)
{
	struct log_role *role = self;

	if (role->peers == NULL)
		return;
	peers_reload(role->peers);
	acceptor_recheck(role->agents);
	acceptor_recheck(role->readers);
}

static enum status open_acceptors(struct log_role *role, const struct role_endpoints *endpoints)
{
	struct acceptor_options options = { .loop = role->host->loop,
		.sockets = role->sockets,
		.is_relayed = true,
		.on_hello = agent_sessions_on_hello,
		.may_greet = agent_sessions_may_greet,
		.on_gone = on_gone,
		.on_gateway = relayed_on_gateway,
		.operations = operations,
		.host = role,
		.pool = &role->uncommitted };
	enum status status = open_peers(role, endpoints);

	if (status != STATUS_OK)
		return status;
	options.endpoint = endpoints->log_agents != NULL ? endpoints->log_agents
	                                                 : role->settings->agents;
	if (role->peers != NULL)
		options.door = peers_add_door(role->peers, "log.agents", gateways);
	status = acceptor_new(&options, &role->agents);
	if (status != STATUS_OK)
		return status;
	options.endpoint = endpoints->log_readers != NULL ? endpoints->log_readers
	                                                  : role->settings->readers;
	if (role->peers != NULL)
		options.door = peers_add_door(role->peers, "log.readers", readers);
	options.is_relayed = false;
	options.pool = NULL;
	options.on_hello = reader_sessions_on_hello;
	options.may_greet = NULL;
	return acceptor_new(&options, &role->readers);
}

/* A whole site may enrol from behind one address. */
static const struct rate_options enrolments = {
	.per_second = 50, .burst = 200, .address_per_second = 5, .address_burst = 50
};

static enum status open_control(struct log_role *role, const char *path)
{
	const struct control_options options = { .loop = role->host->loop,
		.path = path,
		.may_send_large = requests_may_be_large,
		.handler = requests_on_control,
		.host = role };

	return control_open(&options, &role->control);
}

/* An honest agent says hello at most a few times in a row; a whole fleet may do so at once. */
static const struct rate_options hellos = { .per_second = 1000 * 1000,
	.burst = 1000 * 1000,
	.address_per_second = 1,
	.address_burst = 10,
	.most = 1000 * 1000 };

static enum status start(const struct role_host *host, const struct role_endpoints *endpoints,
    void **self)
{
	struct log_role *role = memory_new(sizeof(*role));
	char *directory = text_format("%s/log", host->data);
	char *socket = text_format("%s/control.sock", host->data);
	enum status status;

	role->host = host;
	role->settings = settings_of(host->settings, "log");
	role->uncommitted.budget = UNCOMMITTED_MAX;
	intake_forget(role);
	status = log_store_open(directory, &role->store);
	if (status != STATUS_OK) {
		free(role);
		goto out;
	}
	uv_timer_init(host->loop, &role->retain);
	uv_timer_init(host->loop, &role->commit_soon);
	role->retain.data = role->commit_soon.data = role;
	role->enrolments = rate_new(&enrolments);
	role->hellos = rate_new(&hellos);
	key_proof_verifier_init(&role->proofs);
	status = admit_own_agent(role, endpoints);
	if (status == STATUS_OK)
		status = sockets_new(host->sockets, host->loop, turn_on_round, role,
		    &role->sockets);
	if (status == STATUS_OK)
		status = open_acceptors(role, endpoints);
	if (status == STATUS_OK)
		status = open_control(role, socket);
	if (status != STATUS_OK) {
		*self = role; /* to be taken down */
		goto out;
	}
	uv_timer_start(&role->retain, on_retain, RETAIN_MS, 0);
	log_write(LOG_INFO, "log-ready", LOG_FIELDS(LOG_TEXT("path", directory)), "taking records");
	*self = role;
out:
	free(directory);
	free(socket);
	return status;
}

const struct role log_role = {
	.name = "log",
	.summary = "keeps every record until it has been read, and says so to its sender",
	.start = start,
	.reload = reload,
	.stop = stop,
	.finish = finish,
};
