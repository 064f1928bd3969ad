/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes.h - which event may be sent next: one at a time of each asset, in their order; those of
 * different assets beside one another.  A pure part.
 */
#ifndef SINKS_WEBHOOK_LANES_H
#define SINKS_WEBHOOK_LANES_H

#include "sinks/outside/queue.h"

struct lanes;

struct lanes *lanes_new(void);
void lanes_free(struct lanes *lanes); /* NULL is fine; the events are the queue's */

/* Behind all others of its asset. */
void lanes_add(struct lanes *lanes, struct queue_event *event);
/* One that may be sent now, which is then under way; NULL: none. */
struct queue_event *lanes_next(struct lanes *lanes, uint64_t now_ms);
/* EVENT was under way and is over: call it before it is freed. */
void lanes_done(struct lanes *lanes, struct queue_event *event);
/* EVENT was under way and comes again, first of its asset, at AT_MS. */
void lanes_again(struct lanes *lanes, struct queue_event *event, uint64_t at_ms);
/* When an event that has to wait may be sent; UINT64_MAX: none has to. */
uint64_t lanes_due_ms(const struct lanes *lanes);
void lanes_clear(struct lanes *lanes);

#endif
