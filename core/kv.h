/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv.h - the key-value store under every part that remembers.  It is LMDB, which only core/kv/
 * knows.
 *
 * An environment is a directory with a fixed list of tables.  Every value carries a type, a version
 * and a CRC-32C that are checked when it is read, because LMDB itself notices no flipped bit.
 * Durability is LMDB's default: a commit that returned STATUS_OK has been synced.
 *
 * Nothing that kv hands out outlives its transaction.  One counted environment a directory and
 * process: opening the same directory again shares it, so that a console and a role may meet in one
 * process; each handle has its own list of tables, and a table is the same by name.
 *
 * The map doubles on its own, before a write begins, once it is 80 % used or a write did not fit.
 * To do so it waits for this process's transactions: a thread that begins a write while it holds a
 * read of the same environment keeps its own map from growing.
 *
 * One process may write: the writer takes DIRECTORY/lock (flock) and holds it until it closes.
 * Readers of other users need the directory's group (0750, and 0660 for LMDB's table of readers).
 */
#ifndef CORE_KV_H
#define CORE_KV_H

#include "core/bytes.h"
#include "core/status.h"

enum { KV_KEY_MAX = 511, KV_TABLES_MAX = 64 };

struct kv;
struct kv_txn;
struct kv_cursor;

struct kv_options {
	const char *const *tables; /* names, ends with NULL; the index is the table's number */
	bool is_writer;            /* takes the lock, creates what is missing */
	/*
	 * Of what stands in the tables: its number is written when the environment is made, and an
	 * environment of another one, or of none, is not opened.  It rises when the older bytes
	 * would be misread.  0: whatever it is.
	 */
	uint32_t format;
	/*
	 * Bytes; 0: 16 MiB.  Preallocated, so that a full disk shows here.  One transaction must
	 * fit into what is free of it: make it several times the largest batch.
	 */
	uint64_t map_initial;
	uint64_t map_limit; /* bytes; 0: 1 TiB.  Growth beyond it is STATUS_FULL */
};

/*
 * Open or create.  STATUS_BUSY: another process is its writer (the log line says which pid);
 * NOT_FOUND: a reader, and it or one of its tables is not there yet; INVALID: of another format;
 * DENIED, NO_SPACE, CORRUPT, IO.
 * A process that reads may open again as the writer; that waits for its own reads.
 * Every failure has been logged with path, reason and what to do; a missing one for a reader has
 * not.
 */
NODISCARD enum status kv_open(const char *directory, const struct kv_options *options,
    struct kv **out);
void kv_close(struct kv *kv); /* NULL is fine */
/* A reader of every table that there is, whatever its owner calls them.  As kv_open. */
NODISCARD enum status kv_open_all(const char *directory, struct kv **out);
unsigned kv_tables(const struct kv *kv);
/* Borrowed from KV. */
const char *kv_table_name(const struct kv *kv, unsigned table);

/* Bytes in the map, and in use: what was deleted is not, once no reader needs it. */
void kv_usage(struct kv *kv, uint64_t *map_bytes, uint64_t *used_bytes);

/*
 * Copies a consistent, compacted snapshot into DIRECTORY, which must be empty (else EXISTS) or
 * missing.  On the disk when it returns OK; DENIED, NO_SPACE, IO have been logged.
 */
NODISCARD enum status kv_copy(struct kv *kv, const char *directory);

/* For kv_verify; all but DATA and IS_STILL may be NULL. */
struct kv_checks {
	/* What is wrong with a key of TABLE; NULL: nothing. */
	const char *(*shape)(void *data, const char *table, struct bytes key);
	/* KEY is empty where the table as a whole is meant. */
	void (*fault)(void *data, const char *table, struct bytes key, const char *what);
	/* Now and then, with how many entries have been read since: a sign of life. */
	void (*progress)(void *data, uint64_t entries);
	void *data;
	/* Nobody writes: each table is read by one transaction, and none of its entries may lack.
	 */
	bool is_still;
};

/*
 * Reads all of KV and tells of every value whose checksum is wrong, of keys out of order or shape,
 * and of entries that lack.  Transactions last 50 ms, unless IS_STILL.  CORRUPT: there were faults.
 * A damaged structure can kill the process or keep it for ever: call it in one that may be lost.
 */
