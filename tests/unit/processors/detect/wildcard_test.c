/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/wildcard.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

static enum answer match(const char *text, enum wildcard_place place, bool is_cased,
    struct bytes value)
{
	struct arena arena = { 0 };
	const struct wildcard *wildcard = wildcard_new(&arena, text, place, is_cased);
	size_t budget = WILDCARD_STEPS_MAX;
	enum answer answer = wildcard_match(wildcard,
	    is_cased ? value : wildcard_fold(&arena, value), &budget);

	arena_fini(&arena);
	return answer;
}

static const struct {
	const char *text, *value;
	enum wildcard_place place;
	bool is_match;
} cases[] = {
	{ "abc", "abc", WILDCARD_WHOLE, true },
	{ "abc", "ABC", WILDCARD_WHOLE, true },
	{ "aBc", "AbC", WILDCARD_WHOLE, true },
	{ "abc", "abcd", WILDCARD_WHOLE, false },
	{ "abc", "ab", WILDCARD_WHOLE, false },
	{ "", "", WILDCARD_WHOLE, true },
	{ "", "a", WILDCARD_WHOLE, false },
	{ "*", "", WILDCARD_WHOLE, true },
	{ "*", "anything\nat all", WILDCARD_WHOLE, true },
	{ "a*c", "ac", WILDCARD_WHOLE, true },
	{ "a*c", "abbbc", WILDCARD_WHOLE, true },
	{ "a*c", "abcd", WILDCARD_WHOLE, false },
	{ "a**c", "abc", WILDCARD_WHOLE, true },
	{ "*a*", "bab", WILDCARD_WHOLE, true },
	{ "*ab*ab", "abab", WILDCARD_WHOLE, true },
	{ "*ab*ab", "aab", WILDCARD_WHOLE, false },
	{ "aba*aba", "ababa", WILDCARD_WHOLE, false },
	{ "a?c", "abc", WILDCARD_WHOLE, true },
	{ "a?c", "ac", WILDCARD_WHOLE, false },
	{ "a?c", "abbc", WILDCARD_WHOLE, false },
	{ "a?c",
	    "a\xc3\xa9"
	    "c",
	    WILDCARD_WHOLE, true },
	{ "a?c",
	    "a\xff"
	    "c",
	    WILDCARD_WHOLE, true },
	{ "*?b", "aab", WILDCARD_WHOLE, true },
	{ "*a?*c", "xabyc", WILDCARD_WHOLE, true },
	{ "?", "", WILDCARD_WHOLE, false },
	/* The four lines of the specification on backslashes. */
	{ "C:\\Windows", "c:\\windows", WILDCARD_WHOLE, true },
	{ "C:\\\\Windows", "C:\\Windows", WILDCARD_WHOLE, true },
	{ "a\\*b", "a*b", WILDCARD_WHOLE, true },
	{ "a\\*b", "a\\xb", WILDCARD_WHOLE, false },
	{ "a\\*b", "axb", WILDCARD_WHOLE, false },
	{ "a\\\\*b", "a\\xyzb", WILDCARD_WHOLE, true },
	{ "a\\\\*b", "a*b", WILDCARD_WHOLE, false },
	{ "a\\\\\\*b", "a\\*b", WILDCARD_WHOLE, true },
	{ "a\\\\\\*b", "a\\xb", WILDCARD_WHOLE, false },
	{ "a\\\\\\\\b", "a\\\\b", WILDCARD_WHOLE, true },
	{ "a\\?b", "a?b", WILDCARD_WHOLE, true },
	{ "a\\?b", "acb", WILDCARD_WHOLE, false },
	{ "dir\\", "dir\\", WILDCARD_WHOLE, true },
	{ "bc", "abcd", WILDCARD_ANYWHERE, true },
	{ "bd", "abcd", WILDCARD_ANYWHERE, false },
	{ "", "abcd", WILDCARD_ANYWHERE, true },
	{ "b*d", "abxxde", WILDCARD_ANYWHERE, true },
	/* A modifier's wildcard is none of the string's: it is not escaped by a backslash. */
	{ "dir\\", "x\\dir\\y", WILDCARD_ANYWHERE, true },
	{ "dir\\", "dir\\y", WILDCARD_AT_START, true },
	{ "ab", "abcd", WILDCARD_AT_START, true },
	{ "bc", "abcd", WILDCARD_AT_START, false },
	{ "cd", "abcd", WILDCARD_AT_END, true },
	{ "bc", "abcd", WILDCARD_AT_END, false },
	{ "?d", "abcd", WILDCARD_AT_END, true },
};

