/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand.h - what is there now that globs mean: which files, and which directories to watch.
 *
 * Runs on the loop's pool.  A directory is watched before it is read, so that what comes into it is
 * either found or told of.  A directory that is reached through a link has the name by which it was
 * reached; what the globs mean by its real name is left to that one, so that nothing is found twice
 * where /lib is a link to /usr/lib.
 */
#ifndef COLLECTORS_FILES_EXPAND_H
#define COLLECTORS_FILES_EXPAND_H

#include "collectors/files/globs.h"
#include "collectors/watch.h"

enum { EXPAND_DIRECTORIES_MAX = 20000, EXPAND_WATCHES_MAX = 8192 };

struct expand_request {
	const char *root; /* "" or what stands for "/" */
	const struct globs *globs;
	const struct setting_list *roots; /* no other directory is read; NULL: any is */
	struct watch *watch;              /* or NULL */
	const char *from;                 /* the directory to begin at, "/etc/cron.d"; "" is "/" */
	size_t files_max;
};

struct expand_file {
	char *name;
	struct globs_meaning meaning;
};

struct expand_directory {
	char *path;                  /* "" is "/" */
	struct globs_spot spot;      /* what may come into it */
	struct globs_spot real_spot; /* where a link was passed: what its real name means */
	int watch;                   /* -1: it is not watched */
	bool is_barred;              /* it is there and could not be read */
	struct expand_file *files;
	size_t count;
};

/* All zeroes is an empty one. */
struct expansion {
	struct expand_directory *directories; /* sorted by path */
	size_t count, files;
	bool lacks_watches;  /* there are more than may be watched */
	bool is_cut;         /* there is more than FILES_MAX or EXPAND_DIRECTORIES_MAX */
	char *barred_reason; /* of the first that could not be read; or NULL */
};

void expand(const struct expand_request *request, struct expansion *out);
void expansion_fini(struct expansion *expansion);

#endif
