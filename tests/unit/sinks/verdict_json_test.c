/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/verdict_json.h"

#include "core/record.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

/* Takes VALUE. */
static void is_written(json_t *value, const char *expected)
{
	struct buffer text = { 0 };

	verdict_json_append(&text, value);
	assert_string_equal(buffer_text(&text), expected);
	buffer_fini(&text);
	json_decref(value);
}

static void what_is_not_known_is_null(void **test)
{
	(void)test;
	is_written(verdict_json_optional(NULL), "null");
	is_written(verdict_json_optional(""), "null");
	is_written(verdict_json_time(0), "null");
	is_written(verdict_json_fact(NULL), "null");
}

static void times_are_utc_and_ids_hexadecimal(void **test)
{
	(void)test;
	is_written(verdict_json_time(1), "\"1970-01-01T00:00:00.001Z\"");
	is_written(verdict_json_id(BYTES("\x00\xff", 2)), "\"00ff\"");
}

static void what_misleads_a_terminal_or_a_person_is_escaped(void **test)
{
	(void)test;
	is_written(verdict_json_text(bytes_of_text("\x1b[31m\n")), "\"\\u001B[31m\\n\"");
	is_written(verdict_json_text(bytes_of_text("\xe2\x80\xae"
						   "cod.exe")),
	    "\"\\u202ecod.exe\"");
	is_written(verdict_json_text(bytes_of_text("\x7f")), "\"\\u007f\"");
	is_written(verdict_json_text(BYTES("a\xff\x00", 3)), "\"a\\\\u00ff\\\\u0000\"");
}

static void fields_have_numbers_texts_and_escaped_bytes(void **test)
{
	const struct fact_field fields[] = { FACT_FIELD_NUMBER("size", -5),
		FACT_FIELD_TEXT("owner", "root"), FACT_FIELD_BLOB("raw", BYTES("\xff", 1)) };

	(void)test;
	is_written(verdict_json_fields(fields, 3),
	    "{\"size\":-5,\"owner\":\"root\",\"raw\":\"\\\\u00ff\"}");
}

static void a_field_may_have_any_name(void **test)
{
	const struct fact_field field = FACT_FIELD_NUMBER("\xff", 1);

	(void)test;
	is_written(verdict_json_fields(&field, 1), "{\"\\\\u00ff\":1}");
}

static void a_damaged_value_is_empty(void **test)
{
	Fettle__FactState state = FETTLE__FACT_STATE__INIT;

	(void)test;
	RECORD_SET(&state, status, FACT_PRESENT);
	RECORD_SET_BYTES(&state, value, bytes_of_text("\xff\xff\xff"));
	is_written(verdict_json_fact(&state), "{\"status\":\"present\",\"value\":{}}");
}

static void an_asset_without_a_name_is_called_by_its_id(void **test)
{
	Fettle__FindingVerdict finding = verdict_finding("web1", "p/c", "high");
	json_t *unnamed = verdict_json_finding(&finding, NULL);
	json_t *named = verdict_json_finding(&finding, "web1");

	(void)test;
	assert_string_equal(json_string_value(json_object_get(named, "asset")), "web1");
	assert_true(
	    json_equal(json_object_get(unnamed, "asset"), json_object_get(named, "asset_id")));
	json_decref(unnamed);
	json_decref(named);
}

static void names_that_are_not_known_are_unknown(void **test)
{
	(void)test;
	assert_string_equal(verdict_json_finding_state(1), "open");
	assert_string_equal(verdict_json_finding_state(99), "unknown");
	assert_string_equal(verdict_json_finding_kind(2), "vulnerability");
	assert_string_equal(verdict_json_finding_kind(99), "unknown");
}

static void results_are_counted_and_listed(void **test)
{
	Fettle__CheckOutcome outcomes[2] = { FETTLE__CHECK_OUTCOME__INIT,
		FETTLE__CHECK_OUTCOME__INIT };
	Fettle__CheckOutcome *list[2] = { &outcomes[0], &outcomes[1] };
	Fettle__ResultsVerdict results = FETTLE__RESULTS_VERDICT__INIT;
	json_t *json;

	(void)test;
	outcomes[0].check = outcomes[1].check = RECORD_TEXT("c");
	RECORD_SET(&outcomes[0], result, FETTLE__CHECK_RESULT__CHECK_RESULT_FAIL);
	RECORD_SET(&outcomes[1], result, (Fettle__CheckResult)77);
	results.outcomes = list;
	results.n_outcomes = 2;
	RECORD_SET(&results, asset, verdict_id("web1"));
	json = verdict_json_results(&results, "web1");
	assert_int_equal(json_integer_value(json_object_get(json, "failed")), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "passed")), 0);
	assert_int_equal(json_array_size(json_object_get(json, "outcomes")), 2);
	json_decref(json);
}

