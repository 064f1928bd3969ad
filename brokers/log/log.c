/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - where an agent's session ends and a promise is kept: an ACK means committed here.
 *
 * What came in is gathered in memory and written in one transaction once the input is empty, at
 * 10,000 records, at 8 MiB or after 20 ms; only then is anything acknowledged, and readers are
 * woken.  A commit that fails ends the role: nothing of it was acknowledged, so everything is sent
 * again.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "brokers/log/control.h"
#include "brokers/log/notices.h"
#include "brokers/log/operators.h"
#include "brokers/log/orders.h"
#include "brokers/log/own_agent.h"
#include "brokers/log/store.h"
#include "brokers/rate.h"
#include "brokers/roles.h"
#include "core/acceptor.h"
#include "core/clock.h"
#include "core/log.h"

enum {
	COMMIT_RECORDS = 10 * 1000,
	COMMIT_BYTES = 8 * 1024 * 1024,
	COMMIT_MS = 20,
	COMMIT_TRIES = 8,
	RETAIN_MS = 10 * 1000,
	RETAIN_RECORDS = 2000,
	/* What one agent may have under way, over all its lanes. */
	AGENT_CREDIT_RECORDS = 2048,
	AGENT_CREDIT_BYTES = 2 * 1024 * 1024,
	/* Of what came and is not committed, over all agents. */
	UNCOMMITTED_MAX = 64 * 1024 * 1024,
	OUTBOX_WINDOW_RECORDS = 4096,
	OUTBOX_WINDOW_BYTES = 4 * 1024 * 1024,
};

