/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - what the log keeps, and in which transaction: records per sub-log, cursors and epochs
 * per agent, intent, commands, and how far its readers are.
 *
 * It reads envelopes and never bodies.  All writes happen between log_store_begin and
 * log_store_commit; what was written counts once the commit returned OK.
 */
#ifndef BROKERS_LOG_STORE_H
#define BROKERS_LOG_STORE_H

#include "brokers/log/hello.h"
#include "core/kv.h"
#include "core/link.h"
#include "core/record.h"
#include "core/status.h"
#include "core/sublog.h"
#include "proto/admission.pb-c.h"

struct log_store;

NODISCARD enum status log_store_open(const char *directory, struct log_store **out);
void log_store_close(struct log_store *store); /* NULL is fine */

NODISCARD enum status log_store_begin(struct log_store *store);
/* For log_store_retain: it may use the room that is kept back for deleting. */
NODISCARD enum status log_store_begin_trim(struct log_store *store);
/* On failure nothing since begin is kept, in memory neither. */
NODISCARD enum status log_store_commit(struct log_store *store);
void log_store_abort(struct log_store *store);

uint64_t log_store_generation(const struct log_store *store);
/* This store's uuid. */
struct bytes log_store_uuid(const struct log_store *store);

/* ---- for those who keep tables of their own in it (members.h) ---- */

/* The write transaction, if there is one; else a read transaction, until log_store_release. */
NODISCARD enum status log_store_txn(struct log_store *store, struct kv_txn **out);
/*
 * Appends a record of the log's own to FLOW, and, where OLDER is not 0, deletes the one of that
 * offset, whose place it takes.  *offset is the new one's.  In a transaction.
 */
NODISCARD enum status log_store_say(struct log_store *store, uint32_t flow, uint32_t kind,
    const ProtobufCMessage *body, uint64_t now_ms, uint64_t older, uint64_t *offset);

/* ---- agents ---- */

/* Where a flow from WRITER (an agent id, or a reader's store uuid) stands. */
struct log_cursor {
	uint64_t epoch, sequence;
	uint8_t chain[HASH_SIZE];
};
/* NOT_FOUND: nothing ever came by it; *out is zeroes. */
NODISCARD enum status log_store_cursor(struct log_store *store, const uint8_t writer[16],
    uint32_t flow, struct log_cursor *out);

struct log_greeting {
	bool is_here; /* to be set: a session of the agent is open */
	enum hello_verdict verdict;
	uint64_t epoch; /* in which it is from now on */
};
/*
 * Agent AGENT said HELLO: judges it (brokers/log/hello.h), notes down what somebody has to know of,
 * and gives the epoch, a new one where what came before does not go on.  Where only the time is new
 * nothing is written: a fleet that comes back must not cost a commit each.  In a transaction.
 */
NODISCARD enum status log_store_hello(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const Fettle__Hello *hello, uint64_t now_ms, struct log_greeting *greeting);

/* How many agents have ever said hello. */
NODISCARD enum status log_store_agents(struct log_store *store, uint64_t *out);

/*
 * What AGENT sent does not follow what it sent before: its epoch is over, and its next hello begins
 * another.  In a transaction.
 */
NODISCARD enum status log_store_end_epoch(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE]);

/*
 * This store is a backup that takes its place again: its generation rises, so that every agent
 * begins a new epoch and sends every fact anew, and no number of a command is given twice.  In a
 * transaction.
 */
NODISCARD enum status log_store_restored(struct log_store *store);

/*
 * Appends RECORDS, numbered from FIRST, of a lane of AGENT.  Duplicates are passed over.  EXISTS:
 * they do not follow what was committed; STATUS_REJECT: CHAIN (if any) is not the hash of what
 * came, so another party has written under this key.  In a transaction.
 */
NODISCARD enum status log_store_append(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t epoch, enum lane lane, uint64_t first, const struct bytes *records, size_t count,
    struct bytes chain, uint64_t received_ms);

