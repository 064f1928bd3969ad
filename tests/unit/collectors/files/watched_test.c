/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What globs mean, and how the watched files among them are told of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/files/files_private.h"
#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

enum { GLOBS = 8, PROMPTLY_MS = 1000 /* 100 are the aim; sanitizers and load are granted more */ };

static char *anywhere[] = { (char[]){ "/" } }, *etc[] = { (char[]){ "/etc" } };
static const struct files_settings rarely = { .roots = { anywhere, 1 }, .reread = 600 * 1000 };

static int start(void **test)
{
	if (collecting_setup(test) != 0)
		return -1;
	collecting_start(*test, &files_collector, &rarely);
	return 0;
}

static int set_up(void **test)
{
	return collecting_setup(test);
}

/* What stands before the first wildcard, up to a '/'. */
static const char *directory_of(const char *glob, char *room)
{
	size_t size = strcspn(glob, "*?");

	while (size > 1 && glob[size - 1] != '/')
		size--;
	memcpy(room, glob, size - 1);
	room[size - 1] = '\0';
	return room;
}

/* One byte of hash is enough to tell plans apart. */
static void give_globs(struct collecting *at, uint8_t hash, const char *const *globs,
    const char *const *files)
{
	static const char *const exclude[] = { "*.dpkg-new", "crontabs/tmp.*" };
	char rooms[GLOBS][64];
	struct plan_glob planned[GLOBS];
	struct plan_file named[GLOBS];
	struct plan plan = { .hash = { hash },
		.globs = planned,
		.files = named,
		.exclude = exclude,
		.exclude_count = 2 };

	for (; globs[plan.globs_count] != NULL; plan.globs_count++)
		planned[plan.globs_count] = (struct plan_glob){
			directory_of(globs[plan.globs_count], rooms[plan.globs_count]),
			globs[plan.globs_count], 1000, true
		};
	for (; files[plan.files_count] != NULL; plan.files_count++)
		named[plan.files_count] = (struct plan_file){ files[plan.files_count], 10, false };
	files_collector.on_plan(at->self, &plan);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING ((const char *const[]){ NULL })

static void observe(struct collecting *at, const char *const *globs)
{
	give_globs(at, 1, globs, NOTHING);
	collecting_await_passes(at, 1);
}

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void await_content(struct collecting *at, const char *key, const char *text)
{
	uint64_t before_ms = now_ms();

	collecting_await_text(at, key, "content", text);
	assert_in_range(now_ms() - before_ms, 0, PROMPTLY_MS);
}

static void await_gone(struct collecting *at, const char *key)
{
	collecting_await_status(at, key, FACT_NONE);
}

static void make_directory(struct collecting *at, const char *name)
{
	assert_int_equal(mkdir(scratch_path(at->scratch, name), 0755), 0);
}

static void link_to(struct collecting *at, const char *target, const char *name)
{
	assert_int_equal(symlink(target, scratch_path(at->scratch, name)), 0);
}

static void move_over(struct collecting *at, const char *from, const char *to)
{
	assert_int_equal(rename(scratch_path(at->scratch, from), scratch_path(at->scratch, to)), 0);
}

/* ---- what is there ---- */

static void what_fits_and_is_there_is_observed_and_nothing_else(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/cron.d/one", "1\n");
	scratch_write(at->scratch, "etc/cron.d/two.dpkg-new", "2\n");
	scratch_write(at->scratch, "etc/cron.d/below/three", "3\n");
	scratch_write(at->scratch, "etc/cron.e", "4\n");
	observe(at, LIST("/etc/cron.d/*"));
	assert_string_equal(observer_fake_text(at->observer, "file/etc/cron.d/one", "content"),
	    "1\n");
	assert_int_equal(observer_fake_count(at->observer, "file/"), 1);
}

static void double_stars_go_down_and_neither_links_nor_exclusions_do(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/sys/a", "1\n");
	scratch_write(at->scratch, "etc/sys/x/y/b", "2\n");
	scratch_write(at->scratch, "srv/other/c", "3\n");
	scratch_write(at->scratch, "etc/sys/crontabs/tmp.x", "4\n");
	link_to(at, "../../srv/other", "etc/sys/link");
	link_to(at, "..", "etc/sys/x/loop");
	observe(at, LIST("/etc/sys/**"));
	assert_int_equal(observer_fake_status(at->observer, "file/etc/sys/a"), FACT_PRESENT);
	assert_int_equal(observer_fake_status(at->observer, "file/etc/sys/x/y/b"), FACT_PRESENT);
	assert_string_equal(observer_fake_text(at->observer, "file/etc/sys/link", "link"),
	    "../../srv/other");
	assert_int_equal(observer_fake_count(at->observer, "file/"), 4);
}

static void a_file_has_one_name_where_directories_are_links(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "usr/lib/modules/6.1/a.ko", "1\n");
	link_to(at, "usr/lib", "lib");
	observe(at, LIST("/lib/modules/**/*.ko*", "/usr/lib/modules/**/*.ko*"));
	assert_int_equal(observer_fake_status(at->observer, "file/usr/lib/modules/6.1/a.ko"),
	    FACT_PRESENT);
	assert_int_equal(observer_fake_count(at->observer, "file/"), 1);
	scratch_write(at->scratch, "usr/lib/modules/6.1/b.ko", "2\n");
	await_content(at, "file/usr/lib/modules/6.1/b.ko", "2\n");
	assert_int_equal(observer_fake_count(at->observer, "file/"), 2);
}

