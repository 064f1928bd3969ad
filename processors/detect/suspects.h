/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspects.h - what the detect stage keeps of an asset for a moment: changes that are not judged
 * yet, what was told meanwhile, and when packages were at work.
 *
 * In the table `suspect`, after slot and asset:
 *   's' id of the change       -> ChangeVerdict that is to be judged
 *   'w' prefix 0 path          -> u64: when a fact under the prefix changed that names the path
 *   't'                        -> u64 each of struct transaction
 *   'n'                        -> u64: how many changes wait
 */
#ifndef PROCESSORS_DETECT_SUSPECTS_H
#define PROCESSORS_DETECT_SUSPECTS_H

#include "core/event.h"
#include "core/stage.h"
#include "proto/verdict.pb-c.h"

/* How many changes of one asset may wait: an endpoint can make any number of them. */
enum { SUSPECTS_MAX = 1000 };

/*
 * Keeps CHANGE, and has the stage's on_timer called at DUE_MS with its key.  FULL: too many wait
 * already; it is to be judged at once.
 */
NODISCARD enum status suspects_put(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ChangeVerdict *change, uint64_t due_ms);
/*
 * All that are kept of ASSET are due now, but none within WAIT_MS of when it was received.  So
 * nobody puts off a change by waking it again and again.
 */
NODISCARD enum status suspects_wake(struct stage_io *io, const struct asset_ref *asset,
    uint64_t wait_ms);
/* The timer of KEY once more. */
NODISCARD enum status suspects_delay(struct stage_io *io, struct bytes key, uint64_t due_ms);

/*
 * What the timer KEY is about.  *CHANGE, in ARENA, is NULL where it was about what was told, which
 * is forgotten then.  NOT_FOUND: it is judged already.  CORRUPT, IO.
 */
NODISCARD enum status suspects_get(struct stage_io *io, struct bytes key, struct asset_ref *asset,
    Fettle__ChangeVerdict **change);
/* A change that has been judged. */
NODISCARD enum status suspects_forget(struct stage_io *io, struct bytes key);

/* A fact whose key begins with PREFIX changed at AT_MS; it names the file PATH, or NONE. */
NODISCARD enum status suspects_note_told(struct stage_io *io, const struct asset_ref *asset,
    struct bytes prefix, struct bytes path, uint64_t at_ms);
/* Whether such a fact changed within WITHIN_MS of AT_MS. */
NODISCARD enum status suspects_was_told(struct stage_io *io, const struct asset_ref *asset,
    const char *prefix, struct bytes path, uint64_t at_ms, uint64_t within_ms, bool *out);

/*
 * By both clocks: what an endpoint did within hours may be received within a moment, and whoever
 * sets an endpoint's clock may put what he does into any transaction.  All 0: none was ever seen.
 */
struct transaction {
	uint64_t began_ms, ended_ms; /* received; ended 0: it is under way */
	uint64_t began_observed_ms, ended_observed_ms;
};
void suspects_put_transaction(struct stage_io *io, const struct asset_ref *asset,
    const struct transaction *transaction);
NODISCARD enum status suspects_transaction(struct stage_io *io, const struct asset_ref *asset,
    struct transaction *out);

#endif