static void is_text(const json_t *json, const char *member, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(json, member)), expected);
}

static void an_alert_tells_what_happened_and_who_has_seen_it(void **test)
{
	Fettle__AlertVerdict alert = verdict_alert("a", "web1", "file/etc/x", "informational", 1);
	char *techniques[] = { RECORD_TEXT("T1548.003") };
	json_t *json;

	(void)test;
	alert.techniques = techniques;
	alert.n_techniques = 1;
	RECORD_SET(&alert, is_undecided, true);
	json = verdict_json_alert(&alert, "web1");
	is_text(json, "severity", "info");
	is_text(json, "state", "open");
	is_text(json, "key", "file/etc/x");
	is_text(json, "opened_at", "1970-01-01T00:00:00.001Z");
	is_text(json, "asset", "web1");
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(json, "techniques"), 0)), "T1548.003");
	assert_true(json_is_true(json_object_get(json, "undecided")));
	assert_true(json_is_null(json_object_get(json, "undone_at")));
	assert_true(json_is_null(json_object_get(json, "acknowledged_by")));
	assert_int_equal(json_array_size(json_object_get(json, "falsepositives")), 0);
	json_decref(json);
}

static void what_a_package_manager_printed_is_escaped(void **test)
{
	Fettle__JobVerdict job = verdict_job("j", "web1", 1);
	json_t *json;

	(void)test;
	RECORD_SET_BYTES(&job, output, BYTES("a\xff\x00z", 4));
	RECORD_SET(&job, exit_code, -1);
	json = verdict_json_job(&job, NULL);
	is_text(json, "output", "a\\u00ff\\u0000z");
	is_text(json, "state", "proposed");
	is_text(json, "action", "unknown");
	assert_int_equal(json_integer_value(json_object_get(json, "exit_code")), -1);
	json_decref(json);
}

static void a_job_that_has_not_run_has_neither_exit_code_nor_output(void **test)
{
	Fettle__JobVerdict job = verdict_job("j", "web1", 1);
	Fettle__JobAction action = FETTLE__JOB_ACTION__INIT;
	Fettle__JobPackageState package = FETTLE__JOB_PACKAGE_STATE__INIT;
	Fettle__JobPackageState *packages[] = { &package };
	Fettle__JobEvent event = FETTLE__JOB_EVENT__INIT, *events[] = { &event };
	json_t *json;

	(void)test;
	RECORD_SET(&action, kind, FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES);
	action.manager = RECORD_TEXT("dpkg");
	package.name = RECORD_TEXT("curl:amd64");
	job.action = &action;
	job.packages = packages;
	job.history = events;
	job.n_packages = job.n_history = 1;
	RECORD_SET(&event, state, (Fettle__JobState)99);
	json = verdict_json_job(&job, "web1");
	is_text(json, "action", "upgrade_packages");
	is_text(json, "manager", "dpkg");
	is_text(json_array_get(json_object_get(json, "packages"), 0), "name", "curl:amd64");
	is_text(json_array_get(json_object_get(json, "history"), 0), "state", "unknown");
	assert_true(json_is_null(json_object_get(json, "exit_code")));
	assert_true(json_is_null(json_object_get(json, "output")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_known_is_null),
		cmocka_unit_test(times_are_utc_and_ids_hexadecimal),
		cmocka_unit_test(what_misleads_a_terminal_or_a_person_is_escaped),
		cmocka_unit_test(fields_have_numbers_texts_and_escaped_bytes),
		cmocka_unit_test(a_field_may_have_any_name),
		cmocka_unit_test(a_damaged_value_is_empty),
		cmocka_unit_test(an_asset_without_a_name_is_called_by_its_id),
		cmocka_unit_test(names_that_are_not_known_are_unknown),
		cmocka_unit_test(results_are_counted_and_listed),
		cmocka_unit_test(an_alert_tells_what_happened_and_who_has_seen_it),
		cmocka_unit_test(what_a_package_manager_printed_is_escaped),
		cmocka_unit_test(a_job_that_has_not_run_has_neither_exit_code_nor_output),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
