/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - content kept once under its hash, with a posting for each that holds it.
 *
 * The postings are the reverse index; how many there are (the rarity) stands before them, under the
 * hash alone, so that a holder more or less costs the same however many there are.  Content that
 * nobody holds any more goes at once; a crash leaves none behind, because all is one transaction.
 */
#ifndef PROCESSORS_STATE_CONTENT_H
#define PROCESSORS_STATE_CONTENT_H

#include "core/hash.h"
#include "core/txn.h"

/* A table of content and the table of its postings. */
struct content_store {
	unsigned contents, postings;
};

/* HOLDER (a key, at most KV_KEY_MAX - HASH_SIZE bytes) holds BYTES, whose hash is HASH. */
NODISCARD enum status content_hold(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes bytes, struct bytes holder);
/* It no longer does. */
NODISCARD enum status content_release(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes holder);
/* CORRUPT where somebody holds what is not there. */
NODISCARD enum status content_get(struct txn *txn, const struct content_store *store,
    const uint8_t hash[HASH_SIZE], struct bytes *out);

#endif
