/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk - core/kv.h over trees in memory.
 *
 * A read transaction holds the trees as they were at its begin, a commit replaces the disk's own.
 * How full it is follows the rules of the real one: the map doubles once it is 80 % used, and where
 * it cannot, what would fill the last tenth is refused unless it makes room.  After a commit that
 * failed and may count nothing begins until it is opened anew, as LMDB does (MDB_FATAL_ERROR).
 */
#include "tests/simulation/disk.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/require.h"

enum {
	MAP_INITIAL = 16 * 1024 * 1024,
	GROW_AT_PERCENT = 80,
	REFUSE_AT_PERCENT = 90,
	ENTRY_OVERHEAD = 24,
};

struct disk_table {
	char *name;
	struct tree *tree;
};

struct disk {
	struct disk *next;
	char *directory;
	struct disk_table tables[KV_TABLES_MAX];
	unsigned tables_count;
	uint64_t map_bytes, map_limit;
	bool wants_growth, is_written, is_full;
	bool is_in_doubt; /* a commit failed that counts */
	char *followed;
	void *owner;
};

struct kv {
	struct disk *disk;
	unsigned table_of[KV_TABLES_MAX]; /* the handle's number -> the disk's */
	unsigned tables_count;
	bool is_writer;
};

struct kv_txn {
	struct kv *kv;
	bool is_write, is_trim;
	enum status failure;
	unsigned cursors;
	struct tree *trees[KV_TABLES_MAX]; /* by the disk's numbers */
	struct buffer written;             /* keys of the followed table: u16 size, bytes */
};

struct kv_cursor {
	struct kv_txn *txn;
	unsigned table;
	bool has_position;
	size_t key_size;
	uint8_t key[KV_KEY_MAX];
};

struct disk_image {
	unsigned tables_count;
	struct disk_table tables[KV_TABLES_MAX];
	uint64_t map_bytes;
};

static struct disk *disks;
static struct disk_watch watch;

/* ---- disks ---- */

void disk_watch_all(const struct disk_watch *watch_)
{
	watch = *watch_;
}

static struct disk *find(const char *directory)
{
	for (struct disk *disk = disks; disk != NULL; disk = disk->next)
		if (strcmp(disk->directory, directory) == 0)
			return disk;
	return NULL;
}

struct disk *disk_of(const char *directory)
{
	struct disk *disk = find(directory);

	if (disk != NULL)
		return disk;
	disk = memory_new(sizeof(*disk));
	disk->directory = text_copy(directory);
	disk->next = disks;
	disks = disk;
	return disk;
}

const char *disk_directory(const struct disk *disk)
{
	return disk->directory;
}

void disk_set_owner(struct disk *disk, void *owner)
{
	disk->owner = owner;
}

void *disk_owner(const struct disk *disk)
{
	return disk->owner;
}

void disk_follow(struct disk *disk, const char *table)
{
	disk->followed = text_copy(table);
}

void disk_set_full(struct disk *disk, bool is_full)
{
	disk->is_full = is_full;
}

static uint64_t bytes_of_trees(struct tree *const *trees, unsigned count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += tree_bytes(trees[i]) + ENTRY_OVERHEAD * tree_count(trees[i]);
	return sum;
}

uint64_t disk_used(const struct disk *disk)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < disk->tables_count; i++)
		sum += tree_bytes(disk->tables[i].tree)
		     + ENTRY_OVERHEAD * tree_count(disk->tables[i].tree);
	return sum;
}

static void clear_tables(struct disk_table *tables, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		tree_drop(tables[i].tree);
		free(tables[i].name);
	}
}

void disk_forget_all(void)
{
	while (disks != NULL) {
		struct disk *disk = disks;

		disks = disk->next;
		clear_tables(disk->tables, disk->tables_count);
		free(disk->directory);
		free(disk->followed);
		free(disk);
	}
}

/* ---- images ---- */

static void copy_tables(struct disk_table *out, const struct disk_table *in, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		out[i] = (struct disk_table){ text_copy(in[i].name), tree_hold(in[i].tree) };
}

struct disk_image *disk_image_take(const struct disk *disk)
{
	struct disk_image *image = memory_new(sizeof(*image));

	image->tables_count = disk->tables_count;
	image->map_bytes = disk->map_bytes;
	copy_tables(image->tables, disk->tables, disk->tables_count);
	return image;
}

/* Tables keep their numbers: handles stand on them. */
void disk_image_put(struct disk *disk, const struct disk_image *image)
{
	REQUIRE(!disk->is_written);
	clear_tables(disk->tables, disk->tables_count);
	copy_tables(disk->tables, image->tables, image->tables_count);
	disk->tables_count = image->tables_count;
	disk->map_bytes = image->map_bytes;
}

