/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of this folder share, and nobody else sees.
 *
 * Whatever writes begins with spool_begin and hands its status through spool_undo: the disk failing
 * in mid-transaction undoes all of it.
 */
#ifndef CORE_SPOOL_PARTS_H
#define CORE_SPOOL_PARTS_H

#include "core/clock.h"
#include "core/digest.h"
#include "core/record.h"
#include "core/spool.h"

/*
 * record: lane, position -> record      position: rises by one with each append
 * number: lane, sequence -> position, chain hash after it
 * pending: lane, subject -> position    of the last record about it; stale once that has a number
 * bundle: hash -> position, kept_ms, bytes          position: of the last record that names it
 * bundle_order: position, hash -> (empty)
 */
enum spool_table {
	SPOOL_META,
	SPOOL_RECORD,
	SPOOL_NUMBER,
	SPOOL_FACT,
	SPOOL_NOTE,
	SPOOL_PENDING,
	SPOOL_BUNDLE,
	SPOOL_BUNDLE_ORDER,
};

struct spool_lane {
	uint64_t appended, numbered; /* positions */
	uint64_t sequence, acked;    /* numbers */
	uint64_t bytes, records;     /* kept */
	uint64_t refused, told; /* observations refused; how many of them a gap record counts */
	uint64_t coalesced, evicted; /* records */
	uint8_t chain[HASH_SIZE], acked_chain[HASH_SIZE];
};

/* All that is kept under `meta`; copied so that an abort can go back to it. */
struct spool_memory {
	uint8_t store[16];
	uint64_t epoch, starts, events, revision, command;
	uint64_t bundle_bytes; /* of bundles that are kept */
	struct spool_lane lanes[LANE_END];
	struct digest digest; /* of the ledger; not kept, but worked out when the spool is opened */
};

struct spool {
	struct kv *kv;
	struct kv_txn *write, *read;
	struct spool_memory now, committed;
	uint64_t quota[LANE_END];
	uint8_t boot_id[BOOT_ID_SIZE], instance[16];
	bool was_full[LANE_END], was_evicting[LANE_END]; /* said in the log */
	uint64_t undone, forgotten;
	struct buffer scratch;
	struct arena arena;
};

/* What a row of `number` holds; chain hashes are over the records as sent. */
enum { SPOOL_NUMBER_ROW = 8 + HASH_SIZE };

/* ---- transaction.c ---- */

struct spool_key {
	uint8_t bytes[9];
};

/* Of a row that is named by lane and number, or position; borrowed from KEY. */
struct bytes spool_key(struct spool_key *key, enum lane lane, uint64_t number);
NODISCARD enum status spool_begin(struct spool *spool);
/* For deleting, which may use the room that is kept back for it. */
NODISCARD enum status spool_begin_trim(struct spool *spool);
/* STATUS; where it is not OK, the whole transaction is undone. */
NODISCARD enum status spool_undo(struct spool *spool, enum status status);

/* ---- meta.c ---- */

NODISCARD enum status spool_meta_write(struct spool *spool);
/* NOT_FOUND: the spool is new. */
NODISCARD enum status spool_meta_load(struct spool *spool, struct kv_txn *txn);

/* ---- queue.c ---- */

/* Encodes a record with an event id of its own into `scratch`. */
void spool_make_record(struct spool *spool, uint32_t kind, uint64_t fact_revision,
    struct bytes body);
/*
 * As spool_append, of a record that takes EXTRA bytes besides; where it is refused, COUNT
 * observations are, which may be none.
 */
NODISCARD enum status spool_append_counted(struct spool *spool, enum lane lane, uint32_t kind,
    uint64_t fact_revision, struct bytes body, size_t extra, uint64_t count);
/* Writes `scratch` at POSITION of LANE, where there is no record, and counts it. */
NODISCARD enum status spool_put_record(struct spool *spool, enum lane lane, uint64_t position);
/* RECORD is about to go. */
void spool_count_out(struct spool_lane *state, struct bytes record);
/* Deletes what is at POSITION, and counts it no more.  NOT_FOUND: nothing is there. */
NODISCARD enum status spool_drop_record(struct spool *spool, enum lane lane, uint64_t position);

