/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asset.h - the assets of a state, and the keys of what belongs to them.
 */
#ifndef PROCESSORS_STATE_ASSET_H
#define PROCESSORS_STATE_ASSET_H

#include "core/event.h"
#include "core/txn.h"
#include "processors/state/reader.h"
#include "proto/state.pb-c.h"

/* Puts slot and id, in place of what KEY held: the beginning of every key of the asset. */
void asset_key(struct buffer *key, const struct asset_ref *asset);
/* Back again; false where KEY does not begin so. */
bool asset_of_key(struct bytes key, struct asset_ref *out);
enum { ASSET_KEY_SIZE = 1 + ASSET_ID_SIZE };

/* The asset of an agent.  NOT_FOUND: none yet; OUT is what it will be. */
NODISCARD enum status asset_of_agent(struct txn *txn, const uint8_t *agent, struct asset_ref *out);
/* Binds an agent to an asset. */
void asset_bind(struct txn *txn, const uint8_t *agent, const struct asset_ref *asset);
/* The asset of that id, whatever its slot.  NOT_FOUND: there is none. */
NODISCARD enum status asset_find(struct txn *txn, struct bytes id, struct asset_ref *out);
/* Its record, in ARENA.  NOT_FOUND, CORRUPT, IO. */
NODISCARD enum status asset_get(struct txn *txn, const struct asset_ref *asset, struct arena *arena,
    Fettle__StateAsset **out);
void asset_put(struct txn *txn, const struct asset_ref *asset, const Fettle__StateAsset *record);

/*
 * The assets after CURSOR (empty: from the first), at most MOST, for sliced work: calls VISIT for
 * each and leaves in NEXT the cursor of the next slice, or nothing at the end.
 */
NODISCARD enum status asset_slice(struct txn *txn, struct bytes cursor, size_t most,
    struct buffer *next, enum status (*visit)(void *data, const struct asset_ref *asset),
    void *data);

#endif
