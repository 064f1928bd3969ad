/* SPDX-License-Identifier: Apache-2.0 */
#include "console/fact_diff.h"

#include <stdlib.h>

#include "core/fact.h"
#include "core/record.h"
#include "tests/support/scratch.h"

/* One side of a change; its value is in a rotating static buffer. */
static Fettle__FactState *side(enum fact_status status, const struct fact_field *fields,
    size_t count)
{
	static Fettle__FactState states[4];
	static struct buffer values[4];
	static unsigned next;
	Fettle__FactState *state = &states[next % 4];
	struct buffer *value = &values[next++ % 4];

	buffer_fini(value);
	*value = (struct buffer){ 0 };
	fact_value_encode(value, fields, count);
	fettle__fact_state__init(state);
	RECORD_SET(state, status, (uint32_t)status);
	RECORD_SET_BYTES(state, value, buffer_bytes(value));
	return state;
}

static Fettle__FactState *content(const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("content", text);

	return side(FACT_PRESENT, &field, 1);
}

static void shows(const Fettle__FactState *before, const Fettle__FactState *after,
    const char *expected)
{
	struct output_options options = { 0 };
	char *text = NULL;
	size_t size = 0;

	options.stream = open_memstream(&text, &size);
	assert_non_null(options.stream);
	fact_diff_write(&options, before, after);
	fclose(options.stream);
	assert_string_equal(text, expected);
	free(text);
}

static void only_the_fields_that_differ_are_shown(void **test)
{
	const struct fact_field was[] = { FACT_FIELD_TEXT("mode", "0644"),
		FACT_FIELD_TEXT("owner", "root"), FACT_FIELD_TEXT("group", "root") };
	const struct fact_field is[] = { FACT_FIELD_TEXT("mode", "0666"),
		FACT_FIELD_TEXT("owner", "root"), FACT_FIELD_NUMBER("size", 7) };

	(void)test;
	shows(side(FACT_PRESENT, was, 3), side(FACT_PRESENT, is, 3),
	    "  mode 0644 → 0666\n"
	    "  size (none) → 7\n"
	    "  group root → (none)\n");
}

static void of_many_lines_those_added_and_taken_away_are_shown(void **test)
{
	(void)test;
	shows(content("a\nb\nc\nd\n"), content("a\nB\nc\nd\ne\n"),
	    "  content\n"
	    "    - b\n"
	    "    + B\n"
	    "    + e\n");
	shows(content("a\nb\n"), content("b\n"), "  content\n    - a\n");
	shows(content("a\n"), content("a"), "  content\n      (only how its last line ends)\n");
}

static void what_is_new_and_what_is_gone_is_shown_whole(void **test)
{
	const struct fact_field fields[] = { FACT_FIELD_TEXT("mode", "0644"),
		FACT_FIELD_TEXT("sha256", "00ff"), FACT_FIELD_TEXT("content", "x\ny\n") };

	(void)test;
	shows(NULL, side(FACT_PRESENT, fields, 3),
	    "  It was not there before. Now:\n"
	    "  mode 0644\n"
	    "  content\n    + x\n    + y\n");
	shows(side(FACT_PRESENT, fields, 3), NULL,
	    "  It is gone. It was:\n"
	    "  mode 0644\n"
	    "  content\n    - x\n    - y\n");
}

static void a_file_that_cannot_be_read_any_more_says_why(void **test)
{
	Fettle__FactState *now = side(FACT_UNREADABLE, NULL, 0);

	(void)test;
	now->reason = RECORD_TEXT("permission\x1b denied");
	shows(content("x"), now,
	    "  present → unreadable (permission\\u001b denied)\n"
	    "  content x\n");
}

static void what_is_hostile_is_escaped(void **test)
{
	(void)test;
	shows(content("a\n"), content("a\n\x1b[31m\xe2\x80\xae\xff\n"),
	    "  content\n    + \\u001b[31m\\u202e\\u00ff\n");
}

static void a_long_difference_says_how_much_it_leaves_out(void **test)
{
	struct buffer many = { 0 };
	struct output_options options = { 0 };
	char *text = NULL;
	size_t size = 0;

	(void)test;
	for (unsigned i = 0; i < 3000; i++)
		buffer_append_format(&many, "line %u\n", i);
	options.stream = open_memstream(&text, &size);
	fact_diff_write(&options, content("nothing\nof\nthat\n"), content(buffer_text(&many)));
	fclose(options.stream);
	assert_non_null(strstr(text, "      … and 2963 more lines\n"));
	assert_null(strstr(text, "line 40\n"));
	free(text);
	buffer_fini(&many);
}

static void a_value_that_is_none_is_empty(void **test)
{
	Fettle__FactState *now = side(FACT_PRESENT, NULL, 0);

	(void)test;
	RECORD_SET_BYTES(now, value, bytes_of_text("\xff\xff"));
	shows(NULL, now, "  It was not there before. Now:\n");
	RECORD_SET(now, status, 99);
	shows(now, now, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_fields_that_differ_are_shown),
		cmocka_unit_test(of_many_lines_those_added_and_taken_away_are_shown),
		cmocka_unit_test(what_is_new_and_what_is_gone_is_shown_whole),
		cmocka_unit_test(a_file_that_cannot_be_read_any_more_says_why),
		cmocka_unit_test(what_is_hostile_is_escaped),
		cmocka_unit_test(a_long_difference_says_how_much_it_leaves_out),
		cmocka_unit_test(a_value_that_is_none_is_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
