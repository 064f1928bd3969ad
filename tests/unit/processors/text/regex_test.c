/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/text/regex.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

struct fixture {
	struct regex_set *set;
	struct arena arena;
	const char *problem;
};

static int start(void **test)
{
	struct fixture *fixture = memory_new(sizeof(*fixture));

	fixture->set = regex_set_new();
	*test = fixture;
	return 0;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;

	regex_set_free(fixture->set);
	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static const struct regex *compile(struct fixture *fixture, const char *pattern, unsigned flags)
{
	const struct regex *regex = regex_compile(fixture->set, pattern, flags, &fixture->arena,
	    &fixture->problem);

	assert_non_null(regex);
	return regex;
}

static enum regex_result match(struct fixture *fixture, const char *pattern, unsigned flags,
    const char *subject)
{
	return regex_match(compile(fixture, pattern, flags), bytes_of_text(subject), NULL, NULL);
}

static void case_counts_unless_told_otherwise(void **test)
{
	assert_int_equal(match(*test, "^root:", 0, "root:x"), REGEX_MATCH);
	assert_int_equal(match(*test, "^root:", 0, "Root:x"), REGEX_NO_MATCH);
	assert_int_equal(match(*test, "^root:", REGEX_CASELESS, "Root:x"), REGEX_MATCH);
}

static void the_first_group_and_the_whole_match_are_given(void **test)
{
	const struct regex *regex = compile(*test, "A(\\d+)B|none", 0);
	struct bytes whole, group;

	assert_true(regex_has_group(regex));
	assert_int_equal(regex_match(regex, bytes_of_text("xA12By"), &whole, &group), REGEX_MATCH);
	assert_true(bytes_equal(whole, bytes_of_text("A12B")));
	assert_true(bytes_equal(group, bytes_of_text("12")));
	assert_int_equal(regex_match(regex, bytes_of_text("none"), &whole, &group), REGEX_MATCH);
	assert_null(group.data);
	regex = compile(*test, "A", 0);
	assert_false(regex_has_group(regex));
	assert_int_equal(regex_match(regex, bytes_of_text("A"), &whole, &group), REGEX_MATCH);
	assert_null(group.data);
}

static void a_catastrophic_expression_is_a_limit_and_no_miss(void **test)
{
	static const char *const patterns[] = { "(a+)+$", "(a|aa)+$" };
	char subject[64];

	memset(subject, 'a', sizeof(subject));
	subject[62] = '!';
	subject[63] = '\0';
	assert_int_equal(match(*test, patterns[0], 0, subject), REGEX_LIMIT);
	assert_int_equal(match(*test, patterns[1], 0, subject), REGEX_LIMIT);
}

static void endless_recursion_is_a_limit_and_no_crash(void **test)
{
	size_t size = 200000;
	char *subject = memory_new(size + 1);

	memset(subject, '(', size);
	assert_int_not_equal(match(*test, "^(\\((?1)*\\))+$", 0, subject), REGEX_MATCH);
	memset(subject, 'x', size);
	assert_int_not_equal(match(*test, "^(x(?1)?y)+$", 0, subject), REGEX_MATCH);
	free(subject);
}

static void what_does_not_compile_says_where(void **test)
{
	struct fixture *fixture = *test;

	assert_null(regex_compile(fixture->set, "a(b", 0, &fixture->arena, &fixture->problem));
	assert_non_null(strstr(fixture->problem, "parenthesis"));
	assert_non_null(strstr(fixture->problem, "character 4"));
	/* UTF mode would make hostile bytes an error instead of an answer. */
	assert_null(regex_compile(fixture->set, "(*UTF)a", 0, &fixture->arena, &fixture->problem));
}

static void a_pattern_is_at_most_4096_bytes(void **test)
{
	struct fixture *fixture = *test;
	char *pattern = memory_new(REGEX_PATTERN_MAX + 2);

	memset(pattern, 'a', REGEX_PATTERN_MAX);
	assert_non_null(
	    regex_compile(fixture->set, pattern, 0, &fixture->arena, &fixture->problem));
	pattern[REGEX_PATTERN_MAX] = 'a';
	assert_null(regex_compile(fixture->set, pattern, 0, &fixture->arena, &fixture->problem));
	free(pattern);
}

static void subjects_are_bytes_of_any_kind(void **test)
{
	const struct regex *regex = compile(*test, "^a.\\xff\\x00b$", 0);

	assert_int_equal(regex_match(regex, BYTES("a\x80\xff\0b", 5), NULL, NULL), REGEX_MATCH);
	assert_int_equal(regex_match(compile(*test, "^$", 0), BYTES_NONE, NULL, NULL), REGEX_MATCH);
}

static void the_version_names_library_and_limits(void **test)
{
	(void)test;
	assert_non_null(strstr(regex_version(), "10."));
	assert_non_null(strstr(regex_version(), " 100000 10000 4096"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(case_counts_unless_told_otherwise),
		TEST(the_first_group_and_the_whole_match_are_given),
		TEST(a_catastrophic_expression_is_a_limit_and_no_miss),
		TEST(endless_recursion_is_a_limit_and_no_crash),
		TEST(what_does_not_compile_says_where),
		TEST(a_pattern_is_at_most_4096_bytes),
		TEST(subjects_are_bytes_of_any_kind),
		TEST(the_version_names_library_and_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