struct log_settings {
	char *agents;
	char *readers;
	uint64_t keep;
	uint64_t size_max;
	uint32_t resync_rate;
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

/* Frames that wait for the next commit. */
struct pending {
	struct pending *next;
	bool is_outbox;
	uint8_t writer[16]; /* agent id; for an outbox the reader's store uuid */
	uint64_t epoch, first;
	uint32_t flow;
	size_t count;
	struct bytes *records, chain;
	uint64_t received_ms;
	enum status status; /* of its append */
	uint64_t committed;
};

/* Acknowledgements by those who read from the log. */
struct read_ack {
	struct read_ack *next;
	bool is_command;
	uint8_t agent[16];
	char reader[ACCEPTOR_IDENTITY_MAX + 1];
	uint32_t flow;
	uint64_t committed;
};

/* A command that the transaction holds, for an agent that may be here. */
struct commanded {
	struct commanded *next;
	struct log_command command;
};

struct session {
	uint8_t writer[16];
	uint64_t epoch;
};

struct log_role {
	const struct role_host *host;
	const struct log_settings *settings;
	struct log_store *store;
	struct sockets *sockets;
	struct peers *peers; /* NULL: all in this process */
	struct acceptor *agents, *readers;
	struct credit_pool uncommitted; /* of agents */
	bool is_tight;                  /* they were told that only what is urgent may come */
	struct control *control;
	uv_timer_t retain;
	uv_timer_t commit_soon;
	struct arena arena; /* of everything pending */
	struct pending *pending, **pending_tail;
	struct read_ack *acks;
	struct commanded *commanded;
	uint64_t woken[SUBLOG_END]; /* head that the readers were told last */
	size_t pending_records, pending_bytes;
	uint64_t pending_since_ms;
	struct orders_answer answer; /* to the last order */
	struct buffer refusal;       /* of the last that was refused */
	struct rate *enrolments;     /* how often machines may ask to be let in */
	bool has_failed;
};

static void fail(struct log_role *role, enum status status)
{
	if (!role->has_failed)
		log_error("log-stopped",
		    "the log cannot go on: %s; nothing was acknowledged that "
		    "is not stored",
		    status_text(status));
	role->has_failed = true;
	role_fail(role->host, status);
}

/* ---- gathering ---- */

static void add_pending(struct log_role *role, const struct pending *model,
    const struct bytes *records, struct bytes chain)
{
	struct pending *pending = arena_take(&role->arena, sizeof(*pending));

	*pending = *model;
	pending->records = arena_take(&role->arena, model->count * sizeof(*records));
	for (size_t i = 0; i < model->count; i++) {
		pending->records[i] = arena_bytes(&role->arena, records[i]);
		role->pending_bytes += records[i].size;
	}
	pending->chain = arena_bytes(&role->arena, chain);
	pending->received_ms = clock_wall_ms();
	*role->pending_tail = pending;
	role->pending_tail = &pending->next;
	if (role->pending_records == 0)
		role->pending_since_ms = clock_monotonic_ms();
	/* Not flushed here, however many: a flush may end the session whose frame this is. */
	role->pending_records += model->count;
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct acceptor_peer *peer = self;
	struct log_role *role = acceptor_host(peer->acceptor);
	const struct session *session = peer->data;
	struct pending model = { .is_outbox = peer->acceptor == role->readers,
		.epoch = session->epoch,
		.flow = flow,
		.first = first,
		.count = count };

	memcpy(model.writer, session->writer, sizeof(model.writer));
	add_pending(role, &model, records, chain);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct acceptor_peer *peer = self;
	struct log_role *role = acceptor_host(peer->acceptor);
	const struct session *session = peer->data;
	struct read_ack *ack;

	/* Gateways read it anew whenever they start, and it is kept whoever has read it. */
	if (flow == SUBLOG_MEMBER)
		return;
	ack = arena_take(&role->arena, sizeof(*ack));
	ack->is_command = peer->acceptor == role->agents;
	memcpy(ack->agent, session->writer, sizeof(ack->agent));
	memcpy(ack->reader, peer->identity, peer->identity_size);
	ack->flow = flow;
	ack->committed = committed;
	ack->next = role->acks;
	role->acks = ack;
	if (role->pending_records == 0)
		role->pending_since_ms = clock_monotonic_ms();
}

/* ---- committing ---- */

static enum status write_command(struct log_role *role, struct bytes record,
    const struct pending *pending)
{
	struct commanded *commanded = arena_take(&role->arena, sizeof(*commanded));
	enum status status = log_store_command(role->store, record, pending->writer,
	    pending->received_ms, &commanded->command);

	if (status == STATUS_REJECT) {
		log_warn("outbox-record", "passed over a command that is not well-formed");
		return STATUS_OK;
	}
	commanded->next = role->commanded;
	role->commanded = commanded;
	return status;
}

static enum status write_outbox(struct log_role *role, struct pending *pending)
{
	struct log_cursor cursor;
	enum status status = log_store_cursor(role->store, pending->writer, pending->flow, &cursor);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	if (pending->first > cursor.sequence + 1)
		return STATUS_EXISTS;
	for (size_t i = 0; i < pending->count; i++) {
		if (pending->first + i <= cursor.sequence || pending->records[i].size == 0)
			continue;
		status = write_command(role, pending->records[i], pending);
		if (status != STATUS_OK)
			return status;
	}
	if (pending->first + pending->count - 1 > cursor.sequence)
		cursor.sequence = pending->first + pending->count - 1;
	pending->committed = cursor.sequence;
	return log_store_set_cursor(role->store, pending->writer, pending->flow, &cursor);
}

static enum status write_frame(struct log_role *role, struct pending *pending)
{
	enum status status;

