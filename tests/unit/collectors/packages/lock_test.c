/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/packages/lock.h"

#include <sys/sysmacros.h>

#include "tests/support/scratch.h"

enum { INODE = 408225 };

static bool is_locked(const char *locks, dev_t device, pid_t *pid)
{
	return lock_find(bytes_of_text(locks), device, INODE, pid);
}

static void a_lock_for_writing_on_the_file_is_found_with_its_holder(void **test)
{
	const char *locks = "1: FLOCK  ADVISORY  WRITE 12 fe:00:408225 0 EOF\n"
			    "2: POSIX  ADVISORY  READ 13 fe:00:408225 0 EOF\n"
			    "3: POSIX  ADVISORY  WRITE 14 fe:00:4082251 0 EOF\n"
			    "4: POSIX  ADVISORY  WRITE 15 fe:01:408225 0 EOF\n"
			    "5: POSIX  ADVISORY  WRITE 708 fe:00:408225 0 EOF\n";
	pid_t pid = 0;

	(void)test;
	assert_true(is_locked(locks, makedev(0xfe, 0), &pid));
	assert_int_equal(pid, 708);
	assert_false(is_locked(locks, makedev(0xfe, 2), &pid));
}

static void who_waits_for_a_lock_does_not_hold_it(void **test)
{
	pid_t pid = 0;

	(void)test;
	assert_false(is_locked("1: -> POSIX  ADVISORY  WRITE 15 fe:00:408225 0 EOF\n",
	    makedev(0xfe, 0), &pid));
}

static void without_a_disk_of_its_own_the_inode_decides(void **test)
{
	const char *locks = "1: OFDLCK ADVISORY  WRITE -1 00:1f:408225 0 EOF\n";
	pid_t pid = 0;

	(void)test;
	assert_true(is_locked(locks, makedev(0, 0x2a), &pid));
	assert_int_equal(pid, -1);
	assert_false(is_locked(locks, makedev(0xfe, 0), &pid));
}

static void what_is_no_such_line_is_passed_over(void **test)
{
	static const char *const lines[] = { "", "\n", "1:", "1: POSIX ADVISORY WRITE",
		"1: POSIX ADVISORY WRITE 5 x 0 EOF", "1: POSIX ADVISORY WRITE 5 fe:00: 0 EOF",
		"1: POSIX ADVISORY WRITE 5 fe:00:9999999999999999999999999999999999999999 0 EOF" };
	pid_t pid = 0;

	(void)test;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(is_locked(lines[i], makedev(0xfe, 0), &pid));
}

static void it_is_looked_for_below_the_root(void **test)
{
	struct lock_holder holder;

	scratch_write(*test, "var/lib/dpkg/lock", "");
	assert_int_equal(lock_look(*test, &holder), STATUS_NOT_FOUND);
	scratch_write(*test, "proc/locks", "1: POSIX  ADVISORY  WRITE 1 fe:00:1 0 EOF\n");
	assert_int_equal(lock_look(*test, &holder), STATUS_OK);
	assert_false(holder.is_held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_for_writing_on_the_file_is_found_with_its_holder),
		cmocka_unit_test(who_waits_for_a_lock_does_not_hold_it),
		cmocka_unit_test(without_a_disk_of_its_own_the_inode_decides),
		cmocka_unit_test(what_is_no_such_line_is_passed_over),
		cmocka_unit_test_setup_teardown(it_is_looked_for_below_the_root, scratch_start,
		    scratch_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
