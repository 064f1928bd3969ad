/* SPDX-License-Identifier: Apache-2.0 */
#include "console/due_text.h"

#include "tests/support/scratch.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const uint64_t now = 1000ULL * DAY;

static void says(uint64_t due_ms, const char *expected)
{
	char text[DUE_TEXT_SIZE];

	due_text(due_ms, now, text);
	assert_string_equal(text, expected);
}

static void what_has_no_date_says_nothing(void **test)
{
	(void)test;
	says(0, "");
}

static void what_is_to_come_is_told_in_the_largest_unit_to_the_nearest(void **test)
{
	(void)test;
	says(now + 14ULL * DAY, "in 14 days");
	says(now + 3ULL * DAY - MINUTE, "in 3 days");
	says(now + 2ULL * DAY + 11 * HOUR, "in 2 days");
	says(now + DAY, "in 1 day");
	says(now + DAY - MINUTE, "in 1 day");
	says(now + 23 * HOUR, "in 23 hours");
	says(now + HOUR, "in 1 hour");
	says(now + 59 * MINUTE, "in 59 minutes");
	says(now + MINUTE, "in 1 minute");
}

static void what_is_over_is_overdue(void **test)
{
	(void)test;
	says(now - 2ULL * DAY, "overdue 2 days");
	says(now - HOUR, "overdue 1 hour");
	says(now - MINUTE, "overdue 1 minute");
}

static void the_moment_itself_is_now(void **test)
{
	(void)test;
	says(now, "now");
	says(now + 1000, "now");
	says(now - 1000, "now");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_date_says_nothing),
		cmocka_unit_test(what_is_to_come_is_told_in_the_largest_unit_to_the_nearest),
		cmocka_unit_test(what_is_over_is_overdue),
		cmocka_unit_test(the_moment_itself_is_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
