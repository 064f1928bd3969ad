/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/drive.h"
#include "tests/support/observer_fake.h"
#include "tests/support/scratch.h"

/* A collector at work below a directory of its own. */
struct fixture {
	void *scratch;
	uv_loop_t loop;
	struct collector_context context;
	struct files_settings settings;
	uint8_t secret[COLLECTOR_SECRET_SIZE];
	void *self;
	bool is_stopped;
	/* What a test waits for. */
	const char *key;
	enum fact_status status;
	const char *field, *text;
	unsigned passes;
};

static int start(void **test)
{
	struct fixture *fixture = memory_new(sizeof(*fixture));

	if (scratch_start(&fixture->scratch) != 0 || uv_loop_init(&fixture->loop) != 0)
		return -1;
	fixture->context.loop = &fixture->loop;
	fixture->context.root = fixture->scratch;
	fixture->context.observer = observer_fake_new();
	fixture->context.secret = fixture->secret;
	fixture->settings.reread = 600 * 1000;
	*test = fixture;
	return files_collector.start(&fixture->context, &fixture->settings, &fixture->self);
}

static void on_stopped(void *data)
{
	((struct fixture *)data)->is_stopped = true;
}

static bool is_stopped(void *data)
{
	return ((struct fixture *)data)->is_stopped;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;
	bool is_clean;

	files_collector.stop(fixture->self, on_stopped, fixture);
	is_clean = drive_until(&fixture->loop, is_stopped, fixture)
	           && observer_fake_open(fixture->context.observer) == 0;
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	is_clean = uv_loop_close(&fixture->loop) == 0 && is_clean;
	observer_fake_free(fixture->context.observer);
	is_clean = scratch_stop(&fixture->scratch) == 0 && is_clean;
	free(fixture);
	return is_clean ? 0 : -1;
}

static bool has_passed(void *data)
{
	struct fixture *fixture = data;

	return observer_fake_passes(fixture->context.observer) >= fixture->passes;
}

static bool has_status(void *data)
{
	struct fixture *fixture = data;

	return observer_fake_status(fixture->context.observer, fixture->key) == fixture->status;
}

static bool has_text(void *data)
{
	struct fixture *fixture = data;

	return has_status(data)
	       && strcmp(observer_fake_text(fixture->context.observer, fixture->key, fixture->field),
	              fixture->text) == 0;
}

static void await_passes(struct fixture *fixture, unsigned passes)
{
	fixture->passes = passes;
	assert_true(drive_until(&fixture->loop, has_passed, fixture));
}

static void await_status(struct fixture *fixture, const char *key, enum fact_status status)
{
	fixture->key = key;
	fixture->status = status;
	assert_true(drive_until(&fixture->loop, has_status, fixture));
}

static void await_text(struct fixture *fixture, const char *key, const char *field,
    const char *text)
{
	fixture->key = key;
	fixture->status = FACT_PRESENT;
	fixture->field = field;
	fixture->text = text;
	assert_true(drive_until(&fixture->loop, has_text, fixture));
}

static void await_content(struct fixture *fixture, const char *key, const char *text)
{
	await_text(fixture, key, "content", text);
}

/* One byte of hash is enough to tell plans apart. */
static void give_plan(struct fixture *fixture, uint8_t hash, const char *const *paths)
{
	struct plan_file files[8];
	struct plan plan = { .hash = { hash }, .files = files };

	for (; paths[plan.files_count] != NULL; plan.files_count++)
		files[plan.files_count] = (struct plan_file){ paths[plan.files_count], 1000 };
	files_collector.on_plan(fixture->self, &plan);
}

/* More than one turn of the loop can observe; returns with the pass begun. */
static void be_within_a_pass(struct fixture *fixture)
{
	enum { FILES = 200 };
	char paths[FILES][16];
	struct plan_file files[FILES];
	struct plan plan = { .hash = { 99 }, .files = files, .files_count = FILES };

	for (int i = 0; i < FILES; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/many/%03d", i);
		files[i] = (struct plan_file){ paths[i], 0 };
	}
	files_collector.on_plan(fixture->self, &plan);
	while (observer_fake_open(fixture->context.observer) == 0)
		assert_int_not_equal(uv_run(&fixture->loop, UV_RUN_ONCE), 0);
	assert_int_equal(observer_fake_passes(fixture->context.observer), 0);
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void observe(struct fixture *fixture, const char *path)
{
	give_plan(fixture, 1, PATHS(path));
	await_passes(fixture, 1);
}

static void move_over(struct fixture *fixture, const char *from, const char *to)
{
	assert_int_equal(rename(scratch_path(fixture->scratch, from),
	    scratch_path(fixture->scratch, to)), 0);
}

static void without_a_plan_nothing_is_observed_and_no_pass_made(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "a", "x");
	files_collector.refresh(fixture->self);
	files_collector.on_plan(fixture->self, NULL);
	/* Whatever is to happen of itself has happened once a plan's pass is through. */
	give_plan(fixture, 1, PATHS("/b"));
	await_passes(fixture, 1);
	assert_int_equal(observer_fake_passes(fixture->context.observer), 1);
	assert_int_equal(observer_fake_size(fixture->context.observer), 1);
}

