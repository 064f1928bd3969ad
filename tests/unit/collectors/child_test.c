/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/child.h"

#include "tests/support/drive.h"
#include "tests/support/scratch.h"

struct seen {
	bool has_ended;
	struct child_result result;
	struct buffer output, errors, description;
};

static void on_end(void *data, const struct child_result *result)
{
	struct seen *seen = data;

	assert_false(seen->has_ended);
	seen->has_ended = true;
	seen->result = *result;
	buffer_append(&seen->output, result->output);
	buffer_append(&seen->errors, result->errors);
	child_describe(result, &seen->description);
}

static bool has_ended(void *data)
{
	return ((struct seen *)data)->has_ended;
}

static void run_bounded(const char *const *arguments, size_t limit, uint64_t timeout_ms,
    bool is_stopped, struct seen *seen)
{
	struct child_request request = { arguments, limit, timeout_ms };
	struct child *child;
	uv_loop_t loop;

	*seen = (struct seen){ 0 };
	assert_int_equal(uv_loop_init(&loop), 0);
	child = child_run(&loop, &request, on_end, seen);
	assert_false(seen->has_ended);
	if (is_stopped)
		child_stop(child);
	assert_true(drive_until(&loop, has_ended, seen));
	/* Nothing of it is left. */
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void forget(struct seen *seen)
{
	buffer_fini(&seen->output);
	buffer_fini(&seen->errors);
	buffer_fini(&seen->description);
}

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) ARGUMENTS("sh", "-c", script)

static void output_errors_and_code_are_told(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(SHELL("echo out; echo err >&2; exit 3"), 100, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_EXITED);
	assert_int_equal(seen.result.code, 3);
	assert_string_equal(buffer_text(&seen.output), "out\n");
	assert_string_equal(buffer_text(&seen.errors), "err\n");
	assert_string_equal(buffer_text(&seen.description), "exited with 3");
	forget(&seen);
}

static void the_environment_is_fixed_and_the_input_empty(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(ARGUMENTS("env"), 1000, 10000, false, &seen);
	assert_string_equal(buffer_text(&seen.output),
	    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
	forget(&seen);
	run_bounded(SHELL("cat; pwd"), 1000, 10000, false, &seen);
	assert_string_equal(buffer_text(&seen.output), "/\n");
	forget(&seen);
}

static void arguments_are_never_read_by_a_shell(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(ARGUMENTS("echo", "$(id); `id` *"), 1000, 10000, false, &seen);
	assert_string_equal(buffer_text(&seen.output), "$(id); `id` *\n");
	forget(&seen);
}

static void a_program_that_is_not_there_is_told(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(ARGUMENTS("fettle-has-no-such-program"), 100, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_NOT_FOUND);
	forget(&seen);
	run_bounded(ARGUMENTS("/etc/passwd"), 100, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_NOT_STARTED);
	forget(&seen);
}

static void a_signal_is_told(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(SHELL("kill -9 $$"), 100, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_SIGNALLED);
	assert_int_equal(seen.result.code, 9);
	forget(&seen);
}

static void too_much_output_ends_it_and_too_many_errors_do_not(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(ARGUMENTS("yes"), 1000, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_TOO_MUCH);
	assert_true(seen.output.size <= 1000);
	forget(&seen);
	run_bounded(SHELL("head -c 1000000 /dev/zero >&2; echo done"), 1000, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_EXITED);
	assert_string_equal(buffer_text(&seen.output), "done\n");
	assert_int_equal(seen.errors.size, 4096);
	forget(&seen);
	run_bounded(SHELL("printf 1234567890"), 10, 10000, false, &seen);
	assert_int_equal(seen.result.end, CHILD_EXITED);
	forget(&seen);
}

static void what_does_not_end_is_ended_with_all_that_it_started(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(SHELL("sleep 1000 & sleep 1000"), 100, 50, false, &seen);
	assert_int_equal(seen.result.end, CHILD_TIMED_OUT);
	forget(&seen);
	/* The child ends at once, but what it started keeps the pipe. */
	run_bounded(SHELL("sleep 1000 & echo out"), 100, 200, false, &seen);
	assert_int_equal(seen.result.end, CHILD_TIMED_OUT);
	forget(&seen);
}

static void it_can_be_stopped(void **test)
{
	struct seen seen;

	(void)test;
	run_bounded(ARGUMENTS("sleep", "1000"), 100, 100000, true, &seen);
	assert_int_equal(seen.result.end, CHILD_STOPPED);
	forget(&seen);
	/* Also one that never began. */
	run_bounded(ARGUMENTS("fettle-has-no-such-program"), 100, 100000, true, &seen);
	assert_int_equal(seen.result.end, CHILD_NOT_FOUND);
	forget(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_errors_and_code_are_told),
		cmocka_unit_test(the_environment_is_fixed_and_the_input_empty),
		cmocka_unit_test(arguments_are_never_read_by_a_shell),
		cmocka_unit_test(a_program_that_is_not_there_is_told),
		cmocka_unit_test(a_signal_is_told),
		cmocka_unit_test(too_much_output_ends_it_and_too_many_errors_do_not),
		cmocka_unit_test(what_does_not_end_is_ended_with_all_that_it_started),
		cmocka_unit_test(it_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
