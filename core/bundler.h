/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundler.h - gathers the facts of a pass that nobody was told of yet, so that they go in bundles.
 *
 * In the order of their keys, whatever the order in which they were seen: machines that are alike
 * cut them alike.  It holds a megabyte at most; then what it has goes, and it begins anew.
 */
#ifndef CORE_BUNDLER_H
#define CORE_BUNDLER_H

#include "core/bundle.h"
#include "core/status.h"

struct bundler;
struct spool;

/*
 * For COLLECTOR, which is borrowed like SPOOL and DATA.  So few facts that a bundle of them is not
 * worth it go by ALONE, one by one.
 */
struct bundler *bundler_new(struct spool *spool, const char *collector,
    enum status (*alone)(void *data, const struct bundle_fact *fact, const uint8_t hash[HASH_SIZE]),
    void *data);
void bundler_free(struct bundler *bundler); /* NULL is fine; what it holds is forgotten */

/*
 * One more fact, copied; of a key that it does not hold.  HASH is for the ledger.  What
 * bundler_flush returns.
 */
NODISCARD enum status bundler_add(struct bundler *bundler, const struct bundle_fact *fact,
    const uint8_t hash[HASH_SIZE]);
/* The fact of KEY, if it holds one, is not to go. */
void bundler_drop(struct bundler *bundler, struct bytes key);
/*
 * Appends what it holds, and holds nothing.  FULL: some of it was refused, all of which is counted.
 * Else as spool_append.
 */
NODISCARD enum status bundler_flush(struct bundler *bundler);

#endif
