/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_private.h - what the files of the store share: its memory, and how keys and values are
 * made.
 *
 * store.c opens it and has the transactions; what is written in them stands in a file each:
 * store_agents.c, store_records.c, store_intent.c, store_commands.c, store_retention.c.
 */
#ifndef BROKERS_LOG_STORE_PRIVATE_H
#define BROKERS_LOG_STORE_PRIVATE_H

#include "brokers/log/store.h"
#include "brokers/log/tables.h"
#include "core/kv.h"
#include "proto/state.pb-c.h"

/* The last number of every flow, and the first that is kept. */
struct log_heads {
	uint64_t head[SUBLOG_END], tail[SUBLOG_END];
};

struct log_store {
	struct kv *kv;
	struct kv_txn *write, *read;
	struct log_heads now, committed;
	bool dirty[SUBLOG_END];
	uint8_t uuid[16];
	uint64_t generation;
	unsigned retain_at; /* the flow that retention looks at next */
	struct arena arena;
	struct buffer key, other_key, value; /* of the call that runs */
};

/* ---- keys and values, which live in STORE until the next is made ---- */

struct bytes log_store_record_key(struct log_store *store, uint32_t flow, uint64_t offset);
struct bytes log_store_writer_key(struct log_store *store, const uint8_t writer[16], uint32_t flow);
struct bytes log_store_command_key(struct log_store *store, const uint8_t agent[16],
    uint64_t number);
struct bytes log_store_u64(struct log_store *store, uint64_t number);
/* The number under KEY of TABLE, or NOT_FOUND.  In a transaction. */
NODISCARD enum status log_store_get_number(struct log_store *store, unsigned table,
    struct bytes key, uint64_t *out);

/* ---- what more than one of them writes ---- */

NODISCARD enum status log_store_put_meta(struct log_store *store);
/* The row of AGENT, which lives until the store's arena is used again; NOT_FOUND. */
NODISCARD enum status log_store_get_agent(struct log_store *store, const uint8_t agent[16],
    Fettle__LogAgent **out);
NODISCARD enum status log_store_put_agent(struct log_store *store, const uint8_t agent[16],
    const Fettle__LogAgent *message);
/* Appends RECORD to FLOW under the next offset, which is put into STAMP. */
NODISCARD enum status log_store_append_record(struct log_store *store, uint32_t flow,
    struct bytes record, Fettle__Stamp *stamp);
/* Whether RECORD has a key by which it takes an older one's place. */
bool log_store_has_key(const Fettle__Record *record);
void log_store_fill_stamp(Fettle__Stamp *stamp, const uint8_t writer[16], uint64_t received_ms);
/* What an agent may have had since a backup is passed over, in every stream of commands. */
NODISCARD enum status log_store_pass_over_commands(struct log_store *store);

#endif
