/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/layout.h"

#include "tests/support/scratch.h"

static void sums_come_back_as_they_were(void **test)
{
	struct layout_sums sums = { .position = 7, .refused = 1, .lost = 2 }, back;
	struct buffer value = { 0 };

	(void)test;
	sums.findings[2][RANK_LOW] = 3;
	sums.alerts[STANDING_UNDONE_ACKNOWLEDGED][RANK_UNKNOWN] = 4;
	sums.jobs[STANDING_JOB_STATES_END - 1] = 5;
	layout_sums_encode(&value, &sums);
	assert_true(layout_sums_decode(buffer_bytes(&value), &back));
	assert_memory_equal(&back, &sums, sizeof(sums));
	buffer_fini(&value);
}

static void sums_of_a_version_without_alerts_and_jobs_are_taken(void **test)
{
	struct layout_sums back;
	struct buffer value = { 0 };

	(void)test;
	for (uint64_t i = 1; i <= 3 + LAYOUT_STATES * RANKS; i++)
		buffer_append_u64(&value, i);
	assert_true(layout_sums_decode(buffer_bytes(&value), &back));
	assert_int_equal(back.position, 1);
	assert_int_equal(back.findings[LAYOUT_STATES - 1][RANKS - 1], 3 + LAYOUT_STATES * RANKS);
	assert_int_equal(back.alerts[STANDING_OPEN][RANK_CRITICAL], 0);
	assert_int_equal(back.jobs[FETTLE__JOB_STATE__JOB_STATE_LEASED], 0);
	buffer_fini(&value);
}

static void sums_of_another_size_are_refused(void **test)
{
	uint8_t value[16] = { 0 };
	struct layout_sums back;

	(void)test;
	assert_false(layout_sums_decode(BYTES_OF(value), &back));
	assert_false(layout_sums_decode(BYTES_NONE, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_come_back_as_they_were),
		cmocka_unit_test(sums_of_a_version_without_alerts_and_jobs_are_taken),
		cmocka_unit_test(sums_of_another_size_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
