/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - runs a chain of stages over what the log sends, as a pure core: the same input, in the
 * same batches, with the same stamps, gives the same state and the same verdicts.
 *
 * One environment holds the state, the input offsets, the batch records, the verdict stream and the
 * outbox; a batch is one transaction over all of them.  The batch record says which ranges of which
 * flows it took, in which order, and the stamp that was its clock: host_replay follows it.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include "core/kv.h"
#include "core/link.h"
#include "core/stage.h"
#include "core/sublog.h"

/* The host's own tables come first in the environment; the stages' follow. */
enum host_table {
	HOST_META,
	HOST_INPUT,
	HOST_BATCH,
	HOST_VERDICT,
	HOST_OUTBOX,
	HOST_WORK,
	HOST_TIMER,
	HOST_TIMER_OF,
	HOST_QUARANTINE,
	HOST_COUNTER,
	HOST_READER,
	HOST_QUARANTINE_OF,
	HOST_TABLES,
};
#define HOST_TABLE_NAMES \
	"meta", "input", "batch", "verdict", "outbox", "work", "timer", "timer_of", "quarantine", \
	    "counter", "reader", "quarantine_of"

/*
 * So much may be quarantined of one agent.  Then the log is told to take nothing more of it (Hold),
 * until some is let go; what it had taken already is kept all the same.
 */
enum { HOST_QUARANTINE_RECORDS = 1000, HOST_QUARANTINE_BYTES = 16 * 1024 * 1024 };

enum { HOST_BATCH_RECORDS = 10 * 1000, HOST_BATCH_MS = 20 };

struct host;

/* STAGES ends with NULL and is the order of the chain; SETTINGS of each by name, or NULL. */
NODISCARD enum status host_new(struct kv *kv, const struct stage *const *stages,
    const struct settings *settings, struct host **out);
void host_free(struct host *host); /* NULL is fine */

/* This state's uuid, which names its outbox to the log. */
struct bytes host_uuid(const struct host *host);
/* The last number of FLOW that was taken into a committed batch. */
uint64_t host_position(const struct host *host, uint32_t flow);

/* The heads of a state that may be another process's: batches and verdicts.  0 where it is fresh.
 */
NODISCARD enum status host_peek(struct kv_txn *txn, uint64_t *batches, uint64_t *verdicts);

/* Where a state stands towards the log before it and the sinks behind it. */
struct host_heads {
	uint8_t uuid[16];
	uint64_t verdicts, verdict_tail, outbox, outbox_tail;
	uint64_t positions[SUBLOG_END];
};
/* NOT_FOUND: it has never run.  CORRUPT, IO. */
NODISCARD enum status host_peek_heads(struct kv_txn *txn, struct host_heads *out);

/* ---- running ---- */

/*
 * Around a run, where crashes are to be noticed: a begin that finds no end before it has the host
 * go carefully (core/attempts.h) until it has found a record that crashes it, or none.  As kv.
 */
NODISCARD enum status host_begin(struct host *host);
NODISCARD enum status host_end(struct host *host);

/* Lends no memory: RECORDS, numbered from FIRST, are copied and wait for a batch. */
void host_take(struct host *host, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count);
/* How many records wait. */
size_t host_waiting(const struct host *host);
/*
 * Runs one batch: due timers and ticks; a slice of work, where nothing waits and in every eighth
 * batch; waiting records, most urgent flow first, up to HOST_BATCH_RECORDS.  STATUS_AGAIN: there
 * was nothing to do.  NO_SPACE, FULL, IO, CORRUPT: nothing of the batch is kept; what waited is
 * forgotten, and to be sent again from host_position on.
 */
NODISCARD enum status host_step(struct host *host, uint64_t now_ms);
/*
 * IS_LONG says whether the batch that runs has taken long enough: then what is not critical waits
 * for the next one, behind what is.  It is asked between records.  NULL, the default: never.
 */
void host_set_patience(struct host *host, bool (*is_long)(void *data), void *data);
/* When host_step has something to do without any input; UINT64_MAX if never. */
uint64_t host_due_ms(const struct host *host);

/* ---- replaying ---- */

/* Gives record NUMBER of FLOW as the log had it, borrowed until the next call; NOT_FOUND. */
typedef enum status (*host_fetch)(void *data, uint32_t flow, uint64_t number, struct bytes *out);
/* Runs the batch that RECORD (an encoded BatchRecord) describes. */
NODISCARD enum status host_replay(struct host *host, struct bytes record, host_fetch fetch,
    void *data);
/* The number of the last batch. */
uint64_t host_batches(const struct host *host);

/* ---- what it leaves for others ---- */

uint64_t host_verdict_head(const struct host *host);
/* The first that is kept. */
uint64_t host_verdict_tail(const struct host *host);
uint64_t host_outbox_head(const struct host *host);
NODISCARD enum status host_read_verdicts(struct host *host, uint64_t from, size_t most,
    struct link_batch *batch);
NODISCARD enum status host_read_outbox(struct host *host, uint64_t from, size_t most,
    struct link_batch *batch);
void host_release(struct host *host);
/*
 * READER begins after OFFSET, and verdicts are kept for it from now on, whether it is there or not:
 * LAG_MAX of them at most, or all where that is 0.  FULL: there are too many readers.
 */
NODISCARD enum status host_verdicts_reader(struct host *host, const char *reader, uint64_t offset,
    uint64_t lag_max);
/* READER has committed verdicts up to OFFSET; what all have committed is deleted by a later batch.
 */
void host_verdicts_read(struct host *host, const char *reader, uint64_t offset);
/* True where READER is further behind than its lag_max: nothing is kept for it any more. */
bool host_verdicts_overrun(const struct host *host, const char *reader);
/*
 * The first verdict that READER should be sent: the first that is kept, or where it was overrun
 * one that leaves it half of its lag_max to come back.
 */
uint64_t host_verdicts_kept(const struct host *host, const char *reader);
void host_outbox_taken(struct host *host, uint64_t offset);

#endif
