/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/updates/updates.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static struct updates_settings asked;

static const char installed[] = "libpam-modules-bin:amd64 install installed 1.5.2-6+deb12u1\n"
				"libssl3:amd64 install installed 3.0.19-1~deb12u2\n"
				"libssl3:i386 hold installed 3.0.19-1~deb12u2\n"
				"login:amd64 install half-configured 1:4.13\n"
				"cruft:amd64 deinstall config-files 1.0\n"
				"tzdata:all install installed 2025a-0\n";
static const char archives[] =
    "Reading package lists...\n"
    "120 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
    "'http://m.example/p/libpam-modules-bin_1.5.2-6%2bdeb12u2_amd64.deb' "
    "libpam-modules-bin_1.5.2-6+deb12u2_amd64.deb 10 MD5Sum:00\n"
    "'http://m.example/p/libssl3.deb' libssl3_3.0.22-1~deb12u2_i386.deb 10 SHA256:00\n"
    "'http://m.example/p/login_4.14_amd64.deb' login_1%3a4.14_amd64.deb 10 SHA256:00\n"
    "'file:/srv/tzdata.deb' tzdata_2025b-0_amd64.deb 10 \n"
    "'http://m.example/p/linux.deb' linux-image-6.1.0-40-amd64_6.1.153-1_amd64.deb 10 \n"
    "'http://m.example/p/cruft_2.0_amd64.deb' cruft_2.0_amd64.deb 10 SHA256:00\n";
static const char policies[] = "libpam-modules-bin:\n"
			       "  Installed: 1.5.2-6+deb12u1\n"
			       "  Candidate: 1.5.2-6+deb12u2\n"
			       "  Version table:\n"
			       "     1.5.2-6+deb12u2 500\n"
			       "        500 http://m.example/debian bookworm/main amd64 Packages\n"
			       " *** 1.5.2-6+deb12u1 100\n"
			       "        100 /var/lib/dpkg/status\n"
			       "libssl3:\n"
			       "  Version table:\n"
			       "     3.0.22-1~deb12u2 500\n"
			       "        500 http://flat.example:81/x ./ Packages\n"
			       "libssl3:i386:\n"
			       "  Version table:\n"
			       "     3.0.22-1~deb12u2 1001 (phased 20%)\n"
			       "       1001 http://m.example/debian bookworm/main i386 Packages\n"
			       "        500 http://m.example/debian updates/main i386 Packages\n"
			       "        500 http://m.example/security security/main i386 Packages\n"
			       " *** 3.0.19-1~deb12u2 500\n"
			       "        500 http://third.example/apt stable/main amd64 Packages\n"
			       "login:\n"
			       "  Version table:\n"
			       "     1:4.13 500\n"
			       "        500 http://m.example/debian bookworm/main amd64 Packages\n"
			       "tzdata:\n"
			       "  Version table:\n"
			       "     2025b-0 500\n"
			       "        500 http://user@flat.example:81/x ./ Packages\n"
			       "        500 file:/srv ./ Packages\n"
			       "        500 http://third.example/apt stable/main amd64 Packages\n";
static const char targets[] =
    "MetaKey: main/binary-amd64/Packages\n"
    "Description: http://m.example/debian bookworm/main amd64 Packages\n"
    "Label: Debian\nSuite: oldstable\nVersion: 12.15\n"
    "\n"
    "Description: http://m.example/debian bookworm/main i386 Packages\n"
    "Label: Debian\nSuite: oldstable\nVersion: 12.15\n"
    "\n"
    "Description: http://m.example/debian updates/main i386 Packages\n"
    "Label: Debian\nSuite: oldstable-updates\nVersion: 12.15\n"
    "\n"
    "Description: http://m.example/security security/main i386 Packages\n"
    "Label: Debian-Security\nSuite: oldstable-security\nVersion: 12\n"
    "\n"
    "Description: http://user@flat.example:81/x ./ Packages\nLabel: Flat\n"
    "\n"
    "Description: file:/srv ./ Packages\n"
    "\n"
    "Description: http://third.example/apt stable/main amd64 Packages\n"
    "Label: Third (the) party\nSuite: stable\n";