/* ---- subject.c ---- */

/*
 * Appends LANE and what a record of KIND is about, so that a newer one takes the place of an older:
 * the key of a fact, the scope of a pass, the heartbeat, the digest.  Appends nothing where it is
 * about nothing of the kind: such a record happened once, and cannot be observed again.
 */
void spool_subject(struct buffer *out, enum lane lane, uint32_t kind, struct bytes body,
    struct arena *arena);
/* What the subjects begin with of all passes of COLLECTOR in LANE; a prefix of keys follows. */
void spool_subject_passes(struct buffer *out, enum lane lane, const char *collector);
/*
 * How many observations a record of KIND is: none, where the spool or the agent says it of its own
 * accord and says it again.  What goes or is refused of those is no loss.
 */
uint64_t spool_observations(uint32_t kind);
/* A pass, a heartbeat or a digest, of which there need never wait more than the last. */
bool spool_subject_is_periodic(struct bytes subject);
/* Where the last record about SUBJECT is that has no number.  NOT_FOUND: there is none. */
NODISCARD enum status spool_pending_get(struct spool *spool, struct bytes subject,
    uint64_t *position);
/* Does nothing where SUBJECT is empty. */
NODISCARD enum status spool_pending_put(struct spool *spool, struct bytes subject,
    uint64_t position);
/* The record at POSITION is gone. */
NODISCARD enum status spool_pending_drop(struct spool *spool, struct bytes subject,
    uint64_t position);
/* All records of LANE have numbers by now. */
NODISCARD enum status spool_pending_purge(struct spool *spool, enum lane lane);
/* The numbers were taken back: every record there is. */
NODISCARD enum status spool_pending_rebuild(struct spool *spool);

/* ---- ledger.c ---- */

/* The server was never told what the record of KIND and REVISION said of KEY. */
NODISCARD enum status spool_ledger_untold(struct spool *spool, uint32_t kind, struct bytes key,
    uint64_t revision, bool is_baseline);

/* Remembers HASH (NULL: forgets KEY) under the last revision. */
NODISCARD enum status spool_ledger_remember(struct spool *spool, struct bytes key,
    const uint8_t *hash);
/* The facts of these revisions were never told. */
NODISCARD enum status spool_ledger_untold_revisions(struct spool *spool,
    const struct spool_withdrawn *ranges, size_t count);
/* No pass was completed. */
NODISCARD enum status spool_forget_passes(struct spool *spool);

/* ---- bundles.c ---- */

/* What LANE weighs: its records, and in bulk what is kept of bundles. */
uint64_t spool_lane_bytes(const struct spool *spool, enum lane lane);
/* Drops, the oldest first, bundles that the server has heard of, until BYTES are free. */
NODISCARD enum status spool_trim_bundles(struct spool *spool, uint64_t bytes);
/* ---- digest.c ---- */

/* Puts what the ledger has of KEY into the digest, or takes it out; does nothing where it has none.
 */
NODISCARD enum status spool_digest_toggle(struct spool *spool, struct bytes key);
/* Works the digest out from the ledger. */
NODISCARD enum status spool_digest_load(struct spool *spool, struct kv_txn *txn);
/*
 * What is said of a fact at POSITION of LANE goes, or moves to the end: a digest that waits behind
 * it speaks of it and goes, too, and what it called complete is not.
 */
NODISCARD enum status spool_digest_take_back(struct spool *spool, enum lane lane,
    uint64_t position);
/* All facts are forgotten: so is which of them were asked for again. */
NODISCARD enum status spool_digest_forget(struct spool *spool);

/* ---- eviction.c ---- */

struct spool_room {
	bool was_made; /* something went; `scratch` was used */
	bool has_replaced_baseline;
};

/*
 * Makes room, where that is needed and allowed, for a record of SIZE bytes about SUBJECT.  AGAIN:
 * LANE is full, and nothing was touched.
 */
NODISCARD enum status spool_make_room(struct spool *spool, enum lane lane, struct bytes subject,
    size_t size, struct spool_room *room);

#endif
