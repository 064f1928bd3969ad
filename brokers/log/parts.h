/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of the log's role share, and nobody else sees.
 *
 * One thread, one loop: what came is gathered (intake.c), written in one transaction (commit.c) and
 * answered in the same turn (turn.c).  log.c opens and closes it all.
 */
#ifndef BROKERS_LOG_PARTS_H
#define BROKERS_LOG_PARTS_H

#include "brokers/log/control.h"
#include "brokers/log/orders.h"
#include "brokers/log/store.h"
#include "brokers/rate.h"
#include "core/acceptor.h"
#include "core/key_proof.h"
#include "core/role.h"

enum {
	LOG_COMMIT_MS = 20, /* from the first that came to its commit, at most */
	LOG_RETAIN_RECORDS = 2000,
	/* What one agent may have under way, over all its lanes. */
	LOG_AGENT_RECORDS = 2048,
	LOG_AGENT_BYTES = 2 * 1024 * 1024,
	/* What one reader may, by its outbox. */
	LOG_OUTBOX_RECORDS = 4096,
	LOG_OUTBOX_BYTES = 4 * 1024 * 1024,
};

struct log_settings {
	char *agents;
	char *readers;
	uint64_t keep;
	uint64_t size_max;
	uint32_t resync_rate;
};

struct pending;
struct read_ack;

/* A command that the transaction holds, for an agent that may be here. */
struct commanded {
	struct commanded *next;
	struct log_command command;
	bool is_hold; /* it is the log's own to keep to: the agent is to be taken in, or not */
};

/* What every session has, of an agent or of a reader. */
struct session {
	uint8_t writer[16]; /* agent id; of a reader its store's uuid */
	uint64_t epoch;
	bool is_held; /* nothing of it is taken */
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
	struct key_proof_verifier proofs; /* by which agents prove the keys that they offer */
	struct orders_answer answer;      /* to the last order */
	struct buffer refusal;            /* of the last that was refused */
	struct rate *enrolments;          /* how often machines may ask to be let in */
	struct rate *hellos;              /* how often an agent may say hello */
	uint64_t passed_over, passed_over_told_ms;  /* hellos that came too often */
	uint64_t other_stores, other_store_told_ms; /* hellos with the key of another store */
	bool has_failed;
};

/* ---- commit.c ---- */

/* The log cannot go on, for STATUS: says so, once, and ends the role. */
void commit_fail(struct log_role *role, enum status status);
/*
 * Writes in one transaction.  What did not fit has made the store grow, or there is room to be
 * made: then WRITE is called anew, from the start.
 */
NODISCARD enum status commit_transact(struct log_role *role,
    enum status (*write)(struct log_role *role, void *data), void *data);
/* Deletes what has aged out, and, above SIZE_MAX, what every reader has read. */
NODISCARD enum status commit_retain(struct log_role *role, uint64_t size_max, size_t *deleted);

/* ---- intake.c ---- */

/* As a link's operations. */
void intake_on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain);
void intake_on_acked(void *self, uint32_t flow, uint64_t committed);
/* A command was written for an agent, to be woken after the commit.  DATA is the role. */
void intake_note_command(void *data, const struct log_command *command);
/* Writes all that was gathered, acknowledges it and wakes whom it concerns. */
void intake_flush(struct log_role *role);
void intake_forget(struct log_role *role);
bool intake_is_due(const struct log_role *role);
bool intake_has_of(const struct log_role *role, struct bytes agent);

/* ---- turn.c ---- */

/* Sends what there is to send. */
void turn_pump(struct log_role *role);
/* After every round of the sockets.  DATA is the role. */
void turn_on_round(void *data, bool has_more);

/* ---- agent_sessions.c, reader_sessions.c ---- */

/* As an acceptor's. */
NODISCARD enum status agent_sessions_on_hello(void *host, struct bytes identity,
    const Fettle__Hello *hello, Fettle__Welcome *welcome, struct arena *arena, void **data,
    const char **reason);
NODISCARD enum status reader_sessions_on_hello(void *host, struct bytes identity,
    const Fettle__Hello *hello, Fettle__Welcome *welcome, struct arena *arena, void **data,
    const char **reason);
/* The same for USER, the reader's key ("": none), with the session in place of *data. */
NODISCARD enum status reader_sessions_begin(struct log_role *role, struct bytes identity,
    const char *user, const Fettle__Hello *hello, Fettle__Welcome *welcome, struct arena *arena,
    struct session **out, const char **reason);
/* As an acceptor's: whether an agent may say hello now.  HOST is the role. */
bool agent_sessions_may_greet(void *host, struct bytes identity);
/* Each agent is told where what it may send has changed. */
void agent_sessions_regulate(struct log_role *role);
/* Those for whom a command was written, or a hold. */
void agent_sessions_wake(struct log_role *role);
/* Those whom an order has shut out go at once; the gateway's list ends their connections. */
void agent_sessions_drop_if_shut_out(struct log_role *role, struct bytes agent);
/* Who says hello is told every head; from then on only those that have moved. */
void reader_sessions_wake(struct log_role *role);

/* ---- relayed.c, requests.c ---- */

/* As an acceptor's on_gateway. */
void relayed_on_gateway(void *host, struct bytes message, struct buffer *reply);
/* As control_options have them. */
bool requests_may_be_large(void *host, const struct control_principal *principal,
    Fettle__ControlReply *reply);
void requests_on_control(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply);

#endif
