/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - the agent's durable, bounded queue: here an observation becomes a promise.
 *
 * One environment holds the records not yet acknowledged, what was last appended for each fact (the
 * ledger), and the commands taken; one transaction covers all three.  The transaction opens by
 * itself at the first write and ends with spool_commit, which the host calls at the end of each of
 * its turns: what came together is synced together.
 *
 * A record gets its sequence number and chain hash when it is about to be sent for the first time
 * and not before, so that records which nobody else can have seen may still be replaced or evicted.
 * That happens where a lane is full: core/spool/README.md has the rules.
 */
#ifndef CORE_SPOOL_H
#define CORE_SPOOL_H

#include "core/bundle.h"
#include "core/digest.h"
#include "core/fact.h"
#include "core/kv.h"
#include "core/lane.h"
#include "core/link.h"
#include "core/record.h"

struct spool;

/* The flow by which an agent's commands come; the lanes are flows of the same number. */
enum { SPOOL_COMMAND_FLOW = LANE_END };

/*
 * DIRECTORY as kv_open; SIZE_MAX bytes of records at most, split 50/35/15 % over critical, delta
 * and bulk.  Whatever kv_open returns.
 */
NODISCARD enum status spool_open(const char *directory, uint64_t size_max, struct spool **out);
void spool_close(struct spool *spool); /* NULL is fine; what is not committed is lost */

/*
 * Appends a record; it counts once spool_commit returned OK.  Older ones may have gone for it.
 * FULL: the lane has no room and nothing may go for it; it is counted as refused.  REJECT: BODY is
 * larger than spool_body_max. NO_SPACE, IO: the disk; the whole transaction is undone.
 */
NODISCARD enum status spool_append(struct spool *spool, enum lane lane, uint32_t kind,
    uint64_t fact_revision, struct bytes body);
/* The largest body that LANE takes: what a link carries, and a lane that is empty can hold. */
size_t spool_body_max(const struct spool *spool, enum lane lane);
/* Whatever kv_commit returns.  OK where nothing was written.  On failure all since is undone. */
NODISCARD enum status spool_commit(struct spool *spool);
/* Undoes what was not committed. */
void spool_abort(struct spool *spool);
/* How often something was undone, by this or by a failure, since it was opened. */
uint64_t spool_undone(const struct spool *spool);

/* The id of the event appended last; unique for ever, but of none where that was undone. */
void spool_last_event(const struct spool *spool, uint8_t out[EVENT_ID_SIZE]);

/* ---- the ledger ---- */

/*
 * The hash last appended for KEY: OK, NOT_FOUND, CORRUPT, IO.  Where what was appended went before
 * it was told it is that of no value; spool_is_untold_baseline: and it was baseline, which the next
 * that is told of KEY is, too.
 */
NODISCARD enum status spool_ledger_get(struct spool *spool, struct bytes key,
    uint8_t hash[HASH_SIZE]);
bool spool_is_untold_baseline(const uint8_t hash[HASH_SIZE]);
/* Appends KIND with BODY under a new fact revision, and remembers HASH (NULL: forgets the key). */
NODISCARD enum status spool_append_fact(struct spool *spool, enum lane lane, uint32_t kind,
    struct bytes key, const uint8_t *hash, struct bytes body);
/* Calls VISIT for each key under PREFIX until it returns other than OK, which is then returned. */
NODISCARD enum status spool_ledger_visit(struct spool *spool, struct bytes prefix,
    enum status (*visit)(void *data, struct bytes key), void *data);
/*
 * A note of this name begins with it where it says what was observed: it goes with the facts where
 * all are forgotten, as nothing was observed then.
 */
#define SPOOL_NOTE_PASS "pass/"
/* The name of the note that a pass of COLLECTOR over PREFIX was completed; the caller's to free. */
char *spool_pass_note(const char *collector, struct bytes prefix);

/* Forgets every fact under PREFIX (NONE: all): the next observation appends it again. */
NODISCARD enum status spool_ledger_forget(struct spool *spool, struct bytes prefix);
NODISCARD enum status spool_ledger_count(struct spool *spool, uint64_t *out);

/* ---- bundles: facts that go as a hash (core/bundle.h) ---- */

struct spool_bundle {
	struct bytes bytes;                 /* encoded */
	const struct bytes *keys;           /* of its facts, in order */
	const uint8_t (*hashes)[HASH_SIZE]; /* what the ledger is to remember of each */
	size_t count;
};
enum { SPOOL_BUNDLES_MAX = 64 }; /* in one record */

