/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h - which files an event concerns by their trails, and which directories are watched.
 */
#ifndef COLLECTORS_FILES_PLACES_H
#define COLLECTORS_FILES_PLACES_H

#include "collectors/files/tree.h"

/* A step of a trail. */
struct place {
	int directory;
	const char *name;
	struct tree_file *file;
};

/* All zeroes is an empty one. */
struct places {
	struct place *places; /* sorted by directory and name */
	size_t count;
	bool is_stale;
	int *watched; /* sorted */
	size_t watched_count;
};

void places_fini(struct places *places);

/* Gives FILE another trail, which is taken. */
void places_take(struct places *places, struct tree_file *file, struct trail *trail);
/* A file with a trail has gone, or come. */
void places_be_stale(struct places *places);
void places_visit(struct places *places, const struct tree *tree, int directory, const char *name,
    void (*visit)(void *data, struct tree_file *file), void *data);

/* DIRECTORY is watched; -1 is none. */
void places_watch(struct places *places, int directory);
/* Stops watching what neither a trail nor the tree needs any more. */
void places_sweep(struct places *places, const struct tree *tree, struct watch *watch);

#endif
