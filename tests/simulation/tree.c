/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/tree.h"

#include <stdlib.h>

struct tree {
	uint64_t holders, priority, bytes;
	size_t count;
	struct tree *left, *right;
	size_t key_size, value_size;
	uint8_t data[];
};

static struct bytes key_of(const struct tree *tree)
{
	return BYTES(tree->data, tree->key_size);
}

static struct tree_entry entry_of(const struct tree *tree)
{
	return (struct tree_entry){ key_of(tree),
		BYTES(tree->data + tree->key_size, tree->value_size) };
}

struct tree *tree_hold(struct tree *tree)
{
	if (tree != NULL)
		tree->holders++;
	return tree;
}

void tree_drop(struct tree *tree)
{
	if (tree == NULL || --tree->holders > 0)
		return;
	tree_drop(tree->left);
	tree_drop(tree->right);
	free(tree);
}

size_t tree_count(const struct tree *tree)
{
	return tree == NULL ? 0 : tree->count;
}

uint64_t tree_bytes(const struct tree *tree)
{
	return tree == NULL ? 0 : tree->bytes;
}

/* ---- looking ---- */

bool tree_get(const struct tree *tree, struct bytes key, struct tree_entry *out)
{
	return tree_at_least(tree, key, out) && bytes_equal(out->key, key);
}

/* The first that is greater, or also equal where WITH_EQUAL. */
static bool find_up(const struct tree *tree, struct bytes key, bool with_equal,
    struct tree_entry *out)
{
	const struct tree *found = NULL;

	while (tree != NULL) {
		int order = bytes_compare(key_of(tree), key);

		if (order > 0 || (order == 0 && with_equal)) {
			found = tree;
			tree = tree->left;
		} else {
			tree = tree->right;
		}
	}
	if (found != NULL)
		*out = entry_of(found);
	return found != NULL;
}

static bool find_down(const struct tree *tree, struct bytes key, bool with_equal,
    struct tree_entry *out)
{
	const struct tree *found = NULL;

	while (tree != NULL) {
		int order = bytes_compare(key_of(tree), key);

		if (order < 0 || (order == 0 && with_equal)) {
			found = tree;
			tree = tree->right;
		} else {
			tree = tree->left;
		}
	}
	if (found != NULL)
		*out = entry_of(found);
	return found != NULL;
}

bool tree_at_least(const struct tree *tree, struct bytes key, struct tree_entry *out)
{
	return find_up(tree, key, true, out);
}

bool tree_after(const struct tree *tree, struct bytes key, struct tree_entry *out)
{
	return find_up(tree, key, false, out);
}

bool tree_at_most(const struct tree *tree, struct bytes key, struct tree_entry *out)
{
	return find_down(tree, key, true, out);
}

bool tree_before(const struct tree *tree, struct bytes key, struct tree_entry *out)
{
	return find_down(tree, key, false, out);
}

bool tree_last(const struct tree *tree, struct tree_entry *out)
{
	if (tree == NULL)
		return false;
	while (tree->right != NULL)
		tree = tree->right;
	*out = entry_of(tree);
	return true;
}

/* ---- changing ---- */

static struct tree *node_new(struct bytes key, struct bytes value)
{
	struct tree *node = memory_new(sizeof(*node) + key.size + value.size);
	uint64_t hash = 14695981039346656037ULL;

	node->holders = 1;
	node->key_size = key.size;
	node->value_size = value.size;
	if (key.size > 0)
		memcpy(node->data, key.data, key.size);
	if (value.size > 0)
		memcpy(node->data + key.size, value.data, value.size);
	for (size_t i = 0; i < key.size; i++)
		hash = (hash ^ key.data[i]) * 1099511628211ULL;
	hash ^= hash >> 29;
	node->priority = hash * 0xbf58476d1ce4e5b9ULL;
	node->count = 1;
	node->bytes = key.size + value.size;
	return node;
}

static void sum_up(struct tree *node)
{
	node->count = 1 + tree_count(node->left) + tree_count(node->right);
	node->bytes = node->key_size + node->value_size + tree_bytes(node->left)
	            + tree_bytes(node->right);
}

/* Takes NODE; what comes back is held by nobody else. */
static struct tree *own(struct tree *node)
{
	struct tree *copy;

	if (node->holders == 1)
		return node;
	copy = node_new(key_of(node), entry_of(node).value);
	copy->left = tree_hold(node->left);
	copy->right = tree_hold(node->right);
	sum_up(copy);
	tree_drop(node);
	return copy;
}

/* Takes TREE; what has KEY itself goes. */
static void split(struct tree *tree, struct bytes key, struct tree **left, struct tree **right)
{
	int order;

	*left = *right = NULL;
	if (tree == NULL)
		return;
	tree = own(tree);
	order = bytes_compare(key_of(tree), key);
	if (order == 0) {
		*left = tree_hold(tree->left);
		*right = tree_hold(tree->right);
		tree_drop(tree);
		return;
	}
	if (order < 0) {
		split(tree->right, key, &tree->right, right);
		*left = tree;
	} else {
		split(tree->left, key, left, &tree->left);
		*right = tree;
	}
	sum_up(tree);
}

static struct tree *merge(struct tree *left, struct tree *right)
{
	if (left == NULL || right == NULL)
		return left == NULL ? right : left;
	if (left->priority >= right->priority) {
		left = own(left);
		left->right = merge(left->right, right);
		sum_up(left);
		return left;
	}
	right = own(right);
	right->left = merge(left, right->left);
	sum_up(right);
	return right;
}

void tree_put(struct tree **tree, struct bytes key, struct bytes value)
{
	struct tree *node = node_new(key, value), *left, *right;

	split(*tree, key_of(node), &left, &right);
	*tree = merge(merge(left, node), right);
}

void tree_delete(struct tree **tree, struct bytes key)
{
	uint8_t copy[1024];
	struct tree *left, *right;
	struct tree_entry entry;

	if (!tree_get(*tree, key, &entry) || key.size > sizeof(copy))
		return;
	memcpy(copy, key.data, key.size); /* it may be of the node that goes */
	split(*tree, BYTES(copy, key.size), &left, &right);
	*tree = merge(left, right);
}
