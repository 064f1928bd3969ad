/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observer.h - what a collector reports to: turns observations into records in the spool.
 *
 * It knows the last value that was appended for each key (hash and revision, in the spool's
 * environment) and appends only what differs, in the same transaction.  So a collector simply says
 * what it sees; snapshot, delta and resync are the same call.
 *
 * What is seen for the first time is news only where somebody has looked before: a fact is marked
 * as baseline (Fact.is_baseline) while no pass of its collector over its prefix was completed by
 * the plan in force.  It goes by the bulk lane then.
 *
 * Everything happens on the collectors' loop thread.
 */
#ifndef CORE_OBSERVER_H
#define CORE_OBSERVER_H

#include "core/fact.h"
#include "core/lane.h"
#include "core/status.h"

struct observer;
struct observer_pass;
struct spool;

/* The observer appends to SPOOL, which lives longer. */
struct observer *observer_new(struct spool *spool);
void observer_free(struct observer *observer); /* NULL is fine */

/*
 * True once after an observation could not be taken, or was evicted: have every collector refresh.
 */
bool observer_wants_refresh(struct observer *observer);
/*
 * True once everything that collectors pass over since the agent started was passed over since
 * facts were last forgotten: what is not in the ledger now is not there.
 */
bool observer_is_complete(const struct observer *observer);
/* What was not committed was undone: everything since may have to be observed again. */
void observer_on_undone(struct observer *observer);

/*
 * One thing seen, or found to be gone.  FULL or NO_SPACE: the spool could not take it, and it is
 * not remembered as sent: observe again later (the observer calls every collector's `refresh` once
 * there is room).  IO: the spool failed; the agent is about to stop.  A value that no record can
 * hold is said to have failed.
 */
NODISCARD enum status observer_set(struct observer *observer, const char *collector, enum lane lane,
    const struct fact *fact);
NODISCARD enum status observer_unset(struct observer *observer, const char *collector,
    enum lane lane, struct bytes key);

/*
 * A pass: everything there is under PREFIX, in any order.  What is not named until pass_end is
 * unset.  The first pass of a collector under it, and the first by another plan, goes by the bulk
 * lane, later ones by LANE.  PLAN is the hash of the observation plan it observed by, or NONE.
 */
struct observer_pass *observer_pass_begin(struct observer *observer, const char *collector,
    enum lane lane, struct bytes prefix, struct bytes plan);
/*
 * From now on a fact of the pass that is not baseline goes by the lane that LANE_OF gives for its
 * key, which may be one that was never named.
 */
void observer_pass_lanes(struct observer_pass *pass,
    enum lane (*lane_of)(void *data, struct bytes key), void *data);
NODISCARD enum status observer_pass_set(struct observer_pass *pass, const struct fact *fact);
/*
 * Takes the pass, commits it, and marks it complete.  FULL, NO_SPACE, IO as above, also where it is
 * something within the pass that could not be taken; AGAIN: what it had said was undone by
 * another's failure, or may have been evicted or forgotten meanwhile.  The pass is not marked then,
 * and a refresh is wanted; nothing is unset, but where it was an eviction.
 */
NODISCARD enum status observer_pass_end(struct observer_pass **pass);
/* The pass could not be finished: nothing is unset, no mark is made, what was seen stays. */
void observer_pass_abandon(struct observer_pass **pass);

#endif