/*
 * Appends one record (Have) for BUNDLES, of facts that are baseline, keeps their bytes until the
 * server may ask for them, and remembers their facts, all or nothing.  They stand in the bulk lane,
 * and all they weigh counts there.  As spool_append; what is refused counts as many as the facts.
 */
NODISCARD enum status spool_append_bundles(struct spool *spool, const char *collector,
    const struct spool_bundle *bundles, size_t count);
/*
 * Appends the bundle of HASH for the server that asks.  NOT_FOUND: it is not kept any more.  Where
 * there is no room just now nothing is done: the server asks again.
 */
NODISCARD enum status spool_append_bundle(struct spool *spool,
    const uint8_t hash[BUNDLE_HASH_SIZE]);

/* A bundle that the server does not hold, and here neither: where its facts stood, as asked for. */
struct spool_withdrawn {
	struct bytes hash;
	uint64_t revision, facts;
};
/*
 * Says that they cannot be sent any more.  Their facts are untold from now on, and no pass is
 * complete, so that what they were is observed anew.
 */
NODISCARD enum status spool_withdraw_bundles(struct spool *spool,
    const struct spool_withdrawn *bundles, size_t count);
/* Drops bundles that the server heard of and that were kept since before BEFORE_MS. */
NODISCARD enum status spool_expire_bundles(struct spool *spool, uint64_t before_ms);
/* ---- digests: what the ledger says, to be compared with what the server knows ---- */

/* Forgets the facts of BUCKETS, as spool_ledger_forget does. */
NODISCARD enum status spool_ledger_forget_buckets(struct spool *spool,
    const struct digest_set *buckets);
/* How often facts were forgotten, or evicted, since the spool was opened. */
uint64_t spool_forgotten(const struct spool *spool);
const struct digest *spool_digest(const struct spool *spool);
/*
 * The server asks for BUCKETS again: forgets their facts, and remembers that this is to be
 * completed.  As spool_commit.
 */
NODISCARD enum status spool_resync(struct spool *spool, const struct digest_set *buckets);
/*
 * Appends the digest's mark to every lane; the buckets WITH_BUCKETS.  IS_COMPLETE: whatever there
 * is was looked at since facts were last forgotten, so what the server has of the buckets asked for
 * and was not told since is gone.  One that takes the place of one with buckets has them, too.
 * FULL: a lane has no room; nothing was appended, and nothing undone.
 */
NODISCARD enum status spool_append_digest(struct spool *spool, bool with_buckets, bool is_complete);

/* ---- small things that a collector or the agent remembers, by name ---- */

NODISCARD enum status spool_note_get(struct spool *spool, const char *name, struct buffer *out);
NODISCARD enum status spool_note_put(struct spool *spool, const char *name, struct bytes value);

/* ---- the link's side; used while nothing is uncommitted ---- */

/* The spool's part of a hello: store, epoch, starts, instance, lanes and the command flow. */
void spool_hello(struct spool *spool, Fettle__Hello *hello, struct arena *arena);
/*
 * The answer.  OK: the session may open.  AGAIN: what the log says does not fit what was sent (a
 * restored or cloned spool, or a restored log); the spool has forgotten its epoch, its facts are to
 * be observed anew, and hello must be said again.  Or as spool_commit.
 */
NODISCARD enum status spool_welcome(struct spool *spool, const Fettle__Welcome *welcome);
/* Gives numbers to records that have none, as far as the window reaches; needs a commit. */
NODISCARD enum status spool_number(struct spool *spool);
/* The last number given in LANE. */
uint64_t spool_head(const struct spool *spool, enum lane lane);
/* Numbered records of LANE for the link; borrowed until spool_release. */
NODISCARD enum status spool_read(struct spool *spool, enum lane lane, uint64_t from, size_t most,
    struct link_batch *batch);
void spool_release(struct spool *spool);
/* LANE is committed at the log up to and including SEQUENCE: those are deleted; needs a commit. */
NODISCARD enum status spool_acked(struct spool *spool, enum lane lane, uint64_t sequence);
/* The last command taken; set in the transaction that took it. */
uint64_t spool_command(const struct spool *spool);
NODISCARD enum status spool_set_command(struct spool *spool, uint64_t sequence);

/* Records kept. */
uint64_t spool_kept(const struct spool *spool);
/* Records that newer ones took the place of, and that gap records did, since it was created. */
uint64_t spool_coalesced(const struct spool *spool);
uint64_t spool_evicted(const struct spool *spool);
/* Observations refused for lack of room that no gap record counts yet. */
uint64_t spool_refused(const struct spool *spool);
/* Appends a gap record to each lane that has refused any.  As spool_append. */
NODISCARD enum status spool_report_refused(struct spool *spool);
bool spool_has_room(const struct spool *spool);

#endif
