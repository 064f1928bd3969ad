/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/prioritize/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/scratch.h"

static const char small_table[] = "id: t\n"
				  "version: '1'\n"
				  "inputs:\n"
				  "  kind: { values: [a, b] }\n"
				  "  exposure: { values: [internal, public], assumed: public }\n"
				  "rows:\n"
				  "  - when: { kind: a, exposure: public }\n"
				  "    priority: soon\n"
				  "    due: 3d\n"
				  "  - when: { kind: [a, b] }\n"
				  "    priority: later\n"
				  "otherwise: { priority: never }\n";

static struct priority_table *parse(const char *text)
{
	struct yaml_errors errors = { 0 };
	struct priority_table *table = NULL;

	if (priority_table_parse("t.yaml", bytes_of_text(text), &table, &errors) != STATUS_OK)
		fail_msg("%s", yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	return table;
}

static void refuses(const char *text, const char *because)
{
	struct yaml_errors errors = { 0 };
	struct priority_table *table = NULL;

	assert_int_equal(priority_table_parse("t.yaml", bytes_of_text(text), &table, &errors),
	    STATUS_INVALID);
	assert_non_null(strstr(yaml_errors_text(&errors), because));
	yaml_errors_fini(&errors);
}

static void the_first_row_that_holds_decides(void **test)
{
	struct priority_table *table = parse(small_table);
	const struct priority_input known[] = { { "kind", "a", "test", false },
		{ "exposure", "internal", "label", false } };
	struct priority_decision decision;

	(void)test;
	priority_decide(table, known, 2, &decision);
	assert_string_equal(decision.priority, "later");
	assert_int_equal(decision.row, 2);
	assert_false(decision.has_due);
	priority_table_free(table);
}

static void what_is_not_known_is_assumed_and_said_to_be(void **test)
{
	struct priority_table *table = parse(small_table);
	const struct priority_input known[] = { { "kind", "a", "test", false } };
	struct priority_decision decision;

	(void)test;
	priority_decide(table, known, 1, &decision);
	assert_string_equal(decision.priority, "soon");
	assert_true(decision.has_due);
	assert_int_equal(decision.due_after_ms, 3ULL * 24 * 3600 * 1000);
	assert_int_equal(decision.inputs_count, 2);
	assert_false(decision.inputs[0].is_assumed);
	assert_string_equal(decision.inputs[1].name, "exposure");
	assert_true(decision.inputs[1].is_assumed);
	priority_table_free(table);
}

static void without_a_row_the_last_word_is_otherwise(void **test)
{
	struct priority_table *table = parse(small_table);
	const struct priority_input known[] = { { "kind", "unheard of", "test", false } };
	struct priority_decision decision;

	(void)test;
	priority_decide(table, known, 1, &decision);
	assert_string_equal(decision.priority, "never");
	assert_int_equal(decision.row, 3);
	priority_table_free(table);
}

static void a_table_with_mistakes_is_refused_with_each_of_them(void **test)
{
	(void)test;
	refuses("id: t\n", "`version`");
	refuses("id: t\nversion: '1'\ninputs: { a: { values: [x] } }\n"
		"rows: [ { when: { b: x }, priority: p } ]\notherwise: { priority: q }\n",
	    "`b` is not among the inputs");
	refuses("id: t\nversion: '1'\ninputs: { a: { values: [x] } }\n"
		"rows: [ { when: { a: y }, priority: p } ]\notherwise: { priority: q }\n",
	    "not among the values of `a`");
	refuses("id: t\nversion: '1'\ninputs: { a: { values: [x], assumed: y } }\n"
		"rows: []\notherwise: { priority: q }\n",
	    "what is assumed for `a`");
	refuses(
	    "id: t\nversion: '1'\ninputs: { a: { values: [x] } }\n"
	    "rows: [ { when: { a: x }, priority: p, due: soon } ]\notherwise: { priority: q }\n",
	    "t.yaml:4:45");
	refuses("id: t\nversion: '1'\ninputs: {}\nrows: []\n", "`otherwise`");
	refuses("id: t\nversion: '1'\ninputs: {}\nrows: []\notherwise: { priority: p }\nx: y\n",
	    "`x` is not known");
}

static void the_shipped_table_decides_every_combination(void **test)
{
	static const char *const kinds[] = { "misconfiguration", "missing_patch", "vulnerability" };
	static const char *const severities[] = { "low", "medium", "high", "critical", NULL };
	static const char *const exposures[] = { "internal", "public", NULL };
	const char *source = getenv("FETTLE_SOURCE");
	char path[4096];
	struct yaml_errors errors = { 0 };
	struct priority_table *table;
	struct priority_decision decision;
	char text[16 * 1024];
	FILE *file;
	size_t size;

	(void)test;
	assert_non_null(source);
	snprintf(path, sizeof(path), "%s/content/priorities/default.yaml", source);
	file = fopen(path, "r");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text), file);
	fclose(file);
	assert_int_equal(priority_table_parse(path, BYTES(text, size), &table, &errors), STATUS_OK);
	for (size_t k = 0; k < 3; k++)
		for (size_t s = 0; s < 5; s++)
			for (size_t e = 0; e < 3; e++) {
				const struct priority_input known[] = { { "kind", kinds[k], "test",
									    false },
					{ "severity", severities[s], "test", false },
					{ "exposure", exposures[e], "test", false } };

				priority_decide(table, known, 3, &decision);
				assert_true(decision.priority[0] != '\0');
			}
	yaml_errors_fini(&errors);
	priority_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_row_that_holds_decides),
		cmocka_unit_test(what_is_not_known_is_assumed_and_said_to_be),
		cmocka_unit_test(without_a_row_the_last_word_is_otherwise),
		cmocka_unit_test(a_table_with_mistakes_is_refused_with_each_of_them),
		cmocka_unit_test(the_shipped_table_decides_every_combination),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
