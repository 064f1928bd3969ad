/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/os_release.h"

#include "tests/support/scratch.h"

/* NULL: it must not be found. */
static void reads(const char *file, const char *value)
{
	struct buffer out = { 0 };
	bool is_found = os_release_find(bytes_of_text(file), "ID", &out);

	assert_int_equal(is_found, value != NULL);
	assert_string_equal(buffer_text(&out), value == NULL ? "" : value);
	buffer_fini(&out);
}

static void values_are_unquoted_as_a_shell_does(void **test)
{
	(void)test;
	reads("ID=debian\n", "debian");
	reads("ID=debian", "debian");
	reads("ID=debian\r\n", "debian");
	reads("ID=\"a b\"\n", "a b");
	reads("ID='a \"b\" \\c'\n", "a \"b\" \\c");
	reads("ID=\"a \\\"b\\\" \\$c \\\\ \\d\"\n", "a \"b\" $c \\ \\d");
	reads("ID=a\\ b\n", "a b");
	reads("ID=a\"b\"'c'\n", "abc");
	reads("ID=\n", "");
	reads("  ID=x # no\n", "x");
}

static void only_an_assignment_to_the_name_counts_and_the_last_one(void **test)
{
	(void)test;
	reads("ID_LIKE=x\nVERSION_ID=1\n", NULL);
	reads("#ID=x\nexport ID=y\nID\n", NULL);
	reads("ID=x\nNAME=y\nID=z\n", "z");
	reads("ID=x\nID=\"open\n", "x");
	reads("", NULL);
	reads("ID=\"open", NULL);
	reads("ID=a\\", "a\\");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_unquoted_as_a_shell_does),
		cmocka_unit_test(only_an_assignment_to_the_name_counts_and_the_last_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
