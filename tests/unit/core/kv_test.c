/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/scratch.h"

enum { FRUIT, ROOTS, TABLES };
enum { KIB = 1024, MIB = 1024 * 1024 };

static const char *const tables[] = { "fruit", "roots", NULL };
static const char *const only_roots[] = { "roots", NULL };

static struct kv_options options(bool is_writer)
{
	return (struct kv_options){ .tables = tables, .is_writer = is_writer, .map_initial = MIB };
}

static struct kv *open_kv(const char *directory, bool is_writer)
{
	struct kv_options how = options(is_writer);
	struct kv *kv;

	assert_int_equal(kv_open(directory, &how, &kv), STATUS_OK);
	return kv;
}

static struct kv_txn *begin_read(struct kv *kv)
{
	struct kv_txn *txn;

	assert_int_equal(kv_read_begin(kv, &txn), STATUS_OK);
	return txn;
}

static struct kv_txn *begin_write(struct kv *kv)
{
	struct kv_txn *txn;

	assert_int_equal(kv_write_begin(kv, &txn), STATUS_OK);
	return txn;
}

static void put_text(struct kv_txn *txn, unsigned table, const char *key, const char *value)
{
	assert_int_equal(kv_put(txn, table, bytes_of_text(key), bytes_of_text(value)), STATUS_OK);
}

static void put_one(struct kv *kv, const char *key, const char *value)
{
	struct kv_txn *txn = begin_write(kv);

	put_text(txn, FRUIT, key, value);
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	assert_null(txn);
}

static void expect_in(struct kv_txn *txn, unsigned table, const char *key, const char *value)
{
	struct bytes found;

	if (value == NULL) {
		assert_int_equal(kv_get(txn, table, bytes_of_text(key), &found), STATUS_NOT_FOUND);
		return;
	}
	assert_int_equal(kv_get(txn, table, bytes_of_text(key), &found), STATUS_OK);
	assert_true(bytes_equal(found, bytes_of_text(value)));
}

/* VALUE NULL: it is not there. */
static void expect(struct kv *kv, const char *key, const char *value)
{
	struct kv_txn *txn = begin_read(kv);

	expect_in(txn, FRUIT, key, value);
	kv_abort(&txn);
}

