/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/check.h"

#include "tests/unit/processors/assess/world.h"

/* Outcomes as letters (F N I R), to the result P passed, F failed, A not applicable, R not run. */
static const struct {
	enum check_condition condition;
	const char *outcomes;
	char result;
} cases[] = {
	{ CHECK_ALL, "F", 'P' },
	{ CHECK_ALL, "FF", 'P' },
	{ CHECK_ALL, "FN", 'F' },
	{ CHECK_ALL, "FI", 'A' },
	{ CHECK_ALL, "IN", 'F' },
	{ CHECK_ALL, "RN", 'F' },
	{ CHECK_ALL, "RF", 'R' },
	{ CHECK_ALL, "IR", 'R' },
	{ CHECK_ALL, "", 'A' },
	{ CHECK_ANY, "N", 'F' },
	{ CHECK_ANY, "NF", 'P' },
	{ CHECK_ANY, "IF", 'P' },
	{ CHECK_ANY, "RF", 'P' },
	{ CHECK_ANY, "NI", 'A' },
	{ CHECK_ANY, "NR", 'R' },
	{ CHECK_ANY, "IR", 'R' },
	{ CHECK_ANY, "", 'A' },
	{ CHECK_NONE, "N", 'P' },
	{ CHECK_NONE, "NF", 'F' },
	{ CHECK_NONE, "IF", 'F' },
	{ CHECK_NONE, "RF", 'F' },
	{ CHECK_NONE, "NI", 'A' },
	{ CHECK_NONE, "NR", 'R' },
	{ CHECK_NONE, "IR", 'R' },
	{ CHECK_NONE, "", 'A' },
};

static void outcomes_fold_as_the_condition_says(void **test)
{
	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int dialect = DIALECT_WAZUH4; dialect <= DIALECT_FETTLE; dialect++) {
			struct outcome outcomes[4] = { 0 };
			struct rule rules[4] = { 0 };
			size_t count = strlen(cases[i].outcomes);
			struct check check = { .condition = cases[i].condition,
				.rules = rules,
				.rules_count = count,
				.dialect = dialect_of((enum dialect_id)dialect) };
			struct check_outcome out;

			for (size_t j = 0; j < count; j++) {
				const char *letters = "?FNIR";

				outcomes[j].reason = "because";
				outcomes[j].kind = (enum outcome_kind)(
				    strchr(letters, cases[i].outcomes[j]) - letters);
			}
			check_fold(&check, outcomes, count, &out);
			if ("?PFAR"[out.result] != cases[i].result)
				fail_msg("%s of %s is %s", check_condition_text(check.condition),
				    cases[i].outcomes, check_result_text(out.result));
			assert_non_null(out.reason);
		}
}

static void the_rule_that_decided_is_named(void **test)
{
	struct outcome outcomes[] = {
		{ .kind = OUTCOME_FOUND, .reason = "first" },
		{ .kind = OUTCOME_INVALID, .reason = "second" },
		{ .kind = OUTCOME_NOT_FOUND, .reason = "third" },
	};
	struct rule rules[3] = { 0 };
	struct check check = { .condition = CHECK_ALL,
		.rules = rules,
		.rules_count = 3,
		.dialect = dialect_of(DIALECT_FETTLE) };
	struct check_outcome out;

	(void)test;
	check_fold(&check, outcomes, 3, &out);
	assert_ptr_equal(out.rule, &rules[2]);
	assert_string_equal(out.reason, "third");
	check_fold(&check, outcomes, 2, &out);
	assert_ptr_equal(out.rule, &rules[1]);
	check_fold(&check, outcomes, 1, &out);
	assert_string_equal(out.reason, "first");
	outcomes[1].kind = OUTCOME_FOUND;
	check_fold(&check, outcomes, 2, &out);
	assert_null(out.rule);
	assert_string_equal(out.reason, "every rule holds");
}

static unsigned lookups(enum dialect_id dialect, enum check_condition condition)
{
	static const struct world_file files[] = {
		{ .path = "/a", .status = FACT_ABSENT },
		{ .path = "/b", .content = "" },
		{ .path = NULL },
	};
	static const char *const texts[] = { "f:/a", "f:/b", "f:/a", "f:/b" };
	struct world world = WORLD(files);
	struct lookup lookup = WORLD_LOOKUP(&world);
	struct arena arena = { 0 };
	struct rule rules[4];
	struct pattern_context context = { .dialect = dialect_of(dialect),
		.set = regex_set_new(),
		.arena = &arena };
	struct check check = { .condition = condition,
		.rules = rules,
		.rules_count = 4,
		.dialect = context.dialect };
	struct check_outcome out;

	for (size_t i = 0; i < 4; i++)
		assert_null(rule_parse(&context, NULL, texts[i], &rules[i]));
	assert_int_equal(check_evaluate(&check, &lookup, &arena, &out), STATUS_OK);
	assert_int_equal(out.outcomes_count, world.lookups);
	regex_set_free(context.set);
	arena_fini(&arena);
	return world.lookups;
}

static void wazuh4_stops_at_the_rule_that_decides(void **test)
{
	(void)test;
	assert_int_equal(lookups(DIALECT_WAZUH4, CHECK_ALL), 1);
	assert_int_equal(lookups(DIALECT_WAZUH4, CHECK_ANY), 2);
	assert_int_equal(lookups(DIALECT_WAZUH4, CHECK_NONE), 2);
	assert_int_equal(lookups(DIALECT_WAZUH5, CHECK_ALL), 4);
	assert_int_equal(lookups(DIALECT_FETTLE, CHECK_ANY), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_fold_as_the_condition_says),
		cmocka_unit_test(the_rule_that_decided_is_named),
		cmocka_unit_test(wazuh4_stops_at_the_rule_that_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
