/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of this folder share, and nobody else sees.
 *
 * struct kv is one opener's handle; struct environment is what all openers of a directory in this
 * process share.
 */
#ifndef CORE_KV_PARTS_H
#define CORE_KV_PARTS_H

#include <lmdb.h>
#include <pthread.h>
#include <sys/queue.h>

#include "core/kv.h"
#include "core/log.h"

enum { KV_DIRECTORY_MODE = 0750, KV_FILE_MODE = 0640 };
enum { KV_WAIT_BRIEFLY_MS = 200, KV_WAIT_MS = 60 * 1000 };

struct table {
	char *name;
	MDB_dbi dbi;
	uint32_t seed; /* the CRC of its name */
};

struct environment {
	LIST_ENTRY(environment) link;
	char *path;
	MDB_env *lmdb; /* NULL: not open */
	unsigned references, writers;
	int lock_fd; /* -1: this process is not the writer */
	bool is_writable;
	uint64_t map_limit;
	struct table tables[KV_TABLES_MAX];
	unsigned table_count;
	struct buffer frame; /* of the one write transaction */

	pthread_mutex_t mutex; /* over all below */
	pthread_cond_t changed;
	LIST_HEAD(, kv_txn) running;
	bool is_exclusive; /* someone waits to replace the map, or does so */
	bool is_broken;    /* the map is gone: nothing may begin */
	bool wants_growth; /* a transaction did not fit */
	bool is_growth_refused;
	uint64_t map_bytes;
	uint64_t readers_checked_ms;
};

struct kv {
	struct environment *env;
	bool is_writer;
	unsigned count;
	unsigned tables[KV_TABLES_MAX]; /* indices into env->tables */
};

struct kv_txn {
	LIST_ENTRY(kv_txn) link;
	pthread_t owner;
	struct kv *kv;
	MDB_txn *lmdb;
	bool is_write;
	unsigned cursors;
	enum status failure; /* of the first change that failed */
	bool is_too_large;   /* for the map */
};

/* ---- gate.c: LMDB may replace its map only while no transaction of the process runs ---- */

void kv_gate_init(struct environment *env);
/* Sets the transaction's owner.  False: the map is gone, nothing may begin. */
bool kv_gate_enter(struct environment *env, struct kv_txn *txn);
void kv_gate_leave(struct environment *env, struct kv_txn *txn);
/* Closes the gate and waits.  False: this thread is within itself, or others did not end in time.
 */
bool kv_gate_exclude(struct environment *env, unsigned wait_ms);
void kv_gate_admit(struct environment *env); /* opens it again */

/* ---- disk.c: directories and blocks.  0 or an errno. ---- */

int kv_disk_make_directories(const char *directory);
/* What is in PATH, and that PATH exists, survives a power cut. */
int kv_disk_sync(const char *path);
/* Allocates the first SIZE bytes of the file. */
int kv_disk_allocate(int fd, uint64_t size);
void kv_disk_log_no_space(const struct environment *env, enum log_level level, int fd,
    uint64_t needed, const char *consequence);

/* ---- lock.c: one process writes ---- */

/* BUSY, or as kv_open; logged. */
enum status kv_lock_take(struct environment *env);
void kv_lock_drop(struct environment *env);

/* ---- lmdb.c: opening LMDB, and its codes ---- */

enum status kv_lmdb_status(int code);
/* FULL, NO_SPACE or CORRUPT, else IO, whatever the code means elsewhere. */
enum status kv_lmdb_failure(int code);
enum status kv_lmdb_log_failure(const char *id, const struct environment *env, int code,
    const char *what);
enum status kv_lmdb_log_open_failure(const char *path, enum status status, const char *reason);
enum status kv_lmdb_log_open_code(const char *path, int code);
uint64_t kv_lmdb_map_bytes(MDB_env *lmdb);
/* As kv_open, but for the tables and the writer's lock. */
enum status kv_lmdb_open(struct environment *env, bool is_writer, uint64_t map_initial);
void kv_lmdb_close(struct environment *env);

/* ---- growth.c ---- */

struct kv_usage_pages {
	uint64_t page_bytes, map_pages;
	uint64_t last_pages; /* up to the last page that was ever used */
	uint64_t free_pages; /* of these, what LMDB may use again */
};

/* Within the gate; all but free_pages. */
struct kv_usage_pages kv_growth_usage(MDB_env *lmdb);
/* Within the gate.  Takes time with the length of LMDB's list of free pages. */
uint64_t kv_growth_free_pages(MDB_env *lmdb);
uint64_t kv_growth_pages_in_use(const struct kv_usage_pages *usage);
bool kv_growth_is_beyond(uint64_t pages, uint64_t map_pages, unsigned percent);
/* Within the exclusion.  SIZE 0: what another process made of it.  An LMDB code. */
int kv_growth_replace_map(struct environment *env, uint64_t size);
/* Outside the gate.  FULL, NO_SPACE, IO; AGAIN: the transactions of this process did not end. */
enum status kv_growth_grow(struct environment *env, unsigned wait_ms);

/* ---- open.c ---- */

/*
 * Finds the tables NAMES for KV, or creates them, in one transaction.  NOT_FOUND where one is
 * missing and may not be created.
 */
enum status kv_open_tables(struct kv *kv, const char *const *names, bool may_create);

/* ---- format.c ---- */

/* As kv_open: before anything of it is read or made. */
enum status kv_format_check(struct kv *kv, uint32_t wanted);

/* ---- value.c ---- */

/* What is wrong with what is STORED under KEY; NULL: nothing. */
const char *kv_value_damage(const struct table *table, struct bytes key, const MDB_val *stored,
    struct bytes *payload);

/* ---- transaction.c ---- */

/* Without a look at whether the map must grow. */
enum status kv_transaction_begin(struct kv *kv, bool is_write, struct kv_txn **out);
/* Remembers the first failure of a change, and logs it. */
enum status kv_transaction_fail(struct kv_txn *txn, const char *id, int code, const char *what);

#endif