/* Runs STEP in a process of its own; true if it returned true. */
static bool in_child(bool (*step)(const char *), const char *directory)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(step(directory) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- transactions ---- */

static void what_was_committed_is_there_after_reopening(void **test)
{
	struct kv *kv = open_kv(*test, true);

	put_one(kv, "apple", "green");
	put_one(kv, "empty", "");
	kv_close(kv);
	kv = open_kv(*test, false);
	expect(kv, "apple", "green");
	expect(kv, "empty", "");
	expect(kv, "pear", NULL);
	kv_close(kv);
}

static void what_was_aborted_is_not_there(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *txn = begin_write(kv);

	put_text(txn, FRUIT, "apple", "green");
	expect_in(txn, FRUIT, "apple", "green");
	kv_abort(&txn);
	kv_abort(&txn);
	expect(kv, "apple", NULL);
	kv_close(kv);
}

static void a_read_sees_the_state_at_its_begin(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *before = begin_read(kv);

	put_one(kv, "apple", "green");
	expect_in(before, FRUIT, "apple", NULL);
	expect(kv, "apple", "green");
	kv_abort(&before);
	kv_close(kv);
}

static void a_deleted_key_is_gone_and_may_be_deleted_again(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *txn;

	put_one(kv, "apple", "green");
	txn = begin_write(kv);
	assert_int_equal(kv_delete(txn, FRUIT, bytes_of_text("apple")), STATUS_OK);
	assert_int_equal(kv_delete(txn, FRUIT, bytes_of_text("apple")), STATUS_OK);
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	expect(kv, "apple", NULL);
	kv_close(kv);
}

static void an_append_must_come_after_all_others(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *txn = begin_write(kv);
	uint64_t count;

	assert_int_equal(kv_append(txn, FRUIT, bytes_of_text("b"), BYTES_NONE), STATUS_OK);
	assert_int_equal(kv_append(txn, FRUIT, bytes_of_text("b"), BYTES_NONE), STATUS_EXISTS);
	assert_int_equal(kv_append(txn, FRUIT, bytes_of_text("a"), BYTES_NONE), STATUS_EXISTS);
	assert_int_equal(kv_append(txn, FRUIT, bytes_of_text("c"), BYTES_NONE), STATUS_OK);
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	txn = begin_read(kv);
	assert_int_equal(kv_count(txn, FRUIT, &count), STATUS_OK);
	assert_int_equal(count, 2);
	assert_int_equal(kv_count(txn, ROOTS, &count), STATUS_OK);
	assert_int_equal(count, 0);
	kv_abort(&txn);
	kv_close(kv);
}

static void a_borrowed_value_may_be_put_under_another_key(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *txn = begin_write(kv);
	struct bytes value;

	put_text(txn, FRUIT, "a", "the value");
	assert_int_equal(kv_get(txn, FRUIT, bytes_of_text("a"), &value), STATUS_OK);
	assert_int_equal(kv_put(txn, FRUIT, bytes_of_text("A"), value), STATUS_OK);
	expect_in(txn, FRUIT, "A", "the value");
	kv_abort(&txn);
	kv_close(kv);
}

/* ---- cursors ---- */

static void fill_cursor_keys(struct kv *kv)
{
	struct kv_txn *txn = begin_write(kv);

	put_text(txn, FRUIT, "b", "1");
	put_text(txn, FRUIT, "d", "2");
	put_text(txn, FRUIT, "f", "3");
	assert_int_equal(kv_commit(&txn), STATUS_OK);
}

static void expect_at(enum status status, struct bytes found, const char *key)
{
	if (key == NULL) {
		assert_int_equal(status, STATUS_NOT_FOUND);
		return;
	}
	assert_int_equal(status, STATUS_OK);
	assert_true(bytes_equal(found, bytes_of_text(key)));
}

static void a_cursor_finds_the_neighbours_of_a_key(void **test)
{
	static const struct {
		const char *sought, *at_least, *at_most;
	} rows[] = {
		{ "", "b", NULL },
		{ "a", "b", NULL },
		{ "b", "b", "b" },
		{ "c", "d", "b" },
		{ "d", "d", "d" },
		{ "f", "f", "f" },
		{ "g", NULL, "f" },
	};
	struct kv *kv = open_kv(*test, true);
	struct kv_cursor *cursor;
	struct kv_txn *txn;
	struct bytes key, value;
	enum status status;

	fill_cursor_keys(kv);
	txn = begin_read(kv);
	assert_int_equal(kv_cursor_open(txn, FRUIT, &cursor), STATUS_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes sought = bytes_of_text(rows[i].sought);

		status = kv_cursor_seek(cursor, sought, &key, &value);
		expect_at(status, key, rows[i].at_least);
		status = kv_cursor_seek_back(cursor, sought, &key, &value);
		expect_at(status, key, rows[i].at_most);
	}
	kv_cursor_close(cursor);
	kv_abort(&txn);
	kv_close(kv);
}

static void a_cursor_walks_both_ways(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_cursor *cursor;
	struct kv_txn *txn;
	struct bytes key, value;

	fill_cursor_keys(kv);
	txn = begin_read(kv);
	assert_int_equal(kv_cursor_open(txn, FRUIT, &cursor), STATUS_OK);
	expect_at(kv_cursor_next(cursor, &key, &value), key, "b");
	expect_at(kv_cursor_next(cursor, &key, &value), key, "d");
	expect_at(kv_cursor_prev(cursor, &key, &value), key, "b");
	expect_at(kv_cursor_prev(cursor, &key, &value), key, NULL);
	expect_at(kv_cursor_last(cursor, &key, &value), key, "f");
	assert_true(bytes_equal(value, bytes_of_text("3")));
	expect_at(kv_cursor_next(cursor, &key, &value), key, NULL);
	kv_cursor_close(cursor);
	assert_int_equal(kv_cursor_open(txn, ROOTS, &cursor), STATUS_OK);
	expect_at(kv_cursor_last(cursor, &key, &value), key, NULL);
	expect_at(kv_cursor_seek(cursor, BYTES_NONE, &key, &value), key, NULL);
	expect_at(kv_cursor_seek_back(cursor, bytes_of_text("x"), &key, &value), key, NULL);
	kv_cursor_close(cursor);
	kv_abort(&txn);
	kv_close(kv);
}

static void a_cursor_writes_and_deletes(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_cursor *cursor;
	struct kv_txn *txn;

	fill_cursor_keys(kv);
	txn = begin_write(kv);
	assert_int_equal(kv_cursor_open(txn, FRUIT, &cursor), STATUS_OK);
	assert_int_equal(kv_cursor_put(cursor, bytes_of_text("a"), bytes_of_text("0")), STATUS_OK);
	assert_int_equal(kv_cursor_delete(cursor, bytes_of_text("b")), STATUS_OK);
	assert_int_equal(kv_cursor_delete(cursor, bytes_of_text("c")), STATUS_OK);
	assert_int_equal(kv_cursor_put(cursor, bytes_of_text("d"), bytes_of_text("9")), STATUS_OK);
	kv_cursor_close(cursor);
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	expect(kv, "a", "0");
	expect(kv, "b", NULL);
	expect(kv, "d", "9");
	expect(kv, "f", "3");
	kv_close(kv);
}

/* ---- one environment, several openers ---- */

static void openers_of_one_directory_share_it(void **test)
{
	struct kv *writer = open_kv(*test, true), *reader = open_kv(*test, false), *roots;
	struct kv_options how = { .tables = only_roots };
	struct kv_txn *txn;

	/* Another number in another list: a table is the same by its name. */
	assert_int_equal(kv_open(scratch_path(*test, "."), &how, &roots), STATUS_OK);
	txn = begin_write(writer);
	put_text(txn, ROOTS, "carrot", "orange");
	put_text(txn, FRUIT, "apple", "green");
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	expect(reader, "apple", "green");
	txn = begin_read(roots);
	expect_in(txn, 0, "carrot", "orange");
	kv_abort(&txn);
	kv_close(writer);
	expect(reader, "apple", "green");
	kv_close(roots);
	kv_close(reader);
}

static void a_reader_becomes_the_writer(void **test)
{
	struct kv *kv = open_kv(*test, true), *reader;

	put_one(kv, "apple", "green");
	kv_close(kv);
	reader = open_kv(*test, false);
	kv = open_kv(*test, true);
	put_one(kv, "apple", "red");
	expect(reader, "apple", "red");
	kv_close(kv);
	expect(reader, "apple", "red");
	kv = open_kv(*test, true);
	put_one(kv, "apple", "yellow");
	kv_close(reader);
	expect(kv, "apple", "yellow");
	kv_close(kv);
}

static void there_is_nothing_to_read_before_a_writer_was_there(void **test)
{
	struct kv_options how = options(false);
	struct kv *kv;

	assert_int_equal(kv_open(scratch_path(*test, "none"), &how, &kv), STATUS_NOT_FOUND);
	assert_null(kv);
	assert_int_equal(kv_open(*test, &how, &kv), STATUS_NOT_FOUND);
	how = options(true);
	how.tables = only_roots;
	assert_int_equal(kv_open(*test, &how, &kv), STATUS_OK);
	kv_close(kv);
	how = options(false);
	assert_int_equal(kv_open(*test, &how, &kv), STATUS_NOT_FOUND);
	/* A writer adds what is missing. */
	kv_close(open_kv(*test, true));
	kv_close(open_kv(*test, false));
}

static void a_writer_makes_the_directories_on_the_way(void **test)
{
	const char *path = scratch_path(*test, "a/b/c/");
	struct stat info;

	kv_close(open_kv(path, true));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07027, 0);
	assert_int_equal(stat(scratch_path(path, "data.mdb"), &info), 0);
	assert_int_equal(info.st_mode & 0137, 0);
	assert_true(info.st_blocks * 512 >= MIB);
	assert_int_equal(stat(scratch_path(path, "lock.mdb"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0660);
}

struct holder {
	pid_t pid;
	int told[2], tell[2];
};

/* A process that is the writer until told to end. */
static void hold(const char *directory, struct holder *holder)
{
	char byte = 0;

	assert_int_equal(pipe(holder->told), 0);
	assert_int_equal(pipe(holder->tell), 0);
	holder->pid = fork();
	assert_true(holder->pid >= 0);
	if (holder->pid == 0) {
		struct kv_options how = options(true);
		struct kv *kv;

		if (kv_open(directory, &how, &kv) != STATUS_OK
		    || write(holder->told[1], "x", 1) != 1)
			_exit(1);
		close(holder->tell[1]);
		_exit(read(holder->tell[0], &byte, 1) < 0);
	}
	close(holder->told[1]);
	close(holder->tell[0]);
	assert_int_equal(read(holder->told[0], &byte, 1), 1);
}

static void let_go(struct holder *holder)
{
	int status;

	close(holder->tell[1]);
	close(holder->told[0]);
	assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
	assert_int_equal(status, 0);
}

static void only_one_process_writes(void **test)
{
	struct kv_options how = options(true);
	struct holder holder;
	struct kv *kv, *reader;

	hold(*test, &holder);
	assert_int_equal(kv_open(*test, &how, &kv), STATUS_BUSY);
	assert_null(kv);
	reader = open_kv(*test, false);
	assert_int_equal(kv_open(*test, &how, &kv), STATUS_BUSY);
	expect(reader, "apple", NULL);
	let_go(&holder);
	/* It went without closing, as a killed one does. */
	kv = open_kv(*test, true);
	put_one(kv, "apple", "green");
	expect(reader, "apple", "green");
	kv_close(reader);
	kv_close(kv);
}

/* ---- damage ---- */

static uint8_t *load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	struct stat info;
	uint8_t *data;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &info), 0);
	*size = (size_t)info.st_size;
	data = malloc(*size);
	assert_int_equal(fread(data, 1, *size, file), *size);
	fclose(file);
	return data;
}

