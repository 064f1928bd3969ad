/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.h - a few facts that travel together under one hash, so that facts which many machines
 * have alike are sent by one of them.
 *
 * A bundle's bytes hold nothing but its facts: the same facts are the same bytes, on whatever
 * machine.  Where one bundle ends and the next begins is decided by the keys, so that machines
 * which differ in a fact differ in one bundle.  Bundles are small: a hash in a row of hashes costs
 * 33 bytes, and each fact that differs takes its neighbours along.
 */
#ifndef CORE_BUNDLE_H
#define CORE_BUNDLE_H

#include "core/fact.h"

enum {
	BUNDLE_HASH_SIZE = HASH_LONG_SIZE,
	BUNDLE_CUT_MIN = 3,    /* facts, where the keys say that it may end */
	BUNDLE_CUT_MAX = 8,    /* facts */
	BUNDLE_ALONE = 512,    /* bytes: a fact as large has a bundle of its own */
	BUNDLE_FACTS_MAX = 64, /* taken from others */
};

/* A fact, its value encoded. */
struct bundle_fact {
	struct bytes key;
	enum fact_status status;
	struct bytes value;
	const char *reason; /* or NULL */
};

/* How many of the first of FACTS, which are in the order of their keys, make one bundle. */
size_t bundle_cut(const struct bundle_fact *facts, size_t count);

/* Appends the bundle of FACTS, in the order of their keys. */
void bundle_encode(struct buffer *out, const struct bundle_fact *facts, size_t count);
void bundle_hash(struct bytes bundle, uint8_t out[BUNDLE_HASH_SIZE]);

/*
 * The facts, in ARENA.  REJECT and *reason: it is none, has no facts or too many, their keys are
 * not in order, or one of them is not well-formed.
 */
NODISCARD enum status bundle_decode(struct bytes bundle, struct arena *arena,
    struct bundle_fact **facts, size_t *count, const char **reason);

#endif