	if (pending->is_outbox) {
		status = write_outbox(role, pending);
	} else {
		status = log_store_append(role->store, pending->writer, pending->epoch,
		    (enum lane)pending->flow, pending->first, pending->records, pending->count,
		    pending->chain, pending->received_ms);
		pending->committed = pending->first + pending->count - 1;
	}
	pending->status = status;
	if (status == STATUS_REJECT && !pending->is_outbox)
		return log_store_end_epoch(role->store, pending->writer);
	/* These two concern one sender and nothing was written for it. */
	return status == STATUS_EXISTS || status == STATUS_REJECT ? STATUS_OK : status;
}

static enum status write_ack(struct log_role *role, const struct read_ack *ack)
{
	if (ack->is_command)
		return log_store_command_acked(role->store, ack->agent, ack->committed);
	return log_store_set_reader(role->store, ack->reader, ack->flow, ack->committed);
}

static enum status write_pending(struct log_role *role, void *data)
{
	enum status status = STATUS_OK;

	(void)data;
	role->commanded = NULL;
	for (struct pending *at = role->pending; status == STATUS_OK && at != NULL; at = at->next)
		status = write_frame(role, at);
	/* The newest acknowledgement stands first: the others say less and change nothing. */
	for (struct read_ack *at = role->acks; status == STATUS_OK && at != NULL; at = at->next) {
		bool is_repeated = false;

		for (struct read_ack *newer = role->acks; newer != at; newer = newer->next)
			is_repeated |= newer->flow == at->flow
			            && memcmp(newer->agent, at->agent, 16) == 0;
		if (!is_repeated)
			status = write_ack(role, at);
	}
	return status;
}

static enum status end_transaction(struct log_role *role, enum status status)
{
	if (status == STATUS_OK)
		return log_store_commit(role->store);
	log_store_abort(role->store);
	return status;
}

static enum status retain(struct log_role *role, uint64_t size_max, size_t *deleted)
{
	enum status status;

	*deleted = 0;
	log_store_release(role->store);
	status = log_store_begin_trim(role->store);
	return status != STATUS_OK
	         ? status
	         : end_transaction(role,
		     log_store_retain(role->store, clock_wall_ms(), role->settings->keep, size_max,
			 RETAIN_RECORDS, deleted));
}

/* Where the disk is full, what every reader has read goes before its time. */
static bool makes_room(struct log_role *role)
{
	size_t deleted;

	return retain(role, 0, &deleted) == STATUS_OK && deleted > 0;
}

/*
 * Writes in one transaction.  What did not fit has made the store grow, or there is room to be
 * made: then it is written anew, from the start.
 */
static enum status transact(struct log_role *role,
    enum status (*write)(struct log_role *role, void *data), void *data)
{
	enum status status = STATUS_FULL;

	for (unsigned tries = 0; tries < COMMIT_TRIES; tries++) {
		log_store_release(role->store);
		status = log_store_begin(role->store);
		if (status == STATUS_OK)
			status = end_transaction(role, write(role, data));
		if (status != STATUS_FULL && status != STATUS_NO_SPACE)
			break;
		if ((status == STATUS_NO_SPACE || tries > 0) && !makes_room(role)
		    && status == STATUS_NO_SPACE)
			break;
	}
	return status;
}

static void acknowledge(struct log_role *role, const struct pending *pending)
{
	struct acceptor *acceptor = pending->is_outbox ? role->readers : role->agents;
	struct acceptor_peer *peer;
	const struct session *session = NULL;

	/* The session may have been replaced since; then its successor asks where it stands. */
	if (!pending->is_outbox)
		peer = acceptor_find(acceptor, BYTES_OF(pending->writer));
	else
		for (peer = acceptor_next(acceptor, NULL); peer != NULL;
		     peer = acceptor_next(acceptor, peer)) {
			session = peer->data;
			if (memcmp(session->writer, pending->writer, sizeof(pending->writer)) == 0)
				break;
		}
	if (peer == NULL)
		return;
	session = peer->data;
	if (session->epoch != pending->epoch)
		return;
	if (pending->status == STATUS_REJECT) {
		log_warn("agent-diverged",
		    "an agent's records do not follow those that came before; "
		    "it is told to begin a new epoch");
		acceptor_drop(peer, "the records do not follow those that came before");
		return;
	}
	if (pending->status == STATUS_OK)
		link_committed(peer->link, pending->flow, pending->committed,
		    pending->is_outbox ? OUTBOX_WINDOW_RECORDS : AGENT_CREDIT_RECORDS,
		    pending->is_outbox ? OUTBOX_WINDOW_BYTES : AGENT_CREDIT_BYTES);
	acceptor_mark(peer);
}

static void wake_readers_of(struct log_role *role, uint32_t flow)
{
	for (struct acceptor_peer *peer = acceptor_next(role->readers, NULL); peer != NULL;
	     peer = acceptor_next(role->readers, peer)) {
		link_wake(peer->link, flow, log_store_head(role->store, flow));
		acceptor_mark(peer);
	}
}

/* Who says hello is told every head; from then on only those that have moved. */
static void wake_readers(struct log_role *role)
{
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++) {
		uint64_t head = log_store_head(role->store, flow);

		if (head == role->woken[flow])
			continue;
		role->woken[flow] = head;
		wake_readers_of(role, flow);
	}
}

