/* SPDX-License-Identifier: Apache-2.0 */
/*
 * awaited.h - facts of an asset that came as the hash of a bundle which is not here yet, and the
 * passes that are not complete before it is.
 */
#ifndef PROCESSORS_STATE_AWAITED_H
#define PROCESSORS_STATE_AWAITED_H

#include "core/bundle.h"
#include "processors/state/asset.h"

/* Bundles that one asset may have awaited; a machine of 200,000 files has fewer. */
enum { AWAITED_MAX = 64 * 1024, AWAITED_PASSES_MAX = 256 };

/* ASSET awaits the bundle of HASH, by ROW, from now on.  FULL: it awaits too many. */
NODISCARD enum status awaited_put(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *asset, const Fettle__StateAwaited *row);
/* NOT_FOUND: it awaits none of that hash.  CORRUPT, IO. */
NODISCARD enum status awaited_get(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *asset, struct arena *arena, Fettle__StateAwaited **out);
NODISCARD enum status awaited_remove(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *asset, const Fettle__StateAwaited *row);

/* Who awaits HASH, after AFTER (NULL: the first).  NOT_FOUND: nobody. */
NODISCARD enum status awaited_next(struct txn *txn, const uint8_t hash[BUNDLE_HASH_SIZE],
    const struct asset_ref *after, struct asset_ref *out);
/* Whether ASSET awaits any of what COLLECTOR (NULL: anyone) saw. */
NODISCARD enum status awaited_any(struct txn *txn, const struct asset_ref *asset,
    const char *collector, bool *out);

/* Keeps RECORD, an encoded pass, until none of its collector's bundles is awaited.  FULL: too many.
 */
NODISCARD enum status awaited_hold_pass(struct txn *txn, const struct asset_ref *asset,
    const char *collector, struct bytes prefix, struct bytes record);
/* Takes one pass of COLLECTOR that was held out, in ARENA.  NOT_FOUND: there is none left. */
NODISCARD enum status awaited_take_pass(struct txn *txn, const struct asset_ref *asset,
    const char *collector, struct arena *arena, struct bytes *record);

/* ASSET awaits nothing any more, and no pass of its is held. */
NODISCARD enum status awaited_forget(struct txn *txn, const struct asset_ref *asset);

#endif
