/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruleset.h - the detections and the watch list in force, compiled: a cache over the state's tables
 * `detection` and `watchlist`.
 */
#ifndef PROCESSORS_DETECT_RULESET_H
#define PROCESSORS_DETECT_RULESET_H

#include "core/txn.h"
#include "processors/detect/detection.h"
#include "processors/detect/watchlist.h"

struct ruleset;

struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset *set); /* NULL is fine */
/* The tables have changed: everything is compiled again when next asked for. */
void ruleset_invalidate(struct ruleset *set);

/* Compiles what is not.  CORRUPT, IO; what no longer parses is left out, and logged. */
NODISCARD enum status ruleset_load(struct ruleset *set, struct txn *txn);

/* After ruleset_load. */

/* The rules that may hold for a change of KEY, in ARENA. */
const struct detection **ruleset_rules(const struct ruleset *set, struct bytes key,
    struct arena *arena, size_t *count);
/* NULL: there is none in force. */
const struct watchlist *ruleset_watchlist(const struct ruleset *set);
/* What the watch list says of such changes (enum watchlist_change, any of them) of KEY, or NULL. */
const struct watchlist_entry *ruleset_entry(const struct ruleset *set, struct bytes key,
    unsigned changes);
/* Whether the watch list leaves it to the facts under the prefix of KEY to tell of its files. */
bool ruleset_tells(const struct ruleset *set, struct bytes key);

#endif
