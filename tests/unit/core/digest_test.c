/* SPDX-License-Identifier: Apache-2.0 */
#include "core/digest.h"

#include "tests/support/scratch.h"

static void told(enum fact_status status, const char *value, const char *reason,
    uint8_t out[HASH_SIZE])
{
	uint8_t content[HASH_SIZE];

	fact_hash(status, bytes_of_text(value), content);
	digest_told(content, reason, out);
}

static void toggle(struct digest *digest, const char *key, const char *value)
{
	uint8_t hash[HASH_SIZE];

	told(FACT_PRESENT, value, NULL, hash);
	digest_toggle(digest, bytes_of_text(key), hash);
}

static void the_order_in_which_facts_come_does_not_matter(void **test)
{
	struct digest a = { 0 }, b = { 0 };
	uint8_t root_a[HASH_SIZE], root_b[HASH_SIZE];

	(void)test;
	toggle(&a, "one", "1");
	toggle(&a, "two", "2");
	toggle(&b, "two", "2");
	toggle(&b, "one", "1");
	digest_root(&a, root_a);
	digest_root(&b, root_b);
	assert_memory_equal(root_a, root_b, HASH_SIZE);
}

static void a_fact_that_goes_leaves_nothing_behind(void **test)
{
	struct digest a = { 0 };
	const struct digest empty = { 0 };

	(void)test;
	toggle(&a, "one", "1");
	assert_memory_not_equal(&a, &empty, sizeof(a));
	toggle(&a, "one", "1");
	assert_memory_equal(&a, &empty, sizeof(a));
}

static void only_the_bucket_of_another_value_differs(void **test)
{
	struct digest a = { 0 }, b = { 0 };
	struct digest_set set;

	(void)test;
	for (unsigned i = 0; i < 100; i++) {
		char key[] = { 'k', (char)('0' + i / 10), (char)('0' + i % 10), 0 };

		toggle(&a, key, "same");
		toggle(&b, key, i == 42 ? "other" : "same");
	}
	digest_compare(&a, &b, &set);
	assert_int_equal(set.count, 1);
	assert_true(set.has[digest_bucket(bytes_of_text("k42"))]);
}

static void status_value_reason_and_key_all_count(void **test)
{
	uint8_t plain[HASH_SIZE], other[HASH_SIZE], a[HASH_SIZE], b[HASH_SIZE];

	(void)test;
	told(FACT_PRESENT, "v", NULL, plain);
	told(FACT_TRUNCATED, "v", NULL, other);
	assert_memory_not_equal(plain, other, HASH_SIZE);
	told(FACT_PRESENT, "w", NULL, other);
	assert_memory_not_equal(plain, other, HASH_SIZE);
	told(FACT_PRESENT, "v", "because", other);
	assert_memory_not_equal(plain, other, HASH_SIZE);
	told(FACT_PRESENT, "v", "", other);
	assert_memory_equal(plain, other, HASH_SIZE);
	digest_hash(bytes_of_text("a"), plain, a);
	digest_hash(bytes_of_text("b"), plain, b);
	assert_memory_not_equal(a, b, HASH_SIZE);
}

static void a_set_reads_as_it_was_written(void **test)
{
	const uint8_t numbers[] = { 7, 255, 0, 7 };
	const uint8_t sorted[] = { 0, 7, 255 };
	struct digest_set set;
	struct buffer out = { 0 };

	(void)test;
	digest_set_decode(BYTES_OF(numbers), &set);
	assert_int_equal(set.count, 3);
	digest_set_encode(&set, &out);
	assert_true(bytes_equal(buffer_bytes(&out), BYTES_OF(sorted)));
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_in_which_facts_come_does_not_matter),
		cmocka_unit_test(a_fact_that_goes_leaves_nothing_behind),
		cmocka_unit_test(only_the_bucket_of_another_value_differs),
		cmocka_unit_test(status_value_reason_and_key_all_count),
		cmocka_unit_test(a_set_reads_as_it_was_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
