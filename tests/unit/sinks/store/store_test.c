/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/store.h"

#include <stdio.h>

#include "core/record.h"
#include "sinks/store/query.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

enum { NOW_MS = 5000 };

static struct store *open_store(const char *data)
{
	struct store *store = NULL;

	assert_int_equal(store_open(data, &store), STATUS_OK);
	return store;
}

static void apply(struct store *store, uint64_t offset, uint32_t kind, const void *message)
{
	assert_int_equal(store_apply(store, offset, verdict_record(kind, message), NOW_MS),
	    STATUS_OK);
}

static struct query_counters counters(const char *data)
{
	struct query_counters out;
	struct query *query = NULL;

	assert_int_equal(query_open(data, &query), STATUS_OK);
	assert_int_equal(query_counters(query, &out), STATUS_OK);
	query_close(query);
	return out;
}

static enum status note_stored(void *visitor, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	(void)change;
	*(uint64_t *)visitor = stored_ms;
	return STATUS_OK;
}

static uint64_t last_stored_ms(const char *data)
{
	struct query *query = NULL;
	uint64_t stored_ms = 0;

	assert_int_equal(query_open(data, &query), STATUS_OK);
	assert_int_equal(
	    query_changes(query, &(struct query_changes){ 0 }, note_stored, &stored_ms), STATUS_OK);
	query_close(query);
	return stored_ms;
}

static void the_position_is_that_of_what_was_committed(void **test)
{
	Fettle__AssetVerdict asset = verdict_asset("web1");
	struct store *store = open_store(*test);

	assert_int_equal(store_position(store), 0);
	apply(store, 7, FETTLE__KIND__KIND_ASSET, &asset);
	assert_int_equal(store_position(store), 0);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(store_position(store), 7);
	apply(store, 8, FETTLE__KIND__KIND_ASSET, &asset);
	store_close(store);
	store = open_store(*test);
	assert_int_equal(store_position(store), 7);
	store_close(store);
}

static void a_second_application_of_an_offset_changes_nothing(void **test)
{
	Fettle__FindingVerdict open = verdict_finding("web1", "cis/1", "high"), fixed = open;
	struct store *store = open_store(*test);
	struct query_counters now;

	fixed.state = FETTLE__FINDING_STATE__FINDING_STATE_FIXED;
	apply(store, 1, FETTLE__KIND__KIND_FINDING, &open);
	apply(store, 2, FETTLE__KIND__KIND_FINDING, &fixed);
	apply(store, 1, FETTLE__KIND__KIND_FINDING, &open);
	assert_int_equal(store_commit(store), STATUS_OK);
	apply(store, 1, FETTLE__KIND__KIND_FINDING, &open);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	now = counters(*test);
	assert_int_equal(now.position, 2);
	assert_int_equal(now.findings[FETTLE__FINDING_STATE__FINDING_STATE_OPEN][RANK_HIGH], 0);
	assert_int_equal(now.findings[FETTLE__FINDING_STATE__FINDING_STATE_FIXED][RANK_HIGH], 1);
}

static void the_same_verdict_at_another_offset_is_one_row(void **test)
{
	Fettle__FindingVerdict finding = verdict_finding("web1", "cis/1", "low");
	Fettle__ChangeVerdict change = verdict_change("e1", "web1", "user/root", 1000);
	Fettle__LossVerdict loss = FETTLE__LOSS_VERDICT__INIT;
	struct store *store = open_store(*test);
	struct query_counters now;

	RECORD_SET(&loss, id, verdict_id("l1"));
	RECORD_SET(&loss, count, 30);
	for (uint64_t offset = 1; offset < 9; offset += 3) {
		apply(store, offset, FETTLE__KIND__KIND_FINDING, &finding);
		apply(store, offset + 1, FETTLE__KIND__KIND_CHANGE, &change);
		apply(store, offset + 2, FETTLE__KIND__KIND_LOSS, &loss);
		assert_int_equal(store_commit(store), STATUS_OK);
	}
	store_close(store);
	now = counters(*test);
	assert_int_equal(now.findings[FETTLE__FINDING_STATE__FINDING_STATE_OPEN][RANK_LOW], 1);
	assert_int_equal(now.changes, 1);
	assert_int_equal(now.losses, 1);
	assert_int_equal(now.lost, 30);
}

static void a_change_keeps_when_it_was_stored_first(void **test)
{
	Fettle__ChangeVerdict change = verdict_change("e1", "web1", "user/root", 1000);
	struct bytes record = verdict_record(FETTLE__KIND__KIND_CHANGE, &change.base);
	struct store *store = open_store(*test);

	assert_int_equal(store_apply(store, 1, record, 5000), STATUS_OK);
	assert_int_equal(store_apply(store, 2, record, 6000), STATUS_OK);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	assert_int_equal(last_stored_ms(*test), 5000);
}

