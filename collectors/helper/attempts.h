/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts.h - the helper's own journal: a file an attempt, and the output of the one that runs.
 *
 * A file is written whole under another name, synced, renamed, and its directory synced: after a
 * crash it is there as it was or as it is, and never between.  What is not known here was never
 * begun; what is known is never begun again, whoever asks.
 */
#ifndef COLLECTORS_HELPER_ATTEMPTS_H
#define COLLECTORS_HELPER_ATTEMPTS_H

#include "core/record.h"
#include "proto/helper.pb-c.h"

/* Bytes of output, its last; and attempts. */
enum { ATTEMPTS_OUTPUT_MAX = 64 * 1024, ATTEMPTS_KEPT = 256 };

/*
 * The attempt in DIRECTORY, in ARENA.  NOT_FOUND: it is not known.  CORRUPT: it is, and no more.
 * IO: it cannot be said.
 */
NODISCARD enum status attempts_read(int directory, struct bytes job, uint64_t attempt,
    struct arena *arena, Fettle__HelperAttempt **out);
/* Durable when it returns OK; DENIED, NO_SPACE, IO have been logged. */
NODISCARD enum status attempts_write(int directory, const Fettle__HelperAttempt *attempt);
/* Calls VISIT for each attempt that can be read. */
void attempts_visit(int directory, void (*visit)(void *data, const Fettle__HelperAttempt *attempt),
    void *data);
/* Removes the oldest, so that ATTEMPTS_KEPT are left at most. */
void attempts_prune(int directory);

/* A file for the output, opened to append: an empty one, or the one there is; -1, logged. */
int attempts_new_output(int directory, struct bytes job, uint64_t attempt);
int attempts_open_output(int directory, struct bytes job, uint64_t attempt);
/* Gives back the room of all but the last part of it. */
void attempts_trim_output(int fd);
/* Appends the last ATTEMPTS_OUTPUT_MAX bytes of it. */
void attempts_read_output(int directory, struct bytes job, uint64_t attempt, struct buffer *out);
void attempts_remove_output(int directory, struct bytes job, uint64_t attempt);

#endif
