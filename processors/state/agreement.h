/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agreement.h - the digest of each asset's facts as they are here, and how far it was compared with
 * its agent's.
 *
 * facts_put keeps it: a row a bucket, so that a fact costs one small row and not all of them.  A
 * state of before there were digests is counted when it is first compared.
 */
#ifndef PROCESSORS_STATE_AGREEMENT_H
#define PROCESSORS_STATE_AGREEMENT_H

#include "core/digest.h"
#include "processors/state/asset.h"

/* The fact KEY was told as BEFORE (NULL: it was not there) and is AFTER (NULL: not any more). */
NODISCARD enum status agreement_count(struct txn *txn, const struct asset_ref *asset,
    struct bytes key, const uint8_t *before, const uint8_t *after, uint64_t epoch,
    uint64_t revision);

struct agreement {
	struct digest digest;
	/* Of the newest fact that was put into each bucket. */
	uint64_t epochs[DIGEST_BUCKETS], revisions[DIGEST_BUCKETS];
};

NODISCARD enum status agreement_load(struct txn *txn, const struct asset_ref *asset,
    struct agreement *out);
/* Counts all facts of ASSET anew, and writes what came out. */
NODISCARD enum status agreement_recount(struct txn *txn, const struct asset_ref *asset);

/* How far the comparing is, in ARENA; a fresh one where there is none.  CORRUPT, IO. */
NODISCARD enum status agreement_get(struct txn *txn, const struct asset_ref *asset,
    struct arena *arena, Fettle__StateDigest **out);
void agreement_put(struct txn *txn, const struct asset_ref *asset,
    const Fettle__StateDigest *record);

#endif
