/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roll_call.h - a gateway has its agents speak, once the log is back.
 *
 * A log that was started again knows no session and no way to anybody, so a command would wait
 * until its agent speaks next.  The gateway knows the ways: the route of the last message by each
 * connection.  It sends a call down each of them, some at a time, and each agent answers at a
 * moment of its own, so that a large fleet does not come back at once.
 */
#ifndef BROKERS_ROLL_CALL_H
#define BROKERS_ROLL_CALL_H

#include <uv.h>

#include "core/bytes.h"
#include "core/status.h"

enum {
	ROLL_CALL_ROUTE_MAX = 7, /* those of agents have 5 bytes; longer ones are not called */
	ROLL_CALL_SPREAD_MS = 1000,
	ROLL_CALL_PER_SECOND = 2500, /* agents: more of them are called over a longer time */
};

struct roll_call;

struct roll_call_options {
	uv_loop_t *loop;
	/* Sends FRAME by ROUTE; any status but OK: that way is no more, or has no room. */
	enum status (*send)(void *data, struct bytes route, struct bytes frame);
	void *data;
};

struct roll_call *roll_call_new(const struct roll_call_options *options);
void roll_call_free(struct roll_call *call); /* NULL is fine; the loop must turn once more */

/* A message came by CONNECTION (its descriptor; -1 is none), and ROUTE leads back. */
void roll_call_note(struct roll_call *call, int connection, struct bytes route);
/* Calls them all; from the first anew where that was under way. */
void roll_call_begin(struct roll_call *call);

#endif
