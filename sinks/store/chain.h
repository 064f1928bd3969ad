/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - the form of the audit: how an entry is hashed, how a checkpoint is signed, and what is
 * wrong with a chain of them.  Pure, so that a store and an exported file are verified alike.
 *
 * hash(entry) = BLAKE2b-256 of "fettle-audit-entry-1", a zero byte, the hash of the entry before
 * (32 bytes; zeroes for the first), sequence, at_ms and offset (u64 each, big-endian), and then id,
 * principal, action, subject, asset, hash and detail, each as a u32 length and its bytes.
 * A checkpoint signs, for the purpose "audit checkpoint" (core/sign.h), sequence, the hash of that
 * entry, and at_ms.
 */
#ifndef SINKS_STORE_CHAIN_H
#define SINKS_STORE_CHAIN_H

#include "core/hash.h"
#include "core/sign.h"
#include "proto/state.pb-c.h"

/* The action of the entry that says that a backup took this store's place. */
#define CHAIN_RESTORED "restored"

void chain_hash(const Fettle__AuditEntry *entry, uint8_t out[HASH_LONG_SIZE]);

/* Sets key and signature of CHECKPOINT, whose other fields are there; in OUT's memory. */
struct chain_seal {
	uint8_t key[SIGN_PUBLIC_SIZE], signature[SIGN_SIZE];
};
void chain_sign(const struct sign_pair *pair, Fettle__AuditCheckpoint *checkpoint,
    struct chain_seal *out);

/* A walk along a chain, from its beginning or from somewhere within it. */
struct chain {
	uint64_t sequence; /* of the last entry that was good */
	uint8_t hash[HASH_LONG_SIZE];
	uint64_t notice;  /* the log's notice that was entered last; 0: none */
	bool is_anew;     /* a backup was restored: its notices may go on from any number */
	uint64_t vouched; /* the last entry that a checkpoint vouches for */
	uint64_t vouched_ms;
	uint8_t key[SIGN_PUBLIC_SIZE];
	bool has_key; /* else signatures are not looked at */
	uint64_t entries, checkpoints;
	uint64_t bad; /* the first entry that is not as it was; with what chain_… returned */
};

/* The next one.  NULL: it is as it should be; else what is wrong, of entry number CHAIN->bad. */
const char *chain_entry(struct chain *chain, const Fettle__AuditEntry *entry);
/* CHECKPOINT, after the entry that it is about.  The same. */
const char *chain_checkpoint(struct chain *chain, const Fettle__AuditCheckpoint *checkpoint);
/* No more follow, and the last was said to be SEQUENCE, of HASH (NULL: not said).  The same. */
const char *chain_end(struct chain *chain, uint64_t sequence, const uint8_t *hash);

#endif
