/* SPDX-License-Identifier: Apache-2.0 */
#include "console/backup/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console/backup/environments.h"
#include "core/kv.h"
#include "tests/support/scratch.h"

enum { AGENTS = 200 };

static const char *const tables[] = { "agent", NULL };

struct faults {
	unsigned count;
	char table[16];
	uint8_t key[16];
};

static void on_fault(void *data, const char *name, const char *table, struct bytes key,
    const char *what)
{
	struct faults *faults = data;

	assert_string_equal(name, "log");
	assert_true(strlen(what) > 0);
	faults->count++;
	strncpy(faults->table, table, sizeof(faults->table) - 1);
	if (key.size == sizeof(faults->key))
		memcpy(faults->key, key.data, key.size);
}

static const uint8_t *key_of(unsigned number, uint8_t key[16])
{
	memset(key, 0, 16);
	key[0] = (uint8_t)number;
	return key;
}

/* A log with AGENTS agents, and one more key of KEY_SIZE bytes if that is not 0. */
static void make_log(const char *data, size_t key_size)
{
	const struct kv_options how = { .tables = tables, .is_writer = true };
	uint8_t key[16];
	struct kv_txn *txn;
	struct kv *kv;

	assert_int_equal(kv_open(scratch_path(data, "log"), &how, &kv), STATUS_OK);
	assert_int_equal(kv_write_begin(kv, &txn), STATUS_OK);
	for (unsigned i = 0; i < AGENTS; i++)
		assert_int_equal(kv_put(txn, 0, BYTES(key_of(i, key), 16),
				     bytes_of_text(i == 7 ? "the seventh" : "another one")),
		    STATUS_OK);
	if (key_size > 0)
		assert_int_equal(
		    kv_put(txn, 0, BYTES(key_of(255, key), key_size), bytes_of_text("x")),
		    STATUS_OK);
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	kv_close(kv);
}

/* Overwrites SIZE bytes at AT; SIZE_MAX: where "the seventh" stands. */
static void damage(const char *data, size_t at, const char *bytes, size_t size)
{
	static const char seventh[] = "the seventh";
	int fd = open(scratch_path(data, "log/data.mdb"), O_RDWR);
	static char file[256 * 1024];
	ssize_t have = pread(fd, file, sizeof(file), 0);

	assert_true(have > 0);
	for (size_t i = 0; at == SIZE_MAX && i < (size_t)have - sizeof(seventh); i++)
		if (memcmp(file + i, seventh, strlen(seventh)) == 0)
			at = i;
	assert_true(at != SIZE_MAX);
	assert_int_equal(pwrite(fd, bytes, size, (off_t)at), (ssize_t)size);
	close(fd);
}

static enum status check(const char *data, struct faults *faults, uint64_t *entries)
{
	struct check check = { .fault = on_fault, .data = faults };
	enum status status;

	*faults = (struct faults){ .count = 0 };
	status = check_environment(&check, data, "log");
	*entries = check.entries;
	return status;
}

static void all_of_what_is_whole_is_read(void **test)
{
	struct faults faults;
	uint64_t entries;

	make_log(*test, 0);
	assert_int_equal(check(*test, &faults, &entries), STATUS_OK);
	assert_int_equal(faults.count, 0);
	assert_int_equal(entries, AGENTS);
}

static void a_damaged_value_is_told_with_table_and_key(void **test)
{
	struct faults faults;
	uint64_t entries;
	uint8_t key[16];

	make_log(*test, 0);
	damage(*test, SIZE_MAX, "The", 3);
	assert_int_equal(check(*test, &faults, &entries), STATUS_CORRUPT);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.table, "agent");
	assert_memory_equal(faults.key, key_of(7, key), 16);
	assert_int_equal(entries, AGENTS);
}

static void a_key_of_a_wrong_size_is_a_fault(void **test)
{
	struct faults faults;
	uint64_t entries;

	make_log(*test, 3);
	assert_int_equal(check(*test, &faults, &entries), STATUS_CORRUPT);
	assert_int_equal(faults.count, 1);
}

/* Every page but the first two is gone: whatever that does to the reader, it is told. */
static void a_ruined_structure_is_told_whatever_it_does_to_the_reader(void **test)
{
	char ruin[4096];
	struct faults faults;
	uint64_t entries;

	make_log(*test, 0);
	memset(ruin, 0xff, sizeof(ruin));
	for (size_t page = 2; page < 16; page++)
		damage(*test, page * sizeof(ruin), ruin, sizeof(ruin));
	assert_int_equal(check(*test, &faults, &entries), STATUS_CORRUPT);
	assert_true(faults.count > 0);
}

static void environments_come_readers_first(void **test)
{
	struct environments found;

	scratch_write(*test, "log/data.mdb", "x");
	scratch_write(*test, "state/data.mdb", "x");
	scratch_write(*test, "sinks/soc/data.mdb", "x");
	scratch_write(*test, "sinks/none/other", "x");
	scratch_write(*test, "spool/data.mdb", "x");
	assert_int_equal(environments_find(*test, &found), STATUS_OK);
	assert_int_equal(found.count, 4);
	assert_string_equal(found.names[0], "sinks/soc");
	assert_string_equal(found.names[1], "state");
	assert_string_equal(found.names[2], "log");
	assert_true(environments_is_spool(found.names[3]));
	environments_fini(&found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_what_is_whole_is_read),
		TEST(a_damaged_value_is_told_with_table_and_key),
		TEST(a_key_of_a_wrong_size_is_a_fault),
		TEST(a_ruined_structure_is_told_whatever_it_does_to_the_reader),
		TEST(environments_come_readers_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
