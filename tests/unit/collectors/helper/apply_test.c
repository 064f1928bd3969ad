/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/helper/apply.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/record.h"
#include "tests/support/scratch.h"

struct made {
	Fettle__JobAction action;
	Fettle__JobPackage packages[2], *pointers[2];
};

static void make(struct made *made)
{
	fettle__job_action__init(&made->action);
	for (size_t i = 0; i < 2; i++) {
		fettle__job_package__init(&made->packages[i]);
		made->pointers[i] = &made->packages[i];
	}
	/* Names that no repository has: it is not begun here, and would do nothing. */
	made->packages[0].name = RECORD_TEXT("fettle-no-such-package:amd64");
	made->packages[0].version = RECORD_TEXT("1.0");
	made->packages[1].name = RECORD_TEXT("fettle-none-either");
	made->packages[1].version = RECORD_TEXT("2:1~a");
	made->action.packages = made->pointers;
	made->action.n_packages = 2;
}

static void the_arguments_are_fixed_but_for_names_and_versions(void **test)
{
	static const char *const expected[] = { "/usr/bin/apt-get", "--quiet", "--assume-yes",
		"--only-upgrade", "--no-remove", "-oDpkg::Options::=--force-confdef",
		"-oDpkg::Options::=--force-confold", "-oDpkg::Use-Pty=0",
		"-oDPkg::Lock::Timeout=300", "-oAPT::Cmd::Pattern-Only=true", "install", "--",
		"fettle-no-such-package:amd64=1.0", "fettle-none-either=2:1~a", NULL };
	struct arena arena = { 0 };
	const char *const *arguments;
	struct made made;

	(void)test;
	make(&made);
	arguments = apply_arguments(&made.action, &arena);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (expected[i] == NULL)
			assert_null(arguments[i]);
		else
			assert_string_equal(arguments[i], expected[i]);
	arena_fini(&arena);
}

static void what_is_dropped_before_its_gate_opened_has_done_nothing(void **test)
{
	int output = open(scratch_path(*test, "output"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC,
	    0600);
	struct made made;
	struct apply apply;
	struct stat about;

	make(&made);
	assert_int_equal(apply_prepare(&made.action, output, &apply), STATUS_OK);
	assert_true(apply.pid > 1);
	assert_true(apply.started > 0);
	apply_drop(&apply);
	assert_int_equal(kill(apply.pid, 0), -1);
	assert_int_equal(fstat(output, &about), 0);
	assert_int_equal(about.st_size, 0);
	close(output);
}

static void a_process_is_found_by_its_number_and_its_start(void **test)
{
	int output = open("/dev/null", O_RDWR | O_CLOEXEC), exit_code;
	struct made made;
	struct apply apply, found;

	(void)test;
	make(&made);
	assert_int_equal(apply_prepare(&made.action, output, &apply), STATUS_OK);
	assert_int_equal(apply_find(apply.pid, apply.started + 1, &found), STATUS_NOT_FOUND);
	assert_int_equal(apply_find(apply.pid, 0, &found), STATUS_NOT_FOUND);
	assert_int_equal(apply_find(0, apply.started, &found), STATUS_NOT_FOUND);
	assert_int_equal(apply_find(1, apply.started, &found), STATUS_NOT_FOUND);
	assert_int_equal(apply_find(apply.pid, apply.started, &found), STATUS_OK);
	/* Whoever found it cannot know how it ended. */
	assert_false(apply_end(&found, &exit_code));
	apply_drop(&apply);
	assert_int_equal(apply_find(apply.pid, apply.started, &found), STATUS_NOT_FOUND);
	close(output);
}

static void after_its_time_it_is_told_to_end_and_then_killed(void **test)
{
	int output = open("/dev/null", O_RDWR | O_CLOEXEC), exit_code = 0;
	struct made made;
	struct apply apply;
	struct pollfd process;

	(void)test;
	make(&made);
	assert_int_equal(apply_prepare(&made.action, output, &apply), STATUS_OK);
	apply_check_deadline(&apply, apply.deadline_ms - 1);
	assert_false(apply.is_told_to_end);
	apply.is_told_to_end = true;
	/* It is a session of its own only once it has come so far. */
	process = (struct pollfd){ .fd = apply.process, .events = POLLIN };
	do
		apply_check_deadline(&apply, apply.deadline_ms);
	while (poll(&process, 1, 1) == 0);
	assert_true(apply_end(&apply, &exit_code));
	assert_int_equal(exit_code, -SIGKILL);
	close(apply.gate);
	close(output);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_arguments_are_fixed_but_for_names_and_versions),
		TEST(what_is_dropped_before_its_gate_opened_has_done_nothing),
		TEST(a_process_is_found_by_its_number_and_its_start),
		TEST(after_its_time_it_is_told_to_end_and_then_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
