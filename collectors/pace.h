/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - when to look again: soon after something moved, and now and then in any case.
 *
 * Events come in bursts.  A burst is over when nothing came for QUIET_MS; one that does not end is
 * looked at after MOST_MS all the same.  What no event told of is found by the re-read, jittered so
 * that a fleet does not march.
 */
#ifndef COLLECTORS_PACE_H
#define COLLECTORS_PACE_H

#include <uv.h>

struct pace {
	uv_timer_t timer;
	uint64_t quiet_ms, most_ms, reread_ms;
	uint64_t burst_start_ms; /* 0: no burst */
	void (*on_due)(void *data);
	void *data;
};

/* The next re-read is on its way then. */
void pace_init(struct pace *pace, uv_loop_t *loop, const struct pace *settings);
void pace_poke(struct pace *pace); /* something moved */
void pace_now(struct pace *pace);  /* at the loop's next turn */
/* PACE may be freed from ON_CLOSED. */
void pace_close(struct pace *pace, void (*on_closed)(void *data));

#endif
