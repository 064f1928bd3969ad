/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - where verdicts are kept for whoever asks later: the writing half (query.h reads).
 *
 * One environment holds the verdicts, the indexes over them and the position in the verdict stream;
 * one transaction covers all three, so that applying a verdict again, after whatever break, changes
 * nothing.
 */
#ifndef SINKS_STORE_STORE_H
#define SINKS_STORE_STORE_H

#include "core/bytes.h"
#include "core/sign.h"
#include "core/status.h"
#include "proto/verdict.pb-c.h"

struct store;

/* DATA is the data directory.  CORRUPT, or whatever kv_open returns for a writer. */
NODISCARD enum status store_open(const char *data, struct store **out);
void store_close(struct store *store); /* NULL is fine; what is not committed is undone */

/*
 * Applies the verdict RECORD (an encoded Record), number OFFSET of the stream, at NOW_MS; the
 * transaction opens by itself.  An offset that was applied already, an empty record, and a kind
 * that is unknown here are passed over.  OK also for a verdict that cannot be understood: it is
 * logged and counted, and the stream goes on.  CORRUPT, NO_SPACE, FULL, IO: all since the last
 * commit is undone.
 */
NODISCARD enum status store_apply(struct store *store, uint64_t offset, struct bytes record,
    uint64_t now_ms);
/* True once the transaction is large enough to be committed before more is applied. */
bool store_wants_commit(const struct store *store);
/* OK also where nothing was applied.  Else NO_SPACE, FULL, IO: all since the last one is undone. */
NODISCARD enum status store_commit(struct store *store);

/*
 * Checkpoints of the audit are signed with SIGNER, which lives on: one by itself with every
 * thousandth entry, and one when store_checkpoint is called, where the last is AGE_MS old and
 * entries were committed since.  That undoes what is not committed.  As store_commit.
 */
void store_sign_with(struct store *store, const struct sign_pair *signer);
NODISCARD enum status store_checkpoint(struct store *store, uint64_t now_ms, uint64_t age_ms);
/* Enters what did not come by the stream, and commits.  REJECT; FULL: try again. */
NODISCARD enum status store_audit(struct store *store, const Fettle__AuditVerdict *verdict);

/* The last offset committed; 0 if none. */
uint64_t store_position(const struct store *store);

#endif
