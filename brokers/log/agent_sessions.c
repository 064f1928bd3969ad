/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_sessions.c - agents at the log: their hello, what they may send, and waking them.
 */
#include <stdlib.h>

#include "brokers/log/members.h"
#include "brokers/log/parts.h"
#include "core/clock.h"
#include "core/log.h"

/* ---- credit ---- */

/* Who is held is granted nothing, and a link ends the session of one that sends all the same. */
static struct credit_grant grant_now(const struct log_role *role, bool is_held)
{
	if (is_held)
		return (struct credit_grant){ .is_urgent_only = true };
	return (struct credit_grant){ .budget = { .records = LOG_AGENT_RECORDS,
					  .bytes = LOG_AGENT_BYTES },
		.is_urgent_only = role->is_tight };
}

void agent_sessions_regulate(struct log_role *role)
{
	bool is_tight = credit_pool_is_tight(&role->uncommitted);

	if (is_tight == role->is_tight)
		return;
	role->is_tight = is_tight;
	for (struct acceptor_peer *peer = acceptor_next(role->agents, NULL); peer != NULL;
	     peer = acceptor_next(role->agents, peer)) {
		const struct session *session = peer->data;

		link_grant(peer->link, grant_now(role, session->is_held));
		acceptor_mark(peer);
	}
}

/*
 * It says hello anew, where it is held: only a session that begins so binds its agent from the
 * start.
 */
static void keep_to_hold(struct log_role *role, struct acceptor_peer *peer)
{
	struct session *session = peer->data;
	bool is_held;
	enum status status = log_store_is_held(role->store, session->writer, &is_held);

	log_store_release(role->store);
	if (status != STATUS_OK) {
		commit_fail(role, status);
	} else if (is_held && !session->is_held) {
		acceptor_drop(peer, "too much of this agent is quarantined");
	} else if (!is_held && session->is_held) {
		session->is_held = false;
		link_grant(peer->link, grant_now(role, false));
		acceptor_mark(peer);
	}
}

/* ---- hello ---- */

enum { PASSED_OVER_TOLD_MS = 60 * 1000 };

/* At most one line a minute: whoever says hello too often would fill the disk with them. */
static void tell_passed_over(struct log_role *role, struct bytes agent, uint64_t now_ms)
{
	char name[2 * AGENT_ID_SIZE + 1];

	role->passed_over++;
	if (role->passed_over_told_ms != 0
	    && now_ms - role->passed_over_told_ms < PASSED_OVER_TOLD_MS)
		return;
	bytes_to_hex(agent, name);
	log_write(LOG_WARN, "hello-too-often",
	    LOG_FIELDS(LOG_TEXT("agent", name), LOG_NUMBER("times", role->passed_over)),
	    "an agent says hello more often than any honest one; most of it is passed over");
	role->passed_over_told_ms = now_ms;
	role->passed_over = 0;
}

/* A hello may cost a commit, and each can be the turn of another of two copies. */
bool agent_sessions_may_greet(void *host, struct bytes identity)
{
	struct log_role *role = host;
	uint64_t now_ms = clock_monotonic_ms();

	if (identity.size != AGENT_ID_SIZE
	    || rate_take_key(role->hellos, identity.data, now_ms) == 0)
		return true;
	tell_passed_over(role, identity, now_ms);
	return false;
}

static enum status describe_lanes(struct log_role *role, const uint8_t agent[16],
    Fettle__Welcome *welcome, struct arena *arena)
{
	welcome->receives = arena_take(arena, LANES * sizeof(*welcome->receives));
	for (uint32_t lane = 1; lane < LANE_END; lane++) {
		Fettle__Flow *flow = link_new_flow(arena, lane);
		struct log_cursor cursor;
		enum status status = log_store_cursor(role->store, agent, lane, &cursor);

		if (status != STATUS_OK && status != STATUS_NOT_FOUND)
			return status;
		RECORD_SET(flow, committed, cursor.sequence);
		RECORD_SET(flow, window_records, LOG_AGENT_RECORDS);
		RECORD_SET(flow, window_bytes, LOG_AGENT_BYTES);
		RECORD_SET(flow, lane, lane);
		RECORD_SET_BYTES(flow, chain, arena_bytes(arena, BYTES_OF(cursor.chain)));
		welcome->receives[welcome->n_receives++] = flow;
	}
	return STATUS_OK;
}

struct greeting {
	struct bytes agent;
	const Fettle__Hello *hello;
	bool is_admitted, has_next_admitted; /* the agent; the key that it offers */
	bool is_held;
	struct log_greeting outcome;
};

/* Two machines speak with the agent's key. */
static enum status shut_out(struct log_role *role, const struct greeting *greeting)
{
	char name[2 * AGENT_ID_SIZE + 1];

	bytes_to_hex(greeting->agent, name);
	log_write(LOG_WARN, "agent-cloned", LOG_FIELDS(LOG_TEXT("agent", name)),
	    "two machines speak with the key of this agent, in turn; it is not let in");
	return log_members_quarantine(role->store, greeting->agent.data,
	    "two machines speak with its key, in turn", clock_wall_ms());
}

static enum status take_offer(struct log_role *role, struct greeting *greeting, uint64_t now_ms)
{
	const Fettle__Hello *hello = greeting->hello;
	const struct log_members_offer offer = { .key = record_bytes(hello->next_key),
		.is_proven = hello->next_key.len == SOCKET_KEY_SIZE
		          && key_proof_is_valid(&role->proofs, hello->next_key.data,
			      greeting->agent.data, record_bytes(hello->next_proof)) };