static enum status note_expected(void *visitor, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	(void)stored_ms;
	snprintf(visitor, 64, "%s", change->expected_by);
	return STATUS_OK;
}

static void a_change_that_was_judged_stands_in_the_place_of_what_came_first(void **test)
{
	Fettle__ChangeVerdict change = verdict_change("e1", "web1", "user/root", 1000);
	struct store *store = open_store(*test);
	struct query *query = NULL;
	char expected_by[64] = "";

	apply(store, 1, FETTLE__KIND__KIND_CHANGE, &change);
	change.expected_by = RECORD_TEXT("job 1a2b3c4d5e6f");
	assert_int_equal(store_apply(store, 2,
			     verdict_record(FETTLE__KIND__KIND_CHANGE, &change.base), NOW_MS + 9),
	    STATUS_OK);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(query_open(*test, &query), STATUS_OK);
	assert_int_equal(
	    query_changes(query, &(struct query_changes){ 0 }, note_expected, expected_by),
	    STATUS_OK);
	query_close(query);
	assert_string_equal(expected_by, "job 1a2b3c4d5e6f");
	assert_int_equal(counters(*test).changes, 1);
	assert_int_equal(last_stored_ms(*test), NOW_MS);
	store_close(store);
}

static void an_alert_is_counted_where_it_stands_now(void **test)
{
	Fettle__AlertVerdict alert = verdict_alert("a1", "web1", "user/x", "critical", 1000);
	struct store *store = open_store(*test);
	struct query_counters now;

	for (uint64_t offset = 1; offset < 3; offset++)
		apply(store, offset, FETTLE__KIND__KIND_ALERT, &alert);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(counters(*test).alerts[STANDING_OPEN][RANK_CRITICAL], 1);
	RECORD_SET(&alert, acknowledged_ms, 2000);
	apply(store, 3, FETTLE__KIND__KIND_ALERT, &alert);
	assert_int_equal(store_commit(store), STATUS_OK);
	now = counters(*test);
	assert_int_equal(now.alerts[STANDING_OPEN][RANK_CRITICAL], 0);
	assert_int_equal(now.alerts[STANDING_ACKNOWLEDGED][RANK_CRITICAL], 1);
	alert.state = FETTLE__ALERT_STATE__ALERT_STATE_UNDONE;
	apply(store, 4, FETTLE__KIND__KIND_ALERT, &alert);
	assert_int_equal(store_commit(store), STATUS_OK);
	now = counters(*test);
	assert_int_equal(now.alerts[STANDING_ACKNOWLEDGED][RANK_CRITICAL], 0);
	assert_int_equal(now.alerts[STANDING_UNDONE_ACKNOWLEDGED][RANK_CRITICAL], 1);
	store_close(store);
}

static void a_job_is_counted_by_its_state(void **test)
{
	Fettle__JobVerdict job = verdict_job("j1", "web1", 1000);
	struct store *store = open_store(*test);
	struct query_counters now;

	apply(store, 1, FETTLE__KIND__KIND_JOB, &job);
	apply(store, 2, FETTLE__KIND__KIND_JOB, &job);
	job.state = FETTLE__JOB_STATE__JOB_STATE_APPROVED;
	apply(store, 3, FETTLE__KIND__KIND_JOB, &job);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	store = open_store(*test); /* the sums are kept */
	job.state = FETTLE__JOB_STATE__JOB_STATE_LEASED;
	apply(store, 4, FETTLE__KIND__KIND_JOB, &job);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	now = counters(*test);
	assert_int_equal(now.jobs[FETTLE__JOB_STATE__JOB_STATE_PROPOSED], 0);
	assert_int_equal(now.jobs[FETTLE__JOB_STATE__JOB_STATE_APPROVED], 0);
	assert_int_equal(now.jobs[FETTLE__JOB_STATE__JOB_STATE_LEASED], 1);
}

static void alerts_and_jobs_of_no_known_state_are_refused(void **test)
{
	Fettle__AlertVerdict alert = verdict_alert("a1", "web1", "user/x", "low", 1000);
	Fettle__JobVerdict job = verdict_job("j1", "web1", 1000), nameless = job;
	struct store *store = open_store(*test);

	alert.state = (Fettle__AlertState)9;
	job.state = (Fettle__JobState)13;
	nameless.id.len = 16;
	apply(store, 1, FETTLE__KIND__KIND_ALERT, &alert);
	apply(store, 2, FETTLE__KIND__KIND_JOB, &job);
	apply(store, 3, FETTLE__KIND__KIND_JOB, &nameless);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	assert_int_equal(counters(*test).refused, 3);
}

static void an_uncommitted_verdict_is_gone_after_a_crash_and_may_come_again(void **test)
{
	Fettle__FindingVerdict finding = verdict_finding("web1", "cis/1", "high");
	struct store *store = open_store(*test);

	apply(store, 1, FETTLE__KIND__KIND_FINDING, &finding);
	store_close(store);
	assert_int_equal(counters(*test).findings[1][RANK_HIGH], 0);
	store = open_store(*test);
	apply(store, 1, FETTLE__KIND__KIND_FINDING, &finding);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	assert_int_equal(counters(*test).findings[1][RANK_HIGH], 1);
}

