/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - the events that wait to be delivered, in their order, and the position that this makes:
 * a pure part, without a clock, a socket or a disk.
 *
 * Events may be done in any order.  The position is the last offset before which nothing waits;
 * what is done beyond it is remembered, so that it is not sent again after a restart.
 */
#ifndef SINKS_OUTSIDE_QUEUE_H
#define SINKS_OUTSIDE_QUEUE_H

#include "sinks/outside/document.h"

struct queue_event {
	uint64_t offset; /* 0: it is none of the stream's, but the notice of a gap */
	uint64_t last;   /* what was passed over after it is done when it is */
	uint8_t event_id[EVENT_ID_SIZE];
	const char *event;
	uint64_t at_ms;
	bool has_asset;
	uint8_t asset[16];
	struct bytes message; /* as it is sent; owned */
	uint64_t gap_first;   /* of a notice */
	bool is_done;
	struct queue_event *next;

	/* For the sink that delivers it. */
	unsigned attempts;
	uint64_t failing_since_ms, sent_end;
	struct queue_event *lane_next;
};

struct queue {
	struct queue_event *front, *back;
	uint64_t position, taken;
	size_t count; /* not done */
	size_t bytes; /* of all messages */
	uint64_t *beyond;
	size_t beyond_count;
};

/* POSITION and BEYOND as they were kept. */
void queue_init(struct queue *queue, uint64_t position, const uint64_t *beyond, size_t count);
void queue_fini(struct queue *queue);

/* False where the verdict OFFSET is here already, or was delivered in an earlier life. */
bool queue_is_new(const struct queue *queue, uint64_t offset);
/* The verdict OFFSET is not to be delivered. */
void queue_pass(struct queue *queue, uint64_t offset);
/* It is: as MESSAGE, which is copied.  OFFSET follows what was taken; 0: a notice. */
struct queue_event *queue_add(struct queue *queue, uint64_t offset, const struct document *document,
    struct bytes message);
/* It need not be delivered again.  Frees it, now or once it is in front. */
void queue_done(struct queue *queue, struct queue_event *event);
/* Everything up to LAST is given up. */
void queue_skip(struct queue *queue, uint64_t last);

/* The offsets that are done beyond the position, at most MOST of them; how many. */
size_t queue_beyond(const struct queue *queue, uint64_t *out, size_t most);

#endif
