/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The overlay is one red-black tree a table, of entries that live in the transaction's arena.  An
 * entry, once in its tree, leaves it only by a roll-back; a deleted key stays as a tombstone. Every
 * change puts what it replaced onto the undo log; a savepoint is a length of that log.
 *
 * The store below does not change before the commit, so what was borrowed from it stays valid.
 */
#include "core/txn.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>

#include "core/require.h"

enum entry_state { ENTRY_ABSENT, ENTRY_VALUE, ENTRY_DELETED };

/* What the overlay says of a key. */
struct version {
	enum entry_state state;
	struct bytes value;
};

struct entry {
	RB_ENTRY(entry) node;
	struct version now;
	unsigned table;
	struct bytes key; /* behind the entry */
};

struct undo {
	struct entry *entry;
	struct version before;
};

RB_HEAD(tree, entry);

struct txn {
	struct kv_txn *store;
	struct tree trees[KV_TABLES_MAX];
	struct arena arena;
	struct undo *undos;
	size_t undo_count, undo_room;
	size_t size;
	size_t removals; /* entries that left a tree: a scan must not follow them */
	unsigned scans;
};

struct txn_scan {
	struct txn *txn;
	unsigned table;
	struct bytes prefix, start;
	struct kv_cursor *cursor;

	/* The store's next entry, where it has been read and not been passed. */
	bool has_store, is_store_over;
	struct bytes store_key, store_value;

	bool has_last;
	struct bytes last; /* the last key that was passed: nothing up to it is returned again */
	struct entry *overlay; /* an entry up to LAST, to go on from; NULL: look for it */
	size_t removals;       /* as OVERLAY was taken */
};

static int compare_entries(const struct entry *a, const struct entry *b)
{
	return bytes_compare(a->key, b->key);
}

/* RB_GENERATE_STATIC wants a macro that only libbsd's replacements of system headers define. */
RB_GENERATE_INTERNAL(tree, entry, node, compare_entries, __attribute__((unused)) static)

/* ---- beginning and ending ---- */

enum status txn_begin(struct kv *kv, struct txn **out)
{
	struct txn *txn = memory_new(sizeof(*txn));
	enum status status = kv_write_begin(kv, &txn->store);

	*out = NULL;
	if (status != STATUS_OK) {
		free(txn);
		return status;
	}
	*out = txn; /* zeroed: every tree is empty */
	return STATUS_OK;
}

static void free_overlay(struct txn *txn)
{
	REQUIRE(txn->scans == 0);
	arena_fini(&txn->arena);
	free(txn->undos);
	free(txn);
}

/* One pass in the order of the keys: the cursor finds most of them in the page where it is. */
static enum status write_tree(struct txn *txn, unsigned table)
{
	struct tree *tree = &txn->trees[table];
	struct kv_cursor *cursor;
	struct entry *entry;
	enum status status;

	if (RB_EMPTY(tree))
		return STATUS_OK;
	status = kv_cursor_open(txn->store, table, &cursor);
	if (status != STATUS_OK)
		return status;
	for (entry = RB_MIN(tree, tree); status == STATUS_OK && entry != NULL;
	     entry = RB_NEXT(tree, tree, entry))
		status = entry->now.state == ENTRY_DELETED
		           ? kv_cursor_delete(cursor, entry->key)
		           : kv_cursor_put(cursor, entry->key, entry->now.value);
	kv_cursor_close(cursor);
	return status;
}

enum status txn_commit(struct txn **taken)
{
	struct txn *txn = *taken;
	enum status status = STATUS_OK;

	*taken = NULL;
	for (unsigned table = 0; status == STATUS_OK && table < KV_TABLES_MAX; table++)
		status = write_tree(txn, table);
	if (status == STATUS_OK)
		status = kv_commit(&txn->store);
	kv_abort(&txn->store);
	free_overlay(txn);
	return status;
}

void txn_abort(struct txn **taken)
{
	struct txn *txn = *taken;

	*taken = NULL;
	if (txn == NULL)
		return;
	kv_abort(&txn->store);
	free_overlay(txn);
}

size_t txn_size(const struct txn *txn)
{
	return txn->size;
}

/* ---- keys ---- */

static struct tree *tree_of(struct txn *txn, unsigned table)
{
	REQUIRE(table < KV_TABLES_MAX);
	return &txn->trees[table];
}

static struct entry *find(struct txn *txn, unsigned table, struct bytes key)
{
	struct entry sought = { .key = key };

	return RB_FIND(tree, tree_of(txn, table), &sought);
}

enum status txn_get(struct txn *txn, unsigned table, struct bytes key, struct bytes *value)
{
	const struct entry *entry = find(txn, table, key);

	if (entry == NULL)
		return kv_get(txn->store, table, key, value);
	*value = entry->now.value;
	return entry->now.state == ENTRY_VALUE ? STATUS_OK : STATUS_NOT_FOUND;
}

static struct entry *add(struct txn *txn, unsigned table, struct bytes key)
{
	struct entry *entry = arena_take(&txn->arena, sizeof(*entry) + key.size);
	uint8_t *copy = (uint8_t *)(entry + 1);

	REQUIRE(key.size > 0 && key.size <= KV_KEY_MAX);
	memcpy(copy, key.data, key.size);
	entry->key = BYTES(copy, key.size);
	entry->table = table;
	RB_INSERT(tree, tree_of(txn, table), entry);
	txn->size++;
	return entry;
}

static void remember(struct txn *txn, struct entry *entry)
{
	if (txn->undo_count == txn->undo_room) {
		txn->undo_room = txn->undo_room == 0 ? 64 : txn->undo_room * 2;
		txn->undos = memory_grow(txn->undos, txn->undo_room * sizeof(*txn->undos));
	}
	txn->undos[txn->undo_count++] = (struct undo){ .entry = entry, .before = entry->now };
}

