/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts.h - the facts of a state: asset -> key -> value.
 */
#ifndef PROCESSORS_STATE_FACTS_H
#define PROCESSORS_STATE_FACTS_H

#include "processors/state/asset.h"

enum { FACTS_INLINE_MAX = 64 };

/* A fact as it is kept, its value found: everything in the arena or the transaction. */
struct facts_entry {
	const Fettle__StateFact *record; /* status 0: it was unset, a tombstone */
	struct bytes value;              /* encoded Value */
};

/* NOT_FOUND: never observed.  CORRUPT, IO. */
NODISCARD enum status facts_get(struct txn *txn, const struct asset_ref *asset, struct bytes key,
    struct arena *arena, struct facts_entry *out);

/*
 * Puts RECORD with VALUE in place of OLDER (NULL: there was none).  The record's own value and hash
 * are filled in here.
 */
NODISCARD enum status facts_put(struct txn *txn, const struct asset_ref *asset, struct bytes key,
    const struct facts_entry *older, Fettle__StateFact *record, struct bytes value);

/* The hash of a fact as it goes into digests (core/digest.h). */
void facts_told(const Fettle__StateFact *record, struct bytes value, uint8_t out[HASH_SIZE]);

/* Calls VISIT for every fact under PREFIX, tombstones included. */
NODISCARD enum status facts_visit(struct txn *txn, const struct asset_ref *asset,
    struct bytes prefix,
    enum status (*visit)(void *data, struct bytes key, const struct facts_entry *entry),
    void *data);

/* True where (EPOCH, REVISION) is newer than what RECORD has. */
bool facts_is_newer(const Fettle__StateFact *record, uint64_t epoch, uint64_t revision);

#endif
