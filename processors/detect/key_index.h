/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_index.h - which of thousands of rules could hold for a change of one key.
 *
 * Most rules can hold only where the key begins with one of a few texts.  These are found when a
 * rule is added; a rule for which none can be found is asked about every change.
 */
#ifndef PROCESSORS_DETECT_KEY_INDEX_H
#define PROCESSORS_DETECT_KEY_INDEX_H

#include "processors/detect/detection.h"

struct key_index;

/* RULES must outlive it. */
struct key_index *key_index_new(const struct detection *const *rules, size_t count);
void key_index_free(struct key_index *index); /* NULL is fine */

/* The numbers of the rules that may hold for KEY, once each and in order, in ARENA. */
size_t *key_index_find(const struct key_index *index, struct bytes key, struct arena *arena,
    size_t *count);

/*
 * What a key must begin with for RULE to hold, without case: one of OUT, in ARENA.  False: it may
 * hold for any key.
 */
bool key_index_prefixes(const struct detection *rule, struct arena *arena, struct bytes **out,
    size_t *count);

#endif
