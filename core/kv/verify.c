/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a whole environment, and tells what is wrong with it.
 *
 * LMDB notices neither a flipped bit in a value nor one that makes it lose entries.  Checksums show
 * the first, and the number of entries that a table says it has the second; that keys rise shows a
 * structure that leads in circles.
 */
#include "core/kv/parts.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/require.h"

enum { PAGE_MS = 50, LOOK_AT_CLOCK_EVERY = 64, TABLE_NAME_MAX = 64 };

/* ---- every table ---- */

struct names {
	char *names[KV_TABLES_MAX + 1];
	unsigned count;
};

static void names_fini(struct names *names)
{
	while (names->count > 0)
		free(names->names[--names->count]);
}

/* LMDB's unnamed table names the others.  An LMDB code. */
static int read_names(MDB_txn *txn, struct names *names)
{
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	MDB_dbi unnamed;
	int code = mdb_dbi_open(txn, NULL, 0, &unnamed);

	if (code == 0)
		code = mdb_cursor_open(txn, unnamed, &cursor);
	while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		if (names->count == KV_TABLES_MAX || key.mv_size > TABLE_NAME_MAX
		    || memchr(key.mv_data, 0, key.mv_size) != NULL)
			code = MDB_CORRUPTED;
		else
			names->names[names->count++] = text_copy_bytes(
			    BYTES(key.mv_data, key.mv_size));
	}
	mdb_cursor_close(cursor);
	return code == MDB_NOTFOUND ? 0 : code;
}

static enum status find_names(struct kv *kv, struct names *names)
{
	struct kv_txn *txn = NULL;
	enum status status = kv_read_begin(kv, &txn);
	int code;

	if (status != STATUS_OK)
		return status;
	code = read_names(txn->lmdb, names);
	kv_abort(&txn);
	return code == 0 ? STATUS_OK : kv_lmdb_log_open_code(kv->env->path, code);
}

enum status kv_open_all(const char *directory, struct kv **out)
{
	static const char *const none[] = { NULL };
	struct kv_options options = { .tables = none };
	struct names names = { .count = 0 };
	struct kv *kv;
	enum status status = kv_open(directory, &options, &kv);

	*out = NULL;
	if (status != STATUS_OK)
		return status;
	status = find_names(kv, &names);
	options.tables = (const char *const *)names.names;
	if (status == STATUS_OK)
		status = kv_open(directory, &options, out);
	kv_close(kv);
	names_fini(&names);
	return status;
}

unsigned kv_tables(const struct kv *kv)
{
	return kv->count;
}

const char *kv_table_name(const struct kv *kv, unsigned table)
{
	REQUIRE(table < kv->count);
	return kv->env->tables[kv->tables[table]].name;
}

/* ---- one table ---- */

struct verify {
	struct kv *kv;
	const struct kv_checks *checks;
	const struct table *table;
	struct buffer last;     /* the key read last */
	uint64_t entries, told; /* of the table; those that progress knows of */
	unsigned pages;
	bool has_faults, is_done;
};

static void report(struct verify *verify, struct bytes key, const char *what)
{
	verify->has_faults = true;
	if (verify->checks->fault != NULL)
		verify->checks->fault(verify->checks->data, verify->table->name, key, what);
}

static void verify_entry(struct verify *verify, struct bytes key, const MDB_val *stored)
{
	const struct kv_checks *checks = verify->checks;
	struct bytes payload;
	const char *what = kv_value_damage(verify->table, key, stored, &payload);

	if (what == NULL && checks->shape != NULL)
		what = checks->shape(checks->data, verify->table->name, key);
	if (what != NULL)
		report(verify, key, what);
	verify->entries++;
	buffer_clear(&verify->last);
	buffer_append(&verify->last, key);
}

static void tell_progress(struct verify *verify)
{
	if (verify->checks->progress != NULL)
		verify->checks->progress(verify->checks->data, verify->entries - verify->told);
	verify->told = verify->entries;
}

/* The first entry after the last that was read. */
static int seek(const struct verify *verify, MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
	struct bytes last = buffer_bytes(&verify->last);
	int code;

	if (last.size == 0)
		return mdb_cursor_get(cursor, key, value, MDB_FIRST);
	*key = (MDB_val){ .mv_size = last.size, .mv_data = (void *)(uintptr_t)last.data };
	code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
	if (code == 0 && bytes_equal(BYTES(key->mv_data, key->mv_size), last))
		code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	return code;
}

static bool is_in_order(const struct verify *verify, const MDB_val *key)
{
	return key->mv_size > 0 && key->mv_size <= KV_KEY_MAX
	    && bytes_compare(buffer_bytes(&verify->last), BYTES(key->mv_data, key->mv_size)) < 0;
}

static void read_entries(struct verify *verify, MDB_cursor *cursor)
{
	uint64_t until_ms = clock_monotonic_ms() + PAGE_MS;
	MDB_val key, value;
	int code = seek(verify, cursor, &key, &value);

	for (unsigned rows = 1; code == 0; rows++) {
		if (!is_in_order(verify, &key)) {
			report(verify, buffer_bytes(&verify->last),
			    "the keys after this one are out of order: the structure is damaged");
			break;
		}
		verify_entry(verify, BYTES(key.mv_data, key.mv_size), &value);
		if (rows % LOOK_AT_CLOCK_EVERY == 0 && clock_monotonic_ms() >= until_ms) {
			tell_progress(verify);
			if (!verify->checks->is_still)
				return;
			until_ms = clock_monotonic_ms() + PAGE_MS;
		}
		code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	if (code != 0 && code != MDB_NOTFOUND)
		report(verify, buffer_bytes(&verify->last), mdb_strerror(code));
	verify->is_done = true;
}

/* What one transaction has read is all that the table then had. */
static void verify_count(struct verify *verify, MDB_txn *txn)
{
	MDB_stat info = { 0 };

	if (verify->pages == 1 && mdb_stat(txn, verify->table->dbi, &info) == 0
	    && info.ms_entries != verify->entries)
		report(verify, BYTES_NONE,
		    info.ms_entries > verify->entries
			? "some of its entries cannot be reached: the structure is damaged"
			: "it has more entries than it says: the structure is damaged");
}

static enum status verify_page(struct verify *verify)
{
	struct kv_txn *txn = NULL;
	MDB_cursor *cursor = NULL;
	enum status status = kv_read_begin(verify->kv, &txn);
	int code;

	if (status != STATUS_OK)
		return status;
	verify->pages++;
	code = mdb_cursor_open(txn->lmdb, verify->table->dbi, &cursor);
	if (code == 0) {
		read_entries(verify, cursor);
		mdb_cursor_close(cursor);
		if (verify->is_done)
			verify_count(verify, txn->lmdb);
	} else {
		report(verify, BYTES_NONE, mdb_strerror(code));
		verify->is_done = true;
	}
	kv_abort(&txn);
	return STATUS_OK;
}

enum status kv_verify(struct kv *kv, const struct kv_checks *checks)
{
	struct verify verify = { .kv = kv, .checks = checks };
	enum status status = STATUS_OK;

	for (unsigned i = 0; status == STATUS_OK && i < kv->count; i++) {
		verify.table = &kv->env->tables[kv->tables[i]];
		verify.entries = verify.told = verify.pages = 0;
		verify.is_done = false;
		buffer_clear(&verify.last);
		while (status == STATUS_OK && !verify.is_done)
			status = verify_page(&verify);
		tell_progress(&verify);
	}
	buffer_fini(&verify.last);
	return status == STATUS_OK && verify.has_faults ? STATUS_CORRUPT : status;
}
