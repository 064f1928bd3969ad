/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static char *anywhere[] = { (char[]){ "/" } };
static const struct files_settings rarely = { .roots = { anywhere, 1 }, .reread = 600 * 1000 };

static int start(void **test)
{
	if (collecting_setup(test) != 0)
		return -1;
	collecting_start(*test, &files_collector, &rarely);
	return 0;
}

static void await_content(struct collecting *at, const char *key, const char *text)
{
	collecting_await_text(at, key, "content", text);
}

/* One byte of hash is enough to tell plans apart. */
static void give_plan(struct collecting *at, uint8_t hash, const char *const *paths)
{
	struct plan_file files[8];
	struct plan plan = { .hash = { hash }, .files = files };

	for (; paths[plan.files_count] != NULL; plan.files_count++)
		files[plan.files_count] = (struct plan_file){ paths[plan.files_count], 1000,
			false };
	files_collector.on_plan(at->self, &plan);
}

/* More than one turn of the loop can observe; returns with the pass begun. */
static void be_within_a_pass(struct collecting *at)
{
	enum { FILES = 200 };
	char paths[FILES][16];
	struct plan_file files[FILES];
	struct plan plan = { .hash = { 99 }, .files = files, .files_count = FILES };

	for (int i = 0; i < FILES; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/many/%03d", i);
		files[i] = (struct plan_file){ paths[i], 0, false };
	}
	files_collector.on_plan(at->self, &plan);
	while (observer_fake_open(at->observer) == 0)
		collecting_turn(at);
	assert_int_equal(observer_fake_passes(at->observer), 0);
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void observe(struct collecting *at, const char *path)
{
	give_plan(at, 1, PATHS(path));
	collecting_await_passes(at, 1);
}

static void move_over(struct collecting *at, const char *from, const char *to)
{
	assert_int_equal(rename(scratch_path(at->scratch, from), scratch_path(at->scratch, to)), 0);
}

static void without_a_plan_nothing_is_observed_and_no_pass_made(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "a", "x");
	files_collector.refresh(at->self);
	files_collector.on_plan(at->self, NULL);
	/* Whatever is to happen of itself has happened once a plan's pass is through. */
	give_plan(at, 1, PATHS("/b"));
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_passes(at->observer), 1);
	assert_int_equal(observer_fake_size(at->observer), 1);
}

static void a_plan_is_observed_in_one_pass_that_names_it(void **test)
{
	struct collecting *at = *test;
	struct observer *observer = at->observer;

	scratch_write(at->scratch, "etc/a", "one\n");
	give_plan(at, 7, PATHS("/etc/a", "/etc/none"));
	collecting_await_passes(at, 1);
	assert_string_equal(observer_fake_text(observer, "file/etc/a", "content"), "one\n");
	assert_int_equal(observer_fake_status(observer, "file/etc/none"), FACT_ABSENT);
	assert_string_equal(observer_fake_last_pass(observer)->prefix, "file/");
	assert_int_equal(observer_fake_last_pass(observer)->plan.size, HASH_SIZE);
	assert_int_equal(observer_fake_last_pass(observer)->plan.data[0], 7);
	assert_string_equal(observer_fake_find(observer, "file/etc/a")->collector, "files");
}

static void a_plan_replaces_the_one_before_it(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "a", "x");
	scratch_write(at->scratch, "b", "x");
	give_plan(at, 1, PATHS("/a"));
	collecting_await_passes(at, 1);
	give_plan(at, 2, PATHS("/b"));
	collecting_await_passes(at, 2);
	assert_int_equal(observer_fake_status(at->observer, "file/a"), FACT_NONE);
	assert_int_equal(observer_fake_status(at->observer, "file/b"), FACT_PRESENT);
}

static void a_plan_that_comes_during_a_pass_abandons_it(void **test)
{
	struct collecting *at = *test;

	be_within_a_pass(at);
	give_plan(at, 2, PATHS("/b"));
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_abandoned(at->observer), 1);
	assert_int_equal(observer_fake_last_pass(at->observer)->plan.data[0], 2);
	assert_int_equal(observer_fake_count(at->observer, "file/many/"), 0);
	assert_int_equal(observer_fake_status(at->observer, "file/b"), FACT_ABSENT);
}

