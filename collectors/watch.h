/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - inotify on the loop: the only file that knows it.
 *
 * A watch tells that something happened, never what is there now: whoever is told looks again.
 */
#ifndef COLLECTORS_WATCH_H
#define COLLECTORS_WATCH_H

#include <stdbool.h>
#include <sys/inotify.h>
#include <uv.h>

#include "core/status.h"

/* What can happen to a name in a directory, and what can happen to a file behind it. */
#define WATCH_NAMES ((uint32_t)(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB))
#define WATCH_CONTENT ((uint32_t)(IN_MODIFY | IN_CLOSE_WRITE))

struct watch;

struct watch_event {
	int directory;     /* as watch_add gave it; -1 where LOST */
	const char *name;  /* in it; "" for itself */
	bool is_directory; /* what has the name is a directory */
	bool is_written;   /* it was open for writing and is closed */
	bool is_lost;      /* events were dropped: anything may have happened */
};

/* NULL where the system has no inotify instance left; it was logged. */
struct watch *watch_new(uv_loop_t *loop, void (*on_event)(void *data, const struct watch_event *),
    void *data);
/*
 * Adds WHAT to what is watched in the directory PATH.  May be called from any thread.
 * NOT_FOUND, DENIED, NO_SPACE (the user's limit of watches), INVALID (not a directory), IO.
 */
NODISCARD enum status watch_add(struct watch *watch, const char *path, uint32_t what,
    int *directory);
void watch_remove(struct watch *watch, int directory);
/* Events wait in the kernel meanwhile. */
void watch_pause(struct watch *watch);
void watch_resume(struct watch *watch);
/* Hands out what waits, now, but not for long; true where more may wait. */
bool watch_drain(struct watch *watch);
/* Takes it. */
void watch_close(struct watch **watch, void (*on_closed)(void *data), void *data);

#endif
