/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h - the policies in force, compiled: a cache over the state's table `policy`.
 *
 * It answers which checks read a fact, and what an agent has to observe.
 */
#ifndef PROCESSORS_ASSESS_LIBRARY_H
#define PROCESSORS_ASSESS_LIBRARY_H

#include "core/txn.h"
#include "processors/assess/policy.h"
#include "proto/command.pb-c.h"

struct library;

struct library *library_new(void);
void library_free(struct library *library);
/* The table has changed: everything is compiled again when next asked for. */
void library_invalidate(struct library *library);

/* Compiles what is not.  CORRUPT, IO; a policy that no longer parses is left out, and logged. */
NODISCARD enum status library_load(struct library *library, struct txn *txn);

/* After library_load. */
size_t library_count(const struct library *library);
const struct policy *library_at(const struct library *library, size_t index);
const struct policy *library_find(const struct library *library, const char *id);

/* One check that reads a fact; the whole policy where its requirements do. */
struct library_reader {
	const struct policy *policy;
	size_t check; /* LIBRARY_ALL_CHECKS: every one */
};
enum { LIBRARY_ALL_CHECKS = -1 };
/* Those that read the fact under KEY, ordered by policy; NULL and 0 if none. */
const struct library_reader *library_readers(const struct library *library, struct bytes key,
    size_t *count);

/* What agents are to observe; its hash is of everything in it. */
const Fettle__Plan *library_plan(const struct library *library);

#endif