static void wake_agents(struct log_role *role)
{
	for (const struct commanded *at = role->commanded; at != NULL; at = at->next) {
		struct acceptor_peer *peer = acceptor_find(role->agents,
		    BYTES_OF(at->command.agent));

		if (peer == NULL)
			continue;
		link_wake(peer->link, LANE_END, at->command.number);
		acceptor_mark(peer);
	}
}

/* ---- credit ---- */

static struct credit_grant grant_now(const struct log_role *role)
{
	return (struct credit_grant){ .budget = { .records = AGENT_CREDIT_RECORDS,
					  .bytes = AGENT_CREDIT_BYTES },
		.is_urgent_only = role->is_tight };
}

/* Each agent is told where that changes. */
static void regulate(struct log_role *role)
{
	bool is_tight = credit_pool_is_tight(&role->uncommitted);

	if (is_tight == role->is_tight)
		return;
	role->is_tight = is_tight;
	for (struct acceptor_peer *peer = acceptor_next(role->agents, NULL); peer != NULL;
	     peer = acceptor_next(role->agents, peer)) {
		link_grant(peer->link, grant_now(role));
		acceptor_mark(peer);
	}
}

/* ---- turns ---- */

static void forget_pending(struct log_role *role)
{
	role->pending = NULL;
	role->pending_tail = &role->pending;
	role->pending_records = role->pending_bytes = 0;
	role->acks = NULL;
	role->commanded = NULL;
	arena_reset(&role->arena);
}

static void flush(struct log_role *role)
{
	enum status status;

	if ((role->pending == NULL && role->acks == NULL) || role->has_failed)
		return;
	status = transact(role, write_pending, NULL);
	if (status != STATUS_OK) {
		forget_pending(role);
		fail(role, status);
		return;
	}
	for (const struct pending *at = role->pending; at != NULL; at = at->next)
		acknowledge(role, at);
	wake_readers(role);
	wake_agents(role);
	forget_pending(role);
}

static void pump(struct log_role *role)
{
	if (role->has_failed)
		return;
	regulate(role);
	acceptor_pump(role->agents);
	acceptor_pump(role->readers);
}

static void on_commit_soon(uv_timer_t *timer)
{
	struct log_role *role = timer->data;

	flush(role);
	pump(role);
}

static void on_round(void *data, bool has_more)
{
	struct log_role *role = data;
	bool is_due = clock_monotonic_ms() - role->pending_since_ms >= COMMIT_MS
	           || role->pending_records >= COMMIT_RECORDS
	           || role->pending_bytes >= COMMIT_BYTES;

	if (role->agents == NULL || role->readers == NULL)
		return;
	if (role->pending != NULL && (!has_more || is_due))
		flush(role);
	else if (role->acks != NULL && !uv_is_active((uv_handle_t *)&role->commit_soon))
		/* Positions of readers alone are worth no transaction of their own each. */
		uv_timer_start(&role->commit_soon, on_commit_soon, COMMIT_MS, 0);
	pump(role);
}

