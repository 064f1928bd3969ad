/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - the simulated disks behind core/kv.h: what a directory holds, as of its last commit.
 *
 * A disk outlives the roles that open it.  Its image can be taken, copied and put back at the cost
 * of a count a table, which is how crashes, backups and clones are made.
 */
#ifndef TESTS_SIMULATION_DISK_H
#define TESTS_SIMULATION_DISK_H

#include "core/bytes.h"
#include "core/kv.h"
#include "tests/simulation/tree.h"

struct disk;

enum disk_fate {
	DISK_KEEPS,
	DISK_FAILS,           /* nothing is durable, and the caller is told so */
	DISK_KEEPS_AND_FAILS, /* it is durable, and the caller is told that it is not */
};

/* What the run wants to know of, and to decide.  All of them may be NULL. */
struct disk_watch {
	/* A commit of DISK is about to count, and did. */
	enum disk_fate (*before_commit)(struct disk *disk);
	void (*after_commit)(struct disk *disk);
	/* Of that commit: VALUE now stands under KEY of the table that disk_follow named. */
	void (*on_written)(struct disk *disk, struct bytes key, struct bytes value);
};
void disk_watch_all(const struct disk_watch *watch);

/* That of DIRECTORY, made where there is none. */
struct disk *disk_of(const char *directory);
const char *disk_directory(const struct disk *disk);
/* Whatever the run keeps with it; NULL at first. */
void disk_set_owner(struct disk *disk, void *owner);
void *disk_owner(const struct disk *disk);
/* on_written is told of TABLE. */
void disk_follow(struct disk *disk, const char *table);
/* Where it is full nothing may be written but to make room. */
void disk_set_full(struct disk *disk, bool is_full);
uint64_t disk_used(const struct disk *disk);
void disk_forget_all(void);

struct disk_image;
struct disk_image *disk_image_take(const struct disk *disk);
void disk_image_put(struct disk *disk, const struct disk_image *image);
void disk_image_free(struct disk_image *image);

#endif