static void store_byte(const char *path, size_t at, uint8_t byte)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

static size_t find_last(const uint8_t *data, size_t size, const char *text)
{
	size_t length = strlen(text);

	for (size_t at = size - length; at > 0; at--)
		if (memcmp(data + at, text, length) == 0)
			return at;
	fail_msg("%s is not in the file", text);
	return 0;
}

/* Every place of one entry: frame, payload, and key. */
static void a_flipped_byte_of_a_value_is_noticed(void **test)
{
	static const char value[] = "a value worth keeping";
	char *path = text_copy(scratch_path(*test, "data.mdb"));
	struct kv *kv = open_kv(*test, true);
	size_t size, at;
	uint8_t *data;

	put_one(kv, "key", value);
	kv_close(kv);
	data = load(path, &size);
	at = find_last(data, size, value);
	for (size_t place = at - 8 - 3; place < at + strlen(value); place++) {
		struct kv_cursor *cursor;
		struct kv_txn *txn;
		struct bytes key, found;

		store_byte(path, place, data[place] ^ 0x10);
		kv = open_kv(*test, false);
		txn = begin_read(kv);
		assert_int_equal(kv_cursor_open(txn, FRUIT, &cursor), STATUS_OK);
		assert_int_equal(kv_cursor_next(cursor, &key, &found), STATUS_CORRUPT);
		kv_cursor_close(cursor);
		assert_int_not_equal(kv_get(txn, FRUIT, bytes_of_text("key"), &found), STATUS_OK);
		kv_abort(&txn);
		kv_close(kv);
		store_byte(path, place, data[place]);
	}
	free(data);
	kv = open_kv(*test, false);
	expect(kv, "key", value);
	kv_close(kv);
	free(path);
}

