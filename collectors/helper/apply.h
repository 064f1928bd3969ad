/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h - the package manager as a process: begun behind a gate, waited for, ended at a deadline.
 *
 * It is a session of its own with its output in a file, so that it goes on when the helper dies,
 * and is found again by its pid and start time.  Never a shell: a fixed absolute program, arguments
 * of which only NAME=VERSION vary, a fixed environment.
 */
#ifndef COLLECTORS_HELPER_APPLY_H
#define COLLECTORS_HELPER_APPLY_H

#include <sys/types.h>

#include "core/bytes.h"
#include "core/status.h"
#include "proto/job.pb-c.h"

/* Until it is told to end, and from then until it is killed. */
enum { APPLY_TIMEOUT_MS = 60 * 60 * 1000, APPLY_GRACE_MS = 60 * 1000 };

struct apply {
	pid_t pid;
	uint64_t started;     /* as /proc/PID/stat says it */
	int process;          /* becomes readable with its end; -1: none */
	int gate;             /* a byte into it lets it begin; -1: it has begun */
	bool is_child;        /* else its exit code is another's to know */
	uint64_t deadline_ms; /* by the monotonic clock */
	bool is_told_to_end;
};

/* The argument vector for ACTION, which has passed job_action_check; ends with NULL, in ARENA. */
const char *const *apply_arguments(const Fettle__JobAction *action, struct arena *arena);

/*
 * A process that runs nothing until apply_open_gate.  Where this process dies before, it ends
 * without having done anything.  OUTPUT is what it writes to.  IO: logged.
 */
NODISCARD enum status apply_prepare(const Fettle__JobAction *action, int output, struct apply *out);
void apply_open_gate(struct apply *apply);
/* One that was prepared is not to begin: it ends at once, and is gone on return. */
void apply_drop(struct apply *apply);

/* Finds one again that an earlier helper began; NOT_FOUND: it has ended. */
NODISCARD enum status apply_find(pid_t pid, uint64_t started, struct apply *out);
/* Tells it to end once its deadline has passed, and kills it later; from time to time. */
void apply_check_deadline(struct apply *apply, uint64_t now_ms);
/*
 * After its end: true, and the exit code, negative for a signal; false where nobody can know it.
 * Nothing of it is left.
 */
bool apply_end(struct apply *apply, int *exit_code);

#endif
