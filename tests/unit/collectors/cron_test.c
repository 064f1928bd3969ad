/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/cron.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static const struct cron_settings rarely = { .reread = 600 * 1000 };

static void begin(struct collecting *at)
{
	collecting_start(at, &cron_collector, &rarely);
	collecting_await_passes(at, 1);
}

/* The facts are named by a hash: found by what they say. */
static const struct fake_fact *find(struct collecting *at, const char *command)
{
	for (size_t i = 0; i < observer_fake_size(at->observer); i++) {
		const struct fake_fact *fact = observer_fake_at(at->observer, i);
		const struct fact_field *field = fact_find(fact->fields, fact->fields_count,
		    "command");

		if (field != NULL && bytes_equal(field->bytes, bytes_of_text(command)))
			return fact;
	}
	return NULL;
}

static void says(const struct fake_fact *fact, const char *schedule, const char *user,
    const char *file)
{
	assert_non_null(fact);
	assert_int_equal(fact->fields_count, 4);
	assert_true(bytes_equal(fact->fields[0].bytes, bytes_of_text(schedule)));
	assert_true(bytes_equal(fact->fields[1].bytes, bytes_of_text(user)));
	assert_true(bytes_equal(fact->fields[3].bytes, bytes_of_text(file)));
	assert_true(bytes_start_with(buffer_bytes(&fact->key), bytes_of_text("cron/")));
}

static void every_kind_of_table_is_read_as_cron_reads_it(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/crontab",
	    "# m h dom\nSHELL=/bin/sh\nMAILTO = root\n\n17 *\t* * *\troot    cd / && run  a%b\n");
	scratch_write(at->scratch, "etc/cron.d/two", "@reboot www-data /bin/true\n");
	scratch_write(at->scratch, "var/spool/cron/crontabs/alice", "*/5 1-3 * * 0 /home/x y");
	scratch_write(at->scratch, "etc/anacrontab",
	    "LOGNAME=root\n1\t5\tcron.daily\tnice x\n"
	    "@monthly 15 cron.monthly monthly-job\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 5);
	says(find(at, "cd / && run  a%b"), "17 * * * *", "root", "/etc/crontab");
	says(find(at, "/bin/true"), "@reboot", "www-data", "/etc/cron.d/two");
	says(find(at, "/home/x y"), "*/5 1-3 * * 0", "alice", "/var/spool/cron/crontabs/alice");
	says(find(at, "nice x"), "1 5 cron.daily", "root", "/etc/anacrontab");
	says(find(at, "monthly-job"), "@monthly 15 cron.monthly", "root", "/etc/anacrontab");
}

static void a_line_that_moves_stays_what_it_is(void **test)
{
	struct collecting *at = *test;
	const struct fake_fact *fact;

	scratch_write(at->scratch, "etc/crontab", "1 1 1 1 1 root keep\n");
	begin(at);
	fact = find(at, "keep");
	scratch_write(at->scratch, "etc/crontab",
	    "# new\n2 2 2 2 2 root other\n1 1 1 1 1 root keep\n");
	while (find(at, "other") == NULL)
		collecting_turn(at);
	assert_ptr_equal(find(at, "keep"), fact);
	assert_int_equal(fact->changes, 1);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 2);
}

static void scripts_of_a_directory_count_where_they_are_run(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/debian_version", "12\n");
	scratch_write(at->scratch, "etc/cron.daily/man-db", "#!/bin/sh\n");
	scratch_write(at->scratch, "etc/cron.daily/not.run", "#!/bin/sh\n");
	scratch_write(at->scratch, "etc/cron.daily/plain", "no program\n");
	scratch_write(at->scratch, "etc/cron.weekly/new.dpkg-new", "#!/bin/sh\n");
	chmod(scratch_path(at->scratch, "etc/cron.daily/man-db"), 0755);
	chmod(scratch_path(at->scratch, "etc/cron.daily/not.run"), 0755);
	chmod(scratch_path(at->scratch, "etc/cron.weekly/new.dpkg-new"), 0755);
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 1);
	says(observer_fake_find(at->observer, "cron/etc/cron.daily/man-db"), "@daily", "root",
	    "/etc/cron.daily/man-db");
	chmod(scratch_path(at->scratch, "etc/cron.daily/plain"), 0755);
	collecting_await_status(at, "cron/etc/cron.daily/plain", FACT_PRESENT);
}

