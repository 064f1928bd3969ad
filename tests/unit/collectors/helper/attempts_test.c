/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/helper/attempts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/job_id.h"
#include "tests/support/scratch.h"

#define RUNNING FETTLE__HELPER_STATE__HELPER_STATE_RUNNING
#define ENDED FETTLE__HELPER_STATE__HELPER_STATE_ENDED

static const uint8_t job[JOB_ID_SIZE] = { 1, 2, 3, 0xff };

static int open_directory(void **test)
{
	int fd = open(*test, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void write_one(int directory, uint64_t number, Fettle__HelperState state)
{
	Fettle__HelperAttempt attempt = FETTLE__HELPER_ATTEMPT__INIT;

	RECORD_SET_BYTES(&attempt, job, BYTES_OF(job));
	RECORD_SET(&attempt, attempt, number);
	RECORD_SET(&attempt, state, state);
	RECORD_SET(&attempt, exit_code, -9);
	assert_int_equal(attempts_write(directory, &attempt), STATUS_OK);
}

static enum status read_one(int directory, uint64_t number, Fettle__HelperState *state)
{
	struct arena arena = { 0 };
	Fettle__HelperAttempt *attempt = NULL;
	enum status status = attempts_read(directory, BYTES_OF(job), number, &arena, &attempt);

	if (status == STATUS_OK) {
		assert_int_equal(attempt->attempt, number);
		assert_int_equal(attempt->exit_code, -9);
		*state = attempt->state;
	}
	arena_fini(&arena);
	return status;
}

static void an_attempt_is_read_as_it_was_written_last(void **test)
{
	int directory = open_directory(test);
	Fettle__HelperState state = 0;

	assert_int_equal(read_one(directory, 1, &state), STATUS_NOT_FOUND);
	write_one(directory, 1, RUNNING);
	assert_int_equal(read_one(directory, 1, &state), STATUS_OK);
	assert_int_equal(state, RUNNING);
	write_one(directory, 1, ENDED);
	assert_int_equal(read_one(directory, 1, &state), STATUS_OK);
	assert_int_equal(state, ENDED);
	assert_int_equal(read_one(directory, 2, &state), STATUS_NOT_FOUND);
	close(directory);
}

static void what_is_damaged_is_known_all_the_same(void **test)
{
	int directory = open_directory(test);
	Fettle__HelperState state = 0;

	scratch_write(*test, "010203ff00000000000000000000000000000000000000000000000000000000.7",
	    "\xff\xff");
	assert_int_equal(read_one(directory, 7, &state), STATUS_CORRUPT);
	close(directory);
}

static void a_link_in_the_place_of_a_file_is_not_followed(void **test)
{
	int directory = open_directory(test);
	struct stat about;
	int fd;

	assert_int_equal(symlink("elsewhere", scratch_path(*test, "new")), 0);
	{
		Fettle__HelperAttempt attempt = FETTLE__HELPER_ATTEMPT__INIT;

		RECORD_SET_BYTES(&attempt, job, BYTES_OF(job));
		RECORD_SET(&attempt, attempt, 1);
		assert_int_not_equal(attempts_write(directory, &attempt), STATUS_OK);
	}
	assert_int_not_equal(stat(scratch_path(*test, "elsewhere"), &about), 0);
	fd = attempts_open_output(directory, BYTES_OF(job), 1);
	assert_int_equal(fd, -1);
	close(directory);
}

static void count(void *data, const Fettle__HelperAttempt *attempt)
{
	unsigned *seen = data;

	assert_true(attempt->attempt > 0);
	++*seen;
}

static void the_oldest_make_room_and_nothing_else_goes(void **test)
{
	int directory = open_directory(test);
	Fettle__HelperState state = 0;
	struct stat about;
	unsigned seen = 0;

	scratch_write(*test, "lock", "");
	for (uint64_t number = 1; number <= ATTEMPTS_KEPT + 1; number++) {
		const struct timespec times[] = { { .tv_sec = (time_t)number },
			{ .tv_sec = (time_t)number } };
		char name[128];

		write_one(directory, number, ENDED);
		snprintf(name, sizeof(name),
		    "010203ff00000000000000000000000000000000000000000000000000000000.%u",
		    (unsigned)number);
		assert_int_equal(utimensat(directory, name, times, 0), 0);
	}
	attempts_prune(directory);
	attempts_visit(directory, count, &seen);
	assert_int_equal(seen, ATTEMPTS_KEPT);
	assert_int_equal(read_one(directory, 1, &state), STATUS_NOT_FOUND);
	assert_int_equal(read_one(directory, 2, &state), STATUS_OK);
	assert_int_equal(fstatat(directory, "lock", &about, 0), 0);
	close(directory);
}

static void of_long_output_the_end_is_kept(void **test)
{
	int directory = open_directory(test);
	struct buffer text = { 0 }, out = { 0 };
	struct stat about;
	int fd = attempts_new_output(directory, BYTES_OF(job), 1);

	memset(buffer_extend(&text, 4 * ATTEMPTS_OUTPUT_MAX), '.', 4 * ATTEMPTS_OUTPUT_MAX);
	buffer_append_text(&text, "the end");
	assert_int_equal(write(fd, text.data, text.size), text.size);
	attempts_trim_output(fd);
	assert_int_equal(write(fd, "!", 1), 1);
	attempts_read_output(directory, BYTES_OF(job), 1, &out);
	assert_int_equal(out.size, ATTEMPTS_OUTPUT_MAX);
	assert_memory_equal(out.data + out.size - 9, ".the end!", 9);
	attempts_remove_output(directory, BYTES_OF(job), 1);
	assert_int_equal(fstat(fd, &about), 0);
	assert_int_equal(about.st_nlink, 0);
	close(fd);
	close(directory);
	buffer_fini(&text);
	buffer_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_attempt_is_read_as_it_was_written_last),
		TEST(what_is_damaged_is_known_all_the_same),
		TEST(a_link_in_the_place_of_a_file_is_not_followed),
		TEST(the_oldest_make_room_and_nothing_else_goes),
		TEST(of_long_output_the_end_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
