/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/document.h"

#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

/* What becomes of MESSAGE where EVENTS are sent. */
static enum status make(uint32_t kind, const void *message, const char *event, struct document *out)
{
	const char *names_of_kinds[] = { event };
	struct setting_list list = { .items = (char **)(uintptr_t)names_of_kinds, .count = 1 };
	struct names *names = names_new("/nonexistent");
	struct arena arena = { 0 };
	struct buffer why = { 0 };
	document_kinds kinds;
	enum status status;

	assert_true(document_kinds_parse(&list, &kinds, &why));
	status = document_make(verdict_record(kind, message), kinds, names, &arena, out);
	names_free(names);
	arena_fini(&arena);
	buffer_fini(&why);
	return status;
}

/* RANK, and a member's text, of the document of ALERT. */
static void alert_is(const Fettle__AlertVerdict *alert, enum rank rank, const char *state)
{
	struct document document;
	char id[33];

	assert_int_equal(make(FETTLE__KIND__KIND_ALERT, alert, "alert", &document), STATUS_OK);
	bytes_to_hex(record_bytes(alert->id), id);
	assert_string_equal(document.event, "alert");
	assert_int_equal(document.rank, rank);
	assert_true(document.has_asset);
	assert_string_equal(json_string_value(json_object_get(document.json, "state")), state);
	assert_string_equal(json_string_value(json_object_get(document.json, "id")), id);
	document_fini(&document);
}

static void an_alert_is_as_bad_as_it_says_until_it_is_undone_or_seen(void **test)
{
	Fettle__AlertVerdict open = verdict_alert("a", "web1", "user/x", "critical", 1);
	Fettle__AlertVerdict undone = open, seen = open;

	(void)test;
	undone.state = FETTLE__ALERT_STATE__ALERT_STATE_UNDONE;
	RECORD_SET(&seen, acknowledged_ms, 2);
	alert_is(&open, RANK_CRITICAL, "open");
	alert_is(&undone, RANK_INFO, "undone");
	alert_is(&seen, RANK_INFO, "open");
}

static void an_alert_of_no_known_state_is_refused(void **test)
{
	Fettle__AlertVerdict alert = verdict_alert("a", "web1", "user/x", "critical", 1);
	struct document document;

	(void)test;
	alert.state = (Fettle__AlertState)7;
	assert_int_equal(make(FETTLE__KIND__KIND_ALERT, &alert, "alert", &document), STATUS_REJECT);
}

static void a_job_that_failed_or_was_lost_is_a_warning(void **test)
{
	const struct {
		unsigned state;
		enum rank rank;
	} cases[] = {
		{ FETTLE__JOB_STATE__JOB_STATE_PROPOSED, RANK_INFO },
		{ FETTLE__JOB_STATE__JOB_STATE_CONFIRMED, RANK_INFO },
		{ FETTLE__JOB_STATE__JOB_STATE_FAILED, RANK_MEDIUM },
		{ FETTLE__JOB_STATE__JOB_STATE_LOST, RANK_MEDIUM },
	};

	(void)test;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Fettle__JobVerdict job = verdict_job("j", "web1", 1);
		struct document document;

		job.state = (Fettle__JobState)cases[i].state;
		assert_int_equal(make(FETTLE__KIND__KIND_JOB, &job, "job", &document), STATUS_OK);
		assert_string_equal(document.event, "job");
		assert_int_equal(document.rank, cases[i].rank);
		document_fini(&document);
	}
}

static void only_what_was_asked_for_is_made(void **test)
{
	Fettle__AlertVerdict alert = verdict_alert("a", "web1", "user/x", "critical", 1);
	struct document document;

	(void)test;
	assert_int_equal(make(FETTLE__KIND__KIND_ALERT, &alert, "job", &document),
	    STATUS_NOT_FOUND);
}

static void a_kind_that_does_not_exist_is_refused_by_name(void **test)
{
	const char *items[] = { "finding", "alarm" };
	struct setting_list list = { .items = (char **)(uintptr_t)items, .count = 2 };
	struct buffer why = { 0 };
	document_kinds kinds;

	(void)test;
	assert_false(document_kinds_parse(&list, &kinds, &why));
	assert_string_equal(buffer_text(&why),
	    "`alarm` is no kind of event; there are finding, alert, job, change, asset, results, "
	    "gap, quarantined, health");
	buffer_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_is_as_bad_as_it_says_until_it_is_undone_or_seen),
		cmocka_unit_test(an_alert_of_no_known_state_is_refused),
		cmocka_unit_test(a_job_that_failed_or_was_lost_is_a_warning),
		cmocka_unit_test(only_what_was_asked_for_is_made),
		cmocka_unit_test(a_kind_that_does_not_exist_is_refused_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