static void values_that_changed_places_are_noticed(void **test)
{
	char *path = text_copy(scratch_path(*test, "data.mdb"));
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *txn = begin_write(kv);
	struct bytes found;
	size_t size, a, b;
	uint8_t *data;

	put_text(txn, FRUIT, "a", "first value");
	put_text(txn, FRUIT, "b", "other value");
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	kv_close(kv);
	data = load(path, &size);
	a = find_last(data, size, "first value") - 8;
	b = find_last(data, size, "other value") - 8;
	for (size_t i = 0; i < 8 + strlen("first value"); i++) {
		store_byte(path, a + i, data[b + i]);
		store_byte(path, b + i, data[a + i]);
	}
	free(data);
	kv = open_kv(*test, false);
	txn = begin_read(kv);
	assert_int_equal(kv_get(txn, FRUIT, bytes_of_text("a"), &found), STATUS_CORRUPT);
	assert_int_equal(kv_get(txn, FRUIT, bytes_of_text("b"), &found), STATUS_CORRUPT);
	kv_abort(&txn);
	kv_close(kv);
	free(path);
}

static void expect_corrupt(const char *directory)
{
	struct kv_options how = options(false);
	struct kv *kv;

	assert_int_equal(kv_open(directory, &how, &kv), STATUS_CORRUPT);
	how = options(true);
	assert_int_equal(kv_open(directory, &how, &kv), STATUS_CORRUPT);
}

static void a_damaged_file_is_refused(void **test)
{
	static const off_t sizes[] = { 100, 4096, 8192, 20480 };
	char *path = text_copy(scratch_path(*test, "data.mdb"));
	struct kv *kv = open_kv(*test, true);
	char *zeros;

	for (char key[] = "a"; key[0] <= 'z'; key[0]++)
		put_one(kv, key, "some value");
	kv_close(kv);
	for (size_t i = sizeof(sizes) / sizeof(sizes[0]); i-- > 0;) {
		assert_int_equal(truncate(path, sizes[i]), 0);
		expect_corrupt(*test);
	}
	scratch_write(*test, "data.mdb", "");
	assert_int_equal(truncate(path, MIB), 0);
	expect_corrupt(*test);
	zeros = memory_new(16 * KIB);
	memset(zeros, 'x', 16 * KIB - 1);
	scratch_write(*test, "data.mdb", zeros);
	expect_corrupt(*test);
	free(zeros);
	/* An empty one is what a creation that was interrupted leaves. */
	scratch_write(*test, "data.mdb", "");
	kv_close(open_kv(*test, true));
	free(path);
}

static bool is_denied_to_a_stranger(const char *directory)
{
	struct kv_options how = options(false);
	struct kv *kv;

	return setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0
	    && kv_open(directory, &how, &kv) == STATUS_DENIED;
}

static void whoever_may_not_read_is_denied(void **test)
{
	if (geteuid() != 0)
		skip(); /* only root can become someone else */
	kv_close(open_kv(*test, true));
	/* The scratch directory itself is 0700. */
	assert_true(in_child(is_denied_to_a_stranger, *test));
	assert_int_equal(chmod(*test, 0755), 0);
	assert_true(in_child(is_denied_to_a_stranger, *test));
	assert_int_equal(chmod(scratch_path(*test, "lock.mdb"), 0644), 0);
	assert_true(in_child(is_denied_to_a_stranger, *test));
}

/* ---- growth ---- */

static struct bytes numbered_key(unsigned number, uint8_t key[4])
{
	for (unsigned i = 0; i < 4; i++)
		key[i] = (uint8_t)(number >> 8 * (3 - i));
	return BYTES(key, 4);
}

/* A value that says whose it is. */
static struct bytes numbered_value(unsigned number, uint8_t value[1000])
{
	memset(value, (int)(number % 251), 1000);
	return BYTES(value, 1000);
}

/* COUNT entries of 1000 bytes from FIRST on, in one transaction. */
static enum status put_many(struct kv *kv, unsigned first, unsigned count)
{
	uint8_t key[4], value[1000];
	struct kv_txn *txn;
	enum status status = kv_write_begin(kv, &txn);

	if (status != STATUS_OK)
		return status;
	for (unsigned i = first; status == STATUS_OK && i < first + count; i++)
		status = kv_put(txn, FRUIT, numbered_key(i, key), numbered_value(i, value));
	if (status == STATUS_OK)
		return kv_commit(&txn);
	assert_int_equal(kv_commit(&txn), status);
	return status;
}

/* How many entries there are: all from 0 on, without a gap, each with its value. */
static unsigned count_whole(struct kv *kv)
{
	uint8_t wanted_key[4], wanted[1000];
	struct kv_cursor *cursor;
	struct kv_txn *txn = begin_read(kv);
	struct bytes key, value;
	unsigned count = 0;
	enum status status;

	assert_int_equal(kv_cursor_open(txn, FRUIT, &cursor), STATUS_OK);
	while ((status = kv_cursor_next(cursor, &key, &value)) == STATUS_OK) {
		assert_true(bytes_equal(key, numbered_key(count, wanted_key)));
		assert_true(bytes_equal(value, numbered_value(count, wanted)));
		count++;
	}
	assert_int_equal(status, STATUS_NOT_FOUND);
	kv_cursor_close(cursor);
	kv_abort(&txn);
	return count;
}

struct watcher {
	struct kv *kv;
	atomic_bool is_over;
	unsigned last;
};

static void *watch(void *context)
{
	struct watcher *watcher = context;

	do {
		unsigned count = count_whole(watcher->kv);

		if (count < watcher->last)
			return "what was committed has gone";
		watcher->last = count;
	} while (!atomic_load(&watcher->is_over));
	return NULL;
}