static void what_is_meant_by_a_links_name_alone_has_that_name(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "data/home/anna/.ssh/authorized_keys", "1\n");
	link_to(at, "data/home", "home");
	observe(at, LIST("/home/*/.ssh/authorized_keys*"));
	assert_string_equal(
	    observer_fake_text(at->observer, "file/home/anna/.ssh/authorized_keys", "content"),
	    "1\n");
	scratch_write(at->scratch, "data/home/anna/.ssh/authorized_keys", "2\n");
	await_content(at, "file/home/anna/.ssh/authorized_keys", "2\n");
}

static void a_link_to_what_is_observed_anyway_is_but_a_link(void **test)
{
	struct collecting *at = *test;
	struct observer *observer = at->observer;

	scratch_write(at->scratch, "etc/init.d/ssh", "start\n");
	scratch_write(at->scratch, "srv/elsewhere", "here\n");
	scratch_write(at->scratch, "etc/rc2.d/README", "\n");
	link_to(at, "../init.d/ssh", "etc/rc2.d/S01ssh");
	link_to(at, "../../srv/elsewhere", "etc/rc2.d/S02other");
	link_to(at, "/nowhere/at/all", "etc/rc2.d/S03none");
	observe(at, LIST("/etc/init.d/*", "/etc/rc?.d/*"));
	assert_string_equal(observer_fake_text(observer, "file/etc/rc2.d/S01ssh", "type"), "link");
	assert_string_equal(observer_fake_text(observer, "file/etc/rc2.d/S01ssh", "link"),
	    "../init.d/ssh");
	assert_string_equal(observer_fake_text(observer, "file/etc/rc2.d/S01ssh", "content"), "");
	assert_string_equal(observer_fake_text(observer, "file/etc/rc2.d/S02other", "content"),
	    "here\n");
	assert_int_equal(observer_fake_status(observer, "file/etc/rc2.d/S03none"), FACT_ABSENT);
	scratch_write(at->scratch, "srv/elsewhere", "there\n");
	await_content(at, "file/etc/rc2.d/S02other", "there\n");
}

static void a_file_that_is_named_too_stays_when_it_is_gone(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/x/one", "longer than ten bytes\n");
	scratch_write(at->scratch, "etc/x/two", "2\n");
	give_globs(at, 1, LIST("/etc/x/*"), LIST("/etc/x/one"));
	collecting_await_passes(at, 1);
	assert_string_equal(observer_fake_text(at->observer, "file/etc/x/one", "content"),
	    "longer than ten bytes\n");
	unlink(scratch_path(at->scratch, "etc/x/one"));
	unlink(scratch_path(at->scratch, "etc/x/two"));
	collecting_await_status(at, "file/etc/x/one", FACT_ABSENT);
	await_gone(at, "file/etc/x/two");
	assert_int_equal(observer_fake_find(at->observer, "file/etc/x/one")->lane, LANE_CRITICAL);
}

static void no_directory_outside_of_the_roots_is_looked_into(void **test)
{
	static const struct files_settings bounded = { .roots = { etc, 1 }, .reread = 600 * 1000 };
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/x/one", "1\n");
	scratch_write(at->scratch, "secret/two", "2\n");
	link_to(at, "../secret", "etc/y");
	collecting_start(at, &files_collector, &bounded);
	observe(at, LIST("/etc/x/*", "/etc/y/*", "/secret/*"));
	assert_int_equal(observer_fake_count(at->observer, "file/"), 1);
}

