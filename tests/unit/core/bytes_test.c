/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bytes.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

static bool is_utf8(const char *bytes)
{
	return bytes_is_utf8(bytes_of_text(bytes));
}

static void utf8_is_what_the_standard_says(void **test)
{
	(void)test;
	assert_true(is_utf8(""));
	assert_true(is_utf8("plain, caf\xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80"));
	assert_true(is_utf8("\xf4\x8f\xbf\xbf"));
	assert_false(is_utf8("\xf4\x90\x80\x80")); /* beyond U+10FFFF */
	assert_false(is_utf8("\xed\xa0\x80"));     /* a surrogate */
	assert_false(is_utf8("\xc0\xaf"));         /* '/' in two bytes */
	assert_false(is_utf8("\xe0\x80\xaf"));     /* in three */
	assert_false(is_utf8("\xf0\x80\x80\xaf")); /* in four */
	assert_false(is_utf8("\x80"));
	assert_false(is_utf8("\xc3"));
	assert_false(is_utf8("\xe2\x82"));
	assert_false(is_utf8("\xe2\x82z"));
	assert_false(is_utf8("\xff"));
}

static void bytes_sort_as_lmdb_sorts_keys(void **test)
{
	(void)test;
	assert_true(bytes_compare(bytes_of_text("a"), bytes_of_text("ab")) < 0);
	assert_true(bytes_compare(bytes_of_text("b"), bytes_of_text("ab")) > 0);
	assert_true(bytes_compare(bytes_of_text("\xff"), bytes_of_text("a")) > 0);
	assert_int_equal(bytes_compare(BYTES_NONE, BYTES_NONE), 0);
	assert_true(bytes_compare(BYTES_NONE, bytes_of_text("a")) < 0);
	assert_true(bytes_start_with(bytes_of_text("ab"), BYTES_NONE));
	assert_false(bytes_start_with(BYTES_NONE, bytes_of_text("a")));
}

static void hexadecimal_is_read_whole_or_not_at_all(void **test)
{
	uint8_t out[2];
	char text[5];

	(void)test;
	assert_true(bytes_from_hex("00fF", out, 2));
	bytes_to_hex(BYTES_OF(out), text);
	assert_string_equal(text, "00ff");
	assert_false(bytes_from_hex("00f", out, 2));
	assert_false(bytes_from_hex("00ff0", out, 2));
	assert_false(bytes_from_hex("00fg", out, 2));
}

static void numbers_in_keys_are_big_endian(void **test)
{
	struct buffer buffer = { 0 };

	(void)test;
	buffer_append_u16(&buffer, 0x0102);
	buffer_append_u32(&buffer, 0x03040506);
	buffer_append_u64(&buffer, 0x0708090a0b0c0d0eULL);
	assert_memory_equal(buffer.data, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 14);
	assert_int_equal(bytes_u16(buffer.data), 0x0102);
	assert_int_equal(bytes_u32(buffer.data + 2), 0x03040506);
	assert_true(bytes_u64(buffer.data + 6) == 0x0708090a0b0c0d0eULL);
	buffer_fini(&buffer);
}

static void a_buffer_grows_and_its_text_is_terminated(void **test)
{
	struct buffer buffer = { 0 };

	(void)test;
	assert_string_equal(buffer_text(&buffer), "");
	for (int i = 0; i < 1000; i++)
		buffer_append_format(&buffer, "%d,", i % 10);
	assert_int_equal(buffer.size, 2000);
	assert_int_equal(strlen(buffer_text(&buffer)), 2000);
	buffer_clear(&buffer);
	buffer_append(&buffer, BYTES_NONE);
	assert_string_equal(buffer_text(&buffer), "");
	buffer_fini(&buffer);
}

static void what_an_arena_gives_is_zeroed_aligned_and_apart(void **test)
{
	struct arena arena = { 0 };

	(void)test;
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 20000; size = size * 2 + 1) {
			uint8_t *at = arena_take(&arena, size);

			assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(at[i], 0);
			memset(at, 0xff, size);
		}
		arena_reset(&arena);
		assert_int_equal(arena.used, 0);
	}
	assert_string_equal(arena_format(&arena, "%s-%d", "a", 1), "a-1");
	assert_null(arena_text(&arena, NULL));
	assert_int_equal(arena_bytes(&arena, BYTES_NONE).size, 0);
	arena_fini(&arena);
}

static void text_of_bytes_ends_at_a_nul(void **test)
{
	char *text = text_copy_bytes(BYTES("ab\0cd", 5));

	(void)test;
	assert_string_equal(text, "ab");
	free(text);
	assert_null(text_copy(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_what_the_standard_says),
		cmocka_unit_test(bytes_sort_as_lmdb_sorts_keys),
		cmocka_unit_test(hexadecimal_is_read_whole_or_not_at_all),
		cmocka_unit_test(numbers_in_keys_are_big_endian),
		cmocka_unit_test(a_buffer_grows_and_its_text_is_terminated),
		cmocka_unit_test(what_an_arena_gives_is_zeroed_aligned_and_apart),
		cmocka_unit_test(text_of_bytes_ends_at_a_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
