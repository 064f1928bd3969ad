/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper_process.h - has a helper run for this agent: starts one, and starts it again.
 *
 * A helper outlives an agent that was killed, and is found again by its socket: one is started only
 * where none answers.  What it logs comes out here.
 */
#ifndef COLLECTORS_JOBS_HELPER_PROCESS_H
#define COLLECTORS_JOBS_HELPER_PROCESS_H

#include <uv.h>

struct helper_process;

/* PROGRAM is a path; it and DATA_DIRECTORY live longer. */
struct helper_process *helper_process_new(uv_loop_t *loop, const char *program,
    const char *data_directory);
/*
 * Asks the helper to end, whoever started it; it ends once nothing is being applied.  What is left
 * on the loop closes itself, in half a second at most, and is freed then.  NULL is fine.
 */
void helper_process_stop(struct helper_process *process);

#endif
