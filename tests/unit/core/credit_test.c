/* SPDX-License-Identifier: Apache-2.0 */
#include "core/credit.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

enum { RECORDS = 400, BYTES_MAX = 40000 };

static const struct credit_grant whole = { .budget = { RECORDS, BYTES_MAX } };
static const struct credit_grant urgent = { .budget = { RECORDS, BYTES_MAX },
	.is_urgent_only = true };

struct account {
	struct credit credit;
	struct credit_debts debts[LANE_END];
	uint64_t last[LANE_END];
};

static int start(void **test)
{
	struct account *account = memory_new(sizeof(*account));

	credit_set(&account->credit, whole);
	*test = account;
	return 0;
}

static int stop(void **test)
{
	struct account *account = *test;

	for (unsigned lane = 0; lane < LANE_END; lane++)
		credit_debts_fini(&account->debts[lane]);
	free(account);
	return 0;
}

static void owe(struct account *account, enum lane lane, uint64_t records, uint64_t bytes)
{
	account->last[lane] += records;
	credit_owe(&account->credit, &account->debts[lane], lane, account->last[lane],
	    (struct credit_amount){ records, bytes });
}

static void left_is(const struct account *account, enum lane lane, uint64_t records, uint64_t bytes)
{
	struct credit_amount left = credit_left(&account->credit, lane);

	assert_int_equal(left.records, records);
	assert_int_equal(left.bytes, bytes);
}

static void a_quarter_is_kept_for_the_critical_lane_and_a_tenth_for_bulk(void **test)
{
	left_is(*test, LANE_CRITICAL, 360, 36000);
	left_is(*test, LANE_DELTA, 260, 26000);
	left_is(*test, LANE_BULK, 300, 30000);
}

static void what_is_under_way_is_taken_from_all_but_the_shares_of_others(void **test)
{
	struct account *account = *test;

	owe(account, LANE_BULK, 300, 30000);
	left_is(account, LANE_BULK, 0, 0);
	left_is(account, LANE_DELTA, 0, 0);
	left_is(account, LANE_CRITICAL, 100, 10000);
}

static void delta_leaves_bulk_its_tenth(void **test)
{
	struct account *account = *test;

	owe(account, LANE_DELTA, 260, 26000);
	left_is(account, LANE_BULK, 40, 4000);
	left_is(account, LANE_CRITICAL, 100, 10000);
}

static void a_lane_may_use_what_no_other_wants(void **test)
{
	struct account *account = *test;

	owe(account, LANE_CRITICAL, 360, 36000);
	left_is(account, LANE_CRITICAL, 0, 0);
	left_is(account, LANE_DELTA, 0, 0);
	left_is(account, LANE_BULK, 40, 4000);
}

static void a_debt_is_settled_by_the_number_of_its_last_record(void **test)
{
	struct account *account = *test;

	owe(account, LANE_BULK, 10, 1000);
	owe(account, LANE_BULK, 10, 1000);
	credit_settle(&account->credit, &account->debts[LANE_BULK], LANE_BULK, 19);
	left_is(account, LANE_BULK, 290, 29000);
	credit_settle(&account->credit, &account->debts[LANE_BULK], LANE_BULK, 20);
	left_is(account, LANE_BULK, 300, 30000);
	owe(account, LANE_BULK, 10, 1000);
	left_is(account, LANE_BULK, 290, 29000);
}

static bool allows(const struct account *account, enum lane lane, uint64_t records, uint64_t bytes)
{
	return credit_allows(&account->credit, lane, (struct credit_amount){ records, bytes });
}

static void what_does_not_fit_is_not_allowed(void **test)
{
	struct account *account = *test;

	assert_true(allows(account, LANE_BULK, 300, 30000));
	assert_false(allows(account, LANE_BULK, 301, 30000));
	assert_false(allows(account, LANE_BULK, 300, 30001));
}

static void one_record_of_any_size_goes_where_nothing_of_its_lane_is_under_way(void **test)
{
	struct account *account = *test;

	assert_true(allows(account, LANE_BULK, 1, 10 * BYTES_MAX));
	assert_false(allows(account, LANE_BULK, 2, 10 * BYTES_MAX));
	owe(account, LANE_BULK, 1, 1);
	assert_false(allows(account, LANE_BULK, 1, 10 * BYTES_MAX));
	assert_true(allows(account, LANE_DELTA, 1, 10 * BYTES_MAX));
}

static void a_record_that_overdraws_leaves_the_others_their_shares(void **test)
{
	struct account *account = *test;

	owe(account, LANE_DELTA, 1, 10 * BYTES_MAX);
	left_is(account, LANE_CRITICAL, 359, 10000);
	left_is(account, LANE_BULK, 299, 4000);
	left_is(account, LANE_DELTA, 259, 0);
}