/* Root reads every directory, so it becomes somebody who may pass through the scratch directory. */
static void become_ordinary(struct collecting *at)
{
	enum { NOBODY = 65534 };

	if (geteuid() != 0)
		return;
	chmod(scratch_path(at->scratch, ""), 0755);
	assert_return_code(seteuid(NOBODY), errno);
}

static void a_directory_that_may_not_be_read_is_no_silence(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/x/one", "1\n");
	scratch_write(at->scratch, "etc/y/two", "1\n");
	chmod(scratch_path(at->scratch, "etc/x"), 0);
	become_ordinary(at);
	collecting_start(at, &files_collector, &rarely);
	observe(at, LIST("/etc/x/*", "/etc/y/*"));
	assert_int_equal(observer_fake_status(at->observer, "file"), FACT_UNREADABLE);
	assert_int_equal(observer_fake_status(at->observer, "file/etc/y/two"), FACT_PRESENT);
	assert_return_code(seteuid(getuid()), errno);
	chmod(scratch_path(at->scratch, "etc/x"), 0755);
	collecting_await_status(at, "file/etc/x/one", FACT_PRESENT);
}

/* ---- what comes and goes ---- */

static void what_comes_changes_and_goes_is_told_at_once(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/cron.d/one", "1\n");
	observe(at, LIST("/etc/cron.d/*"));
	scratch_write(at->scratch, "etc/cron.d/two", "2\n");
	await_content(at, "file/etc/cron.d/two", "2\n");
	assert_int_equal(observer_fake_find(at->observer, "file/etc/cron.d/two")->lane,
	    LANE_CRITICAL);
	scratch_write(at->scratch, "etc/cron.d/two", "two\n");
	await_content(at, "file/etc/cron.d/two", "two\n");
	scratch_write(at->scratch, "etc/three", "3\n");
	move_over(at, "etc/three", "etc/cron.d/three");
	await_content(at, "file/etc/cron.d/three", "3\n");
	unlink(scratch_path(at->scratch, "etc/cron.d/two"));
	await_gone(at, "file/etc/cron.d/two");
	move_over(at, "etc/cron.d/three", "etc/cron.d/one");
	await_content(at, "file/etc/cron.d/one", "3\n");
	await_gone(at, "file/etc/cron.d/three");
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void directories_that_come_later_are_looked_into(void **test)
{
	struct collecting *at = *test;

	make_directory(at, "home");
	observe(at, LIST("/home/*/.ssh/authorized_keys*", "/srv/a/b/c/*"));
	make_directory(at, "home/anna");
	scratch_write(at->scratch, "home/anna/.ssh/authorized_keys", "1\n");
	await_content(at, "file/home/anna/.ssh/authorized_keys", "1\n");
	scratch_write(at->scratch, "home/anna/.ssh/authorized_keys2", "2\n");
	await_content(at, "file/home/anna/.ssh/authorized_keys2", "2\n");
	scratch_write(at->scratch, "srv/a/b/c/d", "3\n");
	await_content(at, "file/srv/a/b/c/d", "3\n");
	assert_int_equal(observer_fake_count(at->observer, "file/"), 3);
}

static void a_tree_that_is_moved_goes_and_comes_whole(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "opt/m/6.1/a.ko", "1\n");
	scratch_write(at->scratch, "opt/m/6.1/net/b.ko", "2\n");
	observe(at, LIST("/opt/m/**/*.ko"));
	assert_int_equal(observer_fake_count(at->observer, "file/"), 2);
	move_over(at, "opt/m/6.1", "opt/m/6.2");
	await_gone(at, "file/opt/m/6.1/net/b.ko");
	collecting_await_status(at, "file/opt/m/6.2/net/b.ko", FACT_PRESENT);
	move_over(at, "opt/m", "away");
	await_gone(at, "file/opt/m/6.2/a.ko");
	await_gone(at, "file/opt/m/6.2/net/b.ko");
	scratch_write(at->scratch, "away/6.2/ghost.ko", "3\n");
	scratch_write(at->scratch, "opt/m/x.ko", "4\n");
	await_content(at, "file/opt/m/x.ko", "4\n");
	assert_int_equal(observer_fake_count(at->observer, "file/"), 1);
}

