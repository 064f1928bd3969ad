/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collector.h - what every collector provides.
 *
 * A collector observes one kind of thing and is asynchronous on the agent's loop: it never blocks
 * for longer than a few milliseconds; slow work goes to a child process or through uv_queue_work.
 * What it may not read or could not find out is a fact that says so, never a silence.
 */
#ifndef CORE_COLLECTOR_H
#define CORE_COLLECTOR_H

#include <uv.h>

#include "core/observer.h"
#include "core/setting.h"
#include "core/status.h"

/* From Plan in proto/command.proto, checked: paths are absolute, clean, and at most 4096 bytes. */
struct plan_file {
	const char *path;
	uint64_t content_limit; /* 0: metadata and hash only */
	bool is_watched;        /* its changes go first, and it says whose it is */
};

/* Whatever is there below DIRECTORY, or comes to be, and fits. */
struct plan_glob {
	const char *directory; /* without wildcards */
	const char *glob;      /* a whole path; at most PLAN_DEPTH_MAX components */
	uint64_t content_limit;
	bool is_watched;
};

enum { PLAN_FILES_MAX = 20000, PLAN_GLOBS_MAX = 2000, PLAN_EXCLUDE_MAX = 200, PLAN_DEPTH_MAX = 60 };

struct plan {
	uint8_t hash[HASH_SIZE];
	const struct plan_file *files; /* sorted by path, no duplicates */
	size_t files_count;
	const struct plan_glob *globs; /* sorted by glob, no duplicates */
	size_t globs_count;
	const char *const *exclude; /* of what globs mean; path_glob_match_last */
	size_t exclude_count;
};

enum { COLLECTOR_SECRET_SIZE = 32 };

struct collector_context {
	uv_loop_t *loop;
	struct observer *observer;
	const char *root; /* "" or, in tests, a directory that stands for "/" */
	/*
	 * COLLECTOR_SECRET_SIZE random bytes, this agent's own and never sent.  What could be
	 * guessed from a plain digest, such as a file that was redacted, is hashed with it.
	 */
	const uint8_t *secret;
};

struct collector {
	const char *name;
	const char *summary;            /* one line, for `fettle collectors` */
	const struct setting *settings; /* ends with SETTING_END; NULL: none */
	size_t settings_size;
	/*
	 * The prefixes that its passes go over, "user/", ends with NULL.  Where it cannot look, the
	 * fact that has the prefix without its slash as key says so: absent, unreadable or failed.
	 */
	const char *const *scopes;

	/*
	 * Begins to observe, first pass included; *self is handed to the others.  CONTEXT and
	 * SETTINGS live longer than the collector.
	 */
	enum status (
	    *start)(const struct collector_context *context, const void *settings, void **self);
	/* A new plan is in force; NULL where none is.  Borrowed for the call.  May be NULL. */
	void (*on_plan)(void *self, const struct plan *plan);
	/* Look at everything again, soon.  Called also after the spool had no room. */
	void (*refresh)(void *self);
	/*
	 * Closes its handles; ON_STOPPED(DATA) is called once none of them is left, and SELF is
	 * gone then.
	 */
	void (*stop)(void *self, void (*on_stopped)(void *data), void *data);
};

#endif
