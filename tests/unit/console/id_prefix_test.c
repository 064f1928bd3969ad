/* SPDX-License-Identifier: Apache-2.0 */
#include "console/id_prefix.h"

#include "tests/support/scratch.h"

static const uint8_t first[HASH_SIZE] = { 0xab, 0xcd, 0x01 },
		     second[HASH_SIZE] = { 0xab, 0xcd, 0x02 };

static int find(const char *text, struct id_prefix *prefix)
{
	*prefix = (struct id_prefix){ .text = text, .what = "agent" };
	id_prefix_consider(prefix, BYTES_OF(first), "web1");
	id_prefix_consider(prefix, BYTES_OF(second), NULL);
	id_prefix_consider(prefix, BYTES("odd", 3), "odd");
	return id_prefix_end(prefix);
}

static void finds(const char *text, const uint8_t *id)
{
	struct id_prefix prefix;

	assert_int_equal(find(text, &prefix), 0);
	assert_memory_equal(prefix.id, id, HASH_SIZE);
	id_prefix_fini(&prefix);
}

static void finds_none(const char *text)
{
	struct id_prefix prefix;

	assert_int_equal(find(text, &prefix), CONSOLE_NEGATIVE);
	id_prefix_fini(&prefix);
}

static void a_name_is_enough(void **test)
{
	(void)test;
	finds("web1", first);
	finds_none("web2");
	finds_none("odd"); /* what has no id cannot be meant */
}

static void so_is_the_beginning_of_an_id_of_four_digits_or_more(void **test)
{
	(void)test;
	finds("abcd01", first);
	finds("ABCD02", second);
	finds("abcd0200000000000000000000000000", second);
	finds_none("abcd02000000000000000000000000000");
	finds_none("abc");
}

static void what_may_be_several_is_none_and_lists_them(void **test)
{
	struct id_prefix prefix;

	(void)test;
	assert_int_equal(find("abcd", &prefix), CONSOLE_NEGATIVE);
	assert_string_equal(buffer_text(&prefix.list),
	    "abcd01000000 (web1), abcd02000000 (no name)");
	id_prefix_fini(&prefix);
}

static void a_name_beats_the_beginning_of_an_id(void **test)
{
	struct id_prefix prefix = { .text = "abcd", .what = "agent" };

	(void)test;
	id_prefix_consider(&prefix, BYTES_OF(first), "web1");
	id_prefix_consider(&prefix, BYTES_OF(second), "abcd");
	assert_int_equal(id_prefix_end(&prefix), 0);
	assert_memory_equal(prefix.id, second, HASH_SIZE);
	id_prefix_fini(&prefix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_enough),
		cmocka_unit_test(so_is_the_beginning_of_an_id_of_four_digits_or_more),
		cmocka_unit_test(what_may_be_several_is_none_and_lists_them),
		cmocka_unit_test(a_name_beats_the_beginning_of_an_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