static void the_map_grows_while_others_read(void **test)
{
	enum { BATCHES = 100, PER_BATCH = 80 };
	struct kv *kv = open_kv(*test, true);
	struct watcher watcher = { .kv = kv };
	uint64_t map_bytes, used_bytes;
	pthread_t thread;
	void *complaint;

	assert_int_equal(pthread_create(&thread, NULL, watch, &watcher), 0);
	for (unsigned i = 0; i < BATCHES; i++)
		assert_int_equal(put_many(kv, i * PER_BATCH, PER_BATCH), STATUS_OK);
	atomic_store(&watcher.is_over, true);
	assert_int_equal(pthread_join(thread, &complaint), 0);
	assert_null(complaint);
	assert_int_equal(count_whole(kv), BATCHES * PER_BATCH);
	kv_usage(kv, &map_bytes, &used_bytes);
	assert_true(map_bytes >= 8 * MIB);
	assert_in_range(used_bytes, 8 * MIB, map_bytes);
	kv_close(kv);
	kv = open_kv(*test, false);
	assert_int_equal(count_whole(kv), BATCHES * PER_BATCH);
	kv_close(kv);
}

static void a_write_that_did_not_fit_finds_a_larger_map(void **test)
{
	struct kv *kv = open_kv(*test, true);
	unsigned tries = 1;

	while (put_many(kv, 0, 5000) == STATUS_FULL) {
		assert_int_equal(count_whole(kv), 0);
		assert_true(++tries < 8);
		/* Also where the failure ended the process. */
		kv_close(kv);
		kv = open_kv(*test, true);
	}
	assert_true(tries > 1);
	assert_int_equal(count_whole(kv), 5000);
	kv_close(kv);
}

static enum status delete_many(struct kv *kv, unsigned first, unsigned count)
{
	struct kv_txn *txn;
	uint8_t key[4];
	enum status status = kv_trim_begin(kv, &txn);

	if (status != STATUS_OK)
		return status;
	for (unsigned i = first; status == STATUS_OK && i < first + count; i++)
		status = kv_delete(txn, FRUIT, numbered_key(i, key));
	if (status == STATUS_OK)
		return kv_commit(&txn);
	kv_abort(&txn);
	return status;
}

/* One batch after the other, until one is refused with WANTED: how many entries there are. */
static unsigned fill_up(struct kv *kv, unsigned first, enum status wanted)
{
	enum { PER_BATCH = 16 };
	enum status status;

	while ((status = put_many(kv, first, PER_BATCH)) == STATUS_OK)
		first += PER_BATCH;
	assert_int_equal(status, wanted);
	assert_int_equal(count_whole(kv), first);
	return first;
}

static void at_its_limit_a_store_takes_nothing_more_but_can_be_trimmed(void **test)
{
	struct kv_options how = options(true);
	uint64_t map_bytes, full_bytes, trimmed_bytes;
	struct kv *kv;
	unsigned count;

	how.map_limit = 2 * MIB;
	assert_int_equal(kv_open(*test, &how, &kv), STATUS_OK);
	for (unsigned round = 0; round < 4; round++) {
		count = fill_up(kv, 0, STATUS_FULL);
		kv_usage(kv, &map_bytes, &full_bytes);
		assert_int_equal(map_bytes, 2 * MIB);
		assert_true(full_bytes > map_bytes / 10 * 8);
		assert_int_equal(delete_many(kv, 0, count), STATUS_OK);
		assert_int_equal(count_whole(kv), 0);
		kv_usage(kv, &map_bytes, &trimmed_bytes);
		assert_true(trimmed_bytes < full_bytes / 2);
	}
	kv_close(kv);
}

static void a_thread_that_reads_keeps_its_map_from_growing_but_does_not_hang(void **test)
{
	struct kv *kv = open_kv(*test, true);
	struct kv_txn *read = begin_read(kv);
	unsigned count = fill_up(kv, 0, STATUS_FULL);

	expect_in(read, FRUIT, "apple", NULL);
	kv_abort(&read);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(put_many(kv, count + i * 80, 80), STATUS_OK);
	assert_int_equal(count_whole(kv), count + 20 * 80);
	kv_close(kv);
}

/* ---- a full disk ---- */

/* A small file system on DIRECTORY, seen by this process alone; false where that is not allowed. */
static bool mount_small(const char *directory)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0
	    && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
	    && mount("none", directory, "tmpfs", 0, "size=6m") == 0;
}

static void take_bytes(const char *directory, off_t size)
{
	int fd = open(scratch_path(directory, "other"), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, 0, 0, size), 0);
	close(fd);
}

static bool survives_a_full_disk(const char *directory)
{
	const char *path = scratch_path(directory, "kv");
	struct kv_options how = options(true);
	struct kv *kv;
	unsigned count;

	if (!mount_small(directory))
		return false;
	take_bytes(directory, 6 * MIB - 64 * KIB);
	assert_int_equal(kv_open(path, &how, &kv), STATUS_NO_SPACE);
	unlink(scratch_path(directory, "other"));
	take_bytes(directory, 3 * MIB);
	kv = open_kv(path, true);
	count = fill_up(kv, 0, STATUS_NO_SPACE);
	assert_true(count > 512);
	assert_int_equal(delete_many(kv, count - 16, 16), STATUS_OK);
	assert_int_equal(fill_up(kv, count - 16, STATUS_NO_SPACE), count);
	kv_close(kv);
	kv = open_kv(path, true);
	assert_int_equal(count_whole(kv), count);
	unlink(scratch_path(directory, "other"));
	assert_int_equal(put_many(kv, count, 512), STATUS_OK);
	assert_int_equal(count_whole(kv), count + 512);
	kv_close(kv);
	return true;
}