void disk_image_free(struct disk_image *image)
{
	if (image == NULL)
		return;
	clear_tables(image->tables, image->tables_count);
	free(image);
}

/* ---- opening ---- */

static int table_named(const struct disk *disk, const char *name)
{
	for (unsigned i = 0; i < disk->tables_count; i++)
		if (strcmp(disk->tables[i].name, name) == 0)
			return (int)i;
	return -1;
}

static unsigned table_made(struct disk *disk, const char *name)
{
	int found = table_named(disk, name);

	if (found >= 0)
		return (unsigned)found;
	REQUIRE(disk->tables_count < KV_TABLES_MAX);
	disk->tables[disk->tables_count].name = text_copy(name);
	disk->tables[disk->tables_count].tree = NULL;
	return disk->tables_count++;
}

enum status kv_open(const char *directory, const struct kv_options *options, struct kv **out)
{
	struct disk *disk = options->is_writer ? disk_of(directory) : find(directory);
	struct kv *kv;

	if (disk == NULL)
		return STATUS_NOT_FOUND;
	kv = memory_new(sizeof(*kv));
	kv->disk = disk;
	kv->is_writer = options->is_writer;
	for (; options->tables[kv->tables_count] != NULL; kv->tables_count++) {
		const char *name = options->tables[kv->tables_count];

		if (!options->is_writer && table_named(disk, name) < 0) {
			free(kv);
			return STATUS_NOT_FOUND;
		}
		kv->table_of[kv->tables_count] = table_made(disk, name);
	}
	if (options->is_writer) {
		uint64_t initial = options->map_initial == 0 ? MAP_INITIAL : options->map_initial;

		disk->is_in_doubt = false;
		disk->map_limit = options->map_limit == 0 ? 1ULL << 40 : options->map_limit;
		if (disk->map_bytes < initial)
			disk->map_bytes = initial;
	}
	*out = kv;
	return STATUS_OK;
}

enum status kv_open_all(const char *directory, struct kv **out)
{
	const char *names[KV_TABLES_MAX + 1] = { NULL };
	const struct kv_options options = { .tables = names };
	struct disk *disk = find(directory);

	for (unsigned i = 0; disk != NULL && i < disk->tables_count; i++)
		names[i] = disk->tables[i].name;
	return kv_open(directory, &options, out);
}

void kv_close(struct kv *kv)
{
	free(kv);
}

unsigned kv_tables(const struct kv *kv)
{
	return kv->tables_count;
}

const char *kv_table_name(const struct kv *kv, unsigned table)
{
	return kv->disk->tables[kv->table_of[table]].name;
}

void kv_usage(struct kv *kv, uint64_t *map_bytes, uint64_t *used_bytes)
{
	*map_bytes = kv->disk->map_bytes;
	*used_bytes = disk_used(kv->disk);
}

/* ---- transactions ---- */

static enum status grow(struct disk *disk)
{
	if (disk->map_bytes * 2 > disk->map_limit)
		return STATUS_FULL;
	if (disk->is_full)
		return STATUS_NO_SPACE;
	disk->map_bytes *= 2;
	disk->wants_growth = false;
	return STATUS_OK;
}

static bool is_beyond(const struct disk *disk, uint64_t used, unsigned percent)
{
	return used > disk->map_bytes / 100 * percent;
}

static enum status make_room(struct disk *disk, bool is_trim)
{
	uint64_t used = disk_used(disk);
	enum status status = STATUS_OK;

	while (
	    status == STATUS_OK && (disk->wants_growth || is_beyond(disk, used, GROW_AT_PERCENT)))
		status = grow(disk);
	if (disk->is_full && !is_trim)
		return STATUS_NO_SPACE;
	return is_trim || !is_beyond(disk, used, REFUSE_AT_PERCENT) ? STATUS_OK : status;
}

static struct kv_txn *txn_new(struct kv *kv, bool is_write)
{
	struct kv_txn *txn = memory_new(sizeof(*txn));

	txn->kv = kv;
	txn->is_write = is_write;
	for (unsigned i = 0; i < kv->disk->tables_count; i++)
		txn->trees[i] = tree_hold(kv->disk->tables[i].tree);
	return txn;
}

static enum status write_begin(struct kv *kv, bool is_trim, struct kv_txn **out)
{
	enum status status;

	REQUIRE(kv->is_writer);
	REQUIRE(!kv->disk->is_written);
	*out = NULL;
	if (kv->disk->is_in_doubt)
		return STATUS_CORRUPT;
	status = make_room(kv->disk, is_trim);
	if (status != STATUS_OK)
		return status;
	*out = txn_new(kv, true);
	(*out)->is_trim = is_trim;
	kv->disk->is_written = true;
	return STATUS_OK;
}