static void what_editors_and_package_managers_leave_behind_is_no_table(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/cron.d/with.dot", "@daily root a\n");
	scratch_write(at->scratch, "etc/cron.d/x.rpmsave", "@daily root b\n");
	scratch_write(at->scratch, "etc/cron.d/x.dpkg-tmp", "@daily root b\n");
	scratch_write(at->scratch, "etc/cron.d/x~", "@daily root b\n");
	scratch_write(at->scratch, "etc/cron.d/.placeholder", "@daily root b\n");
	scratch_write(at->scratch, "var/spool/cron/crontabs/tmp.Xa3", "@daily b\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 1);
	assert_non_null(find(at, "a"));
}

static void broken_and_odd_lines_are_failed_and_the_rest_is_read(void **test)
{
	struct collecting *at = *test;
	char *long_line = memory_new(40 * 1000 + 64);

	memset(long_line, 'x', 40 * 1000);
	memcpy(long_line, "1 1 1 1 1 root ", 15);
	strcpy(long_line + 40 * 1000, "\n* * * *\n@daily\n1 2 3 4 5 root \xff\xfe\nok");
	scratch_write(at->scratch, "etc/crontab", long_line);
	free(long_line);
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "cron/etc/crontab:"), 5);
	assert_non_null(find(at, "\xff\xfe"));
	for (size_t i = 0, truncated = 0; i < observer_fake_size(at->observer); i++) {
		truncated += observer_fake_at(at->observer, i)->status == FACT_TRUNCATED;
		assert_true(i + 1 < observer_fake_size(at->observer) || truncated == 1);
	}
}

static void a_secret_in_a_command_stays_here(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/crontab",
	    "1 1 * * * root curl -H x https://me:tr0ub4dor@host/ --password=tr0ub4dor\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 1);
	for (size_t i = 0; i < observer_fake_size(at->observer); i++) {
		struct bytes value = buffer_bytes(&observer_fake_at(at->observer, i)->value);

		if (value.size > 0)
			assert_null(memmem(value.data, value.size, "tr0ub4dor", 9));
	}
}

static void a_directory_in_the_place_of_a_table_is_failed(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/crontab/x", "");
	assert_int_equal(mkfifo(scratch_path(at->scratch, "etc/anacrontab"), 0600), 0);
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "cron/etc/crontab"), FACT_FAILED);
	assert_int_equal(observer_fake_status(at->observer, "cron/etc/anacrontab"), FACT_FAILED);
}

static void a_table_that_comes_with_its_directory_is_seen(void **test)
{
	struct collecting *at = *test;

	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 0);
	scratch_write(at->scratch, "var/spool/cron/crontabs/bob", "@hourly job\n");
	while (find(at, "job") == NULL)
		collecting_turn(at);
}

static void the_spool_of_at_is_counted(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "var/spool/cron/atjobs/.SEQ", "1\n");
	scratch_write(at->scratch, "var/spool/cron/atjobs/a0000101c0ffee", "x\n");
	begin(at);
	assert_int_equal(observer_fake_number(at->observer, "cron/at", "jobs"), 1);
	assert_int_equal(observer_fake_count(at->observer, "cron/"), 1);
}

static void what_changes_of_jobs_is_urgent(void **test)
{
	struct collecting *at = *test;

	begin(at);
	assert_int_equal(observer_fake_last_pass(at->observer)->lane, LANE_CRITICAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_changes_of_jobs_is_urgent),
		TEST(every_kind_of_table_is_read_as_cron_reads_it),
		TEST(a_line_that_moves_stays_what_it_is),
		TEST(scripts_of_a_directory_count_where_they_are_run),
		TEST(what_editors_and_package_managers_leave_behind_is_no_table),
		TEST(broken_and_odd_lines_are_failed_and_the_rest_is_read),
		TEST(a_secret_in_a_command_stays_here),
		TEST(a_directory_in_the_place_of_a_table_is_failed),
		TEST(a_table_that_comes_with_its_directory_is_seen),
		TEST(the_spool_of_at_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