static void what_comes_while_a_pass_is_under_way_survives_it(void **test)
{
	struct collecting *at = *test;
	char name[32];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "etc/many/%03d", i);
		scratch_write(at->scratch, name, "x\n");
	}
	give_globs(at, 1, LIST("/etc/many/*"), NOTHING);
	while (observer_fake_count(at->observer, "file/") == 0)
		collecting_turn(at);
	assert_int_equal(observer_fake_passes(at->observer), 0);
	scratch_write(at->scratch, "etc/many/late", "late\n");
	unlink(scratch_path(at->scratch, "etc/many/299"));
	collecting_await_passes(at, 1);
	collecting_await_status(at, "file/etc/many/late", FACT_PRESENT);
	await_gone(at, "file/etc/many/299");
	assert_int_equal(observer_fake_count(at->observer, "file/"), 300);
}

static void the_re_read_finds_what_no_event_told(void **test)
{
	static const struct files_settings often = { .roots = { anywhere, 1 }, .reread = 20 };
	struct collecting *at = *test;

	/* What a link on the way leads through is not watched. */
	scratch_write(at->scratch, "deep/data/x/one", "1\n");
	make_directory(at, "etc");
	link_to(at, "../deep/data/x", "etc/x");
	collecting_start(at, &files_collector, &often);
	give_globs(at, 1, LIST("/etc/x/*"), NOTHING);
	collecting_await_passes(at, 1);
	move_over(at, "deep/data", "deep/old");
	await_gone(at, "file/etc/x/one");
}

static void a_plan_replaces_the_one_before_it(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/x/one", "1\n");
	scratch_write(at->scratch, "etc/y/two", "2\n");
	observe(at, LIST("/etc/x/*"));
	give_globs(at, 2, LIST("/etc/y/*"), NOTHING);
	collecting_await_passes(at, 2);
	assert_int_equal(observer_fake_status(at->observer, "file/etc/x/one"), FACT_NONE);
	assert_int_equal(observer_fake_status(at->observer, "file/etc/y/two"), FACT_PRESENT);
	scratch_write(at->scratch, "etc/x/three", "3\n");
	scratch_write(at->scratch, "etc/y/four", "4\n");
	await_content(at, "file/etc/y/four", "4\n");
	assert_int_equal(observer_fake_status(at->observer, "file/etc/x/three"), FACT_NONE);
}

static void in_a_pass_watched_files_are_urgent_and_others_are_not(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "etc/x/one", "1\n");
	scratch_write(at->scratch, "etc/two", "2\n");
	give_globs(at, 1, LIST("/etc/x/*"), LIST("/etc/two"));
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_find(at->observer, "file/etc/x/one")->pass_lane,
	    LANE_CRITICAL);
	assert_int_equal(observer_fake_find(at->observer, "file/etc/two")->pass_lane, LANE_DELTA);
}

/* ---- whose it is ---- */

static void write_package(struct collecting *at, const char *version_md5)
{
	char *sums = text_format("%s  usr/lib/x/one\n", version_md5);

	scratch_write(at->scratch, "var/lib/dpkg/info/one:amd64.list",
	    "/.\n/lib\n/lib/x\n/lib/x/one\n/lib/x/link\n");
	scratch_write(at->scratch, "var/lib/dpkg/info/one:amd64.md5sums", sums);
	scratch_write(at->scratch, "var/lib/dpkg/status", "Package: one\nStatus: x\n");
	free(sums);
}

/* Of "1\n" and "2\n". */
#define MD5_1 "b026324c6904b2a9cb4b88d6d61c81d1"
#define MD5_2 "26ab0db90d72e28ad0ba1e22ee510510"

static void a_watched_file_says_whose_it_is_and_whether_it_is_as_shipped(void **test)
{
	struct collecting *at = *test;
	struct observer *observer = at->observer;

	scratch_write(at->scratch, "usr/lib/x/one", "1\n");
	scratch_write(at->scratch, "usr/lib/x/nobodys", "1\n");
	link_to(at, "usr/lib", "lib");
	write_package(at, MD5_1);
	observe(at, LIST("/usr/lib/x/*"));
	assert_string_equal(observer_fake_text(observer, "file/usr/lib/x/one", "package"), "one");
	assert_string_equal(observer_fake_text(observer, "file/usr/lib/x/one", "origin"),
	    "package");
	assert_string_equal(observer_fake_text(observer, "file/usr/lib/x/nobodys", "package"), "");
	scratch_write(at->scratch, "usr/lib/x/one", "2\n");
	collecting_await_text(at, "file/usr/lib/x/one", "origin", "changed");
}

