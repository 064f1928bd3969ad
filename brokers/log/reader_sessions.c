/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_sessions.c - who reads from the log: processors and gateways, their hello, and waking
 * them.
 */
#include <stdlib.h>

#include "brokers/log/parts.h"
#include "core/clock.h"

static bool is_readable_flow(uint32_t flow)
{
	return flow == SUBLOG_INTENT || flow == SUBLOG_NOTICE || flow == SUBLOG_MEMBER
	    || (flow >= SUBLOG_FIRST && flow < SUBLOG_END);
}

enum status reader_sessions_on_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
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
	intake_flush(role);
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
		commit_fail(role, status);
		return status;
	}
	RECORD_SET(outbox, committed, cursor.sequence);
	RECORD_SET(outbox, window_records, LOG_OUTBOX_RECORDS);
	RECORD_SET(outbox, window_bytes, LOG_OUTBOX_BYTES);
	welcome->receives = arena_take(arena, sizeof(*welcome->receives));
	welcome->receives[welcome->n_receives++] = outbox;
	RECORD_SET(welcome, generation, log_store_generation(role->store));
	RECORD_SET(welcome, server_ms, clock_wall_ms());
	session = memory_new(sizeof(*session));
	memcpy(session->writer, hello->store.data, sizeof(session->writer));
	*data = session;
	return STATUS_OK;
}

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