/* ---- sessions ---- */

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
		RECORD_SET(flow, window_records, AGENT_CREDIT_RECORDS);
		RECORD_SET(flow, window_bytes, AGENT_CREDIT_BYTES);
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

static enum status write_greeting(struct log_role *role, void *data)
{
	struct greeting *greeting = data;
	const Fettle__Hello *hello = greeting->hello;
	uint64_t now_ms = clock_wall_ms();
	/* The gateway has let it in; but that may have been before it was shut out. */
	enum status status = log_members_is_admitted(role->store, greeting->agent.data, now_ms,
	    &greeting->is_admitted);

	if (status == STATUS_OK && greeting->is_admitted && hello->has_next_key)
		status = log_members_rotate(role->store, greeting->agent.data,
		    record_bytes(hello->next_key), now_ms, &greeting->has_next_admitted);
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

static bool has_pending_of(const struct log_role *role, struct bytes agent)
{
	for (const struct pending *at = role->pending; at != NULL; at = at->next)
		if (!at->is_outbox && bytes_equal(BYTES_OF(at->writer), agent))
			return true;
	return false;
}

static enum status on_agent_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
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
	if (has_pending_of(role, identity))
		flush(role);
	greeting.outcome.is_here = acceptor_find(role->agents, identity) != NULL;
	status = transact(role, write_greeting, &greeting);
	if (status == STATUS_OK && !greeting.is_admitted) {
		*reason = "this agent is not admitted";
		return STATUS_DENIED;
	}
	wake_readers(role);
	if (status == STATUS_OK && greeting.outcome.verdict == HELLO_CLONE) {
		*reason = "two machines speak with this key";
		return STATUS_REJECT;
	}
	if (status == STATUS_OK)
		status = spread_over(role, welcome);
	if (status == STATUS_OK)
		status = describe_lanes(role, identity.data, welcome, arena);
	if (status == STATUS_OK)
		status = log_store_command_head(role->store, identity.data, &head);
	log_store_release(role->store);
	if (status != STATUS_OK) {
		*reason = "the log failed";
		fail(role, status);
		return status;
	}
	RECORD_SET(welcome, epoch, greeting.outcome.epoch);
	RECORD_SET(welcome, generation, log_store_generation(role->store));
	RECORD_SET(welcome, server_ms, clock_wall_ms());
	welcome->credit = link_new_credit(arena, grant_now(role));
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
	*data = session;
	return STATUS_OK;
}

static bool is_readable_flow(uint32_t flow)
{
	return flow == SUBLOG_INTENT || flow == SUBLOG_NOTICE || flow == SUBLOG_MEMBER
	    || (flow >= SUBLOG_FIRST && flow < SUBLOG_END);
}

static enum status on_reader_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct log_role *role = host;
	struct session *session;
	Fettle__Flow *outbox = link_new_flow(arena, SUBLOG_OUTBOX);
	struct log_cursor cursor;
	enum status status;

	(void)identity;
	if (hello->store.len != 16 || hello->n_receives > LINK_FLOWS_MAX) {
		*reason = "the hello names no store";
		return STATUS_REJECT;
	}
	flush(role);
	welcome->sends = arena_take(arena, hello->n_receives * sizeof(*welcome->sends));
	for (size_t i = 0; i < hello->n_receives; i++) {
		uint32_t number = hello->receives[i]->flow;
		Fettle__Flow *flow = link_new_flow(arena, number);

		if (!is_readable_flow(number))
			continue;
		if (hello->receives[i]->committed > log_store_head(role->store, number)) {
			*reason = "the reader has read more than this log has: one of the two was "
				  "restored from a backup";
			return STATUS_REJECT;
		}
		RECORD_SET(flow, head, log_store_head(role->store, number));
		RECORD_SET(flow, tail, log_store_tail(role->store, number));
		welcome->sends[welcome->n_sends++] = flow;
	}
	status = log_store_cursor(role->store, hello->store.data, SUBLOG_OUTBOX, &cursor);
	log_store_release(role->store);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
		fail(role, status);
		return status;
	}
	RECORD_SET(outbox, committed, cursor.sequence);
	RECORD_SET(outbox, window_records, OUTBOX_WINDOW_RECORDS);
	RECORD_SET(outbox, window_bytes, OUTBOX_WINDOW_BYTES);
	welcome->receives = arena_take(arena, sizeof(*welcome->receives));
	welcome->receives[welcome->n_receives++] = outbox;
	RECORD_SET(welcome, generation, log_store_generation(role->store));
	RECORD_SET(welcome, server_ms, clock_wall_ms());
	session = memory_new(sizeof(*session));
	memcpy(session->writer, hello->store.data, sizeof(session->writer));
	*data = session;
	return STATUS_OK;
}

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
	.on_acked = on_acked,
	.on_data = on_data,
};

