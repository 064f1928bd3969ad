/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/kernel.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static const struct kernel_settings rarely = { .reread = 600 * 1000 };
static const struct kernel_settings often = { .reread = 1000 };

enum { SCOPES = 2 };

static void begin(struct collecting *at)
{
	collecting_start(at, &kernel_collector, &rarely);
	collecting_await_passes(at, SCOPES);
}

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

static void the_running_kernel_is_the_one_that_uname_names(void **test)
{
	struct collecting *at = *test;
	struct utsname names;

	begin(at);
	uname(&names);
	assert_string_equal(text(at, "kernel/running", "release"), names.release);
	assert_string_equal(text(at, "kernel/running", "version"), names.version);
	assert_string_equal(text(at, "kernel/running", "machine"), names.machine);
}

static void installed_kernels_come_from_boot_and_from_their_modules(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "boot/vmlinuz-6.1.0-9-amd64", "");
	scratch_write(at->scratch, "boot/config-6.1.0-9-amd64", "");
	scratch_write(at->scratch, "boot/vmlinuz-", "");
	scratch_write(at->scratch, "lib/modules/6.1.0-9-amd64/modules.dep", "");
	scratch_write(at->scratch, "lib/modules/6.1.0-8-amd64/modules.dep", "");
	scratch_write(at->scratch, "var/lib/dpkg/info/linux-image-6.1.0-9-amd64.list", "");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "kernel/installed/"), 2);
	assert_string_equal(text(at, "kernel/installed/6.1.0-9-amd64", "package"),
	    "linux-image-6.1.0-9-amd64");
	assert_string_equal(text(at, "kernel/installed/6.1.0-9-amd64", "image"), "yes");
	assert_string_equal(text(at, "kernel/installed/6.1.0-9-amd64", "modules"), "yes");
	assert_string_equal(text(at, "kernel/installed/6.1.0-8-amd64", "package"), "");
	assert_string_equal(text(at, "kernel/installed/6.1.0-8-amd64", "image"), "no");
	scratch_write(at->scratch, "boot/vmlinuz-6.12.1-amd64", "");
	collecting_await_text(at, "kernel/installed/6.12.1-amd64", "image", "yes");
	unlink(scratch_path(at->scratch, "boot/vmlinuz-6.12.1-amd64"));
	collecting_await_status(at, "kernel/installed/6.12.1-amd64", FACT_NONE);
}

static void modules_are_told_without_their_use_count(void **test)
{
	struct collecting *at = *test;
	const struct fake_fact *fact;

	scratch_write(at->scratch, "proc/modules",
	    "nf_tables 311296 2 nft_compat,nft_ct, Live 0x0000000000000000\n"
	    "zfs 6000000 0 - Live 0xffffffffc0a00000 (POE)\n"
	    "broken\nalso x12 3\n\n"
	    "loop 32768 0 - Live 0x0");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "kernel/module/"), 3);
	fact = observer_fake_find(at->observer, "kernel/module/nf_tables");
	assert_int_equal(fact->fields_count, 1);
	assert_int_equal(observer_fake_number(at->observer, "kernel/module/nf_tables", "size"),
	    311296);
	assert_string_equal(text(at, "kernel/module/zfs", "taint"), "POE");
	assert_int_equal(observer_fake_number(at->observer, "kernel/module/loop", "size"), 32768);
}

static void the_command_line_goes_without_its_secrets(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/cmdline", "root=/dev/sda1 password=tr0ub4dor quiet\n");
	begin(at);
	assert_non_null(strstr(text(at, "kernel/command_line", "text"), "root=/dev/sda1"));
	assert_null(strstr(text(at, "kernel/command_line", "text"), "tr0ub4dor"));
}

static void a_reboot_that_packages_ask_for_is_told_at_once(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "run/x", "");
	begin(at);
	assert_string_equal(text(at, "kernel/reboot", "required"), "no");
	scratch_write(at->scratch, "run/reboot-required.pkgs", "linux-base\nlibc6\nlinux-base\n");
	scratch_write(at->scratch, "run/reboot-required", "*** System restart required ***\n");
	collecting_await_text(at, "kernel/reboot", "required", "yes");
	collecting_await_text(at, "kernel/reboot", "by", "libc6, linux-base");
}

static void parameters_are_told_and_those_that_are_not_there_are_absent(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/sys/kernel/randomize_va_space", "2\n");
	scratch_write(at->scratch, "proc/sys/kernel/core_pattern", "|/usr/lib/x %p\t%u\n");
	scratch_write(at->scratch, "proc/sys/net/ipv4/conf/all/rp_filter", "");
	begin(at);
	assert_string_equal(text(at, "sysctl/kernel.randomize_va_space", "value"), "2");
	assert_string_equal(text(at, "sysctl/kernel.core_pattern", "value"), "|/usr/lib/x %p %u");
	assert_int_equal(observer_fake_status(at->observer, "sysctl/net.ipv4.conf.all.rp_filter"),
	    FACT_PRESENT);
	assert_int_equal(observer_fake_status(at->observer, "sysctl/net.ipv4.ip_forward"),
	    FACT_ABSENT);
}

static void a_parameter_that_nothing_tells_of_is_found_by_the_reread(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/sys/net/ipv4/ip_forward", "0\n");
	collecting_start(at, &kernel_collector, &often);
	collecting_await_text(at, "sysctl/net.ipv4.ip_forward", "value", "0");
	scratch_write(at->scratch, "proc/sys/net/ipv4/ip_forward", "1\n");
	collecting_await_text(at, "sysctl/net.ipv4.ip_forward", "value", "1");
}

static void a_parameter_in_the_form_of_a_directory_or_fifo_is_failed(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/sys/kernel/sysrq/x", "");
	assert_int_equal(mkfifo(scratch_path(at->scratch, "proc/sys/kernel/kptr_restrict"), 0600),
	    0);
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "sysctl/kernel.sysrq"), FACT_FAILED);
	assert_int_equal(observer_fake_status(at->observer, "sysctl/kernel.kptr_restrict"),
	    FACT_FAILED);
}

static void this_machine_has_a_complete_pass_without_failures(void **test)
{
	struct collecting *at = *test;

	at->context.root = "";
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "kernel"), FACT_NONE);
	assert_int_equal(observer_fake_status(at->observer, "sysctl/kernel.randomize_va_space"),
	    FACT_PRESENT);
	assert_string_not_equal(text(at, "kernel/command_line", "text"), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_running_kernel_is_the_one_that_uname_names),
		TEST(installed_kernels_come_from_boot_and_from_their_modules),
		TEST(modules_are_told_without_their_use_count),
		TEST(the_command_line_goes_without_its_secrets),
		TEST(a_reboot_that_packages_ask_for_is_told_at_once),
		TEST(parameters_are_told_and_those_that_are_not_there_are_absent),
		TEST(a_parameter_that_nothing_tells_of_is_found_by_the_reread),
		TEST(a_parameter_in_the_form_of_a_directory_or_fifo_is_failed),
		TEST(this_machine_has_a_complete_pass_without_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
