/* SPDX-License-Identifier: Apache-2.0 */
#include "console/freshness.h"

#include "tests/support/scratch.h"

static const struct freshness quarter = { .stale_after_ms = 15 * 60 * 1000, .now_ms = 10000000 };

static void is(uint64_t last_seen_ms, const char *expected)
{
	const struct asset_row asset = { .last_seen_ms = last_seen_ms };

	assert_string_equal(freshness_of(&quarter, &asset), expected);
}

static void an_asset_is_current_until_it_was_silent_for_too_long(void **test)
{
	(void)test;
	is(quarter.now_ms, "current");
	is(quarter.now_ms - quarter.stale_after_ms, "current");
	is(quarter.now_ms - quarter.stale_after_ms - 1, "stale");
}

static void a_clock_ahead_of_ours_makes_nothing_stale(void **test)
{
	(void)test;
	is(quarter.now_ms + 1, "current");
	is(UINT64_MAX, "current");
}

static void what_was_never_heard_of_is_unknown(void **test)
{
	(void)test;
	is(0, "unknown");
	assert_string_equal(freshness_of(&quarter, NULL), "unknown");
}

static void the_limit_is_told_in_whole_units(void **test)
{
	char text[FRESHNESS_TEXT_SIZE];

	(void)test;
	freshness_limit(&quarter, text);
	assert_string_equal(text, "15 minutes");
	freshness_limit(&(struct freshness){ .stale_after_ms = 3600 * 1000 }, text);
	assert_string_equal(text, "1 hour");
	freshness_limit(&(struct freshness){ .stale_after_ms = 90 * 1000 }, text);
	assert_string_equal(text, "90 seconds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_asset_is_current_until_it_was_silent_for_too_long),
		cmocka_unit_test(a_clock_ahead_of_ours_makes_nothing_stale),
		cmocka_unit_test(what_was_never_heard_of_is_unknown),
		cmocka_unit_test(the_limit_is_told_in_whole_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