/* ---- what gateways say ---- */

/* A whole site may enrol from behind one address. */
static const struct rate_options enrolments = {
	.per_second = 50, .burst = 200, .address_per_second = 5, .address_burst = 50
};

struct told {
	const Fettle__EnrolRelay *relay;
	Fettle__EnrolReply reply;
	uint8_t agent[AGENT_ID_SIZE];
};

static enum status write_told(struct log_role *role, void *data)
{
	struct told *told = data;
	const Fettle__EnrolRelay *relay = told->relay;

	if (relay->has_request)
		return log_enrolments_ask(role->store, relay, clock_wall_ms(), &told->reply,
		    told->agent);
	return relay->key.len == SOCKET_KEY_SIZE
	         ? log_members_connected(role->store, relay->key.data, clock_wall_ms())
	         : STATUS_OK;
}

static bool is_too_often(struct log_role *role, struct told *told)
{
	const char *address = told->relay->address == NULL ? "" : told->relay->address;
	uint64_t wait_ms = rate_take(role->enrolments, address, clock_monotonic_ms());

	if (wait_ms == 0)
		return false;
	RECORD_SET(&told->reply, outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY);
	RECORD_SET(&told->reply, retry_ms, wait_ms + clock_jitter_ms(1000));
	told->reply.reason = RECORD_TEXT("too many machines ask at once");
	return true;
}

/* A machine wants to be let in; or, without a request, a key was connected with. */
static void on_gateway(void *host, struct bytes message, struct buffer *reply)
{
	struct log_role *role = host;
	struct arena arena = { 0 };
	struct told told = { .relay = record_unpack(&fettle__enrol_relay__descriptor, message,
				 &arena),
		.reply = FETTLE__ENROL_REPLY__INIT };
	enum status status = STATUS_OK;

	if (told.relay != NULL && !role->has_failed
	    && !(told.relay->has_request && is_too_often(role, &told))) {
		flush(role);
		status = transact(role, write_told, &told);
		if (status != STATUS_OK)
			fail(role, status);
		wake_readers(role);
	}
	if (told.relay != NULL && told.relay->has_request && status == STATUS_OK)
		record_pack(reply, &told.reply.base);
	arena_fini(&arena);
}

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
		status = transact(role, write_own_agent, key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- intent ---- */

/* One request by the local socket, and what it did. */
struct asking {
	const Fettle__ControlRequest *request;
	struct control_principal who;
	bool is_last_resort;
	const Fettle__Record *denied; /* NULL: it was an order, or is not */
	uint64_t written;
};

static enum status write_one_intent(struct log_role *role, struct asking *asking,
    const Fettle__Record *wanted, struct buffer *record)
{
	uint64_t now_ms = clock_wall_ms();
	bool changed;
	enum status status;

	buffer_clear(record);
	record_pack(record, &wanted->base);
	status = log_store_intent(role->store, buffer_bytes(record), asking->who.id,
	    asking->who.name, now_ms, &changed);
	if (status != STATUS_OK || !changed)
		return status;
	asking->written++;
	return operators_note_intent(role->store, wanted, &asking->who, asking->is_last_resort,
	    now_ms);
}

static enum status write_intent(struct log_role *role, struct asking *asking)
{
	const Fettle__ControlRequest *request = asking->request;
	struct buffer record = { 0 };
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < request->n_intent; i++)
		status = write_one_intent(role, asking, request->intent[i], &record);
	buffer_fini(&record);
	if (status == STATUS_REJECT) {
		buffer_clear(&role->refusal);
		buffer_append_text(&role->refusal,
		    "a record has no key, or is larger than 900 KiB");
	}
	return status;
}

