/* SPDX-License-Identifier: Apache-2.0 */
#include "console/fact_text.h"

#include "core/record.h"
#include "tests/support/scratch.h"

/* One side of a change, in rotating static memory. */
static Fettle__FactState *side(enum fact_status status, const struct fact_field *fields,
    size_t count)
{
	static struct buffer values[2];
	static Fettle__FactState states[2];
	static unsigned next;
	unsigned at = next++ % 2;

	buffer_clear(&values[at]);
	fact_value_encode(&values[at], fields, count);
	states[at] = (Fettle__FactState)FETTLE__FACT_STATE__INIT;
	RECORD_SET(&states[at], status, status);
	RECORD_SET_BYTES(&states[at], value, buffer_bytes(&values[at]));
	return &states[at];
}

static void difference_is(const Fettle__FactState *before, const Fettle__FactState *after,
    const char *expected)
{
	struct buffer text = { 0 };

	fact_text_difference(&text, before, after);
	assert_string_equal(buffer_text(&text), expected);
	buffer_fini(&text);
}

static void content_difference_is(const char *before, const char *after, const char *expected)
{
	const struct fact_field was[] = { FACT_FIELD_TEXT("content", before),
		FACT_FIELD_TEXT("sha256", "1") };
	const struct fact_field now[] = { FACT_FIELD_TEXT("content", after),
		FACT_FIELD_TEXT("sha256", "2") };

	difference_is(side(FACT_PRESENT, was, 2), side(FACT_PRESENT, now, 2), expected);
}

static void a_difference_is_told_field_by_field(void **test)
{
	const struct fact_field was[] = { FACT_FIELD_TEXT("mode", "0644"),
		FACT_FIELD_NUMBER("uid", 0), FACT_FIELD_TEXT("link", "a") };
	const struct fact_field now[] = { FACT_FIELD_TEXT("mode", "0600"),
		FACT_FIELD_NUMBER("uid", 0), FACT_FIELD_TEXT("owner", "root") };

	(void)test;
	difference_is(side(FACT_PRESENT, was, 3), side(FACT_PRESENT, now, 3),
	    "mode 0644 → 0600, owner → root, link a → (none)");
}

static void of_content_the_lines_that_differ_are_told(void **test)
{
	(void)test;
	content_difference_is("a\nb\nc\n", "a\nB\nc\n", "content -b +B");
	content_difference_is("a\nc\n", "a\nb\nc\n", "content +b");
	content_difference_is("a\nb\nc\n", "a\nc\n", "content -b");
	content_difference_is("a\nb\n", "a\nx\ny\n", "content -b +x (1 more line)");
	content_difference_is("a\n", "a\na\n", "content +a");
	content_difference_is("xa\n", "ya\n", "content -xa +ya");
	content_difference_is("", "a", "content +a");
}

static void what_came_and_went_is_told(void **test)
{
	const struct fact_field fields[] = { FACT_FIELD_TEXT("version", "3.0") };

	(void)test;
	difference_is(NULL, side(FACT_PRESENT, fields, 1), "new: version 3.0");
	difference_is(side(FACT_PRESENT, fields, 1), NULL, "gone: version 3.0");
	difference_is(side(FACT_ABSENT, NULL, 0), side(FACT_PRESENT, fields, 1),
	    "now present: version 3.0");
	difference_is(side(FACT_PRESENT, fields, 1), side(FACT_UNREADABLE, NULL, 0),
	    "present → unreadable");
}

static void a_value_from_an_endpoint_is_escaped_and_cut(void **test)
{
	char text[200];
	struct fact_field field;
	struct buffer shown = { 0 };

	(void)test;
	memset(text, 'x', sizeof(text));
	memcpy(text, "\x1b[2J", 4);
	text[sizeof(text) - 1] = '\0';
	field = FACT_FIELD_TEXT("name", text);
	fact_text_summary(&shown, &field, 1);
	assert_memory_equal(shown.data, "name \\u001b[2Jxxx", 16);
	assert_true(shown.size < 80);
	buffer_fini(&shown);
}

static void json_has_numbers_texts_and_escaped_bytes(void **test)
{
	const struct fact_field fields[] = { FACT_FIELD_NUMBER("size", -5),
		FACT_FIELD_TEXT("owner", "root"), FACT_FIELD_BLOB("raw", BYTES("\xff", 1)) };
	json_t *object = fact_text_json(fields, 3);

	(void)test;
	assert_int_equal(json_integer_value(json_object_get(object, "size")), -5);
	assert_string_equal(json_string_value(json_object_get(object, "owner")), "root");
	assert_string_equal(json_string_value(json_object_get(object, "raw")), "\\u00ff");
	json_decref(object);
}

static void damaged_values_are_shown_as_empty(void **test)
{
	Fettle__FactState state = FETTLE__FACT_STATE__INIT;
	json_t *object;

	(void)test;
	RECORD_SET(&state, status, FACT_PRESENT);
	RECORD_SET_BYTES(&state, value, bytes_of_text("\xff\xff\xff"));
	object = fact_text_state_json(&state);
	assert_int_equal(json_object_size(json_object_get(object, "value")), 0);
	json_decref(object);
	difference_is(&state, &state, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_difference_is_told_field_by_field),
		cmocka_unit_test(of_content_the_lines_that_differ_are_told),
		cmocka_unit_test(what_came_and_went_is_told),
		cmocka_unit_test(a_value_from_an_endpoint_is_escaped_and_cut),
		cmocka_unit_test(json_has_numbers_texts_and_escaped_bytes),
		cmocka_unit_test(damaged_values_are_shown_as_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
