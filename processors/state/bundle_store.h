/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_store.h - bundles that some agent has sent, kept under their hash for those that come
 * after it and have the same.
 *
 * It may be emptied at any time: what is asked for and not there is sent again.  So it is bounded
 * by age and size, and those go first that nobody had for longest.
 */
#ifndef PROCESSORS_STATE_BUNDLE_STORE_H
#define PROCESSORS_STATE_BUNDLE_STORE_H

#include "core/bundle.h"
#include "core/txn.h"

/* Counts as a use of it.  NOT_FOUND, CORRUPT, IO. */
NODISCARD enum status bundle_store_get(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    uint64_t now_ms, struct bytes *out);
/* Others go where there would be more than SIZE_MAX bytes. */
NODISCARD enum status bundle_store_put(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    struct bytes bytes, uint64_t now_ms, uint64_t size_max);
/* Those go that nobody had since BEFORE_MS, some of them in this call. */
NODISCARD enum status bundle_store_expire(struct txn *txn, uint64_t before_ms);

#endif
