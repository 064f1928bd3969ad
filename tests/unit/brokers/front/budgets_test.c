/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/front/budgets.h"

#include "tests/support/scratch.h"

static const uint8_t one[BUDGETS_AGENT] = { 1 }, other[BUDGETS_AGENT] = { 2 };
static const struct budget_limits limits = { .bytes_per_second = 1000, .messages_per_second = 10 };

static int start(void **test)
{
	*test = budgets_new(&limits);
	return 0;
}

static int stop(void **test)
{
	budgets_free(*test);
	return 0;
}

static void four_seconds_worth_is_saved_and_no_more(void **test)
{
	assert_true(budgets_may_pass(*test, one, 4000, 1000));
	assert_false(budgets_may_pass(*test, one, 1, 1000));
}

static void what_is_spent_comes_back_by_the_second(void **test)
{
	assert_true(budgets_may_pass(*test, one, 4000, 1000));
	assert_true(budgets_may_pass(*test, one, 500, 1500));
	assert_false(budgets_may_pass(*test, one, 1, 1500));
}

static void messages_are_counted_however_small(void **test)
{
	for (int i = 0; i < 40; i++)
		assert_true(budgets_may_pass(*test, one, 0, 1000));
	assert_false(budgets_may_pass(*test, one, 0, 1000));
}

static void one_agents_budget_is_not_anothers(void **test)
{
	assert_false(budgets_may_pass(*test, one, 4001, 1000));
	assert_true(budgets_may_pass(*test, other, 4000, 1000));
}

static void who_overspends_is_cut_off_for_a_second_then_two(void **test)
{
	assert_false(budgets_may_pass(*test, one, 4001, 1000));
	assert_false(budgets_may_pass(*test, one, 1, 1999));
	assert_true(budgets_may_pass(*test, one, 1, 2000));
	assert_false(budgets_may_pass(*test, one, 4001, 2000));
	assert_false(budgets_may_pass(*test, one, 1, 3999));
	assert_true(budgets_may_pass(*test, one, 1, 4000));
}

static void no_cut_is_longer_than_a_minute(void **test)
{
	uint64_t now_ms = 1000;

	for (int i = 0; i < 20; i++) {
		budgets_cut_off(*test, one, now_ms);
		now_ms += BUDGETS_LONGEST_CUT_MS;
		assert_true(budgets_may_pass(*test, one, 1, now_ms));
	}
}

static void to_be_cut_off_twice_at_once_counts_once(void **test)
{
	budgets_cut_off(*test, one, 1000);
	budgets_cut_off(*test, one, 1500);
	assert_true(budgets_may_pass(*test, one, 1, 1000 + BUDGETS_FIRST_CUT_MS));
}

static void ten_minutes_of_good_behaviour_are_enough(void **test)
{
	const uint64_t later_ms = 1000 + BUDGETS_FIRST_CUT_MS + 10 * 60 * 1000;

	budgets_cut_off(*test, one, 1000);
	budgets_cut_off(*test, one, later_ms);
	assert_true(budgets_may_pass(*test, one, 1, later_ms + BUDGETS_FIRST_CUT_MS));
}

static void who_has_gone_is_forgotten_but_not_its_cut(void **test)
{
	assert_true(budgets_may_pass(*test, one, 1, 1000));
	budgets_cut_off(*test, other, 1000);
	budgets_sweep(*test, 2000);
	assert_int_equal(budgets_count(*test), 2);
	budgets_sweep(*test, 60 * 1000);
	assert_int_equal(budgets_count(*test), 1);
	budgets_sweep(*test, 20 * 60 * 1000);
	assert_int_equal(budgets_count(*test), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(four_seconds_worth_is_saved_and_no_more),
		TEST(what_is_spent_comes_back_by_the_second),
		TEST(messages_are_counted_however_small),
		TEST(one_agents_budget_is_not_anothers),
		TEST(who_overspends_is_cut_off_for_a_second_then_two),
		TEST(no_cut_is_longer_than_a_minute),
		TEST(to_be_cut_off_twice_at_once_counts_once),
		TEST(ten_minutes_of_good_behaviour_are_enough),
		TEST(who_has_gone_is_forgotten_but_not_its_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