static void set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static bool survives_a_limit_on_files(const char *directory)
{
	struct kv_options how = options(true);
	struct kv *kv;
	unsigned count;

	signal(SIGXFSZ, SIG_IGN);
	set_file_limit(512 * KIB);
	assert_int_equal(kv_open(directory, &how, &kv), STATUS_NO_SPACE);
	set_file_limit(MIB);
	kv = open_kv(directory, true);
	count = fill_up(kv, 0, STATUS_NO_SPACE);
	set_file_limit(RLIM_INFINITY);
	assert_int_equal(put_many(kv, count, 512), STATUS_OK);
	assert_int_equal(count_whole(kv), count + 512);
	kv_close(kv);
	return true;
}

static bool can_mount(const char *directory)
{
	return mount_small(directory);
}

static void a_full_disk_loses_nothing_and_work_goes_on_after_it(void **test)
{
	if (!in_child(can_mount, *test))
		skip(); /* the next one shows the same by a limit on the size of files */
	assert_true(in_child(survives_a_full_disk, *test));
}

static void a_file_that_may_not_grow_loses_nothing(void **test)
{
	assert_true(in_child(survives_a_limit_on_files, *test));
}

/* ---- copies ---- */

static void a_copy_holds_what_was_committed(void **test)
{
	char *copy = text_copy(scratch_path(*test, "backup/today"));
	struct kv *kv = open_kv(scratch_path(*test, "kv"), true), *copied;
	struct stat info;

	assert_int_equal(put_many(kv, 0, 300), STATUS_OK);
	assert_int_equal(kv_copy(kv, copy), STATUS_OK);
	assert_int_equal(put_many(kv, 300, 100), STATUS_OK);
	assert_int_equal(kv_copy(kv, copy), STATUS_EXISTS);
	kv_close(kv);
	assert_int_equal(stat(scratch_path(copy, "data.mdb"), &info), 0);
	assert_int_equal(info.st_mode & 0137, 0);
	copied = open_kv(copy, false);
	assert_int_equal(count_whole(copied), 300);
	kv_close(copied);
	copied = open_kv(copy, true);
	assert_int_equal(put_many(copied, 300, 100), STATUS_OK);
	kv_close(copied);
	free(copy);
}

static void a_copy_holds_what_its_transaction_saw(void **test)
{
	char *copy = text_copy(scratch_path(*test, "backup/today"));
	struct kv *kv = open_kv(scratch_path(*test, "kv"), true), *copied;
	struct kv_txn *seen;
	struct stat info;

	assert_int_equal(put_many(kv, 0, 300), STATUS_OK);
	seen = begin_read(kv);
	assert_int_equal(put_many(kv, 300, 100), STATUS_OK);
	assert_int_equal(kv_copy_seen(seen, copy, NULL, NULL), STATUS_OK);
	assert_int_equal(kv_copy_seen(seen, copy, NULL, NULL), STATUS_EXISTS);
	kv_abort(&seen);
	kv_close(kv);
	assert_int_equal(stat(scratch_path(copy, "data.mdb"), &info), 0);
	assert_true(info.st_size < 2 * MIB); /* of 16 MiB that it was made in */
	assert_int_equal(access(scratch_path(copy, "lock"), F_OK), -1);
	copied = open_kv(copy, false);
	assert_int_equal(count_whole(copied), 300);
	kv_close(copied);
	copied = open_kv(copy, true);
	assert_int_equal(put_many(copied, 300, 100), STATUS_OK);
	kv_close(copied);
	free(copy);
}

static bool copy_without_room_leaves_nothing(const char *directory)
{
	struct kv *kv = open_kv(scratch_path(directory, "kv"), true);
	struct kv_txn *seen;
	bool is_refused;

	if (put_many(kv, 0, 300) != STATUS_OK)
		return false;
	signal(SIGXFSZ, SIG_IGN);
	set_file_limit(2 * MIB);
	seen = begin_read(kv);
	is_refused = kv_copy_seen(seen, scratch_path(directory, "copy"), NULL, NULL)
	          == STATUS_NO_SPACE;
	kv_abort(&seen);
	kv_close(kv);
	return is_refused && rmdir(scratch_path(directory, "copy")) == 0;
}

static void a_copy_without_room_leaves_nothing(void **test)
{
	assert_true(in_child(copy_without_room_leaves_nothing, *test));
}

static void a_copy_of_damage_is_refused(void **test)
{
	static const char value[] = "a value worth keeping";
	char *path = text_copy(scratch_path(*test, "kv/data.mdb"));
	struct kv *kv = open_kv(scratch_path(*test, "kv"), true);
	struct kv_txn *seen;
	uint8_t *data;
	size_t size;

	put_one(kv, "key", value);
	kv_close(kv);
	data = load(path, &size);
	store_byte(path, find_last(data, size, value), 'A');
	kv = open_kv(scratch_path(*test, "kv"), false);
	seen = begin_read(kv);
	assert_int_equal(kv_copy_seen(seen, scratch_path(*test, "copy"), NULL, NULL),
	    STATUS_CORRUPT);
	kv_abort(&seen);
	kv_close(kv);
	assert_int_equal(rmdir(scratch_path(*test, "copy")), 0);
	free(data);
	free(path);
}