	return log_members_rotate(role->store, greeting->agent.data, &offer, now_ms,
	    &greeting->has_next_admitted);
}

static enum status write_greeting(struct log_role *role, void *data)
{
	struct greeting *greeting = data;
	const Fettle__Hello *hello = greeting->hello;
	uint64_t now_ms = clock_wall_ms();
	/* The gateway has let it in; but that may have been before it was shut out. */
	enum status status = log_members_is_admitted(role->store, greeting->agent.data, now_ms,
	    &greeting->is_admitted);

	if (status == STATUS_OK && greeting->is_admitted && hello->has_next_key)
		status = take_offer(role, greeting, now_ms);
	if (status != STATUS_OK || !greeting->is_admitted)
		return status;
	status = log_store_hello(role->store, greeting->agent.data, hello, now_ms,
	    &greeting->outcome);
	return status == STATUS_OK && greeting->outcome.verdict == HELLO_CLONE
	         ? shut_out(role, greeting)
	         : status;
}

/* A fleet that begins anew sends so many agents' facts a second as the log is set to take. */
static enum status spread_over(struct log_role *role, Fettle__Welcome *welcome)
{
	uint64_t agents;
	enum status status = log_store_agents(role->store, &agents);

	if (status == STATUS_OK)
		RECORD_SET(welcome, spread_ms, agents * 1000 / role->settings->resync_rate);
	return status;
}

enum status agent_sessions_on_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct log_role *role = host;
	struct greeting greeting = { .agent = identity, .hello = hello };
	struct session *session;
	Fettle__Flow *command;
	uint64_t head;
	enum status status;

	if (hello->store.len != 16 || identity.size != AGENT_ID_SIZE) {
		*reason = "the hello names no spool";
		return STATUS_REJECT;
	}
	/* What this agent sent in an older session is written first, so that its position is true.
	 */
	if (intake_has_of(role, identity))
		intake_flush(role);
	greeting.outcome.is_here = acceptor_find(role->agents, identity) != NULL;
	status = commit_transact(role, write_greeting, &greeting);
	if (status == STATUS_OK && !greeting.is_admitted) {
		agent_sessions_drop_if_shut_out(role, identity);
		*reason = "this agent is not admitted";
		return STATUS_DENIED;
	}
	reader_sessions_wake(role);
	if (status == STATUS_OK && greeting.outcome.verdict == HELLO_CLONE) {
		agent_sessions_drop_if_shut_out(role, identity);
		*reason = "two machines speak with this key";
		return STATUS_REJECT;
	}
	if (status == STATUS_OK && greeting.outcome.verdict == HELLO_OVERTAKEN) {
		*reason = "a later run of it has spoken since";
		return STATUS_REJECT;
	}
	if (status == STATUS_OK && greeting.outcome.verdict == HELLO_NAMELESS) {
		*reason = "it does not say which run of the agent it is, as that has done before";
		return STATUS_REJECT;
	}
	if (status == STATUS_OK)
		status = spread_over(role, welcome);
	if (status == STATUS_OK)
		status = describe_lanes(role, identity.data, welcome, arena);
	if (status == STATUS_OK)
		status = log_store_command_head(role->store, identity.data, &head);
	if (status == STATUS_OK)
		status = log_store_is_held(role->store, identity.data, &greeting.is_held);
	log_store_release(role->store);
	if (status != STATUS_OK) {
		*reason = "the log failed";
		commit_fail(role, status);
		return status;
	}
	RECORD_SET(welcome, epoch, greeting.outcome.epoch);
	RECORD_SET(welcome, generation, log_store_generation(role->store));
	RECORD_SET(welcome, server_ms, clock_wall_ms());
	RECORD_SET_BYTES(welcome, proof_key, BYTES_OF(role->proofs.challenge));
	welcome->credit = link_new_credit(arena, grant_now(role, greeting.is_held));
	if (greeting.has_next_admitted)
		RECORD_SET_BYTES(welcome, next_key,
		    arena_bytes(arena, record_bytes(hello->next_key)));
	command = link_new_flow(arena, LANE_END);
	RECORD_SET(command, head, head);
	welcome->sends = arena_take(arena, sizeof(*welcome->sends));
	welcome->sends[welcome->n_sends++] = command;
	session = memory_new(sizeof(*session));
	memcpy(session->writer, identity.data, AGENT_ID_SIZE);
	session->epoch = greeting.outcome.epoch;
	session->is_held = greeting.is_held;
	*data = session;
	return STATUS_OK;
}

/* ---- waking and ending ---- */

void agent_sessions_wake(struct log_role *role)
{
	for (const struct commanded *at = role->commanded; at != NULL; at = at->next) {
		struct acceptor_peer *peer = acceptor_find(role->agents,
		    BYTES_OF(at->command.agent));

		if (peer != NULL && at->is_hold)
			keep_to_hold(role, peer);
		if (peer == NULL || at->is_hold)
			continue;
		link_wake(peer->link, LANE_END, at->command.number);
		acceptor_mark(peer);
	}
}

void agent_sessions_drop_if_shut_out(struct log_role *role, struct bytes agent)
{
	struct acceptor_peer *peer = acceptor_find(role->agents, agent);
	bool is_admitted;

	if (peer == NULL)
		return;
	if (log_members_is_admitted(role->store, agent.data, clock_wall_ms(), &is_admitted)
		== STATUS_OK
	    && !is_admitted)
		acceptor_drop(peer, "this agent is not admitted");
	log_store_release(role->store);
}
