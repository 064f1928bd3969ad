/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/packages/packages.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

#define STATUS_FILE "var/lib/dpkg/status"

static char program[] = "dpkg-query", no_program[] = "fettle-has-no-such-program";
static const struct packages_settings usual = { .reread = 3600 * 1000, .dpkg_query = program };
static const struct packages_settings without = { .reread = 3600 * 1000, .dpkg_query = no_program };

static const char two_packages[] =
    "Package: alpha\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2.0-1\n"
    "Maintainer: x\nDescription: x\n\n"
    "Package: beta\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n"
    "Source: gamma (2)\nMaintainer: x\nDescription: x\n\n";

static const char one_package[] =
    "Package: alpha\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2.0-2\n"
    "Maintainer: x\nDescription: x\n\n";

static void need_dpkg(void)
{
	if (access("/usr/bin/dpkg-query", X_OK) != 0) {
		print_message("dpkg-query is not installed here\n");
		skip();
	}
}

/* A program that prints what a test wants, as dpkg-query would not. */
static void start_with(struct collecting *at, const char *script)
{
	static struct packages_settings settings;
	static char path[4096];

	scratch_write(at->scratch, "query", script);
	snprintf(path, sizeof(path), "%s", scratch_path(at->scratch, "query"));
	assert_int_equal(chmod(path, 0755), 0);
	settings = (struct packages_settings){ .reread = 3600 * 1000, .dpkg_query = path };
	collecting_start(at, &packages_collector, &settings);
}

static void a_database_is_told_package_by_package(void **test)
{
	struct collecting *at = *test;
	const struct fake_fact *fact;

	need_dpkg();
	scratch_write(at->scratch, STATUS_FILE, two_packages);
	collecting_start(at, &packages_collector, &usual);
	collecting_await_status(at, "package/dpkg", FACT_PRESENT);
	assert_int_equal(observer_fake_count(at->observer, "package/dpkg/"), 2);
	fact = observer_fake_find(at->observer, "package/dpkg/beta:amd64");
	assert_non_null(fact);
	assert_int_equal(fact->fields_count, 6);
	assert_string_equal(fact->fields[0].name, "name");
	assert_string_equal(fact->fields[1].name, "architecture");
	assert_string_equal(fact->fields[2].name, "version");
	assert_string_equal(fact->fields[3].name, "source");
	assert_string_equal(fact->fields[4].name, "source_version");
	assert_string_equal(fact->fields[5].name, "state");
	assert_true(bytes_equal(fact->fields[3].bytes, bytes_of_text("gamma")));
	assert_true(bytes_equal(fact->fields[4].bytes, bytes_of_text("2")));
	assert_true(bytes_equal(fact->fields[5].bytes, bytes_of_text("rc")));
	assert_string_equal(observer_fake_text(at->observer, "package/dpkg/alpha:all", "version"),
	    "1:2.0-1");
	assert_string_equal(observer_fake_last_pass(at->observer)->prefix, "package/dpkg/");
	assert_string_equal(observer_fake_text(at->observer, "package/dpkg", "manager"), "dpkg");
}

static void a_database_that_is_renamed_into_place_is_read_within_a_second(void **test)
{
	struct collecting *at = *test;
	uint64_t before_ms;

	need_dpkg();
	scratch_write(at->scratch, STATUS_FILE, two_packages);
	collecting_start(at, &packages_collector, &usual);
	collecting_await_passes(at, 1);
	scratch_write(at->scratch, STATUS_FILE "-new", one_package);
	before_ms = uv_hrtime() / 1000000;
	assert_int_equal(rename(scratch_path(at->scratch, STATUS_FILE "-new"),
			     scratch_path(at->scratch, STATUS_FILE)),
	    0);
	collecting_await_text(at, "package/dpkg/alpha:all", "version", "1:2.0-2");
	collecting_await_status(at, "package/dpkg/beta:amd64", FACT_NONE);
	assert_in_range(uv_hrtime() / 1000000 - before_ms, 0, 3000);
}

static void a_broken_database_is_failed_unsets_nothing_and_recovers(void **test)
{
	struct collecting *at = *test;

	need_dpkg();
	scratch_write(at->scratch, STATUS_FILE, two_packages);
	collecting_start(at, &packages_collector, &usual);
	collecting_await_status(at, "package/dpkg", FACT_PRESENT);
	scratch_write(at->scratch, STATUS_FILE, "rubbish\xff\n");
	collecting_await_status(at, "package/dpkg", FACT_FAILED);
	assert_int_equal(observer_fake_count(at->observer, "package/dpkg/"), 2);
	assert_non_null(strstr(observer_fake_find(at->observer, "package/dpkg")->reason,
	    "exited with 2: dpkg-query: error: parsing file"));
	scratch_write(at->scratch, STATUS_FILE, one_package);
	collecting_await_status(at, "package/dpkg", FACT_PRESENT);
	collecting_await_status(at, "package/dpkg/beta:amd64", FACT_NONE);
}

static void a_database_that_was_deleted_is_not_a_machine_without_packages(void **test)
{
	struct collecting *at = *test;

	need_dpkg();
	scratch_write(at->scratch, STATUS_FILE, two_packages);
	scratch_write(at->scratch, "var/lib/dpkg/info/alpha.list", "/.\n");
	collecting_start(at, &packages_collector, &usual);
	collecting_await_status(at, "package/dpkg", FACT_PRESENT);
	unlink(scratch_path(at->scratch, STATUS_FILE));
	collecting_await_status(at, "package/dpkg", FACT_FAILED);
	assert_int_equal(observer_fake_count(at->observer, "package/dpkg/"), 2);
}

