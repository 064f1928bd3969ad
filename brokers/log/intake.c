/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.c - what agents and readers send: gathered in memory, written in one transaction, and only
 * then acknowledged.
 */
#include "brokers/log/parts.h"
#include "core/clock.h"
#include "core/log.h"

enum { COMMIT_RECORDS = 10 * 1000, COMMIT_BYTES = 8 * 1024 * 1024 };

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

void intake_on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
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

void intake_on_acked(void *self, uint32_t flow, uint64_t committed)
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

void intake_note_command(void *data, const struct log_command *command)
{
	struct log_role *role = data;
	struct commanded *commanded = arena_take(&role->arena, sizeof(*commanded));

	commanded->command = *command;
	commanded->next = role->commanded;
	role->commanded = commanded;
}

bool intake_has_of(const struct log_role *role, struct bytes agent)
{
	for (const struct pending *at = role->pending; at != NULL; at = at->next)
		if (!at->is_outbox && bytes_equal(BYTES_OF(at->writer), agent))
			return true;
	return false;
}

bool intake_is_due(const struct log_role *role)
{
	return clock_monotonic_ms() - role->pending_since_ms >= LOG_COMMIT_MS
	    || role->pending_records >= COMMIT_RECORDS || role->pending_bytes >= COMMIT_BYTES;
}

void intake_forget(struct log_role *role)
{
	role->pending = NULL;
	role->pending_tail = &role->pending;
	role->pending_records = role->pending_bytes = 0;
	role->acks = NULL;
	role->commanded = NULL;
	arena_reset(&role->arena);
}

/* ---- writing ---- */

static enum status write_command(struct log_role *role, struct bytes record,
    const struct pending *pending)
{
	struct commanded *commanded = arena_take(&role->arena, sizeof(*commanded));
	enum status status = log_store_hold(role->store, record, pending->received_ms,
	    commanded->command.agent);

	commanded->is_hold = status == STATUS_OK;
	if (status == STATUS_NOT_FOUND)
		status = log_store_command(role->store, record, pending->writer,
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

/* ---- acknowledging ---- */

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
		    pending->is_outbox ? LOG_OUTBOX_RECORDS : LOG_AGENT_RECORDS,
		    pending->is_outbox ? LOG_OUTBOX_BYTES : LOG_AGENT_BYTES);
	acceptor_mark(peer);
}

void intake_flush(struct log_role *role)
{
	enum status status;

	if ((role->pending == NULL && role->acks == NULL) || role->has_failed)
		return;
	status = commit_transact(role, write_pending, NULL);
	if (status != STATUS_OK) {
		intake_forget(role);
		commit_fail(role, status);
		return;
	}
	for (const struct pending *at = role->pending; at != NULL; at = at->next)
		acknowledge(role, at);
	reader_sessions_wake(role);
	agent_sessions_wake(role);
	intake_forget(role);
}
