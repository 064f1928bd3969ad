/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_private.h - what host.c (batches) and host_io.c (what stages do) share.
 */
#ifndef CORE_HOST_PRIVATE_H
#define CORE_HOST_PRIVATE_H

#include "core/attempts.h"
#include "core/host.h"
#include "core/sublog.h"

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

/* Hands EVENT to the stages from number FROM on that consume its kind. */
enum status host_dispatch(struct host *host, const struct event *event, size_t from);
/* One record through the stages; rejected, it is quarantined.  Other than OK ends the batch. */
enum status host_process(struct host *host, uint32_t flow, uint64_t number, struct bytes record);
/* Keeps RECORD apart, for the host's reject_reason; EVENT is what is known of it. */
void host_quarantine(struct host *host, uint32_t flow, uint64_t number, struct bytes record,
    const struct event *event);
/* An EVENT_QUARANTINE_RELEASE. */
enum status host_quarantine_release(struct host *host, const struct event *event);
struct stage_io host_io(struct host *host, size_t stage);
struct bytes host_u64_key(struct host *host, uint64_t number);

#endif
