/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/updates.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static struct updates_settings asked;

/* Has the two programs be scripts; what they are to print stands in files beside them. */
static void begin(struct collecting *at, const char *upgrades, const char *holds)
{
	static char apt[4096], dpkg[4096];
	static const char script[] = "#!/bin/sh\ncat \"${0%/*}/${0##*/}.out\" || exit 100\n";

	snprintf(apt, sizeof(apt), "%s/apt", (char *)at->scratch);
	snprintf(dpkg, sizeof(dpkg), "%s/dpkg", (char *)at->scratch);
	scratch_write(at->scratch, "apt", script);
	scratch_write(at->scratch, "dpkg", script);
	assert_int_equal(chmod(apt, 0755) | chmod(dpkg, 0755), 0);
	if (upgrades != NULL)
		scratch_write(at->scratch, "apt.out", upgrades);
	scratch_write(at->scratch, "dpkg.out", holds);
	asked =
	    (struct updates_settings){ .reread = 3600 * 1000, .apt_get = apt, .dpkg_query = dpkg };
	collecting_start(at, &updates_collector, &asked);
}

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

static const char usual[] =
    "Reading package lists...\n"
    "Inst libpam-modules-bin [1.5.2-6+deb12u1] (1.5.2-6+deb12u2 Debian:12.15/oldstable [amd64]) "
    "[libpam-modules:amd64 on libpam-modules-bin:amd64] [libpam-modules:amd64 ]\n"
    "Inst libssl3:i386 [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian:12.15/oldstable, "
    "Debian-Security:12/oldstable-security [i386]) []\n"
    "Inst linux-image-6.1.0-40-amd64 (6.1.153-1 Debian-Security:12/stable-security [amd64])\n"
    "Conf libssl3:i386 (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [i386])\n"
    "Remv cruft [1.0]\n";

static void what_would_be_upgraded_is_told_with_where_it_comes_from(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch,
	    "var/lib/apt/lists/mirror.example.net_main_binary-amd64_Packages.lz4", "");
	begin(at, usual, "libssl3:i386 hold\nlibpam-modules-bin:amd64 install\n");
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 2);
	assert_string_equal(text(at, "update/dpkg/libpam-modules-bin:amd64", "installed"),
	    "1.5.2-6+deb12u1");
	assert_string_equal(text(at, "update/dpkg/libpam-modules-bin:amd64", "candidate"),
	    "1.5.2-6+deb12u2");
	assert_string_equal(text(at, "update/dpkg/libpam-modules-bin:amd64", "origin"),
	    "Debian:12.15/oldstable");
	assert_string_equal(text(at, "update/dpkg/libpam-modules-bin:amd64", "security"), "no");
	assert_string_equal(text(at, "update/dpkg/libpam-modules-bin:amd64", "held"), "");
	assert_string_equal(text(at, "update/dpkg/libssl3:i386", "security"), "yes");
	assert_string_equal(text(at, "update/dpkg/libssl3:i386", "held"), "yes");
	assert_int_equal(observer_fake_status(at->observer, "update/lists"), FACT_PRESENT);
}

static void broken_lines_are_passed_over(void **test)
{
	struct collecting *at = *test;

	begin(at,
	    "Inst\nInst a\nInst a [1\nInst a [1] 2 b [amd64])\nInst a [1] (2 b [amd64]\n"
	    "Inst a [1] (2)\nInst a [1] ()\nInst a [1] (2 b [])\nInst a [] (2 [all])\n"
	    "\xff\xfe Inst a [1] (2 b [all])\nInst z [1] (2 b [all])",
	    "");
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 2);
	assert_string_equal(text(at, "update/dpkg/z:all", "candidate"), "2");
	assert_string_equal(text(at, "update/dpkg/a:all", "candidate"), "2");
}

static void without_lists_nothing_can_be_said_of_updates(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "var/lib/apt/lists/lock", "");
	begin(at, "", "");
	collecting_await_status(at, "update/lists", FACT_ABSENT);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 0);
}

static void a_machine_without_apt_is_absent_in_a_complete_pass(void **test)
{
	struct collecting *at = *test;

	asked = (struct updates_settings){ .reread = 3600 * 1000,
		.apt_get = (char[]){ "/nowhere/apt-get" },
		.dpkg_query = (char[]){ "/nowhere/dpkg-query" } };
	collecting_start(at, &updates_collector, &asked);
	collecting_await_status(at, "update", FACT_ABSENT);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void an_apt_that_fails_takes_nothing_back(void **test)
{
	struct collecting *at = *test;

	begin(at, usual, "");
	collecting_await_passes(at, 1);
	unlink(scratch_path(at->scratch, "apt.out"));
	updates_collector.refresh(at->self);
	collecting_await_status(at, "update", FACT_FAILED);
	assert_non_null(strstr(observer_fake_find(at->observer, "update")->reason,
	    "apt-get exited with 100: cat: "));
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 2);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void a_stop_while_a_program_runs_ends_it(void **test)
{
	struct collecting *at = *test;

	begin(at, usual, "");
	scratch_write(at->scratch, "dpkg", "#!/bin/sh\n: >\"${0%dpkg}started\"\nexec sleep 1000\n");
	while (access(scratch_path(at->scratch, "started"), F_OK) != 0)
		uv_run(&at->loop, UV_RUN_NOWAIT);
	collecting_stop(at);
	assert_int_equal(observer_fake_size(at->observer), 0);
}

static void a_full_spool_abandons_the_pass_and_refresh_makes_it_again(void **test)
{
	struct collecting *at = *test;

	begin(at, usual, "");
	observer_fake_answer(at->observer, STATUS_FULL);
	while (observer_fake_abandoned(at->observer) == 0)
		collecting_turn(at);
	observer_fake_answer(at->observer, STATUS_OK);
	updates_collector.refresh(at->self);
	collecting_await_status(at, "update/dpkg/libssl3:i386", FACT_PRESENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_would_be_upgraded_is_told_with_where_it_comes_from),
		TEST(broken_lines_are_passed_over),
		TEST(without_lists_nothing_can_be_said_of_updates),
		TEST(a_machine_without_apt_is_absent_in_a_complete_pass),
		TEST(an_apt_that_fails_takes_nothing_back),
		TEST(a_stop_while_a_program_runs_ends_it),
		TEST(a_full_spool_abandons_the_pass_and_refresh_makes_it_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
