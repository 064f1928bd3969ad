/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - the facts of an asset in 256 buckets, each with a hash, and a root over them: so that
 * the agent and the server find out with 16 bytes whether they hold the same, and with 4 KiB where
 * not.
 *
 * A fact's bucket is the first byte of BLAKE2b-128 of its key.  A bucket's hash is the exclusive or
 * of the hashes of its facts, so that it can be kept as they come and go; the root is the hash of
 * all buckets.  docs/delivery.md has the whole of it.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "core/fact.h"

enum { DIGEST_BUCKETS = 256, DIGEST_SIZE = DIGEST_BUCKETS * HASH_SIZE };

struct digest {
	uint8_t buckets[DIGEST_BUCKETS][HASH_SIZE]; /* of zeroes: empty */
};

/* A set of buckets. */
struct digest_set {
	bool has[DIGEST_BUCKETS];
	unsigned count;
};

/* Of what is told of a fact: its content as fact_hash has it, and the reason (NULL: none). */
void digest_told(const uint8_t content[HASH_SIZE], const char *reason, uint8_t out[HASH_SIZE]);

uint8_t digest_bucket(struct bytes key);
/* What a fact adds to its bucket. */
void digest_hash(struct bytes key, const uint8_t told[HASH_SIZE], uint8_t out[HASH_SIZE]);
/* Puts the fact KEY, of which TOLD was said, into its bucket, or takes it out again. */
void digest_toggle(struct digest *digest, struct bytes key, const uint8_t told[HASH_SIZE]);
void digest_root(const struct digest *digest, uint8_t root[HASH_SIZE]);

/* The buckets that differ. */
void digest_compare(const struct digest *a, const struct digest *b, struct digest_set *out);

/* Numbers of buckets, a byte each, as messages carry them.  What is named twice is there once. */
void digest_set_decode(struct bytes numbers, struct digest_set *out);
void digest_set_encode(const struct digest_set *set, struct buffer *out); /* appends */

#endif