static void a_plan_is_observed_in_one_pass_that_names_it(void **test)
{
	struct fixture *fixture = *test;
	struct observer *observer = fixture->context.observer;

	scratch_write(fixture->scratch, "etc/a", "one\n");
	give_plan(fixture, 7, PATHS("/etc/a", "/etc/none"));
	await_passes(fixture, 1);
	assert_string_equal(observer_fake_text(observer, "file/etc/a", "content"), "one\n");
	assert_int_equal(observer_fake_status(observer, "file/etc/none"), FACT_ABSENT);
	assert_string_equal(observer_fake_last_pass(observer)->prefix, "file/");
	assert_int_equal(observer_fake_last_pass(observer)->plan.size, HASH_SIZE);
	assert_int_equal(observer_fake_last_pass(observer)->plan.data[0], 7);
	assert_string_equal(observer_fake_find(observer, "file/etc/a")->collector, "files");
}

static void a_plan_replaces_the_one_before_it(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "a", "x");
	scratch_write(fixture->scratch, "b", "x");
	give_plan(fixture, 1, PATHS("/a"));
	await_passes(fixture, 1);
	give_plan(fixture, 2, PATHS("/b"));
	await_passes(fixture, 2);
	assert_int_equal(observer_fake_status(fixture->context.observer, "file/a"), FACT_NONE);
	assert_int_equal(observer_fake_status(fixture->context.observer, "file/b"), FACT_PRESENT);
}

static void a_plan_that_comes_during_a_pass_abandons_it(void **test)
{
	struct fixture *fixture = *test;

	be_within_a_pass(fixture);
	give_plan(fixture, 2, PATHS("/b"));
	await_passes(fixture, 1);
	assert_int_equal(observer_fake_abandoned(fixture->context.observer), 1);
	assert_int_equal(observer_fake_last_pass(fixture->context.observer)->plan.data[0], 2);
	assert_int_equal(observer_fake_count(fixture->context.observer, "file/many/"), 0);
	assert_int_equal(observer_fake_status(fixture->context.observer, "file/b"), FACT_ABSENT);
}

static void what_is_appended_is_told_at_once(void **test)
{
	struct fixture *fixture = *test;
	uint64_t before_ms;
	FILE *file;

	scratch_write(fixture->scratch, "etc/a", "one\n");
	observe(fixture, "/etc/a");
	file = fopen(scratch_path(fixture->scratch, "etc/a"), "a");
	fputs("two\n", file);
	before_ms = uv_hrtime() / 1000000;
	fclose(file);
	await_content(fixture, "file/etc/a", "one\ntwo\n");
	/* 100 ms are the aim; a machine under load, with sanitizers, is granted more. */
	assert_in_range(uv_hrtime() / 1000000 - before_ms, 0, 1000);
	assert_int_equal(observer_fake_find(fixture->context.observer, "file/etc/a")->lane,
	    LANE_DELTA);
	assert_int_equal(observer_fake_passes(fixture->context.observer), 1);
}

static void a_file_renamed_over_it_is_seen(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "etc/a", "old\n");
	observe(fixture, "/etc/a");
	scratch_write(fixture->scratch, "etc/a.new", "new\n");
	move_over(fixture, "etc/a.new", "etc/a");
	await_content(fixture, "file/etc/a", "new\n");
	/* And what happens to that one as well. */
	scratch_write(fixture->scratch, "etc/a", "newer\n");
	await_content(fixture, "file/etc/a", "newer\n");
}

static void deleting_and_making_again_are_seen(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "etc/a", "old\n");
	observe(fixture, "/etc/a");
	unlink(scratch_path(fixture->scratch, "etc/a"));
	await_status(fixture, "file/etc/a", FACT_ABSENT);
	scratch_write(fixture->scratch, "etc/a", "again\n");
	await_content(fixture, "file/etc/a", "again\n");
}

static void a_change_of_mode_is_seen(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "etc/a", "x\n");
	observe(fixture, "/etc/a");
	chmod(scratch_path(fixture->scratch, "etc/a"), 0600);
	await_text(fixture, "file/etc/a", "mode", "0600");
	chmod(scratch_path(fixture->scratch, "etc/a"), 04755);
	await_text(fixture, "file/etc/a", "mode", "4755");
}

static void a_file_is_seen_whose_directories_come_later(void **test)
{
	struct fixture *fixture = *test;

	observe(fixture, "/etc/one/two/a");
	assert_int_equal(observer_fake_status(fixture->context.observer, "file/etc/one/two/a"),
	    FACT_ABSENT);
	scratch_write(fixture->scratch, "etc/one/two/a", "here\n");
	await_content(fixture, "file/etc/one/two/a", "here\n");
	scratch_write(fixture->scratch, "etc/one/two/a", "there\n");
	await_content(fixture, "file/etc/one/two/a", "there\n");
}

