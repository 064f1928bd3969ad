/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn.h - one batch's view of a state: an overlay in memory over a kv transaction.
 *
 * Reads see the overlay first.  A savepoint lets one event be undone without the batch.  At commit
 * the overlay is written in the order of its keys (random order costs LMDB fifteen times more).
 * Values returned by txn_get stay valid until the same key is written again, the savepoint is
 * rolled back, or the transaction ends; copy what must live longer.
 */
#ifndef CORE_TXN_H
#define CORE_TXN_H

#include "core/bytes.h"
#include "core/kv.h"
#include "core/status.h"

struct txn;
struct txn_scan;

/* Begins over a fresh write transaction of KV.  FULL, NO_SPACE, IO as kv_write_begin. */
NODISCARD enum status txn_begin(struct kv *kv, struct txn **out);
/* Takes it.  Whatever kv_put and kv_commit return; nothing of it is durable unless OK. */
NODISCARD enum status txn_commit(struct txn **txn);
void txn_abort(struct txn **txn);

/* OK, NOT_FOUND, CORRUPT, IO. */
NODISCARD enum status txn_get(struct txn *txn, unsigned table, struct bytes key,
    struct bytes *value);
/* These cannot fail before the commit. */
void txn_put(struct txn *txn, unsigned table, struct bytes key, struct bytes value);
void txn_delete(struct txn *txn, unsigned table, struct bytes key);

/* Savepoints nest by being numbers: rolling back to one undoes all that came after it. */
typedef size_t txn_savepoint;
txn_savepoint txn_save(const struct txn *txn);
void txn_roll_back(struct txn *txn, txn_savepoint savepoint);

/*
 * Every entry whose key begins with PREFIX, from FROM (a full key, or NONE for the first) on, in
 * order, overlay and store merged.  Writes to the table while a scan is open are allowed; whether
 * it sees those ahead of it is not defined, except that it never returns a deleted entry.
 * next: OK, NOT_FOUND at the end, CORRUPT, IO.  Key and value are borrowed until the next step.
 */
NODISCARD enum status txn_scan_open(struct txn *txn, unsigned table, struct bytes prefix,
    struct bytes from, struct txn_scan **out);
NODISCARD enum status txn_scan_next(struct txn_scan *scan, struct bytes *key, struct bytes *value);
void txn_scan_close(struct txn_scan *scan); /* NULL is fine */

/* How many keys the overlay holds: the host ends a batch before it grows too large. */
size_t txn_size(const struct txn *txn);

#endif
