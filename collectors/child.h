/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - runs a fixed argument vector and says how it ended.
 *
 * Never a shell.  The child has a fixed environment (LC_ALL=C and the system's PATH), nothing on
 * standard input, "/" as its directory and a session of its own, so that what it started ends with
 * it.  Time and output are bounded.
 */
#ifndef COLLECTORS_CHILD_H
#define COLLECTORS_CHILD_H

#include <uv.h>

#include "core/bytes.h"

struct child;

struct child_request {
	const char *const *arguments; /* the program first, looked up in PATH; ends with NULL */
	size_t output_limit;
	uint64_t timeout_ms;
};

enum child_end {
	CHILD_EXITED,      /* with CODE */
	CHILD_SIGNALLED,   /* by signal CODE */
	CHILD_NOT_FOUND,   /* there is no such program */
	CHILD_NOT_STARTED, /* CODE is libuv's error */
	CHILD_TIMED_OUT,
	CHILD_TOO_MUCH, /* it wrote more than OUTPUT_LIMIT */
	CHILD_STOPPED,  /* by child_stop */
};

struct child_result {
	enum child_end end;
	int code;
	struct bytes output;
	struct bytes errors; /* standard error, its first 4 KiB */
};

/*
 * ON_END is called exactly once, from the loop and never from here, when nothing of the child is
 * left; RESULT is borrowed for the call.
 */
struct child *child_run(uv_loop_t *loop, const struct child_request *request,
    void (*on_end)(void *data, const struct child_result *result), void *data);
/* Kills it; ON_END is still to come. */
void child_stop(struct child *child);

/* Appends how it ended, for a person: "exited with 2", "was killed by signal 9", ... */
void child_describe(const struct child_result *result, struct buffer *out);

#endif
