/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/os.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static const struct os_settings rarely = { .reread = 600 * 1000 };

static void begin(struct collecting *at)
{
	collecting_start(at, &os_collector, &rarely);
	collecting_await_passes(at, 1);
}

static void the_host_and_its_kernel_are_told(void **test)
{
	struct collecting *at = *test;
	char name[256] = "";
	struct utsname names;

	begin(at);
	gethostname(name, sizeof(name) - 1);
	uname(&names);
	assert_string_equal(observer_fake_text(at->observer, "os/host", "name"), name);
	assert_string_equal(observer_fake_text(at->observer, "os/kernel", "release"),
	    names.release);
	assert_string_equal(observer_fake_text(at->observer, "os/kernel", "machine"),
	    names.machine);
	assert_string_equal(observer_fake_last_pass(at->observer)->prefix, "os/");
}

static void the_release_is_told_and_followed(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "usr/lib/os-release",
	    "ID=debian\nVERSION_ID=\"12\"\n"
	    "VERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
	scratch_write(at->scratch, "etc/hostname", "h\n");
	assert_int_equal(
	    symlink("../usr/lib/os-release", scratch_path(at->scratch, "etc/os-release")), 0);
	begin(at);
	assert_string_equal(observer_fake_text(at->observer, "os/release", "id"), "debian");
	assert_string_equal(observer_fake_text(at->observer, "os/release", "version_id"), "12");
	assert_string_equal(observer_fake_text(at->observer, "os/release", "version_codename"),
	    "bookworm");
	assert_string_equal(observer_fake_text(at->observer, "os/release", "pretty_name"),
	    "Debian GNU/Linux 12");
	scratch_write(at->scratch, "usr/lib/os-release.new", "ID=debian\nVERSION_ID=\"13\"\n");
	assert_int_equal(rename(scratch_path(at->scratch, "usr/lib/os-release.new"),
			     scratch_path(at->scratch, "usr/lib/os-release")),
	    0);
	collecting_await_text(at, "os/release", "version_id", "13");
}

static void what_is_missing_is_absent(void **test)
{
	struct collecting *at = *test;

	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "os/release"), FACT_ABSENT);
	assert_int_equal(observer_fake_status(at->observer, "os/machine"), FACT_ABSENT);
	assert_int_equal(observer_fake_status(at->observer, "os/host"), FACT_PRESENT);
}

static void the_machine_id_itself_is_never_told(void **test)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct collecting *at = *test;
	const char *told;

	scratch_write(at->scratch, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	begin(at);
	told = observer_fake_text(at->observer, "os/machine", "id");
	assert_int_equal(strlen(told), 32);
	assert_string_not_equal(told, id);
	scratch_write(at->scratch, "etc/machine-id", "uninitialized\n");
	collecting_await_status(at, "os/machine", FACT_ABSENT);
	scratch_write(at->scratch, "etc/machine-id", "something else\n");
	collecting_await_status(at, "os/machine", FACT_FAILED);
}

static void a_fifo_in_the_place_of_a_file_is_not_waited_for(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/hostname", "h\n");
	assert_int_equal(mkfifo(scratch_path(at->scratch, "etc/os-release"), 0600), 0);
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "os/release"), FACT_PRESENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_and_its_kernel_are_told),
		TEST(the_release_is_told_and_followed),
		TEST(what_is_missing_is_absent),
		TEST(the_machine_id_itself_is_never_told),
		TEST(a_fifo_in_the_place_of_a_file_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
