/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session as its host sees it: frames in, turns, and the time.
 */
#include "core/link/parts.h"

#include "core/record.h"
#include "core/require.h"

enum { SILENCE_MS = 45 * 1000 };

/* xorshift64*: jitter needs no better, and a seed makes a run repeatable. */
uint64_t link_random(struct link *link)
{
	link->random ^= link->random >> 12;
	link->random ^= link->random << 25;
	link->random ^= link->random >> 27;
	return link->random * 0x2545f4914f6cdd1dULL;
}

uint64_t link_jitter(struct link *link, uint64_t base_ms)
{
	return base_ms / 2 + link_random(link) % base_ms;
}

uint64_t link_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void link_set_frame_max(struct link *link, size_t frame_max)
{
	REQUIRE(frame_max >= LINK_PIECE_BYTES + LINK_FRAME_ROOM);
	link->frame_max = frame_max;
}

void link_set_ping(struct link *link, uint64_t ping_ms)
{
	link->ping_ms = ping_ms;
}

void link_set_pool(struct link *link, struct credit_pool *pool)
{
	link->granted.pool = pool;
}

const char *link_offence(const struct link *link)
{
	return link->offence;
}

bool link_is_open(const struct link *link)
{
	return link->state == LINK_OPEN;
}

uint64_t link_session(const struct link *link)
{
	return link->session;
}

uint64_t link_heard_ms(const struct link *link)
{
	return link->heard_ms;
}

const struct link_counters *link_counters(const struct link *link)
{
	return &link->counters;
}

/* ---- frames in ---- */

static void take_ping(struct link *link, const Fettle__Ping *ping, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ping reply = FETTLE__PING__INIT;

	if (ping->reply)
		return;
	/* It may ask because an acknowledgement, or the opening of a window, was lost. */
	for (size_t i = 0; i < link->ins_count; i++)
		link->ins[i].owes_ack = true;
	RECORD_SET(&reply, token, ping->token);
	RECORD_SET(&reply, reply, 1);
	frame.ping = &reply;
	(void)link_transmit(link, &frame, now_ms);
}

void link_take(struct link *link, const Fettle__Frame *frame, uint64_t now_ms)
{
	link->counters.frames_received++;
	if (frame->welcome != NULL && link->is_dialler) {
		link->heard_ms = now_ms;
		link_take_welcome(link, frame, now_ms);
		return;
	}
	if (frame->call != NULL && link->is_dialler) {
		link_take_call(link, frame->call, now_ms);
		return;
	}
	if (link->state != LINK_OPEN || frame->session != link->session)
		return;
	link->heard_ms = now_ms;
	if (frame->reset != NULL && link->is_dialler) {
		link_restart(link, now_ms,
		    frame->reset->reason == NULL ? "the other side forgot it"
						 : frame->reset->reason);
		return;
	}
	if (frame->data != NULL && link->operations->on_data != NULL)
		link_take_data(link, frame->data, now_ms);
	if (link->state != LINK_OPEN || link->offence != NULL)
		return;
	if (frame->ack != NULL && frame->ack->credit != NULL)
		credit_set(&link->credit, link_grant_of(frame->ack->credit));
	if (frame->ack != NULL)
		for (size_t i = 0; i < frame->ack->n_flows; i++)
			link_take_ack(link, frame->ack->flows[i], now_ms);
	if (frame->ping != NULL)
		take_ping(link, frame->ping, now_ms);
}

enum status link_frame(struct link *link, struct bytes bytes, uint64_t now_ms)
{
	Fettle__Frame *frame;

	arena_reset(&link->incoming);
	frame = link_decode(bytes, &link->incoming);
	if (frame != NULL)
		link_take(link, frame, now_ms);
	return frame == NULL ? STATUS_REJECT : STATUS_OK;
}

/* ---- turns ---- */

void link_pump(struct link *link, uint64_t now_ms)
{
	if (link->state != LINK_OPEN || !link_pump_acks(link, now_ms))
		return;
	/* In the order in which the flows were declared: the most urgent first. */
	for (size_t i = 0; i < link->outs_count; i++)
		if (!link_pump_flow(link, &link->outs[i], now_ms))
			return;
}

/* ---- time ---- */

void link_say_ping(struct link *link, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ping ping = FETTLE__PING__INIT;

	RECORD_SET(&ping, token, link_random(link));
	frame.ping = &ping;
	(void)link_transmit(link, &frame, now_ms);
}

static void tick_open(struct link *link, uint64_t now_ms)
{
	if (link->is_dialler && now_ms - link->heard_ms >= SILENCE_MS) {
		link_restart(link, now_ms, "nothing was heard for 45 seconds");
		return;
	}
	if (link->ping_at_ms != 0 && link->ping_at_ms <= now_ms) {
		link->ping_at_ms = 0;
		link_say_ping(link, now_ms);
		return;
	}
	if (now_ms - link->heard_ms < link->ping_ms || now_ms - link->said_ms < link->ping_ms)
		return;
	link_say_ping(link, now_ms);
}

uint64_t link_tick(struct link *link, uint64_t now_ms)
{
	uint64_t next = now_ms + link->ping_ms;

	if (link->state == LINK_OPEN)
		tick_open(link, now_ms);
	if (link->state == LINK_HELLO) {
		if (link->is_dialler && link->hello_at_ms <= now_ms)
			link_say_hello(link, now_ms);
		return link->hello_at_ms;
	}
	if (link->ping_at_ms != 0)
		next = link_earlier(next, link->ping_at_ms);
	for (size_t i = 0; i < link->outs_count; i++)
		next = link_earlier(next, link_tick_out(link, &link->outs[i], now_ms));
	link_pump(link, now_ms);
	return next;
}