NODISCARD enum status kv_verify(struct kv *kv, const struct kv_checks *checks);

/*
 * A read transaction sees the state at its begin and may last 100 ms; a write transaction sees its
 * own writes, and there is one at a time.  Both belong to the thread that began them.
 * begin: NO_SPACE or FULL where the map must grow and cannot, and 90 % of it hold data; IO; AGAIN
 * for a reader whose map another process outgrew while this thread holds another read.
 */
NODISCARD enum status kv_read_begin(struct kv *kv, struct kv_txn **out);
NODISCARD enum status kv_write_begin(struct kv *kv, struct kv_txn **out);
/* As kv_write_begin, to make room by deleting: it may use the last tenth, kept for it. */
NODISCARD enum status kv_trim_begin(struct kv *kv, struct kv_txn **out);
/*
 * Takes the transaction.  NO_SPACE, FULL or IO: nothing of it is durable.  Never commit again
 * what has failed, and never acknowledge it.  Once a put or delete has failed, so does the commit.
 */
NODISCARD enum status kv_commit(struct kv_txn **txn);
void kv_abort(struct kv_txn **txn); /* *txn may be NULL */

/*
 * As kv_copy, of the tables of TXN's handle as TXN sees them; so copies of several environments can
 * be of one moment.  Every value's checksum is verified on the way: CORRUPT.  PROGRESS (or NULL)
 * gets the bytes copied since.
 */
NODISCARD enum status kv_copy_seen(struct kv_txn *txn, const char *directory,
    void (*progress)(void *data, uint64_t bytes), void *data);

/* OK, NOT_FOUND, CORRUPT or IO.  Borrowed from the transaction, and until its next change. */
NODISCARD enum status kv_get(struct kv_txn *txn, unsigned table, struct bytes key,
    struct bytes *out);
/* OK, FULL, NO_SPACE or IO.  A key has 1 to KV_KEY_MAX bytes; key and value may be borrowed ones.
 */
NODISCARD enum status kv_put(struct kv_txn *txn, unsigned table, struct bytes key,
    struct bytes value);
/* As kv_put for a key after all others of the table: much faster.  EXISTS where it is not. */
NODISCARD enum status kv_append(struct kv_txn *txn, unsigned table, struct bytes key,
    struct bytes value);
/* OK also where it was not there. */
NODISCARD enum status kv_delete(struct kv_txn *txn, unsigned table, struct bytes key);
/* How many entries a table has. */
NODISCARD enum status kv_count(struct kv_txn *txn, unsigned table, uint64_t *out);

/*
 * A cursor lives within its transaction and must be closed before it ends.
 * first/last/seek/next/prev: OK, NOT_FOUND at the end, CORRUPT, IO.
 */
NODISCARD enum status kv_cursor_open(struct kv_txn *txn, unsigned table, struct kv_cursor **out);
void kv_cursor_close(struct kv_cursor *cursor); /* NULL is fine */
NODISCARD enum status kv_cursor_seek(struct kv_cursor *cursor, struct bytes at_least,
    struct bytes *key, struct bytes *value);
/* The last entry whose key is less than or equal to AT_MOST. */
NODISCARD enum status kv_cursor_seek_back(struct kv_cursor *cursor, struct bytes at_most,
    struct bytes *key, struct bytes *value);
NODISCARD enum status kv_cursor_last(struct kv_cursor *cursor, struct bytes *key,
    struct bytes *value);
NODISCARD enum status kv_cursor_next(struct kv_cursor *cursor, struct bytes *key,
    struct bytes *value);
NODISCARD enum status kv_cursor_prev(struct kv_cursor *cursor, struct bytes *key,
    struct bytes *value);
/* As kv_put and kv_delete; with one cursor and keys in order they need not descend each time. */
NODISCARD enum status kv_cursor_put(struct kv_cursor *cursor, struct bytes key, struct bytes value);
NODISCARD enum status kv_cursor_delete(struct kv_cursor *cursor, struct bytes key);

#endif