static enum status write_operators(struct log_role *role, struct asking *asking)
{
	bool changed;
	enum status status = operators_order(role->store, asking->request->operator_, &asking->who,
	    clock_wall_ms(), &role->refusal, &changed);

	asking->written = changed;
	return status;
}

static enum status write_asked(struct log_role *role, void *data)
{
	struct asking *asking = data;

	asking->written = 0;
	if (asking->request->operator_ != NULL)
		return write_operators(role, asking);
	return write_intent(role, asking);
}

static enum status write_denied(struct log_role *role, void *data)
{
	const struct asking *asking = data;

	return operators_note_denied(role->store, asking->denied, &asking->who,
	    buffer_text(&role->refusal), clock_wall_ms());
}

/* Root's, where it cannot be told. */
static uint64_t owner_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_uid : 0;
}

static enum status admit(struct log_role *role, struct asking *asking)
{
	struct operators operators;
	enum status status = operators_load(role->store, &operators), noted;

	if (status == STATUS_OK) {
		operators_name(&operators, &asking->who);
		asking->is_last_resort = operators_is_last_resort(&operators, &asking->who);
		status = operators_admit(&operators, asking->request, &asking->who,
		    owner_of(role->host->data), &role->refusal, &asking->denied);
	}
	operators_fini(&operators);
	log_store_release(role->store);
	if (status != STATUS_DENIED)
		return status;
	log_write(LOG_WARN, "control-denied", LOG_FIELDS(LOG_TEXT("who", asking->who.name)), "%s",
	    buffer_text(&role->refusal));
	noted = transact(role, write_denied, asking);
	return noted == STATUS_OK ? STATUS_DENIED : noted;
}

/* What is the asker's mistake, and leaves the log as it was. */
static bool is_refusal(enum status status)
{
	return status == STATUS_REJECT || status == STATUS_DENIED || status == STATUS_INVALID
	    || status == STATUS_NOT_FOUND;
}

/* ---- orders ---- */

struct ordered {
	const Fettle__ControlRequest *request;
	const struct control_principal *principal;
};

static void note_command(void *data, const struct log_command *command)
{
	struct log_role *role = data;
	struct commanded *commanded = arena_take(&role->arena, sizeof(*commanded));

	commanded->command = *command;
	commanded->next = role->commanded;
	role->commanded = commanded;
}

static enum status write_order(struct log_role *role, void *data)
{
	const struct ordered *ordered = data;

	role->commanded = NULL;
	return orders_execute(role->store, ordered->request, ordered->principal->name,
	    clock_wall_ms(), note_command, role, &role->answer);
}

/* Those whom an order has shut out go at once; the gateway's list ends their connections. */
static void drop_if_shut_out(struct log_role *role, struct bytes agent)
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

static void answer_order(const struct orders_answer *answer, enum status status,
    Fettle__ControlReply *reply)
{
	RECORD_SET(reply, status, (uint32_t)status);
	reply->message = RECORD_TEXT(
	    answer->message[0] != '\0' ? answer->message : status_text(status));
	RECORD_SET(reply, written, status == STATUS_OK ? answer->written : 0);
	if (status == STATUS_OK && answer->has_made) {
		RECORD_SET_BYTES(reply, id, BYTES_OF(answer->made.id));
		RECORD_SET_BYTES(reply, secret, BYTES_OF(answer->made.secret));
	} else if (status == STATUS_OK && answer->has_id) {
		RECORD_SET_BYTES(reply, id, BYTES_OF(answer->id));
	}
}