/* ---- transactions ---- */

/* As the kernel would say it of the lock NAME, held by process 77, "apt-get". */
static void hold(struct collecting *at, const char *name)
{
	char *path = text_format("var/lib/dpkg/%s", name), *line;
	struct stat info;

	scratch_write(at->scratch, path, "");
	assert_int_equal(stat(scratch_path(at->scratch, path), &info), 0);
	line = text_format("1: POSIX  ADVISORY  WRITE 77 %02x:%02x:%llu 0 EOF\n",
	    (unsigned)(info.st_dev >> 8 & 0xfff), (unsigned)(info.st_dev & 0xff),
	    (unsigned long long)info.st_ino);
	scratch_write(at->scratch, "proc/locks", line);
	free(line);
	free(path);
}

static void let_go(struct collecting *at)
{
	scratch_write(at->scratch, "proc/locks", "");
	/* Its holder closes it. */
	scratch_write(at->scratch, "var/lib/dpkg/lock-frontend", "");
}

static void await_transaction(struct collecting *at, const char *state)
{
	collecting_await_text(at, "transaction/dpkg", "state", state);
}

static void a_transaction_ends_once_it_is_known_whose_every_file_is(void **test)
{
	struct collecting *at = *test;
	struct observer *observer = at->observer;
	const struct fake_fact *transaction, *file;

	scratch_write(at->scratch, "usr/lib/x/one", "1\n");
	link_to(at, "usr/lib", "lib");
	scratch_write(at->scratch, "proc/77/comm", "apt-get\n");
	scratch_write(at->scratch, "proc/locks", "");
	write_package(at, MD5_1);
	collecting_start(at, &files_collector, &rarely);
	observe(at, LIST("/usr/lib/x/*"));
	await_transaction(at, "idle");
	hold(at, "lock-frontend");
	await_transaction(at, "running");
	assert_string_equal(observer_fake_text(observer, "transaction/dpkg", "program"), "apt-get");
	scratch_write(at->scratch, "usr/lib/x/one", "2\n");
	collecting_await_text(at, "file/usr/lib/x/one", "origin", "changed");
	write_package(at, MD5_2);
	let_go(at);
	await_transaction(at, "idle");
	file = observer_fake_find(observer, "file/usr/lib/x/one");
	transaction = observer_fake_find(observer, "transaction/dpkg");
	assert_string_equal(observer_fake_text(observer, "file/usr/lib/x/one", "origin"),
	    "package");
	assert_true(file->changed_at < transaction->changed_at);
	assert_int_equal(file->lane, LANE_CRITICAL);
	assert_int_equal(transaction->lane, LANE_CRITICAL);
}

/* As apt-get does, and whoever installs one thing after the other. */
static void one_that_begins_before_the_last_is_told_to_have_ended_takes_over_its_files(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "usr/lib/x/one", "1\n");
	link_to(at, "usr/lib", "lib");
	scratch_write(at->scratch, "proc/locks", "");
	write_package(at, MD5_1);
	collecting_start(at, &files_collector, &rarely);
	observe(at, LIST("/usr/lib/x/*"));
	await_transaction(at, "idle");
	hold(at, "lock-frontend");
	await_transaction(at, "running");
	scratch_write(at->scratch, "usr/lib/x/one", "2\n");
	collecting_await_text(at, "file/usr/lib/x/one", "origin", "changed");
	write_package(at, MD5_2);
	settle_on_transaction(at->self, TRANSACTION_IDLE, NULL);
	settle_on_transaction(at->self, TRANSACTION_RUNNING, NULL);
	for (int i = 0; i < 10; i++)
		collecting_turn(at);
	let_go(at);
	await_transaction(at, "idle");
	assert_string_equal(observer_fake_text(at->observer, "file/usr/lib/x/one", "origin"),
	    "package");
}

