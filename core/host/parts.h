/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of this folder share, and nobody else sees.
 */
#ifndef CORE_HOST_PARTS_H
#define CORE_HOST_PARTS_H

#include "core/attempts.h"
#include "core/host.h"
#include "core/sublog.h"
#include "proto/state.pb-c.h"

enum { HOST_STAGES_MAX = 16, HOST_READERS_MAX = 16 };

/* Records of one flow that wait, in their order. */
struct host_queue {
	struct buffer bytes; /* u32 size and record, one after the other */
	size_t at;           /* where the next one begins in `bytes` */
	uint64_t first;      /* number of the next one */
	size_t count;
};

struct host_stage {
	const struct stage *stage;
	const void *settings;
	void *cache;
	uint64_t last_tick_ms;
};

/* Kept under `meta`; copied so that an undone batch goes back to it. */
struct host_memory {
	uint8_t uuid[16];
	uint64_t batches, stamp_ms, verdicts, verdict_tail, outbox, outbox_tail;
	uint64_t positions[SUBLOG_END];
	uint64_t ticks[HOST_STAGES_MAX];
};

struct host_reader {
	char name[64];
	uint64_t offset;
	uint64_t lag_max; /* verdicts that are kept for it at most; 0: all */
};

struct host {
	struct kv *kv;
	struct kv_txn *read;
	struct host_stage stages[HOST_STAGES_MAX];
	size_t stages_count;
	struct host_memory now, committed;
	struct host_queue queues[SUBLOG_END];
	size_t waiting;
	bool has_work;
	uint64_t next_timer_ms;
	struct attempts attempts; /* as kept, and what is being tried */
	bool (*is_long)(void *data);
	void *is_long_data;
	uint32_t turn; /* which of the flows that are not critical is the first of them */

	/* during a batch */
	struct txn *txn;
	size_t position_in_chain; /* the stage that is running */
	const char *reject_reason;
	struct arena arena;
	struct buffer scratch, key;

	struct host_reader readers[HOST_READERS_MAX];
	size_t readers_count;
	uint64_t outbox_taken;
};

/* What a batch may take: of one flow or of any, so many records. */
enum { HOST_ANY_FLOW = SUBLOG_END };
struct host_lot {
	uint32_t flow;
	size_t records;
	bool is_condemned; /* quarantined without being looked at */
};

/* ---- host.c ---- */

/* The next record of QUEUE, which has one; borrowed until records are taken. */
struct bytes host_queue_next(struct host *host, struct host_queue *queue);
void host_forget_input(struct host *host);
/* What stages cached may come from what is undone now. */
void host_new_caches(struct host *host);

/* ---- memory.c ---- */

enum status host_load(struct host *host);
void host_put_memory(struct host *host);
void host_put_positions(struct host *host);

/* ---- batch.c ---- */

enum status host_begin_batch(struct host *host, uint64_t stamp_ms);
/* Commits what BATCH did where STATUS is OK; undoes it where not, and where the commit fails. */
enum status host_finish_batch(struct host *host, enum status status, Fettle__BatchRecord *batch);
enum status host_run_batch(struct host *host, const struct host_lot *lot, uint64_t now_ms);

/* ---- due.c ---- */

/* The timers and ticks that are due by the batch's stamp. */
enum status host_run_due(struct host *host);
/*
 * One slice of the work under KEY, or of the first that there is.  ARENA keeps what the batch
 * record says of it: the host's own does not outlive the next record.
 */
enum status host_work(struct host *host, struct bytes wanted, Fettle__BatchRecord *batch,
    struct arena *arena);

/* ---- record.c ---- */

/* One record through the stages; rejected, it is quarantined.  Other than OK ends the batch. */
enum status host_process(struct host *host, uint32_t flow, uint64_t number, struct bytes record);

/* ---- careful.c ---- */

void host_put_attempts(struct host *host, const struct attempts *attempts, bool is_running);
enum status host_step_carefully(struct host *host, uint64_t now_ms);
/* RECORD crashed the processor too often: it is quarantined, and not looked at. */
void host_condemn(struct host *host, uint32_t flow, uint64_t number, struct bytes record);

/* ---- quarantine.c ---- */

/* Keeps RECORD apart, for the host's reject_reason; EVENT is what is known of it. */
void host_quarantine(struct host *host, uint32_t flow, uint64_t number, struct bytes record,
    const struct event *event);
/* An EVENT_QUARANTINE_RELEASE. */
enum status host_quarantine_release(struct host *host, const struct event *event);

/* ---- streams.c ---- */

/* Deletes what every sink has and what the log has taken: it need not be kept. */
void host_forget_read(struct host *host);
enum status host_load_readers(struct host *host, struct kv_txn *txn);

/* ---- io.c ---- */

/* Hands EVENT to the stages from number FROM on that consume its kind. */
enum status host_dispatch(struct host *host, const struct event *event, size_t from);
struct stage_io host_io(struct host *host, size_t stage);
struct bytes host_u64_key(struct host *host, uint64_t number);

#endif
