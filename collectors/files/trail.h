/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trail.h - which names in which directories decide where a path leads.
 *
 * Renaming any directory of the path, retargeting any link on the way, creating what was missing:
 * each is an event on one step of its trail.
 */
#ifndef COLLECTORS_FILES_TRAIL_H
#define COLLECTORS_FILES_TRAIL_H

#include "collectors/watch.h"
#include "core/bytes.h"

struct trail_step {
	int directory; /* as watch_add gave it */
	char *name;
};

/* All zeroes is an empty one. */
struct trail {
	struct trail_step *steps;
	size_t count;
	bool lacks_watches; /* the user's limit of watches is reached: the trail is not complete */
};

/*
 * Follows PATH below ROOT as the kernel does, as far as there is anything, and watches every
 * directory before it looks into it.  For any thread.
 */
void trail_walk(struct watch *watch, const char *root, const char *path, struct trail *trail);
void trail_fini(struct trail *trail);

#endif
