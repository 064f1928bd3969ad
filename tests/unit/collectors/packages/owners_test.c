/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/packages/owners.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/scratch.h"

#define MD5_A "0123456789abcdef0123456789abcdef"
#define MD5_B "ffffffffffffffffffffffffffffffff"

struct fixture {
	void *root;
	struct owners *owners;
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->root) != 0)
		return -1;
	scratch_write(at->root, "var/lib/dpkg/status",
	    "Package: ssh\nStatus: install ok installed\nConffiles:\n /etc/ssh/config " MD5_A
	    "\n /etc/ssh/new newconffile\n /etc/ssh/old " MD5_B " obsolete\nDescription: x\n"
	    " /etc/ssh/no " MD5_A "\n\nPackage: libc6\nConffiles:\n /etc/ld.so.conf " MD5_B "\n");
	scratch_write(at->root, "var/lib/dpkg/info/ssh.list",
	    "/.\n/etc\n/etc/ssh\n/etc/ssh/config\n/etc/ssh/new\n/usr/sbin/sshd\n/shared\n");
	scratch_write(at->root, "var/lib/dpkg/info/ssh.md5sums",
	    MD5_A "  usr/sbin/sshd\n" MD5_A "  shared\nrubbish\n" MD5_B "  etc/not/asked\n");
	scratch_write(at->root, "var/lib/dpkg/info/libc6:amd64.list",
	    "/lib/x/libc.so.6\n/shared\n/lib/x/link\n");
	scratch_write(at->root, "var/lib/dpkg/info/libc6:amd64.md5sums",
	    MD5_B "  lib/x/libc.so.6\n" MD5_B "  shared\n");
	scratch_write(at->root, "usr/lib/x/libc.so.6", "");
	assert_int_equal(symlink("usr/lib", scratch_path(at->root, "lib")), 0);
	at->owners = owners_new(at->root);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	owners_free(at->owners);
	result = scratch_stop(&at->root);
	free(at);
	return result;
}

/* PATH is of PACKAGE, which shipped it with MD5 (NULL: it does not say). */
static void expect(struct fixture *at, const char *path, const char *package, const char *md5)
{
	const struct owners_file *file = owners_find(at->owners, path);
	uint8_t bytes[16];

	assert_non_null(file);
	assert_string_equal(file->package, package);
	assert_int_equal(file->has_md5, md5 != NULL);
	if (md5 != NULL) {
		assert_true(bytes_from_hex(md5, bytes, sizeof(bytes)));
		assert_memory_equal(file->md5, bytes, sizeof(bytes));
	}
}

static void read_all(struct fixture *at, const char *const *paths)
{
	for (size_t i = 0; paths[i] != NULL; i++)
		owners_want(at->owners, paths[i]);
	owners_read(at->owners);
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void a_file_is_its_packages_with_what_that_shipped(void **test)
{
	struct fixture *at = *test;

	read_all(at, PATHS("/usr/sbin/sshd", "/etc/ssh/config", "/etc/ssh/new", "/etc/ssh/old",
			 "/etc/ssh/no", "/etc/nobodys"));
	expect(at, "/usr/sbin/sshd", "ssh", MD5_A);
	expect(at, "/etc/ssh/config", "ssh", MD5_A);
	expect(at, "/etc/ssh/new", "ssh", NULL);
	expect(at, "/etc/ssh/old", "ssh", MD5_B);
	assert_null(owners_find(at->owners, "/etc/ssh/no"));
	assert_null(owners_find(at->owners, "/etc/nobodys"));
}

static void both_names_of_a_file_below_a_linked_directory_are_one(void **test)
{
	struct fixture *at = *test;

	read_all(at, PATHS("/usr/lib/x/libc.so.6", "/lib/x/link"));
	expect(at, "/usr/lib/x/libc.so.6", "libc6", MD5_B);
	expect(at, "/lib/x/libc.so.6", "libc6", MD5_B);
	expect(at, "/usr/lib/x/link", "libc6", NULL);
}

static void of_two_packages_with_one_file_it_is_always_the_same(void **test)
{
	struct fixture *at = *test;

	read_all(at, PATHS("/shared"));
	expect(at, "/shared", "libc6", MD5_B);
}

static void what_was_not_asked_for_is_not_known(void **test)
{
	struct fixture *at = *test;

	read_all(at, PATHS("/etc/ssh/config"));
	assert_null(owners_find(at->owners, "/usr/sbin/sshd"));
	assert_null(owners_find(NULL, "/etc/ssh/config"));
}

static void it_is_seen_that_the_database_is_another_one(void **test)
{
	struct fixture *at = *test;

	read_all(at, PATHS("/etc/ssh/config"));
	assert_true(owners_are_current(at->owners));
	scratch_write(at->root, "var/lib/dpkg/status", "Package: other\n");
	assert_false(owners_are_current(at->owners));
	unlink(scratch_path(at->root, "var/lib/dpkg/status"));
	assert_false(owners_are_current(at->owners));
}

static void without_dpkg_nobody_owns_anything(void **test)
{
	struct fixture *at = *test;

	unlink(scratch_path(at->root, "var/lib/dpkg/status"));
	read_all(at, PATHS("/etc/ssh/config"));
	assert_null(owners_find(at->owners, "/etc/ssh/config"));
	assert_true(owners_are_current(at->owners));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_its_packages_with_what_that_shipped),
		TEST(both_names_of_a_file_below_a_linked_directory_are_one),
		TEST(of_two_packages_with_one_file_it_is_always_the_same),
		TEST(what_was_not_asked_for_is_not_known),
		TEST(it_is_seen_that_the_database_is_another_one),
		TEST(without_dpkg_nobody_owns_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