static void another_directory_in_the_place_of_the_old_is_seen(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "srv/etc/a", "old\n");
	scratch_write(fixture->scratch, "other/etc/a", "new\n");
	observe(fixture, "/srv/etc/a");
	move_over(fixture, "srv", "srv.old");
	await_status(fixture, "file/srv/etc/a", FACT_ABSENT);
	move_over(fixture, "other", "srv");
	await_content(fixture, "file/srv/etc/a", "new\n");
	/* The directory that was moved away is no longer meant. */
	scratch_write(fixture->scratch, "srv.old/etc/a", "ghost\n");
	scratch_write(fixture->scratch, "srv/etc/a", "newer\n");
	await_content(fixture, "file/srv/etc/a", "newer\n");
}

static void links_are_followed_to_what_changes(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "lib/one", "1\n");
	scratch_write(fixture->scratch, "lib/two", "2\n");
	scratch_write(fixture->scratch, "etc/x", "");
	assert_int_equal(symlink("../lib/one", scratch_path(fixture->scratch, "etc/link")), 0);
	observe(fixture, "/etc/link");
	await_text(fixture, "file/etc/link", "link", "../lib/one");
	scratch_write(fixture->scratch, "lib/one", "one\n");
	await_content(fixture, "file/etc/link", "one\n");
	assert_int_equal(symlink("../lib/two", scratch_path(fixture->scratch, "etc/link.new")), 0);
	move_over(fixture, "etc/link.new", "etc/link");
	await_content(fixture, "file/etc/link", "2\n");
	scratch_write(fixture->scratch, "lib/two", "two\n");
	await_content(fixture, "file/etc/link", "two\n");
}

static void a_name_that_is_not_text_is_a_key_like_any_other(void **test)
{
	struct fixture *fixture = *test;

	scratch_write(fixture->scratch, "caf\xe9", "x\n");
	observe(fixture, "/caf\xe9");
	await_content(fixture, "file/caf\xe9", "x\n");
	scratch_write(fixture->scratch, "caf\xe9", "y\n");
	await_content(fixture, "file/caf\xe9", "y\n");
}

static void a_full_spool_abandons_the_pass_and_refresh_makes_it_again(void **test)
{
	struct fixture *fixture = *test;
	struct observer *observer = fixture->context.observer;

	observer_fake_answer(observer, STATUS_FULL);
	give_plan(fixture, 1, PATHS("/a", "/b"));
	while (observer_fake_abandoned(observer) == 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	observer_fake_answer(observer, STATUS_OK);
	files_collector.refresh(fixture->self);
	await_passes(fixture, 1);
	assert_int_equal(observer_fake_count(observer, "file/"), 2);
}

static void the_re_read_finds_what_no_event_told(void **test)
{
	struct fixture *fixture = *test;

	/* The settings are read at the start, so this is another collector. */
	files_collector.stop(fixture->self, on_stopped, fixture);
	assert_true(drive_until(&fixture->loop, is_stopped, fixture));
	fixture->is_stopped = false;
	fixture->settings.reread = 20;
	assert_int_equal(files_collector.start(&fixture->context, &fixture->settings,
	    &fixture->self), STATUS_OK);
	give_plan(fixture, 1, PATHS("/a"));
	await_passes(fixture, 3);
}

static void a_stop_in_the_middle_of_a_pass_is_clean(void **test)
{
	struct fixture *fixture = *test;

	be_within_a_pass(fixture);
	/* `stop` of the fixture does the rest. */
	assert_int_equal(observer_fake_passes(fixture->context.observer), 0);
}

static void many_files_and_many_changes_end_as_they_are(void **test)
{
	struct fixture *fixture = *test;
	struct plan_file *files = memory_new(500 * sizeof(*files));
	struct plan plan = { .hash = { 9 }, .files = files, .files_count = 500 };
	char text[32];

	for (int i = 0; i < 500; i++) {
		files[i].path = text_format("/d%02d/f%03d", i % 20, i);
		files[i].content_limit = 100;
		scratch_write(fixture->scratch, files[i].path + 1, "old");
	}
	files_collector.on_plan(fixture->self, &plan);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 500; i += 5) {
			snprintf(text, sizeof(text), "round %d of %d\n", round, i);
			scratch_write(fixture->scratch, files[i].path + 1, text);
			uv_run(&fixture->loop, UV_RUN_NOWAIT);
		}
	await_passes(fixture, 1);
	for (int i = 0; i < 500; i += 5) {
		char *key = text_format("file%s", files[i].path);

		snprintf(text, sizeof(text), "round 2 of %d\n", i);
		await_content(fixture, key, text);
		free(key);
	}
	for (int i = 0; i < 500; i++)
		free((char *)(uintptr_t)files[i].path);
	free(files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

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