enum status kv_read_begin(struct kv *kv, struct kv_txn **out)
{
	*out = NULL;
	if (kv->disk->is_in_doubt && kv->is_writer)
		return STATUS_CORRUPT;
	*out = txn_new(kv, false);
	return STATUS_OK;
}

enum status kv_write_begin(struct kv *kv, struct kv_txn **out)
{
	return write_begin(kv, false, out);
}

enum status kv_trim_begin(struct kv *kv, struct kv_txn **out)
{
	return write_begin(kv, true, out);
}

void kv_abort(struct kv_txn **taken)
{
	struct kv_txn *txn = *taken;

	*taken = NULL;
	if (txn == NULL)
		return;
	REQUIRE(txn->cursors == 0);
	for (unsigned i = 0; i < KV_TABLES_MAX; i++)
		tree_drop(txn->trees[i]);
	if (txn->is_write)
		txn->kv->disk->is_written = false;
	buffer_fini(&txn->written);
	free(txn);
}

static void tell_of_written(struct disk *disk, struct bytes keys)
{
	int table = disk->followed == NULL ? -1 : table_named(disk, disk->followed);
	struct tree_entry entry;

	for (size_t at = 0; table >= 0 && at < keys.size;) {
		uint16_t size = bytes_u16(keys.data + at);

		if (tree_get(disk->tables[table].tree, BYTES(keys.data + at + 2, size), &entry))
			watch.on_written(disk, entry.key, entry.value);
		at += 2U + size;
	}
}

static void make_durable(struct kv_txn *txn)
{
	struct disk *disk = txn->kv->disk;

	for (unsigned i = 0; i < disk->tables_count; i++) {
		tree_drop(disk->tables[i].tree);
		disk->tables[i].tree = tree_hold(txn->trees[i]);
	}
}

enum status kv_commit(struct kv_txn **taken)
{
	struct kv_txn *txn = *taken;
	struct disk *disk = txn->kv->disk;
	struct buffer written = txn->written;
	enum status status = txn->failure;
	enum disk_fate fate = DISK_KEEPS;
	bool is_write = txn->is_write;

	REQUIRE(txn->cursors == 0);
	if (status == STATUS_OK && is_write && watch.before_commit != NULL)
		fate = watch.before_commit(disk);
	txn->written = (struct buffer){ 0 };
	if (status == STATUS_OK && is_write && fate != DISK_FAILS)
		make_durable(txn);
	kv_abort(taken);
	if (status == STATUS_OK && is_write && fate != DISK_FAILS) {
		if (watch.on_written != NULL)
			tell_of_written(disk, buffer_bytes(&written));
		if (watch.after_commit != NULL)
			watch.after_commit(disk);
	}
	buffer_fini(&written);
	disk->is_in_doubt = fate == DISK_KEEPS_AND_FAILS;
	if (fate != DISK_KEEPS)
		log_error("kv-commit-failed", "a transaction could not be made durable");
	return fate == DISK_KEEPS ? status : STATUS_IO;
}

/* ---- values ---- */

static struct tree **tree_of(struct kv_txn *txn, unsigned table)
{
	REQUIRE(table < txn->kv->tables_count);
	return &txn->trees[txn->kv->table_of[table]];
}

enum status kv_get(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *out)
{
	struct tree_entry entry;

	*out = BYTES_NONE;
	if (key.size == 0 || key.size > KV_KEY_MAX || !tree_get(*tree_of(txn, table), key, &entry))
		return STATUS_NOT_FOUND;
	*out = entry.value;
	return STATUS_OK;
}

static void note_written(struct kv_txn *txn, unsigned table, struct bytes key)
{
	const struct disk *disk = txn->kv->disk;

	if (disk->followed == NULL
	    || strcmp(disk->tables[txn->kv->table_of[table]].name, disk->followed) != 0)
		return;
	buffer_append_u16(&txn->written, (uint16_t)key.size);
	buffer_append(&txn->written, key);
}

enum status kv_put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	struct disk *disk = txn->kv->disk;

	REQUIRE(txn->is_write);
	REQUIRE(key.size > 0 && key.size <= KV_KEY_MAX);
	if (bytes_of_trees(txn->trees, disk->tables_count) + key.size + value.size
	    > disk->map_bytes) {
		disk->wants_growth = true;
		txn->failure = txn->failure == STATUS_OK ? STATUS_FULL : txn->failure;
		return STATUS_FULL;
	}
	note_written(txn, table, key);
	tree_put(tree_of(txn, table), key, value);
	return STATUS_OK;
}

enum status kv_append(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
	struct tree_entry last;

	if (tree_last(*tree_of(txn, table), &last) && bytes_compare(last.key, key) >= 0)
		return STATUS_EXISTS;
	return kv_put(txn, table, key, value);
}