static void what_is_appended_is_told_at_once(void **test)
{
	struct collecting *at = *test;
	uint64_t before_ms;
	FILE *file;

	scratch_write(at->scratch, "etc/a", "one\n");
	observe(at, "/etc/a");
	file = fopen(scratch_path(at->scratch, "etc/a"), "a");
	fputs("two\n", file);
	before_ms = uv_hrtime() / 1000000;
	fclose(file);
	await_content(at, "file/etc/a", "one\ntwo\n");
	/* 100 ms are the aim; a machine under load, with sanitizers, is granted more. */
	assert_in_range(uv_hrtime() / 1000000 - before_ms, 0, 1000);
	assert_int_equal(observer_fake_find(at->observer, "file/etc/a")->lane, LANE_DELTA);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void a_file_renamed_over_it_is_seen(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/a", "old\n");
	observe(at, "/etc/a");
	scratch_write(at->scratch, "etc/a.new", "new\n");
	move_over(at, "etc/a.new", "etc/a");
	await_content(at, "file/etc/a", "new\n");
	/* And what happens to that one as well. */
	scratch_write(at->scratch, "etc/a", "newer\n");
	await_content(at, "file/etc/a", "newer\n");
}

static void deleting_and_making_again_are_seen(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/a", "old\n");
	observe(at, "/etc/a");
	unlink(scratch_path(at->scratch, "etc/a"));
	collecting_await_status(at, "file/etc/a", FACT_ABSENT);
	scratch_write(at->scratch, "etc/a", "again\n");
	await_content(at, "file/etc/a", "again\n");
}

static void a_change_of_mode_is_seen(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/a", "x\n");
	observe(at, "/etc/a");
	chmod(scratch_path(at->scratch, "etc/a"), 0600);
	collecting_await_text(at, "file/etc/a", "mode", "0600");
	chmod(scratch_path(at->scratch, "etc/a"), 04755);
	collecting_await_text(at, "file/etc/a", "mode", "4755");
}

static void a_file_is_seen_whose_directories_come_later(void **test)
{
	struct collecting *at = *test;

	observe(at, "/etc/one/two/a");
	assert_int_equal(observer_fake_status(at->observer, "file/etc/one/two/a"), FACT_ABSENT);
	scratch_write(at->scratch, "etc/one/two/a", "here\n");
	await_content(at, "file/etc/one/two/a", "here\n");
	scratch_write(at->scratch, "etc/one/two/a", "there\n");
	await_content(at, "file/etc/one/two/a", "there\n");
}

static void another_directory_in_the_place_of_the_old_is_seen(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "srv/etc/a", "old\n");
	scratch_write(at->scratch, "other/etc/a", "new\n");
	observe(at, "/srv/etc/a");
	move_over(at, "srv", "srv.old");
	collecting_await_status(at, "file/srv/etc/a", FACT_ABSENT);
	move_over(at, "other", "srv");
	await_content(at, "file/srv/etc/a", "new\n");
	/* The directory that was moved away is no longer meant. */
	scratch_write(at->scratch, "srv.old/etc/a", "ghost\n");
	scratch_write(at->scratch, "srv/etc/a", "newer\n");
	await_content(at, "file/srv/etc/a", "newer\n");
}

static void links_are_followed_to_what_changes(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "lib/one", "1\n");
	scratch_write(at->scratch, "lib/two", "2\n");
	scratch_write(at->scratch, "etc/x", "");
	assert_int_equal(symlink("../lib/one", scratch_path(at->scratch, "etc/link")), 0);
	observe(at, "/etc/link");
	collecting_await_text(at, "file/etc/link", "link", "../lib/one");
	scratch_write(at->scratch, "lib/one", "one\n");
	await_content(at, "file/etc/link", "one\n");
	assert_int_equal(symlink("../lib/two", scratch_path(at->scratch, "etc/link.new")), 0);
	move_over(at, "etc/link.new", "etc/link");
	await_content(at, "file/etc/link", "2\n");
	scratch_write(at->scratch, "lib/two", "two\n");
	await_content(at, "file/etc/link", "two\n");
}

