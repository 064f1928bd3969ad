/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/packages/dpkg.h"

#include "tests/support/scratch.h"

static bool parses(const char *line, struct dpkg_package *out)
{
	return dpkg_parse(bytes_of_text(line), out);
}

static void a_line_is_taken_apart(void **test)
{
	struct dpkg_package package;
	struct buffer key = { 0 };

	(void)test;
	assert_true(
	    parses("util-linux-extra\tamd64\t2.38.1-5+b1\tutil-linux\t2.38.1-5\tii ", &package));
	assert_true(bytes_equal(package.name, bytes_of_text("util-linux-extra")));
	assert_true(bytes_equal(package.architecture, bytes_of_text("amd64")));
	assert_true(bytes_equal(package.version, bytes_of_text("2.38.1-5+b1")));
	assert_true(bytes_equal(package.source, bytes_of_text("util-linux")));
	assert_true(bytes_equal(package.source_version, bytes_of_text("2.38.1-5")));
	assert_true(bytes_equal(package.state, bytes_of_text("ii")));
	dpkg_key(&package, &key);
	assert_string_equal(buffer_text(&key), "package/dpkg/util-linux-extra:amd64");
	buffer_fini(&key);
}

static void odd_names_and_versions_are_taken_as_they_are(void **test)
{
	static const char *const lines[] = {
		"libstdc++6\tamd64\t12.2.0-14+deb12u1\tgcc-12\t12.2.0-14+deb12u1\tii ",
		"a\tall\t1:2.0~rc1+dfsg-1.1~bpo12+1\ta\t1:2.0~rc1+dfsg-1.1~bpo12+1\thi ",
		"Upper_Case.pkg\tany\tv1_custom\tUpper_Case.pkg\tv1_custom\tii ",
		"0ad\tamd64\t0\t0ad\t0\trc ",
		"broken\tamd64\t1\tbroken\t1\tiHR",
	};
	struct dpkg_package package;

	(void)test;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(parses(lines[i], &package));
	assert_true(bytes_equal(package.state, bytes_of_text("iHR")));
}

static void what_has_no_architecture_or_version_yet_has_a_key_all_the_same(void **test)
{
	struct dpkg_package package;
	struct buffer key = { 0 };

	(void)test;
	assert_true(parses("half\t\t\thalf\t\thH ", &package));
	assert_true(dpkg_is_installed(&package));
	dpkg_key(&package, &key);
	assert_string_equal(buffer_text(&key), "package/dpkg/half:none");
	buffer_fini(&key);
}

static void a_package_that_is_not_installed_is_told_apart(void **test)
{
	struct dpkg_package package;

	(void)test;
	assert_true(parses("gone\t\t\tgone\t\tun ", &package));
	assert_false(dpkg_is_installed(&package));
	assert_true(parses("left\tamd64\t1\tleft\t1\trc ", &package));
	assert_true(dpkg_is_installed(&package));
}

static void broken_lines_are_refused(void **test)
{
	static const char *const lines[] = {
		"",
		"\t",
		"\t\t\t\t\t",
		"a",
		"a\tall\t1\ta\t1",            /* too few */
		"a\tall\t1\ta\t1\tii \tmore", /* too many */
		"\tall\t1\ta\t1\tii ",        /* no name */
		"a b\tall\t1\ta\t1\tii ",
		"a\tall\t1 2\ta\t1\tii ", /* blanks */
		"a:all\tall\t1\ta\t1\tii ",
		"../a\tall\t1\ta\t1\tii ", /* signs that keys have */
		"a\tall/x\t1\ta\t1\tii ",
		"a\x01\tall\t1\ta\t1\tii ",
		"a\xff\tall\t1\ta\t1\tii ",
		"a\tall\t1\xff\ta\t1\tii ", /* not UTF-8 */
		"a\tall\t1\ta\t1\t",
		"a\tall\t1\ta\t1\ti",
		"a\tall\t1\ta\t1\tzz ",
		"a\tall\t1\ta\t1\tiiX",
		"a\tall\t1\ta\t1\tiiRR",
		"a\tall\t1\ta\t1\tii \r",
	};
	struct dpkg_package package;

	(void)test;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parses(lines[i], &package))
			fail_msg("taken: \"%s\"", lines[i]);
	assert_false(dpkg_parse(BYTES("a\tall\t1\0\ta\t1\tii ", 16), &package));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_taken_apart),
		cmocka_unit_test(odd_names_and_versions_are_taken_as_they_are),
		cmocka_unit_test(what_has_no_architecture_or_version_yet_has_a_key_all_the_same),
		cmocka_unit_test(a_package_that_is_not_installed_is_told_apart),
		cmocka_unit_test(broken_lines_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