/* Has the programs be scripts; what they are to print stands in files beside them. */
static void begin(struct collecting *at, const char *upgrades)
{
	static char apt[4096], cache[4096], dpkg[4096];
	static const char get[] =
	    "#!/bin/sh\nat=${0%/*}\n"
	    "case \"$*\" in *indextargets*) cat \"$at/targets.out\" ;;\n"
	    "*--print-uris*dist-upgrade*) cat \"$at/archives.out\" || exit 100 ;; esac\n";
	static const char other[] = "#!/bin/sh\ncat \"${0%/*}/${0##*/}.out\" || exit 100\n";

	snprintf(apt, sizeof(apt), "%s/apt", (char *)at->scratch);
	snprintf(cache, sizeof(cache), "%s/cache", (char *)at->scratch);
	snprintf(dpkg, sizeof(dpkg), "%s/dpkg", (char *)at->scratch);
	scratch_write(at->scratch, "apt", get);
	scratch_write(at->scratch, "cache", other);
	scratch_write(at->scratch, "dpkg", other);
	assert_int_equal(chmod(apt, 0755) | chmod(cache, 0755) | chmod(dpkg, 0755), 0);
	scratch_write(at->scratch, "archives.out", upgrades);
	scratch_write(at->scratch, "cache.out", policies);
	scratch_write(at->scratch, "targets.out", targets);
	scratch_write(at->scratch, "dpkg.out", installed);
	asked = (struct updates_settings){ .reread = 3600 * 1000,
		.apt_get = apt,
		.apt_cache = cache,
		.dpkg_query = dpkg };
	collecting_start(at, &updates_collector, &asked);
}

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

static void what_would_be_upgraded_is_told_with_where_it_comes_from(void **test)
{
	static const char pam[] = "update/dpkg/libpam-modules-bin:amd64";
	struct collecting *at = *test;

	scratch_write(at->scratch,
	    "var/lib/apt/lists/mirror.example.net_main_binary-amd64_Packages.lz4", "");
	begin(at, archives);
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 4);
	assert_string_equal(text(at, pam, "installed"), "1.5.2-6+deb12u1");
	assert_string_equal(text(at, pam, "candidate"), "1.5.2-6+deb12u2");
	assert_string_equal(text(at, pam, "origin"), "Debian:12.15/oldstable");
	assert_string_equal(text(at, pam, "security"), "no");
	assert_string_equal(text(at, pam, "held"), "");
	assert_int_equal(observer_fake_status(at->observer, "update/lists"), FACT_PRESENT);
}

static void one_of_its_origins_for_security_makes_it_a_security_update(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
	collecting_await_passes(at, 1);
	assert_string_equal(text(at, "update/dpkg/libssl3:i386", "origin"),
	    "Debian:12.15/oldstable, Debian-Security:12/oldstable-security");
	assert_string_equal(text(at, "update/dpkg/libssl3:i386", "security"), "yes");
	assert_string_equal(text(at, "update/dpkg/libssl3:i386", "held"), "yes");
}

static void an_origin_without_a_suite_is_told_by_its_host(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
	collecting_await_passes(at, 1);
	assert_string_equal(text(at, "update/dpkg/tzdata:amd64", "installed"), "2025a-0");
	assert_string_equal(text(at, "update/dpkg/tzdata:amd64", "origin"),
	    "Flat:flat.example, localhost, Third (the) party:stable");
}

static void of_a_version_that_apt_cannot_place_neither_origin_nor_security_is_told(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
	collecting_await_passes(at, 1);
	assert_string_equal(text(at, "update/dpkg/login:amd64", "candidate"), "1:4.14");
	assert_string_equal(text(at, "update/dpkg/login:amd64", "origin"), "");
	assert_string_equal(text(at, "update/dpkg/login:amd64", "security"), "");
}