static void above_the_watermark_only_the_critical_lane_may_send(void **test)
{
	struct account *account = *test;

	credit_set(&account->credit, urgent);
	left_is(account, LANE_CRITICAL, 360, 36000);
	left_is(account, LANE_DELTA, 0, 0);
	left_is(account, LANE_BULK, 0, 0);
	assert_false(allows(account, LANE_BULK, 1, 1));
}

static void no_credit_lets_nothing_through(void **test)
{
	struct account *account = *test;

	credit_set(&account->credit, (struct credit_grant){ .budget = { 0, 0 } });
	for (unsigned lane = 1; lane < LANE_END; lane++)
		assert_false(allows(account, (enum lane)lane, 1, 0));
}

static void a_flow_without_a_lane_and_a_side_without_credit_are_not_bound(void **test)
{
	struct account *account = *test;
	struct account none = { .last = { 0 } };

	assert_true(allows(account, (enum lane)0, 10 * RECORDS, 10 * BYTES_MAX));
	assert_true(allows(&none, LANE_BULK, 10 * RECORDS, 10 * BYTES_MAX));
	owe(&none, LANE_BULK, 1, 1);
	assert_int_equal(none.credit.used[LANE_BULK].records, 0);
}

static void a_grant_that_is_taken_back_still_counts_for_what_is_under_way(void **test)
{
	struct account *account = *test;

	credit_widen(&account->credit, urgent);
	assert_true(allows(account, LANE_BULK, 300, 30000));
	credit_widen(&account->credit, (struct credit_grant){ .budget = { 1, 1 } });
	assert_true(allows(account, LANE_BULK, 300, 30000));
	credit_widen(&account->credit,
	    (struct credit_grant){ .budget = { 2 * RECORDS, 2 * BYTES_MAX } });
	assert_true(allows(account, LANE_BULK, 600, 60000));
}

static void a_session_that_began_above_the_watermark_waits_for_its_first_grant(void **test)
{
	struct credit credit = { 0 };

	(void)test;
	credit_widen(&credit, urgent);
	assert_false(credit_allows(&credit, LANE_DELTA, (struct credit_amount){ 1, 1 }));
	credit_widen(&credit, whole);
	assert_true(credit_allows(&credit, LANE_DELTA, (struct credit_amount){ 1, 1 }));
}

static void the_pool_counts_all_sessions_and_has_two_marks(void **test)
{
	struct account *account = *test;
	struct credit_pool pool = { .budget = 1000 };

	account->credit.pool = &pool;
	assert_true(credit_pool_is_full(&pool, 1001));
	owe(account, LANE_BULK, 1, 750);
	assert_false(credit_pool_is_tight(&pool));
	owe(account, LANE_DELTA, 1, 1);
	assert_true(credit_pool_is_tight(&pool));
	assert_true(credit_pool_is_full(&pool, 250));
	assert_false(credit_pool_is_full(&pool, 249));
	credit_settle(&account->credit, &account->debts[LANE_DELTA], LANE_DELTA, UINT64_MAX);
	assert_true(credit_pool_is_tight(&pool));
	credit_settle(&account->credit, &account->debts[LANE_BULK], LANE_BULK, UINT64_MAX);
	assert_false(credit_pool_is_tight(&pool));
	assert_int_equal(pool.used, 0);
	assert_false(credit_pool_is_full(NULL, SIZE_MAX));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_quarter_is_kept_for_the_critical_lane_and_a_tenth_for_bulk),
		TEST(what_is_under_way_is_taken_from_all_but_the_shares_of_others),
		TEST(delta_leaves_bulk_its_tenth),
		TEST(a_lane_may_use_what_no_other_wants),
		TEST(a_debt_is_settled_by_the_number_of_its_last_record),
		TEST(what_does_not_fit_is_not_allowed),
		TEST(one_record_of_any_size_goes_where_nothing_of_its_lane_is_under_way),
		TEST(a_record_that_overdraws_leaves_the_others_their_shares),
		TEST(above_the_watermark_only_the_critical_lane_may_send),
		TEST(no_credit_lets_nothing_through),
		TEST(a_flow_without_a_lane_and_a_side_without_credit_are_not_bound),
		TEST(a_grant_that_is_taken_back_still_counts_for_what_is_under_way),
		cmocka_unit_test(
		    a_session_that_began_above_the_watermark_waits_for_its_first_grant),
		TEST(the_pool_counts_all_sessions_and_has_two_marks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