enum status kv_delete(struct kv_txn *txn, unsigned table, struct bytes key)
{
	REQUIRE(txn->is_write);
	tree_delete(tree_of(txn, table), key);
	return STATUS_OK;
}

enum status kv_count(struct kv_txn *txn, unsigned table, uint64_t *out)
{
	*out = tree_count(*tree_of(txn, table));
	return STATUS_OK;
}

/* ---- cursors: a key, so that a change under them moves nothing ---- */

enum status kv_cursor_open(struct kv_txn *txn, unsigned table, struct kv_cursor **out)
{
	struct kv_cursor *cursor = memory_new(sizeof(*cursor));

	cursor->txn = txn;
	cursor->table = table;
	txn->cursors++;
	*out = cursor;
	return STATUS_OK;
}

void kv_cursor_close(struct kv_cursor *cursor)
{
	if (cursor == NULL)
		return;
	cursor->txn->cursors--;
	free(cursor);
}

static enum status stand_at(struct kv_cursor *cursor, bool is_there, const struct tree_entry *entry,
    struct bytes *key, struct bytes *value)
{
	*key = *value = BYTES_NONE;
	if (!is_there)
		return STATUS_NOT_FOUND;
	cursor->has_position = true;
	cursor->key_size = entry->key.size;
	memcpy(cursor->key, entry->key.data, entry->key.size);
	*key = entry->key;
	*value = entry->value;
	return STATUS_OK;
}

static struct tree *tree_under(const struct kv_cursor *cursor)
{
	return *tree_of(cursor->txn, cursor->table);
}

static struct bytes position(const struct kv_cursor *cursor)
{
	return BYTES(cursor->key, cursor->key_size);
}

enum status kv_cursor_seek(struct kv_cursor *cursor, struct bytes at_least, struct bytes *key,
    struct bytes *value)
{
	struct tree_entry entry;
	bool is_there = tree_at_least(tree_under(cursor), at_least, &entry);

	return stand_at(cursor, is_there, &entry, key, value);
}

enum status kv_cursor_seek_back(struct kv_cursor *cursor, struct bytes at_most, struct bytes *key,
    struct bytes *value)
{
	struct tree_entry entry;
	bool is_there = at_most.size > 0 && tree_at_most(tree_under(cursor), at_most, &entry);

	return stand_at(cursor, is_there, &entry, key, value);
}

enum status kv_cursor_last(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	struct tree_entry entry;
	bool is_there = tree_last(tree_under(cursor), &entry);

	return stand_at(cursor, is_there, &entry, key, value);
}

enum status kv_cursor_next(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	struct tree_entry entry;
	bool is_there = cursor->has_position
	                  ? tree_after(tree_under(cursor), position(cursor), &entry)
	                  : tree_at_least(tree_under(cursor), BYTES_NONE, &entry);

	return stand_at(cursor, is_there, &entry, key, value);
}

enum status kv_cursor_prev(struct kv_cursor *cursor, struct bytes *key, struct bytes *value)
{
	struct tree_entry entry;
	bool is_there = cursor->has_position
	                  ? tree_before(tree_under(cursor), position(cursor), &entry)
	                  : tree_last(tree_under(cursor), &entry);

	return stand_at(cursor, is_there, &entry, key, value);
}

enum status kv_cursor_put(struct kv_cursor *cursor, struct bytes key, struct bytes value)
{
	return kv_put(cursor->txn, cursor->table, key, value);
}

enum status kv_cursor_delete(struct kv_cursor *cursor, struct bytes key)
{
	return kv_delete(cursor->txn, cursor->table, key);
}

/* ---- copies ---- */

static enum status copy_into(struct kv_txn *txn, const char *directory)
{
	struct disk *target = disk_of(directory);
	const struct disk *source = txn->kv->disk;

	if (disk_used(target) > 0)
		return STATUS_EXISTS;
	for (unsigned i = 0; i < source->tables_count; i++) {
		unsigned table = table_made(target, source->tables[i].name);

		tree_drop(target->tables[table].tree);
		target->tables[table].tree = tree_hold(txn->trees[i]);
	}
	target->map_bytes = source->map_bytes;
	return STATUS_OK;
}

enum status kv_copy_seen(struct kv_txn *txn, const char *directory,
    void (*progress)(void *data, uint64_t bytes), void *data)
{
	enum status status = copy_into(txn, directory);

	if (status == STATUS_OK && progress != NULL)
		progress(data, disk_used(txn->kv->disk));
	return status;
}

enum status kv_copy(struct kv *kv, const char *directory)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = copy_into(txn, directory);
	kv_abort(&txn);
	return status;
}

/* Nothing here can be damaged. */
enum status kv_verify(struct kv *kv, const struct kv_checks *checks)
{
	(void)kv;
	(void)checks;
	return STATUS_OK;
}