static void on_order(struct log_role *role, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct ordered ordered = { .request = request, .principal = principal };
	enum status status = role->has_failed ? STATUS_CLOSED
	                                      : transact(role, write_order, &ordered);

	if (status != STATUS_OK && !is_refusal(status))
		fail(role, status);
	answer_order(&role->answer, status, reply);
	if (status == STATUS_OK) {
		wake_readers(role);
		wake_agents(role);
		for (size_t i = 0; request->member != NULL && i < request->member->n_agents; i++)
			drop_if_shut_out(role, record_bytes(request->member->agents[i]));
		pump(role);
	}
	forget_pending(role);
}

static void on_control(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct log_role *role = host;
	struct asking asking = { .request = request, .who = *principal };
	enum status status;

	flush(role);
	explicit_bzero(&role->answer, sizeof(role->answer));
	status = role->has_failed ? STATUS_CLOSED : admit(role, &asking);
	if (status == STATUS_OK && orders_has(request)) {
		on_order(role, request, &asking.who, reply);
		return;
	}
	if (status == STATUS_OK)
		status = transact(role, write_asked, &asking);
	if (status != STATUS_OK && status != STATUS_CLOSED && !is_refusal(status))
		fail(role, status);
	RECORD_SET(reply, status, (uint32_t)status);
	reply->message = RECORD_TEXT(
	    is_refusal(status) ? buffer_text(&role->refusal) : status_text(status));
	RECORD_SET(reply, written, status == STATUS_OK ? asking.written : 0);
	RECORD_SET(reply, head, log_store_head(role->store, SUBLOG_INTENT));
	if (status == STATUS_DENIED || (asking.written > 0 && status == STATUS_OK)) {
		wake_readers(role);
		pump(role);
	}
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
		status = transact(role, write_left_out, NULL);
	if (status != STATUS_OK)
		fail(role, status);
	wake_readers(role);
	pump(role);
}

static void on_retain(uv_timer_t *timer)
{
	struct log_role *role = timer->data;
	size_t deleted;
	enum status status;

	flush(role);
	if (!role->has_failed)
		tell_left_out(role);
	if (role->has_failed)
		return;
	status = retain(role, role->settings->size_max, &deleted);
	if (status != STATUS_OK)
		fail(role, status);
	else
		uv_timer_start(&role->retain, on_retain,
		    deleted == RETAIN_RECORDS ? COMMIT_MS : RETAIN_MS, 0);
}

/* ---- opening ---- */

static void stop(void *self)
{
	struct log_role *role = self;

	if (role->agents != NULL && role->readers != NULL)
		flush(role);
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
		.on_hello = on_agent_hello,
		.on_gone = on_gone,
		.on_gateway = on_gateway,
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
	options.on_hello = on_reader_hello;
	return acceptor_new(&options, &role->readers);
}

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
	forget_pending(role);
	status = log_store_open(directory, &role->store);
	if (status != STATUS_OK) {
		free(role);
		goto out;
	}
	uv_timer_init(host->loop, &role->retain);
	uv_timer_init(host->loop, &role->commit_soon);
	role->retain.data = role->commit_soon.data = role;
	role->enrolments = rate_new(&enrolments);
	status = admit_own_agent(role, endpoints);
	if (status == STATUS_OK)
		status = sockets_new(host->sockets, host->loop, on_round, role, &role->sockets);
	if (status == STATUS_OK)
		status = open_acceptors(role, endpoints);
	if (status == STATUS_OK)
		status = control_open(host->loop, socket, on_control, role, &role->control);
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
