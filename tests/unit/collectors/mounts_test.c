/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static const struct mounts_settings rarely = { .reread = 600 * 1000 };

#define TABLE "proc/self/mountinfo"

static void begin(struct collecting *at, const char *table)
{
	if (table != NULL)
		scratch_write(at->scratch, TABLE, table);
	collecting_start(at, &mounts_collector, &rarely);
}

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

static void options_of_mount_and_file_system_are_one_sorted_list(void **test)
{
	struct collecting *at = *test;

	begin(at, "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
		  "28 27 0:5 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=10k,nosuid\n"
		  "29 27 0:6 / /usr ro,relatime shared:2 master:3 - ext4 /dev/vdb rw\n"
		  "30 27 0:7 / /srv rw - squashfs /dev/loop1 ro,errors=continue\n");
	collecting_await_passes(at, 1);
	assert_string_equal(text(at, "mount/", "source"), "/dev/vda");
	assert_string_equal(text(at, "mount/", "type"), "ext4");
	assert_string_equal(text(at, "mount/", "options"), "discard,relatime,rw");
	assert_string_equal(text(at, "mount/tmp", "options"), "nodev,nosuid,rw,size=10k");
	assert_string_equal(text(at, "mount/usr", "options"), "relatime,ro");
	assert_string_equal(text(at, "mount/srv", "options"), "errors=continue,ro");
}

static void of_several_on_one_path_the_one_on_top_counts(void **test)
{
	struct collecting *at = *test;

	begin(at, "1 0 0:1 / /tmp rw - ext4 below rw\n2 1 0:2 / /tmp rw - tmpfs above rw\n");
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(at->observer, "mount/"), 1);
	assert_string_equal(text(at, "mount/tmp", "source"), "above");
}

static void escapes_are_undone_and_broken_lines_passed_over(void **test)
{
	struct collecting *at = *test;

	begin(at,
	    "1 0 0:1 / /mnt/a\\040b\\134c rw - nfs host:/x\\040y rw\n"
	    "rubbish\n\n2 1 0:2 / relative rw - tmpfs t rw\n3 1 0:2 / /no-type rw shared:1 -\n"
	    "4 1 0:2 / /odd\\04 rw - tmpfs t\\9 rw\n"
	    "5 1 0:2 / /bytes-\xff\xfe rw - tmpfs \xc3( rw");
	collecting_await_passes(at, 1);
	assert_int_equal(observer_fake_count(at->observer, "mount/"), 3);
	assert_string_equal(text(at, "mount/mnt/a b\\c", "source"), "host:/x y");
	assert_string_equal(text(at, "mount/odd\\04", "source"), "t\\9");
	assert_int_equal(observer_fake_status(at->observer, "mount/bytes-\xff\xfe"), FACT_PRESENT);
}

static void a_table_that_cannot_be_read_is_failed_without_a_pass(void **test)
{
	struct collecting *at = *test;

	begin(at, NULL);
	collecting_await_status(at, "mount", FACT_FAILED);
	assert_int_equal(observer_fake_passes(at->observer), 0);
	scratch_write(at->scratch, TABLE, "1 0 0:1 / / rw - ext4 d rw\n");
	mounts_collector.refresh(at->self);
	collecting_await_status(at, "mount", FACT_NONE);
	assert_int_equal(observer_fake_status(at->observer, "mount/"), FACT_PRESENT);
}

static void a_mount_on_this_machine_is_told_within_a_second(void **test)
{
	struct collecting *at = *test;
	char key[4200];
	char *place = text_format("%s/place", (char *)at->scratch);

	at->context.root = "";
	begin(at, NULL);
	collecting_await_status(at, "mount/", FACT_PRESENT);
	assert_int_equal(mkdir(place, 0755), 0);
	if (mount("fettle-test", place, "tmpfs", MS_NOEXEC | MS_NOSUID, "size=4k") == 0) {
		snprintf(key, sizeof(key), "mount%s", place);
		collecting_await_text(at, key, "source", "fettle-test");
		assert_non_null(strstr(text(at, key, "options"), "noexec,nosuid"));
		assert_int_equal(umount(place), 0);
		collecting_await_status(at, key, FACT_NONE);
	}
	free(place);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_of_mount_and_file_system_are_one_sorted_list),
		TEST(of_several_on_one_path_the_one_on_top_counts),
		TEST(escapes_are_undone_and_broken_lines_passed_over),
		TEST(a_table_that_cannot_be_read_is_failed_without_a_pass),
		TEST(a_mount_on_this_machine_is_told_within_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