static void what_was_written_last_is_told_before_the_end(void **test)
{
	struct collecting *at = *test;
	const struct fake_fact *file;

	make_directory(at, "etc");
	scratch_write(at->scratch, "proc/locks", "");
	write_package(at, MD5_1);
	collecting_start(at, &files_collector, &rarely);
	observe(at, LIST("/etc/**"));
	await_transaction(at, "idle");
	hold(at, "lock");
	await_transaction(at, "running");
	scratch_write(at->scratch, "etc/a/b/new", "new\n");
	let_go(at);
	await_transaction(at, "idle");
	file = observer_fake_find(at->observer, "file/etc/a/b/new");
	assert_non_null(file);
	assert_true(
	    file->changed_at < observer_fake_find(at->observer, "transaction/dpkg")->changed_at);
}

static void one_that_nobody_saw_is_told_of_all_the_same(void **test)
{
	struct collecting *at = *test;
	unsigned before;

	scratch_write(at->scratch, "proc/locks", "");
	write_package(at, MD5_1);
	scratch_write(at->scratch, "var/lib/dpkg/lock", "");
	collecting_start(at, &files_collector, &rarely);
	observe(at, LIST("/etc/**"));
	await_transaction(at, "idle");
	before = observer_fake_find(at->observer, "transaction/dpkg")->changes;
	scratch_write(at->scratch, "var/lib/dpkg/lock", "");
	await_transaction(at, "running");
	await_transaction(at, "idle");
	assert_true(observer_fake_find(at->observer, "transaction/dpkg")->changes >= before + 2);
}

static void a_state_that_was_refused_is_said_again(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/locks", "");
	write_package(at, MD5_1);
	collecting_start(at, &files_collector, &rarely);
	observe(at, LIST("/etc/**"));
	await_transaction(at, "idle");
	observer_fake_answer(at->observer, STATUS_FULL);
	hold(at, "lock");
	for (int i = 0; i < 10; i++)
		collecting_turn(at);
	observer_fake_answer(at->observer, STATUS_OK);
	files_collector.refresh(at->self);
	await_transaction(at, "running");
}

static void where_the_locks_cannot_be_seen_it_says_so(void **test)
{
	struct collecting *at = *test;

	write_package(at, MD5_1);
	collecting_start(at, &files_collector, &rarely);
	collecting_await_status(at, "transaction/dpkg", FACT_FAILED);
}

static void without_dpkg_there_are_no_transactions(void **test)
{
	struct collecting *at = *test;

	observe(at, LIST("/etc/**"));
	assert_null(observer_fake_find(at->observer, "transaction/dpkg"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, collecting_teardown)
/* What has to be there before the collector starts. */
#define TEST_PREPARED(name) cmocka_unit_test_setup_teardown(name, set_up, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_fits_and_is_there_is_observed_and_nothing_else),
		TEST(double_stars_go_down_and_neither_links_nor_exclusions_do),
		TEST(a_file_has_one_name_where_directories_are_links),
		TEST(what_is_meant_by_a_links_name_alone_has_that_name),
		TEST(a_link_to_what_is_observed_anyway_is_but_a_link),
		TEST(a_file_that_is_named_too_stays_when_it_is_gone),
		TEST_PREPARED(no_directory_outside_of_the_roots_is_looked_into),
		TEST_PREPARED(a_directory_that_may_not_be_read_is_no_silence),
		TEST(what_comes_changes_and_goes_is_told_at_once),
		TEST(directories_that_come_later_are_looked_into),
		TEST(a_tree_that_is_moved_goes_and_comes_whole),
		TEST(what_comes_while_a_pass_is_under_way_survives_it),
		TEST_PREPARED(the_re_read_finds_what_no_event_told),
		TEST(a_plan_replaces_the_one_before_it),
		TEST(in_a_pass_watched_files_are_urgent_and_others_are_not),
		TEST(a_watched_file_says_whose_it_is_and_whether_it_is_as_shipped),
		TEST_PREPARED(a_transaction_ends_once_it_is_known_whose_every_file_is),
		TEST_PREPARED(
		    one_that_begins_before_the_last_is_told_to_have_ended_takes_over_its_files),
		TEST_PREPARED(what_was_written_last_is_told_before_the_end),
		TEST_PREPARED(one_that_nobody_saw_is_told_of_all_the_same),
		TEST_PREPARED(a_state_that_was_refused_is_said_again),
		TEST_PREPARED(where_the_locks_cannot_be_seen_it_says_so),
		TEST(without_dpkg_there_are_no_transactions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