static void a_machine_without_dpkg_says_so_in_a_complete_pass(void **test)
{
	struct collecting *at = *test;

	collecting_start(at, &packages_collector, &without);
	collecting_await_status(at, "package/dpkg", FACT_ABSENT);
	assert_string_equal(observer_fake_find(at->observer, "package/dpkg")->reason,
	    "dpkg-query is not installed");
	assert_int_equal(observer_fake_passes(at->observer), 1);
	/* A database that nobody can read is another matter. */
	collecting_stop(at);
	scratch_write(at->scratch, STATUS_FILE, two_packages);
	collecting_start(at, &packages_collector, &without);
	collecting_await_status(at, "package/dpkg", FACT_FAILED);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void output_that_is_not_understood_fails_with_its_line(void **test)
{
	struct collecting *at = *test;

	start_with(at, "#!/bin/sh\nprintf 'a\\tall\\t1\\ta\\t1\\tii \\nnonsense\\n'\n");
	collecting_await_status(at, "package/dpkg", FACT_FAILED);
	assert_non_null(strstr(observer_fake_find(at->observer, "package/dpkg")->reason, "line 2"));
	assert_int_equal(observer_fake_abandoned(at->observer), 1);
	assert_int_equal(observer_fake_passes(at->observer), 0);
}

static void output_that_breaks_off_within_a_line_fails(void **test)
{
	struct collecting *at = *test;

	start_with(at,
	    "#!/bin/sh\nprintf 'a\\tall\\t1\\ta\\t1\\tii \\nb\\tall\\t1\\tb\\t1\\tii '\n");
	collecting_await_status(at, "package/dpkg", FACT_FAILED);
	assert_int_equal(observer_fake_passes(at->observer), 0);
}

static void what_is_printed_before_a_failure_is_not_believed(void **test)
{
	struct collecting *at = *test;

	start_with(at,
	    "#!/bin/sh\nprintf 'a\\tall\\t1\\ta\\t1\\tii \\n'\necho broken >&2\nexit 1\n");
	collecting_await_status(at, "package/dpkg", FACT_FAILED);
	assert_string_equal(observer_fake_find(at->observer, "package/dpkg")->reason,
	    "dpkg-query exited with 1: broken");
	assert_int_equal(observer_fake_count(at->observer, "package/dpkg/"), 0);
}

static void a_full_spool_abandons_the_pass_and_refresh_makes_it_again(void **test)
{
	struct collecting *at = *test;

	start_with(at, "#!/bin/sh\nprintf 'dpkg\\tamd64\\t1.21\\tdpkg\\t1.21\\tii \\n'\n");
	observer_fake_answer(at->observer, STATUS_FULL);
	while (observer_fake_abandoned(at->observer) == 0)
		collecting_turn(at);
	observer_fake_answer(at->observer, STATUS_OK);
	packages_collector.refresh(at->self);
	collecting_await_status(at, "package/dpkg/dpkg:amd64", FACT_PRESENT);
	collecting_await_text(at, "package/dpkg", "version", "1.21");
}

static void a_stop_while_the_program_runs_ends_it(void **test)
{
	struct collecting *at = *test;

	start_with(at, "#!/bin/sh\n: >\"${0%query}started\"\nexec sleep 1000\n");
	while (access(scratch_path(at->scratch, "started"), F_OK) != 0)
		uv_run(&at->loop, UV_RUN_NOWAIT);
	collecting_stop(at);
	assert_int_equal(observer_fake_size(at->observer), 0);
}

/* Another reading of the same machine: through a shell, in another order of columns. */
static void this_machine_is_told_as_dpkg_query_tells_it(void **test)
{
	struct collecting *at = *test;
	char key[256], name[128], architecture[32], version[128], state[8];
	size_t count = 0;
	FILE *pipe;

	need_dpkg();
	at->context.root = "";
	collecting_start(at, &packages_collector, &usual);
	collecting_await_status(at, "package/dpkg", FACT_PRESENT);
	pipe = popen("dpkg-query -W -f='${db:Status-Abbrev} ${Version} ${Package} "
		     "${Architecture}\\n'",
	    "r");
	assert_non_null(pipe);
	while (fscanf(pipe, "%7s %127s %127s %31s", state, version, name, architecture) == 4) {
		snprintf(key, sizeof(key), "package/dpkg/%s:%s", name, architecture);
		assert_string_equal(observer_fake_text(at->observer, key, "version"), version);
		assert_string_equal(observer_fake_text(at->observer, key, "state"), state);
		count++;
	}
	pclose(pipe);
	assert_true(count > 0);
	assert_int_equal(observer_fake_count(at->observer, "package/dpkg/"), count);
	assert_string_equal(observer_fake_text(at->observer, "package/dpkg", "manager"), "dpkg");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_database_is_told_package_by_package),
		TEST(a_database_that_is_renamed_into_place_is_read_within_a_second),
		TEST(a_broken_database_is_failed_unsets_nothing_and_recovers),
		TEST(a_database_that_was_deleted_is_not_a_machine_without_packages),
		TEST(a_machine_without_dpkg_says_so_in_a_complete_pass),
		TEST(output_that_is_not_understood_fails_with_its_line),
		TEST(output_that_breaks_off_within_a_line_fails),
		TEST(what_is_printed_before_a_failure_is_not_believed),
		TEST(a_full_spool_abandons_the_pass_and_refresh_makes_it_again),
		TEST(a_stop_while_the_program_runs_ends_it),
		TEST(this_machine_is_told_as_dpkg_query_tells_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