static void strings_match_as_the_specification_says(void **test)
{
	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum answer answer = match(cases[i].text, cases[i].place, false,
		    bytes_of_text(cases[i].value));

		if ((answer == ANSWER_YES) != cases[i].is_match)
			fail_msg("\"%s\" on \"%s\" (%d) is %d", cases[i].text, cases[i].value,
			    (int)cases[i].place, (int)answer);
	}
}

static void case_counts_only_where_it_is_asked_for(void **test)
{
	(void)test;
	assert_int_equal(match("Root", WILDCARD_WHOLE, true, bytes_of_text("Root")), ANSWER_YES);
	assert_int_equal(match("Root", WILDCARD_WHOLE, true, bytes_of_text("root")), ANSWER_NO);
	/* Letters beyond ASCII are as they are. */
	assert_int_equal(match("\xc3\x89", WILDCARD_WHOLE, false, bytes_of_text("\xc3\xa9")),
	    ANSWER_NO);
}

static void values_are_bytes_of_any_kind(void **test)
{
	(void)test;
	assert_int_equal(match("a*b", WILDCARD_WHOLE, false, BYTES("a\0\xff\nb", 5)), ANSWER_YES);
	assert_int_equal(match("a*", WILDCARD_WHOLE, false, BYTES_NONE), ANSWER_NO);
	assert_int_equal(match("*", WILDCARD_WHOLE, false, BYTES_NONE), ANSWER_YES);
}

static void a_search_that_takes_too_long_is_undecided_and_no_miss(void **test)
{
	size_t size = 64 * 1024;
	char *value = memory_new(size), text[2001];

	(void)test;
	memset(value, 'a', size);
	memset(text, 'a', sizeof(text));
	text[1] = '?';
	text[1999] = 'b';
	text[2000] = '\0';
	assert_int_equal(match(text, WILDCARD_ANYWHERE, false, BYTES(value, size)),
	    ANSWER_UNDECIDED);
	/* Without a `?` it is linear. */
	text[1] = 'a';
	assert_int_equal(match(text, WILDCARD_ANYWHERE, false, BYTES(value, size)), ANSWER_NO);
	free(value);
}

static void many_stars_cost_no_more_than_one(void **test)
{
	size_t size = 64 * 1024;
	char *value = memory_new(size), text[4001];

	(void)test;
	memset(value, 'a', size);
	for (size_t i = 0; i < 4000; i += 2) {
		text[i] = '*';
		text[i + 1] = 'a';
	}
	text[3999] = 'b';
	text[4000] = '\0';
	assert_int_equal(match(text, WILDCARD_WHOLE, false, BYTES(value, size)), ANSWER_NO);
	free(value);
}

static void the_prefix_ends_at_the_first_wildcard(void **test)
{
	static const struct {
		const char *text, *prefix;
		enum wildcard_place place;
	} prefixes[] = {
		{ "Unit/*.timer", "unit/", WILDCARD_WHOLE },
		{ "unit/ssh", "unit/ssh", WILDCARD_WHOLE },
		{ "unit/?x", "unit/", WILDCARD_WHOLE },
		{ "unit/", "unit/", WILDCARD_AT_START },
		{ "unit/", "", WILDCARD_AT_END },
		{ "unit/", "", WILDCARD_ANYWHERE },
		{ "a\\*b*c", "a*b", WILDCARD_WHOLE },
	};
	struct arena arena = { 0 };

	(void)test;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		assert_true(bytes_equal(wildcard_prefix(wildcard_new(&arena, prefixes[i].text,
					    prefixes[i].place, false)),
		    bytes_of_text(prefixes[i].prefix)));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_match_as_the_specification_says),
		cmocka_unit_test(case_counts_only_where_it_is_asked_for),
		cmocka_unit_test(values_are_bytes_of_any_kind),
		cmocka_unit_test(a_search_that_takes_too_long_is_undecided_and_no_miss),
		cmocka_unit_test(many_stars_cost_no_more_than_one),
		cmocka_unit_test(the_prefix_ends_at_the_first_wildcard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
