/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of this folder share, and nobody else sees.
 */
#ifndef CORE_LINK_PARTS_H
#define CORE_LINK_PARTS_H

#include "core/link.h"

enum {
	LINK_HELLO_MS = 1000,
	LINK_PING_MS = 15 * 1000,
	LINK_FRAMES_IN_FLIGHT = 64,
};

/* One frame that was sent and not acknowledged. */
struct link_in_flight {
	uint64_t last;
	uint64_t sent_ms;
	size_t size;
};

/* A flow that this side sends. */
struct link_out {
	uint32_t flow;
	enum lane lane; /* 0: no share of the credit */
	uint64_t head, acked, sent, ever_sent;
	uint32_t window_records, window_bytes;
	uint64_t resend_at_ms, resend_latest_ms;
	uint64_t probe_at_ms; /* 0: the window is open, or nothing waits for it */
	size_t bytes;         /* in flight */
	struct link_in_flight frames[LINK_FRAMES_IN_FLIGHT];
	unsigned first, count; /* ring in `frames` */
	uint64_t paid;         /* last number that credit was taken for */
	size_t piece_at;       /* what went already of the record after `sent` */
	struct credit_debts debts;
};

/* A flow that this side receives. */
struct link_in {
	uint32_t flow;
	enum lane lane;
	uint64_t delivered; /* handed to the host */
	uint64_t committed;
	uint32_t window_records, window_bytes;
	bool owes_ack, wants_rewind;
	bool has_asked; /* for a rewind, and nothing came of it yet */
	struct credit_debts debts;
	struct buffer pieces; /* of the record after `delivered` */
	size_t pieces_total;  /* its size; 0: there are none */
};

enum link_state { LINK_HELLO, LINK_OPEN };

struct link {
	const struct link_operations *operations;
	void *self;
	bool is_dialler;
	enum link_state state;
	uint64_t session, random, round_trip_ms;
	uint64_t heard_ms, said_ms, hello_at_ms, hello_after_ms, ping_ms;
	uint64_t ping_at_ms; /* 0: when it is time */
	size_t frame_max;
	uint8_t challenge[HASH_SIZE];
	struct link_out *outs;
	size_t outs_count;
	struct link_in *ins;
	size_t ins_count;
	struct credit credit;  /* for what is sent */
	struct credit granted; /* for what is received */
	struct credit_grant grant;
	bool owes_grant;
	const char *offence;
	struct arena arena;    /* for the hello */
	struct arena incoming; /* for the frame being taken */
	struct buffer frame;   /* for what goes out */
	struct link_counters counters;
};

/* ---- link.c ---- */

uint64_t link_random(struct link *link);
/* From half of BASE_MS to one and a half. */
uint64_t link_jitter(struct link *link, uint64_t base_ms);
uint64_t link_earlier(uint64_t a, uint64_t b);
void link_say_ping(struct link *link, uint64_t now_ms);

/* ---- frame.c ---- */

/* In this session. */
enum status link_transmit(struct link *link, Fettle__Frame *frame, uint64_t now_ms);
struct credit_grant link_grant_of(const Fettle__Credit *credit);
/* 0: none that shares the credit. */
enum lane link_lane_of(const Fettle__Flow *flow);

/* ---- session.c ---- */

void link_say_hello(struct link *link, uint64_t now_ms);
void link_take_welcome(struct link *link, const Fettle__Frame *frame, uint64_t now_ms);
/* Somebody on the way asks for a sign of life within a time. */
void link_take_call(struct link *link, const Fettle__Call *call, uint64_t now_ms);

/* ---- sending.c ---- */

void link_set_up_outs(struct link *link, Fettle__Flow *const *sends, size_t sends_count,
    Fettle__Flow *const *receives, size_t receives_count);
void link_forget_outs(struct link *link);
void link_take_ack(struct link *link, const Fettle__Flow *ack, uint64_t now_ms);
/* Sends what one flow may.  False: the transport is full. */
bool link_pump_flow(struct link *link, struct link_out *out, uint64_t now_ms);
/* Resends, or asks whether a window has opened.  When it wants to be called next. */
uint64_t link_tick_out(struct link *link, struct link_out *out, uint64_t now_ms);

/* ---- receiving.c ---- */

void link_set_up_ins(struct link *link, Fettle__Flow *const *receives, size_t count);
void link_forget_ins(struct link *link);
void link_take_data(struct link *link, const Fettle__Data *data, uint64_t now_ms);
/* False: the transport is full. */
bool link_pump_acks(struct link *link, uint64_t now_ms);

#endif
