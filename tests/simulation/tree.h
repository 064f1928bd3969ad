/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - an ordered map whose states are values: a copy costs one count and stays as it is.
 *
 * It is a treap of counted nodes.  A change copies the nodes that somebody else holds too, and
 * changes the others in place.  A node's priority is a hash of its key, so that the same entries
 * always make the same tree.
 */
#ifndef TESTS_SIMULATION_TREE_H
#define TESTS_SIMULATION_TREE_H

#include "core/bytes.h"

/* NULL is the empty map. */
struct tree;

struct tree *tree_hold(struct tree *tree); /* one more holder; returns it */
void tree_drop(struct tree *tree);

size_t tree_count(const struct tree *tree);
/* Bytes of all keys and values. */
uint64_t tree_bytes(const struct tree *tree);

struct tree_entry {
	struct bytes key, value;
};
/* Of KEY, the first at or after it, or after it, the last at or before it, or before it. */
bool tree_get(const struct tree *tree, struct bytes key, struct tree_entry *out);
bool tree_at_least(const struct tree *tree, struct bytes key, struct tree_entry *out);
bool tree_after(const struct tree *tree, struct bytes key, struct tree_entry *out);
bool tree_at_most(const struct tree *tree, struct bytes key, struct tree_entry *out);
bool tree_before(const struct tree *tree, struct bytes key, struct tree_entry *out);
bool tree_last(const struct tree *tree, struct tree_entry *out);

/* KEY and VALUE may be borrowed from *TREE. */
void tree_put(struct tree **tree, struct bytes key, struct bytes value);
void tree_delete(struct tree **tree, struct bytes key);

#endif
