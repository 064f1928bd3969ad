/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include "tests/support/scratch.h"

static void writes(uint64_t wall_ms, const char *expected)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ms, text);
	assert_string_equal(text, expected);
}

static void time_is_written_as_rfc_3339(void **test)
{
	(void)test;
	writes(0, "1970-01-01T00:00:00.000Z");
	writes(951782400007, "2000-02-29T00:00:00.007Z");
	writes(253402300799999, "9999-12-31T23:59:59.999Z");
	writes(253402300800000, "9999-12-31T23:59:59.999Z");
	writes(UINT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void ages(uint64_t wall_ms, uint64_t now_ms, const char *expected)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_age(wall_ms, now_ms, text);
	assert_string_equal(text, expected);
}

static void an_age_is_in_its_largest_unit(void **test)
{
	const uint64_t day = 24ULL * 3600 * 1000;

	(void)test;
	ages(1000, 1000, "just now");
	ages(1000, 1999, "just now");
	ages(0, 1000, "1 second ago");
	ages(0, 59999, "59 seconds ago");
	ages(0, 60000, "1 minute ago");
	ages(0, 2 * day, "2 days ago");
	ages(0, 40 * day, "40 days ago");
	ages(2 * day, 0, "in 2 days");
	ages(UINT64_MAX, 0, "in 213503982334 days");
}

static void reads(const char *text, uint64_t expected)
{
	uint64_t ms;

	assert_true(clock_parse_duration(text, &ms));
	assert_true(ms == expected);
}

static void a_duration_is_a_number_and_a_unit(void **test)
{
	uint64_t ms;
	static const char *const wrong[] = { "", "s", "-1s", "+1s", " 1s", "1 s", "1.5h", "1y",
		"1ss", "18446744073709551616", "30500568905w" };

	(void)test;
	reads("90", 90000);
	reads("90s", 90000);
	reads("15m", 900000);
	reads("36h", 129600000);
	reads("7d", 604800000);
	reads("2w", 1209600000);
	reads("250ms", 250);
	reads("0", 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (clock_parse_duration(wrong[i], &ms))
			fail_msg("\"%s\" was taken", wrong[i]);
}

static void jitter_stays_between_half_and_one_and_a_half(void **test)
{
	(void)test;
	for (int i = 0; i < 1000; i++)
		assert_in_range(clock_jitter_ms(1000), 500, 1499);
	assert_int_equal(clock_jitter_ms(0), 0);
	assert_int_equal(clock_jitter_ms(1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_written_as_rfc_3339),
		cmocka_unit_test(an_age_is_in_its_largest_unit),
		cmocka_unit_test(a_duration_is_a_number_and_a_unit),
		cmocka_unit_test(jitter_stays_between_half_and_one_and_a_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
