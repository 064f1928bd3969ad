/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the protocol of every hop, as a pure state machine: no socket, no clock, no disk.
 *
 * A session carries flows both ways (proto/link.proto).  The sending side of a flow keeps its
 * records until they are acknowledged; the receiving side owns the position and acknowledges only
 * what it has committed.  What was not acknowledged in time is sent again from there on.  Windows,
 * in records and bytes, bound what may be unacknowledged of one flow, credit (core/credit.h) what
 * may be of all flows together: no window or no credit, no data.
 *
 * The dialler says hello until it is welcomed; the accepting side makes a link per session.  The
 * host calls link_frame for what came in, link_tick now and then, link_pump at the end of each
 * turn, and is called back through its operations.  All times are given, in milliseconds of any
 * monotonic clock.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "core/bytes.h"
#include "core/credit.h"
#include "core/hash.h"
#include "core/status.h"
#include "proto/link.pb-c.h"

enum {
	LINK_PROTOCOL = 1,
	LINK_FRAME_MAX = 128 * 1024,        /* bytes; a gateway takes no more from an endpoint */
	LINK_INNER_FRAME_MAX = 1024 * 1024, /* between servers: intent may be long */
	LINK_INTENT_MAX = 900 * 1024,       /* one record of intent */
	LINK_VERDICT_MAX = LINK_INNER_FRAME_MAX - 4096, /* one verdict: the rest is frame */
	LINK_BATCH_RECORDS = 256,
	LINK_BATCH_BYTES = 64 * 1024, /* several records of a batch take no more than this */
	/* The body of one record of an agent; the rest is envelope.  What is larger than a frame
	   goes in pieces. */
	LINK_RECORD_MAX = LINK_INTENT_MAX,
	LINK_PIECED_MAX = LINK_RECORD_MAX + 4096, /* a whole record that came in pieces */
	LINK_PIECE_BYTES = 64 * 1024,
	LINK_FRAME_ROOM = 1024, /* that a frame has for other things than records */
	LINK_FLOWS_MAX = 320,
};

struct link;

/* Records that the host lends for one frame. */
struct link_batch {
	size_t count;
	size_t size;  /* bytes of all records */
	size_t limit; /* that they are not to exceed, but for the first; 0: LINK_BATCH_BYTES */
	struct bytes records[LINK_BATCH_RECORDS];
	bool has_chain;
	uint8_t chain[HASH_SIZE]; /* after the last record */
};

/* True where BATCH takes one more record of that size. */
bool link_batch_has_room(const struct link_batch *batch, size_t size);
void link_batch_add(struct link_batch *batch, struct bytes record);

struct link_operations {
	/* Sends one frame.  AGAIN: no room; the link tries later.  CLOSED: the session is over. */
	enum status (*transmit)(void *self, struct bytes frame);
	/*
	 * Fills BATCH with records of FLOW from number FROM on, at most MOST of them, borrowed
	 * until `release` is called.  An empty batch means there are none yet.  Any status but OK
	 * ends the attempt; the link asks again later.  NULL where no flow is sent.
	 */
	enum status (
	    *read)(void *self, uint32_t flow, uint64_t from, size_t most, struct link_batch *batch);
	void (*release)(void *self);
	/*
	 * The other side has committed FLOW up to and including COMMITTED.  Called also when a
	 * session opens, because the last acknowledgement of the one before may have been lost.
	 */
	void (*on_acked)(void *self, uint32_t flow, uint64_t committed);
	/*
	 * COUNT records that follow what was delivered before, FIRST their first number, borrowed.
	 * CHAIN is empty or the sender's hash after the last.  The host commits them, or forgets
	 * them, and says so by link_committed or link_rewind.  NULL where no flow is received.
	 */
	void (*on_data)(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
	    size_t count, struct bytes chain);
	/* Dialler: fill in the hello, in ARENA.  NULL for the accepting side. */
	void (*on_hello)(void *self, Fettle__Hello *hello, struct arena *arena);
	/*
	 * Dialler: a welcome came.  OK: the session opens.  AGAIN: the host has changed what its
	 * hello says, and it is said again at once.  Anything else: it is said again when it is
	 * time.
	 */
	enum status (*on_welcome)(void *self, const Fettle__Welcome *welcome);
	/* The session is open (the flows are set up), or over.  May be NULL. */
	void (*on_open)(void *self);
	void (*on_closed)(void *self, const char *reason);
};