static void a_name_that_is_not_text_is_a_key_like_any_other(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "caf\xe9", "x\n");
	observe(at, "/caf\xe9");
	await_content(at, "file/caf\xe9", "x\n");
	scratch_write(at->scratch, "caf\xe9", "y\n");
	await_content(at, "file/caf\xe9", "y\n");
}

static void a_full_spool_abandons_the_pass_and_refresh_makes_it_again(void **test)
{
	struct collecting *at = *test;
	struct observer *observer = at->observer;

	observer_fake_answer(observer, STATUS_FULL);
	give_plan(at, 1, PATHS("/a", "/b"));
	while (observer_fake_abandoned(observer) == 0)
		collecting_turn(at);
	observer_fake_answer(observer, STATUS_OK);
	files_collector.refresh(at->self);
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(observer, "file/"), 2);
}

static void the_re_read_finds_what_no_event_told(void **test)
{
	static const struct files_settings often = { .roots = { anywhere, 1 }, .reread = 20 };
	struct collecting *at = *test;

	collecting_stop(at);
	collecting_start(at, &files_collector, &often);
	give_plan(at, 1, PATHS("/a"));
	collecting_await_passes(at, 3);
}

static void a_stop_in_the_middle_of_a_pass_is_clean(void **test)
{
	struct collecting *at = *test;

	be_within_a_pass(at);
	/* The teardown does the rest. */
	assert_int_equal(observer_fake_passes(at->observer), 0);
}

static void many_files_and_many_changes_end_as_they_are(void **test)
{
	struct collecting *at = *test;
	struct plan_file *files = memory_new(500 * sizeof(*files));
	struct plan plan = { .hash = { 9 }, .files = files, .files_count = 500 };
	char text[32];

	for (int i = 0; i < 500; i++) {
		files[i].path = text_format("/d%02d/f%03d", i % 20, i);
		files[i].content_limit = 100;
		scratch_write(at->scratch, files[i].path + 1, "old");
	}
	files_collector.on_plan(at->self, &plan);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 500; i += 5) {
			snprintf(text, sizeof(text), "round %d of %d\n", round, i);
			scratch_write(at->scratch, files[i].path + 1, text);
			uv_run(&at->loop, UV_RUN_NOWAIT);
		}
	collecting_await_passes(at, 1);
	for (int i = 0; i < 500; i += 5) {
		char *key = text_format("file%s", files[i].path);

		snprintf(text, sizeof(text), "round 2 of %d\n", i);
		await_content(at, key, text);
		free(key);
	}
	for (int i = 0; i < 500; i++)
		free((char *)(uintptr_t)files[i].path);
	free(files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_plan_nothing_is_observed_and_no_pass_made),
		TEST(a_plan_is_observed_in_one_pass_that_names_it),
		TEST(a_plan_replaces_the_one_before_it),
		TEST(a_plan_that_comes_during_a_pass_abandons_it),
		TEST(what_is_appended_is_told_at_once),
		TEST(a_file_renamed_over_it_is_seen),
		TEST(deleting_and_making_again_are_seen),
		TEST(a_change_of_mode_is_seen),
		TEST(a_file_is_seen_whose_directories_come_later),
		TEST(another_directory_in_the_place_of_the_old_is_seen),
		TEST(links_are_followed_to_what_changes),
		TEST(a_name_that_is_not_text_is_a_key_like_any_other),
		TEST(a_full_spool_abandons_the_pass_and_refresh_makes_it_again),
		TEST(the_re_read_finds_what_no_event_told),
		TEST(a_stop_in_the_middle_of_a_pass_is_clean),
		TEST(many_files_and_many_changes_end_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