static void set(struct txn *txn, unsigned table, struct bytes key, struct version version)
{
	struct entry *entry = find(txn, table, key);

	if (entry == NULL)
		entry = add(txn, table, key);
	remember(txn, entry);
	entry->now = version;
}

void txn_put(struct txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	struct version version = { ENTRY_VALUE, arena_bytes(&txn->arena, value) };

	set(txn, table, key, version);
}

void txn_delete(struct txn *txn, unsigned table, struct bytes key)
{
	set(txn, table, key, (struct version){ .state = ENTRY_DELETED });
}

/* ---- savepoints ---- */

txn_savepoint txn_save(const struct txn *txn)
{
	return txn->undo_count;
}

void txn_roll_back(struct txn *txn, txn_savepoint savepoint)
{
	REQUIRE(savepoint <= txn->undo_count);
	while (txn->undo_count > savepoint) {
		const struct undo *undo = &txn->undos[--txn->undo_count];

		undo->entry->now = undo->before;
		if (undo->before.state != ENTRY_ABSENT)
			continue;
		RB_REMOVE(tree, tree_of(txn, undo->entry->table), undo->entry);
		txn->size--;
		txn->removals++;
	}
}

/* ---- scans ---- */

enum status txn_scan_open(struct txn *txn, unsigned table, struct bytes prefix, struct bytes from,
    struct txn_scan **out)
{
	struct txn_scan *scan = memory_new(sizeof(*scan) + prefix.size + from.size);
	uint8_t *copy = (uint8_t *)(scan + 1);
	enum status status = kv_cursor_open(txn->store, table, &scan->cursor);

	*out = NULL;
	if (status != STATUS_OK) {
		free(scan);
		return status;
	}
	if (prefix.size > 0)
		memcpy(copy, prefix.data, prefix.size);
	if (from.size > 0)
		memcpy(copy + prefix.size, from.data, from.size);
	scan->prefix = BYTES(copy, prefix.size);
	scan->start = bytes_compare(from, prefix) > 0 ? BYTES(copy + prefix.size, from.size)
	                                              : scan->prefix;
	scan->txn = txn;
	scan->table = table;
	txn->scans++;
	*out = scan;
	return STATUS_OK;
}

void txn_scan_close(struct txn_scan *scan)
{
	if (scan == NULL)
		return;
	kv_cursor_close(scan->cursor);
	scan->txn->scans--;
	free(scan);
}

/* Has the store's next entry ready, or knows that there is none. */
static enum status peek_store(struct txn_scan *scan)
{
	struct bytes *key = &scan->store_key, *value = &scan->store_value;
	enum status status;

	if (scan->has_store || scan->is_store_over)
		return STATUS_OK;
	status = scan->store_key.data == NULL
	           ? kv_cursor_seek(scan->cursor, scan->start, key, value)
	           : kv_cursor_next(scan->cursor, key, value);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	scan->has_store = status == STATUS_OK && bytes_start_with(*key, scan->prefix);
	scan->is_store_over = !scan->has_store;
	return STATUS_OK;
}

/* The overlay's first entry past LAST, tombstones included; NULL at the end. */
static struct entry *peek_overlay(struct txn_scan *scan)
{
	struct tree *tree = tree_of(scan->txn, scan->table);
	struct entry sought = { .key = scan->has_last ? scan->last : scan->start };
	struct entry *entry;

	if (scan->overlay != NULL && scan->removals == scan->txn->removals)
		entry = RB_NEXT(tree, tree, scan->overlay);
	else
		entry = RB_NFIND(tree, tree, &sought);
	/* What was written behind the scan is passed once, not at every step. */
	while (scan->has_last && entry != NULL && bytes_compare(entry->key, scan->last) <= 0) {
		scan->overlay = entry;
		scan->removals = scan->txn->removals;
		entry = RB_NEXT(tree, tree, entry);
	}
	return entry != NULL && bytes_start_with(entry->key, scan->prefix) ? entry : NULL;
}

static void pass_overlay(struct txn_scan *scan, struct entry *entry)
{
	scan->overlay = entry;
	scan->removals = scan->txn->removals;
	scan->last = entry->key;
	scan->has_last = true;
}

static void pass_store(struct txn_scan *scan)
{
	scan->has_store = false;
	scan->last = scan->store_key;
	scan->has_last = true;
}

/* Passes the lower of both, the overlay's where they are the same key; true: it is no tombstone. */
static bool pass_next(struct txn_scan *scan, struct entry *entry, struct bytes *key,
    struct bytes *value)
{
	int order = entry == NULL   ? -1
	          : scan->has_store ? bytes_compare(scan->store_key, entry->key)
	                            : 1;

	if (order < 0) {
		*key = scan->store_key;
		*value = scan->store_value;
		pass_store(scan);
		return true;
	}
	if (order == 0)
		pass_store(scan);
	pass_overlay(scan, entry);
	*key = entry->key;
	*value = entry->now.value;
	return entry->now.state == ENTRY_VALUE;
}

enum status txn_scan_next(struct txn_scan *scan, struct bytes *key, struct bytes *value)
{
	for (;;) {
		enum status status = peek_store(scan);
		struct entry *entry = peek_overlay(scan);

		*key = *value = BYTES_NONE;
		if (status != STATUS_OK)
			return status;
		if (entry == NULL && !scan->has_store)
			return STATUS_NOT_FOUND;
		if (pass_next(scan, entry, key, value))
			return STATUS_OK;
	}
}