/* RANDOM seeds jitter, challenge and, for the accepting side, the session number. */
struct link *link_new_dialler(const struct link_operations *operations, void *self, uint64_t random,
    uint64_t now_ms);
/* The accepting side: HELLO was received, WELCOME is what the host answers; it is sent at once. */
struct link *link_new_acceptor(const struct link_operations *operations, void *self,
    uint64_t random, uint64_t now_ms, const Fettle__Hello *hello, Fettle__Welcome *welcome);
void link_free(struct link *link); /* NULL is fine */
/* The largest frame that the transport takes; LINK_INNER_FRAME_MAX unless set. */
void link_set_frame_max(struct link *link, size_t frame_max);
/* How long nothing may be heard before the other side is asked; 15 s unless set. */
void link_set_ping(struct link *link, uint64_t ping_ms);

bool link_is_open(const struct link *link);
uint64_t link_session(const struct link *link);
/* When a frame of the other side came last. */
uint64_t link_heard_ms(const struct link *link);

/* A frame for this session came in.  REJECT: it is not a frame; nothing changed. */
NODISCARD enum status link_frame(struct link *link, struct bytes bytes, uint64_t now_ms);
/* The same, decoded already. */
void link_take(struct link *link, const Fettle__Frame *frame, uint64_t now_ms);

/* FLOW now has records up to HEAD. */
void link_wake(struct link *link, uint32_t flow, uint64_t head);
/* The receiving host has committed FLOW up to COMMITTED, and offers these windows from now on. */
void link_committed(struct link *link, uint32_t flow, uint64_t committed, uint32_t window_records,
    uint32_t window_bytes);
/*
 * The receiving host grants credit, from now on, for all flows that have a lane in its hello or
 * welcome; those begin with what was said there.
 */
void link_grant(struct link *link, struct credit_grant grant);
/* What comes in and is not committed counts in POOL, which outlives the link, as well. */
void link_set_pool(struct link *link, struct credit_pool *pool);
/*
 * NULL, or what the other side did that no honest one does.  A dialler has begun a new session;
 * the accepting host is to end this one.
 */
const char *link_offence(const struct link *link);
/* The receiving host has lost what it had not committed: have it sent again. */
void link_rewind(struct link *link, uint32_t flow, uint64_t committed);

/* Sends acknowledgements and as much data as windows and the transport take. */
void link_pump(struct link *link, uint64_t now_ms);
/* Hellos, resends, keep-alives, silence.  Returns when it wants to be called next. */
uint64_t link_tick(struct link *link, uint64_t now_ms);
/* Dialler: the transport has connected anew.  It says hello, or that it is there, at once. */
void link_nudge(struct link *link, uint64_t now_ms);
/* Dialler: drop the session, if any, and say hello anew. */
void link_restart(struct link *link, uint64_t now_ms, const char *reason);

/* Numbers for status and tests. */
struct link_counters {
	uint64_t frames_sent, frames_received, records_sent, records_resent, records_received,
	    duplicates, out_of_order, sessions;
};
const struct link_counters *link_counters(const struct link *link);

/* GRANT as a hello or a welcome says it, in ARENA. */
Fettle__Credit *link_new_credit(struct arena *arena, struct credit_grant grant);
/* A flow of that number, for a hello or a welcome, in ARENA. */
Fettle__Flow *link_new_flow(struct arena *arena, uint32_t number);

/* Decodes a frame into ARENA, bounded; NULL if it is none. */
Fettle__Frame *link_decode(struct bytes bytes, struct arena *arena);
/* A reset for a session that nobody knows. */
void link_encode_reset(struct buffer *out, uint64_t session, const char *reason);
/*
 * A gateway's call to whoever stands at the end of a route: a dialler says that it is there, or
 * hello, at a moment drawn from SPREAD_MS, of which it takes a minute at most.
 */
void link_encode_call(struct buffer *out, uint64_t spread_ms);

#endif