static void broken_lines_are_passed_over(void **test)
{
	struct collecting *at = *test;

	begin(at, "'\n''\n'a' libssl3\n'a' libssl3_\n'a' libssl3_2_\n'a' libssl3_2_amd64\n"
		  "'a libssl3_2_amd64.deb\n'a' libssl3_2_amd64.udeb\n'a' libssl3__amd64.deb\n"
		  "'a' _2_amd64.deb\n'a' libssl3_2_.deb\n'a' -libssl3_2_amd64.deb\n"
		  "a' libssl3_2_amd64.deb\n'a' libssl3%_2_amd64.deb\n'a' libssl%3_2_amd64.deb\n"
		  "\xff\xfe 'a' libssl3_2_amd64.deb\n'a' libpam-modules-bin_2_amd64.deb");
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 1);
	assert_string_equal(text(at, "update/dpkg/libpam-modules-bin:amd64", "candidate"), "2");
}

static void without_lists_nothing_can_be_said_of_updates(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "var/lib/apt/lists/lock", "");
	begin(at, "");
	collecting_await_status(at, "update/lists", FACT_ABSENT);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 0);
}

static void a_machine_without_apt_is_absent_in_a_complete_pass(void **test)
{
	struct collecting *at = *test;

	asked = (struct updates_settings){ .reread = 3600 * 1000,
		.apt_get = (char[]){ "/nowhere/apt-get" },
		.apt_cache = (char[]){ "/nowhere/apt-cache" },
		.dpkg_query = (char[]){ "/nowhere/dpkg-query" } };
	collecting_start(at, &updates_collector, &asked);
	collecting_await_status(at, "update", FACT_ABSENT);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void an_apt_that_fails_takes_nothing_back(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
	collecting_await_passes(at, 1);
	unlink(scratch_path(at->scratch, "archives.out"));
	updates_collector.refresh(at->self);
	collecting_await_status(at, "update", FACT_FAILED);
	assert_non_null(strstr(observer_fake_find(at->observer, "update")->reason,
	    "apt-get exited with 100: cat: "));
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), 4);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void a_stop_while_a_program_runs_ends_it(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
	scratch_write(at->scratch, "dpkg", "#!/bin/sh\n: >\"${0%dpkg}started\"\nexec sleep 1000\n");
	while (access(scratch_path(at->scratch, "started"), F_OK) != 0)
		uv_run(&at->loop, UV_RUN_NOWAIT);
	collecting_stop(at);
	assert_int_equal(observer_fake_size(at->observer), 0);
}

static void a_stop_while_apt_runs_ends_all_of_it(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
	scratch_write(at->scratch, "apt",
	    "#!/bin/sh\ncase $* in *dist-upgrade) : >\"${0%apt}upgrades\" ;;\n"
	    "*) : >\"${0%apt}targets\" ;; esac\nexec sleep 1000\n");
	scratch_write(at->scratch, "cache", "#!/bin/sh\nexec sleep 1000\n");
	while (access(scratch_path(at->scratch, "upgrades"), F_OK) != 0
	       || access(scratch_path(at->scratch, "targets"), F_OK) != 0)
		uv_run(&at->loop, UV_RUN_NOWAIT);
	collecting_stop(at);
	assert_int_equal(observer_fake_size(at->observer), 0);
}

static void a_full_spool_abandons_the_pass_and_refresh_makes_it_again(void **test)
{
	struct collecting *at = *test;

	begin(at, archives);
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
		TEST(one_of_its_origins_for_security_makes_it_a_security_update),
		TEST(an_origin_without_a_suite_is_told_by_its_host),
		TEST(of_a_version_that_apt_cannot_place_neither_origin_nor_security_is_told),
		TEST(broken_lines_are_passed_over),
		TEST(without_lists_nothing_can_be_said_of_updates),
		TEST(a_machine_without_apt_is_absent_in_a_complete_pass),
		TEST(an_apt_that_fails_takes_nothing_back),
		TEST(a_stop_while_a_program_runs_ends_it),
		TEST(a_stop_while_apt_runs_ends_all_of_it),
		TEST(a_full_spool_abandons_the_pass_and_refresh_makes_it_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
