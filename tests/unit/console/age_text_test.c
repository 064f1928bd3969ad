/* SPDX-License-Identifier: Apache-2.0 */
#include "console/age_text.h"

#include "tests/support/scratch.h"

static void is(uint64_t age_s, const char *expected)
{
	const uint64_t now_ms = UINT64_C(1800000000000);
	char text[AGE_TEXT_SIZE];

	age_text(now_ms - age_s * 1000, now_ms, text);
	assert_string_equal(text, expected);
}

static void an_age_is_told_in_its_largest_unit(void **test)
{
	(void)test;
	is(0, "0s");
	is(59, "59s");
	is(60, "1m");
	is(3599, "59m");
	is(3600, "1h");
	is(86399, "23h");
	is(86400, "1d");
	is(364 * 86400, "364d");
	is(365 * 86400, "1y");
}

static void no_time_has_no_age_and_what_is_to_come_is_new(void **test)
{
	char text[AGE_TEXT_SIZE];

	(void)test;
	age_text(0, 1000, text);
	assert_string_equal(text, "");
	age_text(2000, 1000, text);
	assert_string_equal(text, "0s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_age_is_told_in_its_largest_unit),
		cmocka_unit_test(no_time_has_no_age_and_what_is_to_come_is_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
