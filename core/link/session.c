/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a session opens and ends: hello, welcome, and what both sides begin with.
 */
#include "core/link/parts.h"

#include <stdlib.h>

#include "core/record.h"
#include "core/require.h"

enum {
	HELLO_RETRY_MS = 50,
	HELLO_MAX_MS = 60 * 1000,
	CALL_MAX_MS = 60 * 1000,
	NUDGE_MS = 200, /* spread over so much: a whole fleet may be back */
};

/* The credits of a session that opens: GIVEN to this side, and what it GRANTS. */
static void set_up_credit(struct link *link, const Fettle__Credit *given,
    const Fettle__Credit *grants)
{
	link->credit = (struct credit){ .is_shared = false };
	link->granted = (struct credit){ .pool = link->granted.pool };
	if (given != NULL)
		credit_set(&link->credit, link_grant_of(given));
	if (grants == NULL)
		return;
	link->grant = link_grant_of(grants);
	credit_widen(&link->granted, link->grant);
}

static void open_session(struct link *link)
{
	link->state = LINK_OPEN;
	link->owes_grant = false;
	link->offence = NULL;
	link->ping_at_ms = 0;
	if (link->operations->on_open != NULL)
		link->operations->on_open(link->self);
	/* Where the last acknowledgement of an older session was lost, this one says it. */
	for (size_t i = 0; i < link->outs_count; i++)
		if (link->outs[i].acked > 0)
			link->operations->on_acked(link->self, link->outs[i].flow,
			    link->outs[i].acked);
}

static struct link *new_link(const struct link_operations *operations, void *self, uint64_t random,
    uint64_t now_ms)
{
	struct link *link = memory_new(sizeof(*link));

	link->operations = operations;
	link->self = self;
	link->random = random | 1;
	link->heard_ms = link->said_ms = now_ms;
	link->hello_at_ms = now_ms;
	link->hello_after_ms = LINK_HELLO_MS;
	link->ping_ms = LINK_PING_MS;
	link->frame_max = LINK_INNER_FRAME_MAX;
	link->counters.sessions = 1;
	return link;
}

struct link *link_new_dialler(const struct link_operations *operations, void *self, uint64_t random,
    uint64_t now_ms)
{
	struct link *link = new_link(operations, self, random, now_ms);

	link->is_dialler = true;
	return link;
}

struct link *link_new_acceptor(const struct link_operations *operations, void *self,
    uint64_t random, uint64_t now_ms, const Fettle__Hello *hello, Fettle__Welcome *welcome)
{
	struct link *link = new_link(operations, self, random, now_ms);
	Fettle__Frame frame = FETTLE__FRAME__INIT;

	while (link->session == 0)
		link->session = link_random(link);
	link_set_up_outs(link, welcome->sends, welcome->n_sends, hello->receives,
	    hello->n_receives);
	link_set_up_ins(link, welcome->receives, welcome->n_receives);
	set_up_credit(link, hello->credit, welcome->credit);
	RECORD_SET(welcome, protocol, LINK_PROTOCOL);
	if (hello->has_challenge)
		RECORD_SET_BYTES(welcome, challenge, record_bytes(hello->challenge));
	frame.welcome = welcome;
	/* A welcome that got lost is answered by the next hello. */
	(void)link_transmit(link, &frame, now_ms);
	open_session(link);
	return link;
}

void link_free(struct link *link)
{
	if (link == NULL)
		return;
	link_forget_outs(link);
	link_forget_ins(link);
	arena_fini(&link->arena);
	arena_fini(&link->incoming);
	buffer_fini(&link->frame);
	free(link);
}

void link_say_hello(struct link *link, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	uint64_t challenge[2] = { link_random(link), link_random(link) };

	memcpy(link->challenge, challenge, sizeof(challenge));
	arena_reset(&link->arena);
	link->session = 0;
	RECORD_SET(&hello, protocol_lowest, LINK_PROTOCOL);
	RECORD_SET(&hello, protocol_highest, LINK_PROTOCOL);
	RECORD_SET_BYTES(&hello, challenge, BYTES_OF(link->challenge));
	link->operations->on_hello(link->self, &hello, &link->arena);
	frame.hello = &hello;
	if (link_transmit(link, &frame, now_ms) != STATUS_OK) {
		/* Nobody is connected yet: it costs nothing to ask again soon. */
		link->hello_at_ms = now_ms + HELLO_RETRY_MS;
		return;
	}
	link->hello_at_ms = now_ms + link_jitter(link, link->hello_after_ms);
	link->hello_after_ms = link->hello_after_ms * 2 > HELLO_MAX_MS ? HELLO_MAX_MS
	                                                               : link->hello_after_ms * 2;
}

void link_restart(struct link *link, uint64_t now_ms, const char *reason)
{
	REQUIRE(link->is_dialler);
	if (link->state == LINK_OPEN && link->operations->on_closed != NULL)
		link->operations->on_closed(link->self, reason);
	link->state = LINK_HELLO;
	link->hello_after_ms = LINK_HELLO_MS;
	link->hello_at_ms = now_ms;
}

static void nudge_within(struct link *link, uint64_t spread_ms, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + link_random(link) % (spread_ms == 0 ? 1 : spread_ms);

	if (link->state == LINK_OPEN && (link->ping_at_ms == 0 || at_ms < link->ping_at_ms))
		link->ping_at_ms = at_ms;
	else if (link->state != LINK_OPEN && at_ms < link->hello_at_ms)
		link->hello_at_ms = at_ms;
}

void link_nudge(struct link *link, uint64_t now_ms)
{
	nudge_within(link, NUDGE_MS, now_ms);
}

void link_take_call(struct link *link, const Fettle__Call *call, uint64_t now_ms)
{
	nudge_within(link, link_earlier(call->spread_ms, CALL_MAX_MS), now_ms);
}

void link_take_welcome(struct link *link, const Fettle__Frame *frame, uint64_t now_ms)
{
	const Fettle__Welcome *welcome = frame->welcome;
	/* The flows that this side sends are set up by its own last hello. */
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	enum status status;

	if (link->state == LINK_OPEN || welcome->protocol != LINK_PROTOCOL || frame->session == 0
	    || !bytes_equal(record_bytes(welcome->challenge), BYTES_OF(link->challenge)))
		return;
	status = link->operations->on_welcome(link->self, welcome);
	if (status != STATUS_OK) {
		/* Otherwise a host whose disk is full would greet as fast as it is answered. */
		if (status == STATUS_AGAIN)
			link->hello_at_ms = now_ms;
		return;
	}
	link->operations->on_hello(link->self, &hello, &link->arena);
	link->session = frame->session;
	link_set_up_outs(link, hello.sends, hello.n_sends, welcome->receives, welcome->n_receives);
	link_set_up_ins(link, hello.receives, hello.n_receives);
	set_up_credit(link, welcome->credit, hello.credit);
	link->hello_after_ms = LINK_HELLO_MS;
	link->counters.sessions++;
	open_session(link);
}
