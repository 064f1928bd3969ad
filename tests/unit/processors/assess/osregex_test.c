/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/osregex.h"

#include "processors/text/regex.h"
#include "tests/support/scratch.h"

static const struct {
	const char *pattern;
	const char *subject;
	bool matches;
} cases[] = {
	{ "a.b", "a.b", true }, /* a plain dot is a dot */
	{ "a.b", "axb", false },
	{ "a\\.b", "axb", true }, /* an escaped one is anything */
	{ "a\\.+b", "axyzb", true },
	{ "a\\.*b", "ab", true },
	{ "^\\w+$", "root@host-1_x", true },
	{ "^\\w+$", "a b", false },
	{ "^\\W$", ".", true },
	{ "^\\W$", "@", false },
	{ "^\\d+$", "0123", true },
	{ "^\\D+$", "a1", false },
	{ "a\\sb", "a b", true },
	{ "a\\sb", "a\tb", false }, /* \s is a space and nothing else */
	{ "a\\tb", "a\tb", true },
	{ "a\\s*\\t*b", "a  \t\tb", true },
	{ "^\\S$", "\t", true },
	{ "^\\p+$", "()*+,-.:;<=>?[]!\"'#$%&|{}", true },
	{ "\\p", "a/b@c_d\\", false },
	{ "a+b", "a+b", true }, /* + and * count only after a class */
	{ "a+b", "aab", false },
	{ "a*", "a*", true },
	{ "\\(+", "(+", true },
	{ "a[b]", "a[b]", true },
	{ "a[b]", "ab", false },
	{ "a{2}?", "a{2}?", true },
	{ "^a|b$", "ax", true },
	{ "^a|b$", "xb", true },
	{ "^a|b$", "xax", false },
	{ "x(^a)", "x^a", true },
	{ "(a$)", "a$", true },
	{ "a^b", "a^b", true }, /* an anchor in the middle is a character */
	{ "a$b", "a$b", true },
	{ "a\\|^b", "a|^b", true },
	{ "a\\|b", "a|b", true },
	{ "\\\\v|\\\\r", "x\\r", true },
	{ "\\$\\)\\<$", "$)<", true },
	{ "(\\d+)-(\\d+)", "10-20", true },
	{ "caf\xc3\xa9", "caf\xc3\xa9", true },
	{ "#/~`", "#/~`", true },
};

static void an_expression_means_what_osregex_means_by_it(void **test)
{
	struct regex_set *set = regex_set_new();
	struct arena arena = { 0 };
	struct buffer pcre2 = { 0 };
	const char *problem = NULL;

	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct regex *regex;
		enum regex_result result;

		buffer_clear(&pcre2);
		assert_true(osregex_translate(cases[i].pattern, &pcre2, &arena, &problem));
		regex = regex_compile(set, buffer_text(&pcre2), 0, &arena, &problem);
		assert_non_null(regex);
		result = regex_match(regex, bytes_of_text(cases[i].subject), NULL, NULL);
		if ((result == REGEX_MATCH) != cases[i].matches)
			fail_msg("%s on %s", cases[i].pattern, cases[i].subject);
	}
	buffer_fini(&pcre2);
	arena_fini(&arena);
	regex_set_free(set);
}

static void what_is_no_expression_of_osregex_is_refused(void **test)
{
	static const char *const patterns[] = { "\\b", "a\\", "\\x41", "\\[", "\\^", "\\*",
		"\\\xc3\xa9", "(a|b)", "((a))", "(a", "a)", ")a(" };
	struct arena arena = { 0 };
	struct buffer pcre2 = { 0 };
	const char *problem;

	(void)test;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		problem = NULL;
		assert_false(osregex_translate(patterns[i], &pcre2, &arena, &problem));
		assert_non_null(problem);
	}
	buffer_fini(&pcre2);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expression_means_what_osregex_means_by_it),
		cmocka_unit_test(what_is_no_expression_of_osregex_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
