/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/condition.h"

#include "tests/support/scratch.h"

/* Capital letters hold, small ones do not, "u" is undecided. */
static const char *const names[] = { "a", "B", "C", "u", "sel_a", "sel_B", "filter_a", "_hidden",
	"1" };
static const enum answer answers[] = { ANSWER_NO, ANSWER_YES, ANSWER_YES, ANSWER_UNDECIDED,
	ANSWER_NO, ANSWER_YES, ANSWER_NO, ANSWER_NO, ANSWER_YES };

enum { NAMES = sizeof(names) / sizeof(names[0]) };

static enum answer holds(void *self, size_t selection)
{
	(void)self;
	return answers[selection];
}

static const struct {
	const char *text;
	enum answer answer;
} good[] = {
	{ "B", ANSWER_YES },
	{ "not B", ANSWER_NO },
	{ "not not B", ANSWER_YES },
	{ "B and C", ANSWER_YES },
	{ "B and a", ANSWER_NO },
	{ "a or B", ANSWER_YES },
	/* "not" before "and" before "or" */
	{ "B or a and a", ANSWER_YES },
	{ "(B or a) and a", ANSWER_NO },
	{ "not a and B", ANSWER_YES },
	{ "not (a and B)", ANSWER_YES },
	{ "not a or a", ANSWER_YES },
	{ "a and a or B", ANSWER_YES },
	{ "  ( ( B ) )\n", ANSWER_YES },
	{ "B and(C)", ANSWER_YES },
	{ "1 of sel_*", ANSWER_YES },
	{ "all of sel_*", ANSWER_NO },
	{ "1 of filter_*", ANSWER_NO },
	{ "B and not 1 of filter_*", ANSWER_YES },
	{ "1 of *_B", ANSWER_YES },
	{ "all of *_B", ANSWER_YES },
	{ "1 of sel*B", ANSWER_YES },
	{ "1 of them", ANSWER_YES },
	{ "all of them", ANSWER_NO },
	{ "1 of B", ANSWER_YES },
	{ "1 and B", ANSWER_YES },
	{ "not 1 of sel_a and C", ANSWER_YES },
	/* What is not known stays unknown, unless the rest decides. */
	{ "u", ANSWER_UNDECIDED },
	{ "not u", ANSWER_UNDECIDED },
	{ "u and B", ANSWER_UNDECIDED },
	{ "u and a", ANSWER_NO },
	{ "u or B", ANSWER_YES },
	{ "u or a", ANSWER_UNDECIDED },
	{ "B and not u", ANSWER_UNDECIDED },
};

static void conditions_mean_what_sigma_says(void **test)
{
	struct condition_problem problem;
	struct arena arena = { 0 };

	(void)test;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct condition *condition = condition_parse(good[i].text, names, NAMES,
		    &arena, &problem);

		if (condition == NULL)
			fail_msg("\"%s\": %s", good[i].text, problem.message);
		else if (condition_evaluate(condition, holds, NULL) != good[i].answer)
			fail_msg("\"%s\" is not %d", good[i].text, (int)good[i].answer);
	}
	arena_fini(&arena);
}

static const struct {
	const char *text;
	size_t offset;
	const char *message;
} bad[] = {
	{ "", 0, "it ends where a selection should follow" },
	{ "B and", 5, "it ends where a selection should follow" },
	{ "B C", 2, "\"and\" or \"or\" must stand before \"C\"" },
	{ "B and D", 6, "no selection is named \"D\"" },
	{ "(B", 0, "this parenthesis is not closed" },
	{ "B)", 1, "\"and\" or \"or\" must stand before \")\"" },
	{ "()", 1, "no selection is named \")\"" },
	{ "and B", 0, "no selection is named \"and\"" },
	{ "B AND C", 2, "\"AND\" must be written in small letters" },
	{ "NOT B", 0, "\"NOT\" must be written in small letters" },
	{ "1 of nothing_*", 5, "no selection is meant by \"nothing_*\"" },
	{ "1 of", 4, "no selection is meant by \"\"" },
	{ "2 of them", 0,
	    "\"2\" is not supported as a number of selections: only \"1 of\" and "
	    "\"all of\" are" },
	{ "any of them", 0, "\"any of\" is not supported: write \"1 of\"" },
	{ "B | count() > 5", 2, "aggregations (what follows \"|\") are not supported" },
	{ "B near C", 2, "\"near\" is not supported" },
	{ "B and sel_*", 6, "no selection is named \"sel_*\"" },
	{ "B & C", 2, "\"and\" or \"or\" must stand before \"&\"" },
};

static void what_is_not_supported_is_named_with_its_place(void **test)
{
	struct condition_problem problem;
	struct arena arena = { 0 };

	(void)test;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (condition_parse(bad[i].text, names, NAMES, &arena, &problem) != NULL)
			fail_msg("\"%s\" is accepted", bad[i].text);
		assert_string_equal(problem.message, bad[i].message);
		assert_int_equal(problem.offset, bad[i].offset);
	}
	arena_fini(&arena);
}

static void them_are_not_those_with_an_underscore(void **test)
{
	static const char *const two[] = { "B", "_hidden" };
	struct condition_problem problem;
	struct arena arena = { 0 };
	const struct condition *condition;

	(void)test;
	condition = condition_parse("all of them", two, 2, &arena, &problem);
	assert_non_null(condition);
	assert_int_equal(condition->kind, CONDITION_SELECTION);
	assert_int_equal(condition->selection, 0);
	arena_fini(&arena);
}

static const struct condition *parse_nested(struct arena *arena, size_t depth,
    struct condition_problem *problem)
{
	char text[256];

	memset(text, '(', depth);
	text[depth] = 'B';
	memset(text + depth + 1, ')', depth);
	text[2 * depth + 1] = '\0';
	return condition_parse(text, names, NAMES, arena, problem);
}

static void parentheses_nest_thirty_two_deep_and_no_deeper(void **test)
{
	struct condition_problem problem;
	struct arena arena = { 0 };

	(void)test;
	assert_non_null(parse_nested(&arena, CONDITION_DEPTH_MAX, &problem));
	assert_null(parse_nested(&arena, CONDITION_DEPTH_MAX + 1, &problem));
	assert_string_equal(problem.message, "parentheses nest more than 32 deep");
	arena_fini(&arena);
}

static void a_condition_has_at_most_4096_bytes(void **test)
{
	struct condition_problem problem;
	struct arena arena = { 0 };
	char text[CONDITION_SIZE_MAX + 2];

	(void)test;
	/* As many "not" as fit are no recursion. */
	for (size_t i = 0; i < CONDITION_SIZE_MAX; i += 4)
		memcpy(text + i, "not ", 4);
	memcpy(text + CONDITION_SIZE_MAX - 4, "   B", 5);
	assert_non_null(condition_parse(text, names, NAMES, &arena, &problem));
	memcpy(text + CONDITION_SIZE_MAX - 1, " B", 3);
	assert_null(condition_parse(text, names, NAMES, &arena, &problem));
	assert_string_equal(problem.message, "a condition has at most 4096 bytes");
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_mean_what_sigma_says),
		cmocka_unit_test(what_is_not_supported_is_named_with_its_place),
		cmocka_unit_test(them_are_not_those_with_an_underscore),
		cmocka_unit_test(parentheses_nest_thirty_two_deep_and_no_deeper),
		cmocka_unit_test(a_condition_has_at_most_4096_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
