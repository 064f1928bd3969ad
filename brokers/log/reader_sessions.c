/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_sessions.c - who reads from the log: processors and gateways, their hello, and waking
 * them.
 *
 * What each may do stands in one table: a gateway's key opens nothing of what a processor's does.
 */
#include <stdlib.h>

#include "brokers/log/parts.h"
#include "core/clock.h"
#include "core/log.h"

/* ---- what each may do ---- */

static bool is_processors(uint32_t flow)
{
	return flow == SUBLOG_INTENT || flow == SUBLOG_NOTICE
	    || (flow >= SUBLOG_FIRST && flow < SUBLOG_END);
}

static bool is_gateways(uint32_t flow)
{
	return flow == SUBLOG_MEMBER;
}

/* By the name that a reader has; over CURVE that begins with the role of its key. */
static const struct reader_kind {
	const char *role;
	bool (*may_read)(uint32_t flow);
	bool is_owner; /* of a store that its key is bound to, and of an outbox */
} kinds[] = {
	{ "processor", is_processors, true },
	{ "gateway", is_gateways, false },
};

static const struct reader_kind *kind_of(struct bytes identity)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (peers_may_be(kinds[i].role, identity))
			return &kinds[i];
	return NULL;
}

/* ---- hello ---- */

static enum status describe_flows(struct log_role *role, const struct reader_kind *kind,
    const Fettle__Hello *hello, Fettle__Welcome *welcome, struct arena *arena)
{
	welcome->sends = arena_take(arena, hello->n_receives * sizeof(*welcome->sends));
	for (size_t i = 0; i < hello->n_receives; i++) {
		uint32_t number = hello->receives[i]->flow;
		Fettle__Flow *flow = link_new_flow(arena, number);

		if (!kind->may_read(number))
			continue;
		if (hello->receives[i]->committed > log_store_head(role->store, number))
			return STATUS_REJECT;
		RECORD_SET(flow, head, log_store_head(role->store, number));
		RECORD_SET(flow, tail, log_store_tail(role->store, number));
		welcome->sends[welcome->n_sends++] = flow;
	}
	return STATUS_OK;
}

static enum status describe_outbox(struct log_role *role, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena)
{
	Fettle__Flow *outbox = link_new_flow(arena, SUBLOG_OUTBOX);
	struct log_cursor cursor;
	enum status status = log_store_cursor(role->store, hello->store.data, SUBLOG_OUTBOX,
	    &cursor);

	log_store_release(role->store);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	RECORD_SET(outbox, committed, cursor.sequence);
	RECORD_SET(outbox, window_records, LOG_OUTBOX_RECORDS);
	RECORD_SET(outbox, window_bytes, LOG_OUTBOX_BYTES);
	welcome->receives = arena_take(arena, sizeof(*welcome->receives));
	welcome->receives[welcome->n_receives++] = outbox;
	return STATUS_OK;
}

struct binding {
	const char *user;
	const uint8_t *uuid;
};

static enum status write_binding(struct log_role *role, void *data)
{
	const struct binding *binding = data;

	return log_store_set_reader_key(role->store, binding->user, binding->uuid);
}

enum { OTHER_STORE_TOLD_MS = 60 * 1000 };

/* At most one line a minute: it says hello again and again. */
static void tell_other_store(struct log_role *role, const char *user, uint64_t now_ms)
{
	role->other_stores++;
	if (role->other_store_told_ms != 0
	    && now_ms - role->other_store_told_ms < OTHER_STORE_TOLD_MS)
		return;
	log_write(LOG_ERROR, "reader-store",
	    LOG_FIELDS(LOG_TEXT("user", user), LOG_NUMBER("times", role->other_stores)),
	    "this key comes with another store than before, and is not let in: if somebody else "
	    "has the key, replace it; if the state was made anew on purpose, move "
	    "keys/processor.key "
	    "and .pub of that data directory away, so that it makes a new one");
	role->other_store_told_ms = now_ms;
	role->other_stores = 0;
}

/*
 * A key stands for the store that it first came with: by another one its positions, and what it
 * sends, would be taken for the first one's.  DENIED: it is another.
 */
static enum status bind_key(struct log_role *role, const char *user, const uint8_t uuid[16])
{
	struct binding binding = { .user = user, .uuid = uuid };
	uint8_t known[16];
	enum status status = log_store_reader_key(role->store, user, known);

	log_store_release(role->store);
	if (status == STATUS_NOT_FOUND)
		return commit_transact(role, write_binding, &binding);
	if (status != STATUS_OK || memcmp(known, uuid, sizeof(known)) == 0)
		return status;
	tell_other_store(role, user, clock_monotonic_ms());
	return STATUS_DENIED;
}

static enum status admit(struct log_role *role, const struct reader_kind *kind, const char *user,
    const Fettle__Hello *hello, const char **reason)
{
	enum status status = STATUS_OK;

	if (kind->is_owner && user[0] != '\0')
		status = bind_key(role, user, hello->store.data);
	if (status == STATUS_DENIED)
		*reason = "its key is another store's";
	return status;
}

static enum status welcome_reader(struct log_role *role, const struct reader_kind *kind,
    const Fettle__Hello *hello, Fettle__Welcome *welcome, struct arena *arena, const char **reason)
{
	enum status status = describe_flows(role, kind, hello, welcome, arena);

	if (status != STATUS_OK)
		*reason = "the reader has read more than this log has: one of the two was restored "
			  "from a backup";
	else if (kind->is_owner)
		status = describe_outbox(role, hello, welcome, arena);
	RECORD_SET(welcome, generation, log_store_generation(role->store));
	RECORD_SET(welcome, server_ms, clock_wall_ms());
	return status;
}

enum status reader_sessions_begin(struct log_role *role, struct bytes identity, const char *user,
    const Fettle__Hello *hello, Fettle__Welcome *welcome, struct arena *arena, struct session **out,
    const char **reason)
{
	const struct reader_kind *kind = kind_of(identity);
	enum status status;

	if (hello->store.len != 16 || hello->n_receives > LINK_FLOWS_MAX || kind == NULL) {
		*reason = kind == NULL ? "it is neither a processor nor a gateway"
		                       : "the hello names no store";
		return STATUS_REJECT;
	}
	intake_flush(role);
	status = admit(role, kind, user, hello, reason);
	if (status == STATUS_OK)
		status = welcome_reader(role, kind, hello, welcome, arena, reason);
	if (status == STATUS_OK) {
		*out = memory_new(sizeof(**out));
		memcpy((*out)->writer, hello->store.data, sizeof((*out)->writer));
	} else if (status != STATUS_DENIED && status != STATUS_REJECT) {
		commit_fail(role, status);
	}
	return status;
}

enum status reader_sessions_on_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct log_role *role = host;
	struct session *session = NULL;
	enum status status = reader_sessions_begin(role, identity, acceptor_speaker(role->readers),
	    hello, welcome, arena, &session, reason);

	*data = session;
	return status;
}

/* ---- waking ---- */

static void wake_readers_of(struct log_role *role, uint32_t flow)
{
	for (struct acceptor_peer *peer = acceptor_next(role->readers, NULL); peer != NULL;
	     peer = acceptor_next(role->readers, peer)) {
		link_wake(peer->link, flow, log_store_head(role->store, flow));
		acceptor_mark(peer);
	}
}

void reader_sessions_wake(struct log_role *role)
{
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++) {
		uint64_t head = log_store_head(role->store, flow);

		if (head == role->woken[flow])
			continue;
		role->woken[flow] = head;
		wake_readers_of(role, flow);
	}
}
