/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h - what every processor provides.
 *
 * A stage is one constant table.  It has no memory of its own, no clock and no I/O: all that it
 * remembers it puts into the transaction, which commits its state, what it emitted and the position
 * in the input together, or not at all.  So a stage can be replayed, simulated and killed anywhere.
 * What can be dropped at any moment without changing a result, such as a compiled policy, is a
 * cache: the host keeps it, and drops it whenever a transaction is undone.
 */
#ifndef CORE_STAGE_H
#define CORE_STAGE_H

#include "core/event.h"
#include "core/setting.h"
#include "core/status.h"
#include "core/txn.h"

struct host;
struct stage;

/* What a stage has during one call. */
struct stage_io {
	struct host *host;
	const struct stage *stage;
	const void *settings; /* as the stage's table describes them */
	void *cache;
	struct txn *txn;
	uint64_t now_ms;     /* the batch's stamp, Unix milliseconds; never runs backwards */
	struct arena *arena; /* for the duration of the call */
};

/* Something that concerns many assets, done in slices between batches; survives a crash. */
struct stage_work {
	uint32_t kind;        /* the stage's own numbering */
	struct bytes subject; /* what it is about; one work at a time per (stage, kind, subject) */
	struct bytes cursor;  /* where this slice begins; empty at first */
	struct buffer *next;  /* where the next one begins, to be filled; left empty: it is done */
	size_t budget;        /* how many assets this slice may take */
};

struct stage {
	const char *name;                /* as written in the configuration */
	const char *summary;             /* one line */
	const enum event_kind *consumes; /* ends with EVENT_NONE */
	const struct setting *settings;  /* ends with SETTING_END; NULL: none */
	size_t settings_size;            /* of the structure that they fill */
	uint32_t tick_ms;                /* period of on_tick; 0: it is NULL */

	/* NULL: no cache. */
	void *(*cache_new)(void);
	void (*cache_free)(void *cache);

	/*
	 * Handle one event, borrowed for the call.  STATUS_OK: its effects commit with it.
	 * STATUS_REJECT: its effects are undone and it is quarantined (stage_reject says why).  Any
	 * other status ends the batch: the host undoes it all and hands the same events in again.
	 */
	enum status (*on_event)(struct stage_io *io, const struct event *event);
	enum status (*on_tick)(struct stage_io *io);
	/* A timer of the stage is due; it is gone unless set again. */
	enum status (*on_timer)(struct stage_io *io, struct bytes key);
	enum status (*on_work)(struct stage_io *io, struct stage_work *work);
};

/* ---- what a stage can do; all of it commits with the batch ---- */

/* For the stages that come after this one, at once; borrowed until they have had it. */
NODISCARD enum status stage_emit(struct stage_io *io, const struct event *event);
/* To the verdict stream: KIND and its message of proto/verdict.proto. */
void stage_verdict(struct stage_io *io, uint32_t kind, const ProtobufCMessage *message);
/* To the command stream of AGENT; a later one of the same KEY replaces it. */
void stage_command(struct stage_io *io, const uint8_t agent[AGENT_ID_SIZE], const char *key,
    uint32_t kind, const ProtobufCMessage *message);
/* Does (again, from the beginning) work of this stage. */
void stage_enqueue(struct stage_io *io, uint32_t kind, struct bytes subject);
/* Calls on_timer with KEY at DUE_MS or soon after; one per key, the later call wins. */
NODISCARD enum status stage_set_timer(struct stage_io *io, struct bytes key, uint64_t due_ms);
/* The reason for the STATUS_REJECT that is about to be returned; a literal, or in the arena. */
enum status stage_reject(struct stage_io *io, const char *reason);
/* A number for `fettle status`; survives restarts. */
void stage_count(struct stage_io *io, const char *counter, uint64_t add);

#endif
