/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/rate.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/scratch.h"

enum { NOW_MS = 1000 * 1000 };

static const struct rate_options options = {
	.per_second = 100, .burst = 10, .address_per_second = 2, .address_burst = 3
};

static int start(void **test)
{
	*test = rate_new(&options);
	return 0;
}

static int stop(void **test)
{
	rate_free(*test);
	return 0;
}

/* How many of COUNT were let through. */
static unsigned take(struct rate *rate, const char *address, unsigned count, uint64_t now_ms)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++)
		taken += rate_take(rate, address, now_ms) == 0;
	return taken;
}

static void an_address_has_its_burst_and_then_waits(void **test)
{
	assert_int_equal(take(*test, "192.0.2.1", 5, NOW_MS), 3);
	assert_int_not_equal(rate_take(*test, "192.0.2.1", NOW_MS), 0);
}

static void what_it_is_told_to_wait_is_enough_and_no_more_than_needed(void **test)
{
	uint64_t wait_ms;

	assert_int_equal(take(*test, "192.0.2.1", 3, NOW_MS), 3);
	wait_ms = rate_take(*test, "192.0.2.1", NOW_MS);
	assert_in_range(wait_ms, 400, 501);
	assert_int_not_equal(rate_take(*test, "192.0.2.1", NOW_MS + wait_ms - 2), 0);
	assert_int_equal(rate_take(*test, "192.0.2.1", NOW_MS + wait_ms), 0);
}

static void keys_count_as_addresses_do_each_for_itself(void **test)
{
	static const uint8_t one[RATE_KEY_SIZE] = "one agent's id.",
			     two[RATE_KEY_SIZE] = "another's";
	unsigned taken = 0;

	for (unsigned i = 0; i < 5; i++)
		taken += rate_take_key(*test, one, NOW_MS) == 0;
	assert_int_equal(taken, 3);
	assert_int_equal(rate_take_key(*test, two, NOW_MS), 0);
}

/* More than are remembered by default, as a fleet that comes back is. */
static void each_of_a_great_many_has_its_own_bucket(void **test)
{
	const struct rate_options many = { .per_second = 1000000,
		.burst = 1000000,
		.address_per_second = 1,
		.address_burst = 1,
		.most = 100000 };
	struct rate *rate = rate_new(&many);
	uint8_t key[RATE_KEY_SIZE] = { 0 };

	(void)test;
	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned i = 0; i < 20000; i++) {
			memcpy(key, &i, sizeof(i));
			assert_int_equal(rate_take_key(rate, key, NOW_MS) == 0, turn == 0);
		}
	rate_free(rate);
}

static void another_address_does_not_wait_for_it(void **test)
{
	assert_int_equal(take(*test, "192.0.2.1", 5, NOW_MS), 3);
	assert_int_equal(take(*test, "192.0.2.2", 5, NOW_MS), 3);
}

static void all_together_have_one_burst(void **test)
{
	char address[32];
	unsigned taken = 0;

	for (unsigned i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "192.0.2.%u", i);
		taken += take(*test, address, 1, NOW_MS);
	}
	assert_int_equal(taken, 10);
}

static void a_machine_of_ipv6_cannot_change_its_address_to_be_another(void **test)
{
	assert_int_equal(take(*test, "2001:db8::1", 3, NOW_MS), 3);
	assert_int_equal(take(*test, "2001:db8::2", 1, NOW_MS), 0);
	assert_int_equal(take(*test, "2001:db8:0:1::1", 1, NOW_MS), 1);
}

static void what_is_no_address_is_bounded_too(void **test)
{
	assert_int_equal(take(*test, "", 2, NOW_MS), 2);
	assert_int_equal(take(*test, "?", 5, NOW_MS), 1);
}

static void a_clock_that_went_back_lets_nobody_in_sooner(void **test)
{
	assert_int_equal(take(*test, "192.0.2.1", 5, NOW_MS), 3);
	assert_int_equal(take(*test, "192.0.2.1", 5, NOW_MS - 1000), 0);
}

static void more_addresses_than_it_remembers_are_still_bounded_together(void **test)
{
	char address[32];
	unsigned taken = 0;

	for (unsigned i = 0; i < 6000; i++) {
		snprintf(address, sizeof(address), "10.0.%u.%u", i / 256, i % 256);
		taken += take(*test, address, 1, NOW_MS);
	}
	assert_int_equal(taken, 10);
}

static void what_an_address_has_to_wait_is_its_own_and_asking_costs_nothing(void **test)
{
	for (int i = 0; i < 100; i++)
		assert_int_equal(rate_wait_of(*test, "192.0.2.1", NOW_MS), 0);
	take(*test, "192.0.2.1", 100, NOW_MS);
	assert_true(rate_wait_of(*test, "192.0.2.1", NOW_MS) > 0);
	take(*test, "192.0.2.2", 100, NOW_MS);
	take(*test, "192.0.2.3", 100, NOW_MS);
	take(*test, "192.0.2.4", 100, NOW_MS);
	assert_int_equal(rate_wait_of(*test, "192.0.2.5", NOW_MS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_has_its_burst_and_then_waits),
		TEST(what_it_is_told_to_wait_is_enough_and_no_more_than_needed),
		TEST(keys_count_as_addresses_do_each_for_itself),
		TEST(each_of_a_great_many_has_its_own_bucket),
		TEST(another_address_does_not_wait_for_it),
		TEST(all_together_have_one_burst),
		TEST(a_machine_of_ipv6_cannot_change_its_address_to_be_another),
		TEST(what_is_no_address_is_bounded_too),
		TEST(a_clock_that_went_back_lets_nobody_in_sooner),
		TEST(what_an_address_has_to_wait_is_its_own_and_asking_costs_nothing),
		TEST(more_addresses_than_it_remembers_are_still_bounded_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