/* ---- intent and commands ---- */

/*
 * Appends one record of intent of WRITER (NAME for a person) under its envelope's key, in place of
 * an older one.  *changed is false, and nothing is written, where the older one has the same kind
 * and body, unless it is a decision on a job.  REJECT: no record, or no key.  In a transaction.
 */
NODISCARD enum status log_store_intent(struct log_store *store, struct bytes record,
    const uint8_t writer[16], const char *name, uint64_t received_ms, bool *changed);

/*
 * Notes down what happened, in the transaction in which it happened: processors read it by
 * SUBLOG_NOTICE, and it ages out as observations do once they have.  at_ms is set here.  What is
 * too long is shortened; of what comes too often only the number is noted (notices.h).
 */
NODISCARD enum status log_store_notice(struct log_store *store, Fettle__Notice *notice,
    uint64_t now_ms);

/* Where a command went. */
struct log_command {
	uint8_t agent[AGENT_ID_SIZE];
	uint64_t number;
};
/* Appends one command to the stream of the agent that its envelope names; the same rules. */
NODISCARD enum status log_store_command(struct log_store *store, struct bytes record,
    const uint8_t writer[16], uint64_t received_ms, struct log_command *out);
/*
 * RECORD is a processor's Hold (or the end of one): it is noted at its agent, and told once.
 * NOT_FOUND: it is none.  REJECT: it names no agent.  In a transaction.
 */
NODISCARD enum status log_store_hold(struct log_store *store, struct bytes record,
    uint64_t received_ms, uint8_t agent[AGENT_ID_SIZE]);
/* Whether nothing of AGENT is to be taken. */
NODISCARD enum status log_store_is_held(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    bool *is_held);
/* Sets the cursor of a processor's outbox.  In a transaction. */
NODISCARD enum status log_store_set_cursor(struct log_store *store, const uint8_t writer[16],
    uint32_t flow, const struct log_cursor *cursor);
/* The last command of AGENT; 0 if none. */
NODISCARD enum status log_store_command_head(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], uint64_t *head);
/* AGENT has taken its commands up to SEQUENCE; they are deleted.  In a transaction. */
NODISCARD enum status log_store_command_acked(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], uint64_t sequence);

/* ---- reading ---- */

/* Last number, and first that is kept, of a sub-log (flow of core/sublog.h). */
uint64_t log_store_head(const struct log_store *store, uint32_t flow);
uint64_t log_store_tail(const struct log_store *store, uint32_t flow);
/*
 * Records for a link; a number whose record is gone (replaced, or aged out) gives an empty one.
 * Borrowed until log_store_release.
 */
NODISCARD enum status log_store_read(struct log_store *store, uint32_t flow, uint64_t from,
    size_t most, struct link_batch *batch);
NODISCARD enum status log_store_read_commands(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], uint64_t from, size_t most, struct link_batch *batch);
void log_store_release(struct log_store *store);

/* ---- readers and retention ---- */

/* READER (its name) has committed FLOW up to OFFSET.  In a transaction. */
NODISCARD enum status log_store_set_reader(struct log_store *store, const char *reader,
    uint32_t flow, uint64_t offset);
/* The uuid of the store that USER, a reader's key, was first seen with; NOT_FOUND. */
NODISCARD enum status log_store_reader_key(struct log_store *store, const char *user,
    uint8_t uuid[16]);
/* In a transaction. */
NODISCARD enum status log_store_set_reader_key(struct log_store *store, const char *user,
    const uint8_t uuid[16]);
/*
 * Deletes at most MOST records that every reader has read and that are older than KEEP_MS, or,
 * where the records take more than SIZE_MAX bytes, the oldest that every reader has read.  Nothing
 * is deleted while no reader is known.  In a transaction.
 */
NODISCARD enum status log_store_retain(struct log_store *store, uint64_t now_ms, uint64_t keep_ms,
    uint64_t size_max, size_t most, size_t *deleted);

#endif