/* ---- readers that died ---- */

/* A process with a read transaction, or only with the store open, until it is killed. */
static pid_t read_elsewhere(const char *directory, bool has_transaction)
{
	int told[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(told), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct kv *kv = open_kv(directory, false);

		if (has_transaction)
			(void)begin_read(kv);
		if (write(told[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	return child;
}

static void end_reader(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* A second reader lives on, or LMDB would make its table of readers anew by itself. */
static void a_reader_that_was_killed_holds_nothing_back_after_a_start(void **test)
{
	uint64_t map_bytes, used_bytes;
	pid_t killed, alive;
	struct kv *kv;

	kv_close(open_kv(*test, true));
	killed = read_elsewhere(*test, true);
	alive = read_elsewhere(*test, false);
	end_reader(killed);
	kv = open_kv(*test, true);
	for (unsigned round = 0; round < 60; round++)
		assert_int_equal(put_many(kv, 0, 40), STATUS_OK);
	kv_usage(kv, &map_bytes, &used_bytes);
	assert_int_equal(map_bytes, MIB);
	kv_close(kv);
	end_reader(alive);
}

/* What the test before shows holds only because a reader that lives does hold pages back. */
static void a_reader_that_lives_makes_the_map_grow(void **test)
{
	uint64_t map_bytes, used_bytes;
	pid_t alive;
	struct kv *kv;

	kv_close(open_kv(*test, true));
	alive = read_elsewhere(*test, true);
	kv = open_kv(*test, true);
	for (unsigned round = 0; round < 60; round++)
		assert_int_equal(put_many(kv, 0, 40), STATUS_OK);
	kv_usage(kv, &map_bytes, &used_bytes);
	assert_true(map_bytes > MIB);
	kv_close(kv);
	end_reader(alive);
}

/* ---- verifying ---- */

static const char *shape_of_numbers(void *data, const char *table, struct bytes key)
{
	(void)data;
	return strcmp(table, "fruit") == 0 && key.size != 4 ? "not a number" : NULL;
}

static void count_fault(void *data, const char *table, struct bytes key, const char *what)
{
	(void)table;
	(void)key;
	(void)what;
	++*(unsigned *)data;
}

/* How many faults there are in what DIRECTORY holds. */
static unsigned faults_in(const char *directory)
{
	unsigned faults = 0;
	struct kv_checks checks = { .shape = shape_of_numbers,
		.fault = count_fault,
		.data = &faults,
		.is_still = true };
	enum status status;
	struct kv *kv;

	assert_int_equal(kv_open_all(directory, &kv), STATUS_OK);
	assert_int_equal(kv_tables(kv), TABLES);
	status = kv_verify(kv, &checks);
	assert_int_equal(status, faults == 0 ? STATUS_OK : STATUS_CORRUPT);
	kv_close(kv);
	return faults;
}

static void what_is_whole_has_no_faults(void **test)
{
	struct kv *kv = open_kv(*test, true);

	assert_int_equal(put_many(kv, 0, 300), STATUS_OK);
	kv_close(kv);
	assert_int_equal(faults_in(*test), 0);
}

static void a_key_of_another_shape_is_a_fault(void **test)
{
	struct kv_checks checks = { .shape = shape_of_numbers };
	struct kv *kv = open_kv(*test, true);

	put_one(kv, "pineapple", "a value");
	assert_int_equal(kv_verify(kv, &checks), STATUS_CORRUPT);
	kv_close(kv);
}

/* LMDB keeps a table's number of entries 32 bytes after its name. */
static void entries_that_lack_are_a_fault(void **test)
{
	char *path = text_copy(scratch_path(*test, "data.mdb"));
	struct kv *kv = open_kv(*test, true);
	uint8_t *data;
	size_t size;

	assert_int_equal(put_many(kv, 0, 300), STATUS_OK);
	kv_close(kv);
	data = load(path, &size);
	for (size_t at = 0; at + 40 < size; at++)
		if (memcmp(data + at, "fruit", 5) == 0)
			store_byte(path, at + 5 + 32, (uint8_t)(data[at + 5 + 32] + 1));
	assert_int_equal(faults_in(*test), 1);
	free(data);
	free(path);
}

/* 1: all is as it was written; 2: it was refused or found to be damaged; 3: damage was served. */
static int served(const char *directory, unsigned count)
{
	struct kv_options how = options(false);
	struct kv_checks checks = { .is_still = true };
	struct kv_cursor *cursor = NULL;
	struct kv_txn *txn = NULL;
	struct bytes key, value;
	uint8_t wanted[4], content[1000];
	unsigned found = 0;
	struct kv *kv;
	enum status status = kv_open(directory, &how, &kv);

	if (status != STATUS_OK || kv_read_begin(kv, &txn) != STATUS_OK
	    || kv_cursor_open(txn, FRUIT, &cursor) != STATUS_OK)
		return 2;
	while ((status = kv_cursor_next(cursor, &key, &value)) == STATUS_OK && found < count) {
		if (!bytes_equal(key, numbered_key(found, wanted))
		    || !bytes_equal(value, numbered_value(found, content)))
			return kv_verify(kv, &checks) == STATUS_OK ? 3 : 2;
		found++;
	}
	if (status == STATUS_NOT_FOUND && found == count)
		return 1;
	return status != STATUS_NOT_FOUND || kv_verify(kv, &checks) != STATUS_OK ? 2 : 3;
}

/* In a process of its own, as damage may end it or keep it for ever. */
static int served_in_child(const char *directory, unsigned count)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit no_core = { 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		alarm(10);
		close(STDERR_FILENO);
		_exit(served(directory, count));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* A generator of its own, so that every run damages the same places. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void no_flipped_byte_is_served_unnoticed(void **test)
{
	enum { COUNT = 300, FLIPS = 200 };
	char *path = text_copy(scratch_path(*test, "data.mdb"));
	unsigned outcomes[4] = { 0 };
	uint64_t map_bytes, used_bytes;
	struct kv *kv = open_kv(*test, true);
	uint32_t state = 1;
	uint8_t *data;
	size_t size;

	assert_int_equal(put_many(kv, 0, COUNT), STATUS_OK);
	kv_usage(kv, &map_bytes, &used_bytes);
	kv_close(kv);
	data = load(path, &size);
	for (unsigned i = 0; i < FLIPS; i++) {
		size_t place = next_random(&state) % used_bytes;
		int outcome;

		store_byte(path, place, data[place] ^ (uint8_t)(1U << next_random(&state) % 8));
		outcome = served_in_child(*test, COUNT);
		store_byte(path, place, data[place]);
		outcomes[outcome]++;
		if (outcome == 3)
			fail_msg("a flipped bit of byte %zu was served", place);
	}
	print_message("%u flips: %u where nothing is, %u found, %u ended the reader\n", FLIPS,
	    outcomes[1], outcomes[2], outcomes[0]);
	assert_true(outcomes[2] > FLIPS / 4);
	free(data);
	free(path);
}

static void mdb_stat_reads_it(void **test)
{
	char *command;

	if (system("command -v mdb_stat >/dev/null 2>&1") != 0)
		skip(); /* lmdb-utils is not installed */
	kv_close(open_kv(*test, true));
	command = text_format(
	    "test $(mdb_stat -a '%s' | grep -c 'Status of \\(fruit\\|roots\\)') = 2",
	    (const char *)*test);
	assert_int_equal(system(command), 0);
	free(command);
}

/* ---- another process grows it ---- */

static bool grows_elsewhere(const char *directory)
{
	struct kv_options how = options(true);
	struct kv *kv;

	if (kv_open(directory, &how, &kv) != STATUS_OK)
		return false;
	for (unsigned i = 0; i < 50; i++)
		if (put_many(kv, i * 80, 80) != STATUS_OK)
			return false;
	kv_close(kv);
	return true;
}

/* The child starts before the parent opens anything: an environment must not cross a fork. */
static void a_reader_follows_the_growth_of_another_process(void **test)
{
	int start[2], status;
	struct kv *kv;
	pid_t child;
	char byte;

	kv_close(open_kv(*test, true));
	assert_int_equal(pipe(start), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(start[1]);
		_exit(read(start[0], &byte, 1) == 1 && grows_elsewhere(*test) ? 0 : 1);
	}
	kv = open_kv(*test, false);
	assert_int_equal(count_whole(kv), 0);
	assert_int_equal(write(start[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(count_whole(kv), 4000);
	kv_close(kv);
	close(start[0]);
	close(start[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_committed_is_there_after_reopening),
		TEST(what_was_aborted_is_not_there),
		TEST(a_read_sees_the_state_at_its_begin),
		TEST(a_deleted_key_is_gone_and_may_be_deleted_again),
		TEST(an_append_must_come_after_all_others),
		TEST(a_borrowed_value_may_be_put_under_another_key),
		TEST(a_cursor_finds_the_neighbours_of_a_key),
		TEST(a_cursor_walks_both_ways),
		TEST(a_cursor_writes_and_deletes),
		TEST(openers_of_one_directory_share_it),
		TEST(a_reader_becomes_the_writer),
		TEST(there_is_nothing_to_read_before_a_writer_was_there),
		TEST(a_writer_makes_the_directories_on_the_way),
		TEST(only_one_process_writes),
		TEST(a_flipped_byte_of_a_value_is_noticed),
		TEST(values_that_changed_places_are_noticed),
		TEST(a_damaged_file_is_refused),
		TEST(whoever_may_not_read_is_denied),
		TEST(the_map_grows_while_others_read),
		TEST(a_write_that_did_not_fit_finds_a_larger_map),
		TEST(at_its_limit_a_store_takes_nothing_more_but_can_be_trimmed),
		TEST(a_thread_that_reads_keeps_its_map_from_growing_but_does_not_hang),
		TEST(a_full_disk_loses_nothing_and_work_goes_on_after_it),
		TEST(a_file_that_may_not_grow_loses_nothing),
		TEST(a_copy_holds_what_was_committed),
		TEST(a_copy_holds_what_its_transaction_saw),
		TEST(a_copy_without_room_leaves_nothing),
		TEST(a_copy_of_damage_is_refused),
		TEST(a_reader_that_was_killed_holds_nothing_back_after_a_start),
		TEST(a_reader_that_lives_makes_the_map_grow),
		TEST(what_is_whole_has_no_faults),
		TEST(a_key_of_another_shape_is_a_fault),
		TEST(entries_that_lack_are_a_fault),
		TEST(no_flipped_byte_is_served_unnoticed),
		TEST(mdb_stat_reads_it),
		TEST(a_reader_follows_the_growth_of_another_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
