/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the audit as the store writes it: each verdict once, at the end of one hash chain, in
 * the transaction in which it is applied.
 */
#ifndef SINKS_STORE_AUDIT_H
#define SINKS_STORE_AUDIT_H

#include "core/kv.h"
#include "core/txn.h"
#include "proto/verdict.pb-c.h"
#include "sinks/store/chain.h"

enum { AUDIT_CHECKPOINT_ENTRIES = 1000 };

/* How far the chain is. */
struct audit {
	uint64_t sequence;
	uint8_t chain[HASH_LONG_SIZE];
	uint64_t checkpoint,
	    checkpoint_ms; /* the last entry that one vouches for, and since when */
};

/* All zeroes where there is none yet.  CORRUPT, IO. */
NODISCARD enum status audit_load(struct kv_txn *txn, struct audit *out);
void audit_put(struct txn *txn, const struct audit *audit);

/* OK also where it is there already.  REJECT: it is no audit verdict. */
NODISCARD enum status audit_append(struct txn *txn, struct audit *audit,
    const Fettle__AuditVerdict *verdict);
/* Vouches with PAIR for all that is there at NOW_MS. */
void audit_checkpoint(struct txn *txn, struct audit *audit, const struct sign_pair *pair,
    uint64_t now_ms);

#endif
