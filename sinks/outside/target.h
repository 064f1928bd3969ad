/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - what every sink to the outside does the same way: chooses what is sent, encodes it,
 * keeps it until it is delivered, remembers how far it is, and owns up to what it could not send.
 *
 * The sink itself knows one thing only: how a message gets there.
 */
#ifndef SINKS_OUTSIDE_TARGET_H
#define SINKS_OUTSIDE_TARGET_H

#include "sinks/outside/journal.h"
#include "sinks/outside/queue.h"
#include "sinks/sink.h"

struct target;

struct target_options {
	const struct sink_context *context;
	const char *kind; /* "siem" */
	struct sink_target target;
	const struct setting_list *events;
	/* Appends the message for DOCUMENT. */
	void (*encode)(void *self, const struct document *document, struct buffer *out);
	/* EVENT was added to the queue, behind all others. */
	void (*on_event)(void *self, struct queue_event *event);
	/* Every event is about to be given up: forget them. */
	void (*on_clear)(void *self);
	/* More may be sent: once a group of events was added. */
	void (*on_ready)(void *self);
	void *self;
};

/* As journal_open; INVALID cannot happen where the settings were checked by target_check. */
NODISCARD enum status target_open(const struct target_options *options, struct target **out,
    uint64_t *position);
/* What would be told to on_event for gaps that the target was not told of; once, after it is open.
 */
void target_begin(struct target *target);
void target_stop(struct target *target);   /* commits; closes its handles */
void target_finish(struct target *target); /* NULL is fine */

void target_take(struct target *target, uint64_t first, const struct bytes *records, size_t count);
void target_skip(struct target *target, uint64_t last);

struct queue *target_queue(struct target *target);

/* EVENT has arrived: it is freed, now or later. */
void target_delivered(struct target *target, struct queue_event *event);
/* It never will: it becomes a dead letter.  ANSWER is the other side's code, or 0. */
void target_bury(struct target *target, struct queue_event *event, unsigned answer,
    const char *reason);
/* An attempt has to be repeated. */
void target_retried(struct target *target);
/* It cannot deliver, and why; NULL: it can (again).  Logged as it begins and ends. */
void target_error(struct target *target, const char *error);

/* ---- settings that targets have in common ---- */

enum { TARGET_LAG_MAX_DEFAULT = 1000 * 1000, TARGET_NAME_MAX = 32 };

/* INVALID: NAME is not fit to be a target's, or EVENTS names what is none; WHY says which. */
NODISCARD enum status target_check(const char *name, const struct setting_list *events,
    struct buffer *why);

#endif
