/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A processor that one record crashes whenever it is handed over: how often it is started again,
 * and what is left out in the end.
 */
#include "core/attempts.h"

#include "tests/support/scratch.h"

enum { FLOW = SUBLOG_FIRST, OTHER_FLOW = SUBLOG_FIRST + 1, RECORDS = 5000 };

/* What stays of one run for the next. */
struct world {
	struct attempts attempts;
	struct buffer kept;
	uint64_t done[SUBLOG_END], condemned[SUBLOG_END]; /* condemned: the last; 0: none */
	size_t largest;
};

static struct world world;

static int start(void **test)
{
	(void)test;
	buffer_fini(&world.kept);
	world = (struct world){ .largest = 0 };
	return 0;
}

static int stop(void **test)
{
	(void)test;
	buffer_fini(&world.kept);
	return 0;
}

static void keep(bool is_running)
{
	buffer_clear(&world.kept);
	attempts_encode(&world.attempts, is_running, &world.kept);
}

static void begin(void)
{
	assert_int_equal(attempts_begin(&world.attempts, buffer_bytes(&world.kept)), STATUS_OK);
	keep(true);
}

/* Hands over all that FLOW has, carefully; false: it crashed at record POISON. */
static bool run(uint32_t flow, uint64_t poison)
{
	while (world.done[flow] < RECORDS && attempts_is_careful(&world.attempts)) {
		uint64_t first = world.done[flow] + 1;
		size_t width = attempts_width(&world.attempts, flow, first);
		uint64_t last = first + width - 1 < RECORDS ? first + width - 1 : RECORDS;
		bool is_condemned = attempts_condemns(&world.attempts, flow, first);

		if (width > world.largest)
			world.largest = width;
		attempts_try(&world.attempts, flow, first, last);
		keep(true);
		if (!is_condemned && first <= poison && poison <= last)
			return false;
		if (is_condemned) {
			assert_int_equal(first, last);
			world.condemned[flow] = first;
		}
		attempts_survived(&world.attempts);
		keep(true);
		world.done[flow] = last;
	}
	return true;
}

static void a_clean_end_makes_nobody_careful(void **test)
{
	(void)test;
	begin();
	assert_false(attempts_is_careful(&world.attempts));
	keep(false);
	begin();
	assert_false(attempts_is_careful(&world.attempts));
}

static void after_a_crash_records_come_a_few_at_a_time_and_not_for_ever(void **test)
{
	(void)test;
	begin();
	begin();
	assert_true(attempts_is_careful(&world.attempts));
	assert_true(run(FLOW, 0));
	assert_int_equal(world.largest, 256);
	for (unsigned i = 0; i < ATTEMPTS_CAREFUL / RECORDS; i++) {
		world.done[FLOW] = 0;
		assert_true(run(FLOW, 0));
	}
	assert_false(attempts_is_careful(&world.attempts));
	assert_int_equal(world.condemned[FLOW], 0);
}

static void three_crashes_condemn_the_one_record_that_makes_them(void **test)
{
	static const uint64_t poisons[] = { 1, 16, 17, 255, 256, 257, 4999, RECORDS };

	for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++) {
		unsigned crashes = 0;

		start(test);
		begin(); /* and crashes before anything is counted */
		begin();
		for (; !run(FLOW, poisons[i]); crashes++)
			begin();
		assert_int_equal(crashes, ATTEMPTS_CRASHES);
		assert_int_equal(world.condemned[FLOW], poisons[i]);
		assert_int_equal(world.done[FLOW], RECORDS);
	}
}

static void two_crashes_condemn_nobody(void **test)
{
	(void)test;
	begin();
	begin();
	assert_false(run(FLOW, 300));
	begin();
	assert_false(run(FLOW, 300));
	begin();
	assert_true(run(FLOW, 0)); /* it was something else, or it has been mended */
	assert_int_equal(world.condemned[FLOW], 0);
}

static void each_flow_has_its_own_suspects(void **test)
{
	(void)test;
	begin();
	begin();
	assert_false(run(FLOW, 700));
	begin();
	assert_true(run(OTHER_FLOW, 0));
	assert_int_equal(attempts_width(&world.attempts, OTHER_FLOW, 700), 256);
	assert_int_equal(attempts_width(&world.attempts, FLOW, 513), 16);
	assert_int_equal(attempts_width(&world.attempts, FLOW, 769), 256);
}

static void a_lot_never_reaches_into_what_is_suspect(void **test)
{
	(void)test;
	begin();
	begin();
	assert_false(run(FLOW, 700)); /* in 513 to 768 */
	begin();
	assert_int_equal(attempts_width(&world.attempts, FLOW, 510), 3);
	assert_int_equal(attempts_width(&world.attempts, FLOW, 765), 4);
}

static void suspects_outlast_a_clean_end(void **test)
{
	(void)test;
	begin();
	begin();
	assert_false(run(FLOW, 3));
	begin();
	attempts_forget(&world.attempts);
	keep(false);
	begin();
	assert_true(attempts_is_careful(&world.attempts));
	assert_int_equal(attempts_width(&world.attempts, FLOW, 1), 16);
}

static void what_does_not_decode_is_corrupt(void **test)
{
	struct attempts attempts;

	(void)test;
	assert_int_equal(attempts_begin(&attempts, bytes_of_text("\xff\xff")), STATUS_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_clean_end_makes_nobody_careful),
		TEST(after_a_crash_records_come_a_few_at_a_time_and_not_for_ever),
		TEST(three_crashes_condemn_the_one_record_that_makes_them),
		TEST(two_crashes_condemn_nobody),
		TEST(each_flow_has_its_own_suspects),
		TEST(a_lot_never_reaches_into_what_is_suspect),
		TEST(suspects_outlast_a_clean_end),
		TEST(what_does_not_decode_is_corrupt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
