/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bundles are kept, and which go first.
 */
#include "processors/state/bundle_store.h"

#include <stdlib.h>

#include "processors/state/tables.h"
#include "tests/support/scratch.h"

static const uint64_t hour_ms = 3600 * 1000;

static const char *const tables[] = { STATE_TABLE_NAMES };

struct fixture {
	void *directory;
	struct kv *kv;
	struct txn *txn;
};

static int start(void **test)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	assert_int_equal(kv_open(at->directory, &options, &at->kv), STATUS_OK);
	assert_int_equal(txn_begin(at->kv, &at->txn), STATUS_OK);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	txn_abort(&at->txn);
	kv_close(at->kv);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* A bundle of SIZE bytes that its LETTER names. */
static void put(struct fixture *at, char letter, size_t size, uint64_t now_ms, uint64_t size_max)
{
	uint8_t hash[BUNDLE_HASH_SIZE] = { (uint8_t)letter }, bytes[1000] = { (uint8_t)letter };

	assert_true(size <= sizeof(bytes));
	assert_int_equal(bundle_store_put(at->txn, hash, BYTES(bytes, size), now_ms, size_max),
	    STATUS_OK);
}

static bool has(struct fixture *at, char letter, uint64_t now_ms)
{
	uint8_t hash[BUNDLE_HASH_SIZE] = { (uint8_t)letter };
	struct bytes bytes;
	enum status status = bundle_store_get(at->txn, hash, now_ms, &bytes);

	assert_true(status == STATUS_NOT_FOUND || bytes.data[0] == (uint8_t)letter);
	return status == STATUS_OK;
}

static void those_that_nobody_had_for_longest_make_room(void **test)
{
	struct fixture *at = *test;

	put(at, 'a', 400, 1 * hour_ms, 1000);
	put(at, 'b', 400, 2 * hour_ms, 1000);
	assert_true(has(at, 'a', 5 * hour_ms));
	put(at, 'c', 400, 6 * hour_ms, 1000);
	assert_true(has(at, 'a', 6 * hour_ms));
	assert_false(has(at, 'b', 6 * hour_ms));
	assert_true(has(at, 'c', 6 * hour_ms));
}

static void one_that_is_larger_than_all_may_be_is_not_kept(void **test)
{
	struct fixture *at = *test;

	put(at, 'a', 400, 1, 1000);
	put(at, 'b', 900, 2, 500);
	assert_false(has(at, 'b', 3));
	put(at, 'c', 400, 4, 500);
	assert_true(has(at, 'c', 5));
}

static void those_that_are_old_go_and_those_in_use_stay(void **test)
{
	struct fixture *at = *test;

	put(at, 'a', 400, 1 * hour_ms, 1000);
	put(at, 'b', 400, 1 * hour_ms, 1000);
	assert_true(has(at, 'b', 9 * hour_ms));
	assert_int_equal(bundle_store_expire(at->txn, 5 * hour_ms), STATUS_OK);
	assert_false(has(at, 'a', 9 * hour_ms));
	assert_true(has(at, 'b', 9 * hour_ms));
	put(at, 'c', 600, 10 * hour_ms, 1000); /* there is room for it again */
	assert_true(has(at, 'b', 10 * hour_ms));
}

static void the_same_again_is_counted_once(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 5; i++)
		put(at, 'a', 400, 1, 1000);
	put(at, 'b', 400, 2, 1000);
	assert_true(has(at, 'a', 3));
	assert_true(has(at, 'b', 3));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_that_nobody_had_for_longest_make_room),
		TEST(one_that_is_larger_than_all_may_be_is_not_kept),
		TEST(those_that_are_old_go_and_those_in_use_stay),
		TEST(the_same_again_is_counted_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
