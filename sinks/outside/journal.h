/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - what one target remembers, in DATA/sinks/NAME: how far it is, what it could not
 * deliver for good, which verdicts it was never given, and why it cannot deliver now.
 *
 * Changes gather in memory; journal_commit makes them durable all at once.  Whoever stops in
 * between delivers some events a second time, and loses none.
 */
#ifndef SINKS_OUTSIDE_JOURNAL_H
#define SINKS_OUTSIDE_JOURNAL_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/status.h"
#include "proto/state.pb-c.h"

enum { JOURNAL_BEYOND_MAX = 32 * 1024, JOURNAL_DEAD_MAX = 10 * 1000 };

struct journal;

/* DATA/sinks/NAME, made where it is missing.  KIND and TARGET are for people.  As kv_open. */
NODISCARD enum status journal_open(const char *data, const char *name, const char *kind,
    const char *target, struct journal **out);
void journal_close(struct journal *journal); /* NULL is fine; what is not committed is forgotten */

/* As it stands, changes included; borrowed until the next one.  A new one has position 0. */
const Fettle__SinkState *journal_state(const struct journal *journal);

/* ---- changes ---- */

void journal_advance(struct journal *journal, uint64_t position, const uint64_t *beyond,
    size_t count);
void journal_count(struct journal *journal, uint64_t delivered, uint64_t retried, uint64_t now_ms);
/* It cannot deliver since NOW_MS (or earlier, if it could not already), and why; NULL: it can. */
void journal_error(struct journal *journal, const char *error, uint64_t now_ms);
/* The verdicts FIRST to LAST were not given to the target. */
void journal_skip(struct journal *journal, uint64_t first, uint64_t last, uint64_t now_ms);
void journal_told(struct journal *journal, uint64_t first); /* of the gap that begins there */
/* Beyond JOURNAL_DEAD_MAX the oldest is dropped, and counted. */
void journal_bury(struct journal *journal, const Fettle__SinkDeadLetter *letter);

bool journal_is_changed(const struct journal *journal);
/* OK also where nothing has changed.  NO_SPACE, FULL, IO: the journal cannot be used any more. */
NODISCARD enum status journal_commit(struct journal *journal);

/* ---- reading, from any process ---- */

/* In ARENA.  NOT_FOUND: this target never ran.  Or as kv_open for a reader. */
NODISCARD enum status journal_peek(const char *data, const char *name, struct arena *arena,
    const Fettle__SinkState **out);
/* The oldest first, while VISIT returns OK; what it returned, or as kv_open. */
NODISCARD enum status journal_visit_dead(const char *data, const char *name,
    enum status (*visit)(void *visitor, const Fettle__SinkDeadLetter *letter), void *visitor);
NODISCARD enum status journal_visit_gaps(const char *data, const char *name,
    enum status (*visit)(void *visitor, const Fettle__SinkGap *gap), void *visitor);

#endif
