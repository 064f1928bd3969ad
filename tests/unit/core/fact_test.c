/* SPDX-License-Identifier: Apache-2.0 */
#include "core/fact.h"
#include "tests/support/scratch.h"

static void a_value_comes_back_as_it_went(void **test)
{
	const struct fact_field fields[] = {
		FACT_FIELD_TEXT("name", "openssl"),
		FACT_FIELD_NUMBER("size", -3),
		FACT_FIELD_BLOB("content", BYTES("a\0\xff", 3)),
	};
	struct buffer value = { 0 };
	struct arena arena = { 0 };
	struct fact_field *back;
	size_t count;

	(void)test;
	fact_value_encode(&value, fields, 3);
	assert_int_equal(fact_value_decode(buffer_bytes(&value), &arena, &back, &count), STATUS_OK);
	assert_int_equal(count, 3);
	assert_string_equal(back[0].name, "name");
	assert_true(bytes_equal(back[0].bytes, bytes_of_text("openssl")));
	assert_int_equal(back[1].number, -3);
	assert_true(bytes_equal(fact_find(back, count, "content")->bytes, fields[2].bytes));
	assert_null(fact_find(back, count, "none"));
	buffer_fini(&value);
	arena_fini(&arena);
}

static void text_that_is_not_utf8_becomes_a_blob(void **test)
{
	struct fact_field field = FACT_FIELD_TEXT("name", "caf\xe9");
	struct buffer value = { 0 };
	struct arena arena = { 0 };
	struct fact_field *back;
	size_t count;

	(void)test;
	fact_value_encode(&value, &field, 1);
	assert_int_equal(fact_value_decode(buffer_bytes(&value), &arena, &back, &count), STATUS_OK);
	assert_int_equal(back[0].type, FACT_BLOB);
	buffer_fini(&value);
	arena_fini(&arena);
}

static void rubbish_is_refused(void **test)
{
	struct arena arena = { 0 };
	struct fact_field *back;
	size_t count;

	(void)test;
	assert_int_equal(fact_value_decode(bytes_of_text("rubbish"), &arena, &back, &count),
	    STATUS_REJECT);
	/* A field without a type: field 1 of Value, holding only a name. */
	assert_int_equal(fact_value_decode(BYTES("\x0a\x03\x0a\x01x", 5), &arena, &back, &count),
	    STATUS_REJECT);
	arena_fini(&arena);
}

static void a_long_key_is_cut_to_the_limit_and_stays_distinct(void **test)
{
	struct buffer a = { 0 }, b = { 0 };
	char rest[600];

	(void)test;
	memset(rest, 'x', sizeof(rest));
	fact_key(&a, "file", BYTES(rest, sizeof(rest)));
	rest[599] = 'y';
	fact_key(&b, "file", BYTES(rest, sizeof(rest)));
	assert_int_equal(a.size, FACT_KEY_MAX);
	assert_int_equal(b.size, FACT_KEY_MAX);
	assert_false(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
	buffer_fini(&a);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_comes_back_as_it_went),
		cmocka_unit_test(text_that_is_not_utf8_becomes_a_blob),
		cmocka_unit_test(rubbish_is_refused),
		cmocka_unit_test(a_long_key_is_cut_to_the_limit_and_stays_distinct),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
