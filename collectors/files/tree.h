/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - the files that are observed: those that the plan names, and those that its globs mean
 * and that are there.
 *
 * What many files have in common, the directory with its path and its watch, is kept once.
 */
#ifndef COLLECTORS_FILES_TREE_H
#define COLLECTORS_FILES_TREE_H

#include "collectors/files/expand.h"
#include "collectors/files/trail.h"

struct tree_directory;

struct tree_file {
	struct tree_directory *directory; /* NULL: the plan names it, and its name is its path */
	struct trail trail;               /* of one that is named, or is a link */
	uint64_t due_ms;                  /* when to look because of an event; 0: no need */
	uint64_t looked_ms;               /* because of an event, the last time */
	size_t slot;                      /* in the tree's files */
	uint32_t content_limit;
	uint16_t restless; /* looks since it rested */
	uint16_t cost_ms;  /* how long the last look took */
	bool is_watched;
	bool is_awaited; /* a look at it is what the end of a transaction waits for */
	bool is_gone;    /* no longer in the tree; freed by tree_clean */
	char name[];
};

struct tree_directory {
	char *path;
	int watch;                         /* -1: none */
	struct globs_spot spot, real_spot; /* as in struct expand_directory */
	struct tree_file **files;          /* sorted by name */
	size_t count;
	bool is_found; /* by the merge that is under way */
};

struct tree {
	struct globs *globs;
	struct tree_file **files; /* those that the plan names first, sorted by path */
	size_t count, named;
	struct tree_directory **directories; /* sorted by path */
	size_t directories_count;
	struct tree_directory **by_watch; /* sorted by it */
	struct tree_file **grave;
	size_t grave_count;
	bool is_cut; /* there is more than PLAN_FILES_MAX */
};

/* TREE is all zeroes; it keeps nothing of PLAN. */
void tree_init(struct tree *tree, const struct plan *plan);
void tree_fini(struct tree *tree);

/* Appends "/etc/passwd". */
void tree_path(const struct tree_file *file, struct buffer *out);

/* What a merge comes upon; FILE is gone when the call returns, or has just come. */
struct tree_changes {
	void (*on_gone)(void *data, struct tree_file *file);
	void (*on_new)(void *data, struct tree_file *file);
	void *data;
};

/* What is below FROM is what EXPANSION says, of which it takes parts. */
void tree_merge(struct tree *tree, const char *from, struct expansion *expansion,
    const struct tree_changes *changes);

/* The file NAME of DIRECTORY, added if need be; NULL: there are too many. */
struct tree_file *tree_add(struct tree *tree, struct tree_directory *directory, const char *name,
    const struct globs_meaning *meaning);
/* One that a glob means.  It can be used until tree_clean. */
void tree_remove(struct tree *tree, struct tree_file *file);
void tree_clean(struct tree *tree);

/* Whether PATH is watched for security, whatever is there. */
bool tree_is_watched(const struct tree *tree, const char *path);

/* The first of by_watch with this WATCH, which others may follow; directories_count: none. */
size_t tree_first_watched(const struct tree *tree, int watch);

#endif
