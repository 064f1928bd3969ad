/* SPDX-License-Identifier: Apache-2.0 */
/*
 * globs.h - what the globs of a plan mean, component by component.
 *
 * Whoever goes down a tree carries along how far each glob has come.  So it is known at every
 * directory whether anything below it can be meant, and the rest of the disk is never looked at.
 */
#ifndef COLLECTORS_FILES_GLOBS_H
#define COLLECTORS_FILES_GLOBS_H

#include "core/collector.h"

struct globs;

/* Which components of a glob may come next: bit n is the nth, the one after the last is a match. */
struct globs_place {
	size_t glob;
	uint64_t next;
};

/* The globs that have come this far.  All zeroes is none; globs_spot_fini. */
struct globs_spot {
	struct globs_place *places;
	size_t count;
};

struct globs_meaning {
	uint64_t content_limit;
	bool is_watched;
};

/*
 * What stands between a directory and what is in it: `**` goes on over neither a link nor a mount,
 * the other components do.
 */
enum globs_way { GLOBS_PLAIN, GLOBS_CROSSING };

/* A copy of what PLAN says. */
struct globs *globs_new(const struct plan *plan);
void globs_free(struct globs *globs); /* NULL is fine */

/* At "/".  SPOT is all zeroes. */
void globs_start(const struct globs *globs, struct globs_spot *spot);
/* In NAME, which is in FROM; TO is all zeroes. */
void globs_step(const struct globs *globs, const struct globs_spot *from, struct bytes name,
    enum globs_way way, struct globs_spot *to);
void globs_spot_fini(struct globs_spot *spot);

/* Whether NAME, as a directory in SPOT, may have anything below it that is meant. */
bool globs_lead(const struct globs *globs, const struct globs_spot *spot, struct bytes name,
    enum globs_way way);
/* Whether NAME in SPOT is meant; what is excluded is a matter of its path. */
bool globs_mean(const struct globs *globs, const struct globs_spot *spot, struct bytes name,
    struct globs_meaning *out);
bool globs_exclude(const struct globs *globs, struct bytes path);
/* All of it in one: whether PATH is meant, and not excluded. */
bool globs_mean_path(const struct globs *globs, struct bytes path, struct globs_meaning *out);
/* The spot of PATH, reached by names alone. */
void globs_find(const struct globs *globs, struct bytes path, struct globs_spot *spot);

/* Whether a file in SPOT itself can be meant, and not only one further down. */
bool globs_are_at_end(const struct globs *globs, const struct globs_spot *spot);
/*
 * Calls VISIT with each name that can come next, some of them more than once.  False, without a
 * call, where it can be any name.
 */
bool globs_next_names(const struct globs *globs, const struct globs_spot *spot,
    void (*visit)(void *data, struct bytes name), void *data);

#endif