static void what_cannot_be_understood_is_counted_and_passed_over(void **test)
{
	Fettle__FindingVerdict stateless = verdict_finding("web1", "cis/1", "high");
	Fettle__FindingVerdict nameless = stateless;
	Fettle__AssetVerdict asset = verdict_asset("web1");
	struct store *store = open_store(*test);

	stateless.state = 99;
	nameless.id.len = 3;
	assert_int_equal(store_apply(store, 1, bytes_of_text("no record"), NOW_MS), STATUS_OK);
	apply(store, 2, FETTLE__KIND__KIND_FINDING, &stateless);
	apply(store, 3, FETTLE__KIND__KIND_FINDING, &nameless);
	apply(store, 4, FETTLE__KIND__KIND_ASSET, &asset);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(store_position(store), 4);
	store_close(store);
	assert_int_equal(counters(*test).refused, 3);
	assert_int_equal(counters(*test).assets, 1);
}

static void unknown_kinds_and_empty_records_only_move_the_position(void **test)
{
	Fettle__AssetVerdict asset = verdict_asset("web1");
	struct store *store = open_store(*test);

	apply(store, 1, 399, &asset);
	assert_int_equal(store_apply(store, 2, BYTES_NONE, NOW_MS), STATUS_OK);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(store_position(store), 2);
	store_close(store);
	assert_int_equal(counters(*test).refused, 0);
	assert_int_equal(counters(*test).assets, 0);
}

static void a_withdrawn_policy_takes_its_results_along(void **test)
{
	Fettle__ResultsVerdict results = FETTLE__RESULTS_VERDICT__INIT;
	struct store *store = open_store(*test);

	RECORD_SET(&results, asset, verdict_id("web1"));
	results.policy = RECORD_TEXT("cis_debian12");
	apply(store, 1, FETTLE__KIND__KIND_RESULTS, &results);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(counters(*test).results, 1);
	RECORD_SET(&results, removed, true);
	apply(store, 2, FETTLE__KIND__KIND_RESULTS, &results);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(counters(*test).results, 0);
	store_close(store);
}

/* More than the map's first 64 MiB: the values take nearly twice their size. */
static void a_store_outgrows_its_map_and_keeps_everything(void **test)
{
	static char title[4200];
	struct store *store = open_store(*test);
	uint64_t stored = 0;
	char subject[32];

	memset(title, 't', sizeof(title) - 1);
	for (unsigned i = 1; i <= 12000; i++) {
		Fettle__FindingVerdict finding;

		snprintf(subject, sizeof(subject), "cis/%u", i);
		finding = verdict_finding("web1", subject, "medium");
		finding.title = title;
		apply(store, i, FETTLE__KIND__KIND_FINDING, &finding);
		if (store_wants_commit(store))
			assert_int_equal(store_commit(store), STATUS_OK);
	}
	assert_int_equal(store_commit(store), STATUS_OK);
	stored = counters(*test).findings[1][RANK_MEDIUM];
	store_close(store);
	assert_int_equal(stored, 12000);
}

static void a_transaction_may_not_grow_without_end(void **test)
{
	Fettle__ChangeVerdict change = verdict_change("e1", "web1", "user/root", 1000);
	struct bytes record = verdict_record(FETTLE__KIND__KIND_CHANGE, &change.base);
	struct store *store = open_store(*test);
	uint64_t offset = 0;

	while (!store_wants_commit(store) && offset < 20000)
		assert_int_equal(store_apply(store, ++offset, record, NOW_MS), STATUS_OK);
	assert_int_equal(offset, 10000);
	assert_int_equal(store_apply(store, ++offset, record, NOW_MS), STATUS_OK);
	assert_int_equal(store_position(store), 10000);
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_position_is_that_of_what_was_committed),
		TEST(a_second_application_of_an_offset_changes_nothing),
		TEST(the_same_verdict_at_another_offset_is_one_row),
		TEST(a_change_keeps_when_it_was_stored_first),
		TEST(a_change_that_was_judged_stands_in_the_place_of_what_came_first),
		TEST(an_alert_is_counted_where_it_stands_now),
		TEST(a_job_is_counted_by_its_state),
		TEST(alerts_and_jobs_of_no_known_state_are_refused),
		TEST(an_uncommitted_verdict_is_gone_after_a_crash_and_may_come_again),
		TEST(what_cannot_be_understood_is_counted_and_passed_over),
		TEST(unknown_kinds_and_empty_records_only_move_the_position),
		TEST(a_withdrawn_policy_takes_its_results_along),
		TEST(a_store_outgrows_its_map_and_keeps_everything),
		TEST(a_transaction_may_not_grow_without_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
