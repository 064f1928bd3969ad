/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/kv.h"
#include "core/record.h"
#include "sinks/store/store.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

/* A store with some verdicts in it, and a query on it. */
struct fixture {
	void *data;
	struct store *store;
	struct query *query;
	uint64_t offset;
	struct buffer seen;  /* what a visitor saw, one line each */
	unsigned stop_after; /* 0: never */
};

static int start(void **test)
{
	struct fixture *fixture = memory_new(sizeof(*fixture));

	*test = fixture;
	return scratch_start(&fixture->data) == 0
	            && store_open(fixture->data, &fixture->store) == STATUS_OK
	            && query_open(fixture->data, &fixture->query) == STATUS_OK
	         ? 0
	         : -1;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;
	int result;

	query_close(fixture->query);
	store_close(fixture->store);
	buffer_fini(&fixture->seen);
	result = scratch_stop(&fixture->data);
	free(fixture);
	return result;
}

static void put(struct fixture *fixture, uint32_t kind, const void *message)
{
	assert_int_equal(
	    store_apply(fixture->store, ++fixture->offset, verdict_record(kind, message), 1),
	    STATUS_OK);
	assert_int_equal(store_commit(fixture->store), STATUS_OK);
}

enum {
	OPEN = FETTLE__FINDING_STATE__FINDING_STATE_OPEN,
	FIXED = FETTLE__FINDING_STATE__FINDING_STATE_FIXED,
	EXCEPTED = FETTLE__FINDING_STATE__FINDING_STATE_EXCEPTED,
};

static void put_finding(struct fixture *fixture, const char *asset, const char *subject,
    const char *severity, unsigned state)
{
	Fettle__FindingVerdict finding = verdict_finding(asset, subject, severity);

	RECORD_SET(&finding, state, (Fettle__FindingState)state);
	RECORD_SET(&finding, first_seen_ms, 1000);
	put(fixture, FETTLE__KIND__KIND_FINDING, &finding);
}

static enum status see(struct fixture *fixture, const char *text, size_t size)
{
	buffer_append(&fixture->seen, BYTES(text, size));
	buffer_append_text(&fixture->seen, " ");
	return fixture->stop_after > 0 && --fixture->stop_after == 0 ? STATUS_CLOSED : STATUS_OK;
}

static enum status see_finding(void *visitor, const Fettle__FindingVerdict *finding)
{
	return see(visitor, finding->subject, strlen(finding->subject));
}

static enum status see_change(void *visitor, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	(void)stored_ms;
	return see(visitor, (const char *)change->key.data, change->key.len);
}

static enum status see_asset(void *visitor, const Fettle__AssetVerdict *asset)
{
	return see(visitor, asset->name, strlen(asset->name));
}

static void findings_are(struct fixture *fixture, struct query_findings wanted, const char *seen)
{
	buffer_clear(&fixture->seen);
	assert_int_equal(query_findings(fixture->query, &wanted, see_finding, fixture), STATUS_OK);
	assert_string_equal(buffer_text(&fixture->seen), seen);
}

static void changes_are(struct fixture *fixture, struct query_changes wanted, const char *seen)
{
	buffer_clear(&fixture->seen);
	assert_int_equal(query_changes(fixture->query, &wanted, see_change, fixture), STATUS_OK);
	assert_string_equal(buffer_text(&fixture->seen), seen);
}

static void nothing_was_stored_where_no_sink_has_run(void **test)
{
	struct query *query;

	assert_int_equal(query_open(*test, &query), STATUS_NOT_FOUND);
}

static void the_worst_finding_comes_first(void **test)
{
	struct fixture *fixture = *test;

	put_finding(fixture, "web1", "c/9", "low", OPEN);
	put_finding(fixture, "web1", "c/2", "critical", OPEN);
	put_finding(fixture, "web1", "c/1", "critical", OPEN);
	put_finding(fixture, "web1", "c/3", "nonsense", OPEN);
	put_finding(fixture, "web1", "c/0", "critical", FIXED);
	findings_are(fixture, (struct query_findings){ 0 }, "c/1 c/2 c/9 c/3 c/0 ");
}

static void findings_are_filtered(void **test)
{
	struct fixture *fixture = *test;
	ProtobufCBinaryData web1 = verdict_id("web1");

	put_finding(fixture, "web1", "c/1", "high", OPEN);
	put_finding(fixture, "web1", "c/2", "low", EXCEPTED);
	put_finding(fixture, "web2", "c/3", "high", FIXED);
	findings_are(fixture, (struct query_findings){ .asset = record_bytes(web1) }, "c/1 c/2 ");
	findings_are(fixture, (struct query_findings){ .states = 1 << FIXED | 1 << EXCEPTED },
	    "c/3 c/2 ");
	findings_are(fixture, (struct query_findings){ .ranks = 1 << RANK_LOW }, "c/2 ");
	findings_are(fixture,
	    (struct query_findings){
		.kinds = 1 << FETTLE__FINDING_KIND__FINDING_KIND_VULNERABILITY },
	    "");
	findings_are(fixture, (struct query_findings){ .since_ms = 1000 }, "c/1 c/3 c/2 ");
	findings_are(fixture, (struct query_findings){ .since_ms = 1001 }, "");
}

static void a_finding_that_changes_state_moves(void **test)
{
	struct fixture *fixture = *test;

	put_finding(fixture, "web1", "c/1", "high", OPEN);
	put_finding(fixture, "web1", "c/1", "high", FIXED);
	findings_are(fixture, (struct query_findings){ .states = 1 << OPEN }, "");
	findings_are(fixture, (struct query_findings){ .states = 1 << FIXED }, "c/1 ");
	put_finding(fixture, "web1", "c/1", "critical", OPEN);
	findings_are(fixture, (struct query_findings){ 0 }, "c/1 ");
}

static void put_due(struct fixture *fixture, const char *asset, const char *subject,
    const char *severity, uint64_t due_ms)
{
	Fettle__FindingVerdict finding = verdict_finding(asset, subject, severity);

	RECORD_SET(&finding, state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	RECORD_SET(&finding, due_ms, due_ms);
	put(fixture, FETTLE__KIND__KIND_FINDING, &finding);
}

static void what_is_due_soonest_comes_first_and_what_has_no_date_last(void **test)
{
	struct fixture *fixture = *test;

	put_due(fixture, "web1", "c/undated", "critical", 0);
	put_due(fixture, "web1", "c/later", "critical", 300);
	put_due(fixture, "web1", "c/soon-low", "low", 200);
	put_due(fixture, "web1", "c/soon-high", "high", 200);
	put_due(fixture, "web1", "c/b-soon-high", "high", 200);
	put_finding(fixture, "web1", "c/fixed", "critical", FIXED);
	findings_are(fixture, (struct query_findings){ .is_by_due = true },
	    "c/b-soon-high c/soon-high c/soon-low c/later c/undated c/fixed ");
}

static void findings_by_due_time_are_filtered_too(void **test)
{
	struct fixture *fixture = *test;
	ProtobufCBinaryData web1 = verdict_id("web1");

	put_due(fixture, "web1", "c/1", "high", 300);
	put_due(fixture, "web2", "c/2", "high", 100);
	put_due(fixture, "web1", "c/3", "low", 200);
	findings_are(fixture,
	    (struct query_findings){ .is_by_due = true, .asset = record_bytes(web1) }, "c/3 c/1 ");
	findings_are(fixture, (struct query_findings){ .is_by_due = true, .ranks = 1 << RANK_HIGH },
	    "c/2 c/1 ");
	findings_are(fixture, (struct query_findings){ .is_by_due = true, .states = 1 << FIXED },
	    "");
}

static void a_finding_that_becomes_due_sooner_moves(void **test)
{
	struct fixture *fixture = *test;

	put_due(fixture, "web1", "c/1", "high", 100);
	put_due(fixture, "web1", "c/2", "high", 200);
	put_due(fixture, "web1", "c/2", "high", 50);
	findings_are(fixture, (struct query_findings){ .is_by_due = true }, "c/2 c/1 ");
}

static void a_store_without_the_index_by_due_time_gets_it(void **test)
{
	struct fixture *fixture = *test;
	char *directory = text_format("%s/store", (const char *)fixture->data);
	const struct kv_options options = { .tables = (const char *const[]){ "findings_by_due",
						NULL },
		.is_writer = true };
	struct kv_cursor *cursor;
	struct kv_txn *txn;
	struct bytes key, value;
	struct kv *kv;

	put_due(fixture, "web1", "c/1", "high", 300);
	put_due(fixture, "web2", "c/2", "high", 100);
	store_close(fixture->store);
	assert_int_equal(kv_open(directory, &options, &kv), STATUS_OK);
	assert_int_equal(kv_write_begin(kv, &txn), STATUS_OK);
	assert_int_equal(kv_cursor_open(txn, 0, &cursor), STATUS_OK);
	while (kv_cursor_seek(cursor, BYTES_NONE, &key, &value) == STATUS_OK)
		assert_int_equal(kv_cursor_delete(cursor, key), STATUS_OK);
	kv_cursor_close(cursor);
	assert_int_equal(kv_commit(&txn), STATUS_OK);
	kv_close(kv);
	free(directory);
	findings_are(fixture, (struct query_findings){ .is_by_due = true }, "");
	assert_int_equal(store_open(fixture->data, &fixture->store), STATUS_OK);
	findings_are(fixture, (struct query_findings){ .is_by_due = true }, "c/2 c/1 ");
}

static void a_visitor_may_end_the_visit(void **test)
{
	struct fixture *fixture = *test;
	struct query_findings all = { 0 };

	put_finding(fixture, "web1", "c/1", "high", OPEN);
	put_finding(fixture, "web1", "c/2", "high", OPEN);
	fixture->stop_after = 1;
	assert_int_equal(query_findings(fixture->query, &all, see_finding, fixture), STATUS_CLOSED);
	assert_string_equal(buffer_text(&fixture->seen), "c/1 ");
}

static void a_subject_too_long_for_a_key_is_stored_all_the_same(void **test)
{
	struct fixture *fixture = *test;
	char subject[2000];

	memset(subject, 's', sizeof(subject));
	subject[sizeof(subject) - 1] = '\0';
	put_finding(fixture, "web1", subject, "high", OPEN);
	subject[sizeof(subject) - 2] = 't';
	put_finding(fixture, "web1", subject, "high", OPEN);
	put_finding(fixture, "web1", subject, "high", FIXED);
	assert_int_equal(
	    query_findings(fixture->query, &(struct query_findings){ 0 }, see_finding, fixture),
	    STATUS_OK);
	assert_int_equal(fixture->seen.size, 4000);
}

static void a_finding_is_found_by_the_beginning_of_its_id(void **test)
{
	struct fixture *fixture = *test;
	Fettle__FindingVerdict first = verdict_finding("web1", "c/1", "high"), second, *found;
	struct arena arena = { 0 };
	char hex[33];

	second = first;
	first.id = record_binary(BYTES("\xabsame-beginning1", 16));
	second.id = record_binary(BYTES("\xabsame-beginning2", 16));
	put(fixture, FETTLE__KIND__KIND_FINDING, &first);
	put(fixture, FETTLE__KIND__KIND_FINDING, &second);
	bytes_to_hex(record_bytes(second.id), hex);
	assert_int_equal(query_finding(fixture->query, hex, &arena, &found), STATUS_OK);
	assert_memory_equal(found->id.data, second.id.data, 16);
	assert_int_equal(query_finding(fixture->query, "AB", &arena, &found), STATUS_EXISTS);
	assert_int_equal(query_finding(fixture->query, "a", &arena, &found), STATUS_EXISTS);
	assert_int_equal(query_finding(fixture->query, "b", &arena, &found), STATUS_NOT_FOUND);
	assert_int_equal(query_finding(fixture->query, "xyz", &arena, &found), STATUS_INVALID);
	assert_int_equal(query_finding(fixture->query, "", &arena, &found), STATUS_INVALID);
	arena_fini(&arena);
}

static void put_change(struct fixture *fixture, const char *asset, const char *key,
    uint64_t received_ms)
{
	Fettle__ChangeVerdict change = verdict_change(key, asset, key, received_ms);

	put(fixture, FETTLE__KIND__KIND_CHANGE, &change);
}

static void changes_come_in_the_order_of_their_receipt(void **test)
{
	struct fixture *fixture = *test;

	put_change(fixture, "web2", "file/c", 300);
	put_change(fixture, "web1", "file/a", 100);
	put_change(fixture, "web2", "user/b", 200);
	changes_are(fixture, (struct query_changes){ 0 }, "file/a user/b file/c ");
}

static void changes_are_filtered(void **test)
{
	struct fixture *fixture = *test;
	ProtobufCBinaryData web2 = verdict_id("web2");

	put_change(fixture, "web1", "file/a", 100);
	put_change(fixture, "web2", "user/b", 200);
	put_change(fixture, "web2", "file/c", 300);
	changes_are(fixture, (struct query_changes){ .since_ms = 200 }, "user/b file/c ");
	changes_are(fixture, (struct query_changes){ .asset = record_bytes(web2) },
	    "user/b file/c ");
	changes_are(fixture, (struct query_changes){ .asset = record_bytes(web2), .since_ms = 201 },
	    "file/c ");
	changes_are(fixture, (struct query_changes){ .key_prefix = bytes_of_text("file/") },
	    "file/a file/c ");
}

static void a_limit_keeps_the_newest_changes(void **test)
{
	struct fixture *fixture = *test;
	ProtobufCBinaryData web1 = verdict_id("web1");

	put_change(fixture, "web1", "file/a", 100);
	put_change(fixture, "web2", "user/b", 200);
	put_change(fixture, "web1", "file/c", 300);
	changes_are(fixture, (struct query_changes){ .limit = 2 }, "user/b file/c ");
	changes_are(fixture, (struct query_changes){ .limit = 9 }, "file/a user/b file/c ");
	changes_are(fixture, (struct query_changes){ .limit = 1, .since_ms = 301 }, "");
	changes_are(fixture, (struct query_changes){ .limit = 9, .since_ms = 200 },
	    "user/b file/c ");
	changes_are(fixture,
	    (struct query_changes){ .limit = 1, .key_prefix = bytes_of_text("user") }, "user/b ");
	changes_are(fixture, (struct query_changes){ .limit = 1, .asset = record_bytes(web1) },
	    "file/c ");
}

static void more_than_a_page_is_visited_once_each(void **test)
{
	struct fixture *fixture = *test;
	char key[32];

	for (unsigned i = 0; i < 1000; i++) {
		Fettle__ChangeVerdict change;

		snprintf(key, sizeof(key), "k%03u", i);
		change = verdict_change(key, "web1", key, i / 7);
		assert_int_equal(store_apply(fixture->store, i + 1,
				     verdict_record(FETTLE__KIND__KIND_CHANGE, &change.base), 1),
		    STATUS_OK);
	}
	assert_int_equal(store_commit(fixture->store), STATUS_OK);
	assert_int_equal(
	    query_changes(fixture->query, &(struct query_changes){ 0 }, see_change, fixture),
	    STATUS_OK);
	assert_int_equal(fixture->seen.size, 1000 * 5);
	buffer_clear(&fixture->seen);
	assert_int_equal(query_changes(fixture->query, &(struct query_changes){ .limit = 777 },
			     see_change, fixture),
	    STATUS_OK);
	assert_int_equal(fixture->seen.size, 777 * 5);
}

static void an_asset_is_what_was_last_said_of_it(void **test)
{
	struct fixture *fixture = *test;
	Fettle__AssetVerdict asset = verdict_asset("web1"), *found;
	struct arena arena = { 0 };

	RECORD_SET(&asset, facts, 1);
	put(fixture, FETTLE__KIND__KIND_ASSET, &asset);
	RECORD_SET(&asset, facts, 2);
	put(fixture, FETTLE__KIND__KIND_ASSET, &asset);
	assert_int_equal(query_assets(fixture->query, see_asset, fixture), STATUS_OK);
	assert_string_equal(buffer_text(&fixture->seen), "web1 ");
	assert_int_equal(query_asset(fixture->query, record_bytes(asset.asset), &arena, &found),
	    STATUS_OK);
	assert_int_equal(found->facts, 2);
	assert_int_equal(query_asset(fixture->query, record_bytes(verdict_id("x")), &arena, &found),
	    STATUS_NOT_FOUND);
	arena_fini(&arena);
}

static enum status see_results(void *visitor, const Fettle__ResultsVerdict *results)
{
	return see(visitor, results->policy, strlen(results->policy));
}

static void results_are_those_of_an_asset(void **test)
{
	struct fixture *fixture = *test;
	const char *const rows[][2] = { { "web1", "p2" }, { "web2", "p3" }, { "web1", "p1" } };

	for (unsigned i = 0; i < 3; i++) {
		Fettle__ResultsVerdict results = FETTLE__RESULTS_VERDICT__INIT;

		RECORD_SET(&results, asset, verdict_id(rows[i][0]));
		results.policy = RECORD_TEXT(rows[i][1]);
		put(fixture, FETTLE__KIND__KIND_RESULTS, &results);
	}
	assert_int_equal(
	    query_results(fixture->query, record_bytes(verdict_id("web1")), see_results, fixture),
	    STATUS_OK);
	assert_string_equal(buffer_text(&fixture->seen), "p1 p2 ");
}

/* ---- alerts ---- */

static void put_alert(struct fixture *fixture, const char *id, const char *asset,
    const char *severity, uint64_t opened_ms, enum standing_alert standing)
{
	Fettle__AlertVerdict alert = verdict_alert(id, asset, id, severity, opened_ms);

	if (standing >= STANDING_UNDONE) {
		alert.state = FETTLE__ALERT_STATE__ALERT_STATE_UNDONE;
		RECORD_SET(&alert, undone_ms, opened_ms + 50);
	}
	if (standing == STANDING_ACKNOWLEDGED || standing == STANDING_UNDONE_ACKNOWLEDGED)
		RECORD_SET(&alert, acknowledged_ms, opened_ms + 60);
	put(fixture, FETTLE__KIND__KIND_ALERT, &alert);
}

static enum status see_alert(void *visitor, const Fettle__AlertVerdict *alert)
{
	return see(visitor, (const char *)alert->key.data, alert->key.len);
}

static void alerts_are(struct fixture *fixture, struct query_alerts wanted, const char *seen)
{
	buffer_clear(&fixture->seen);
	assert_int_equal(query_alerts(fixture->query, &wanted, see_alert, fixture), STATUS_OK);
	assert_string_equal(buffer_text(&fixture->seen), seen);
}

static void put_some_alerts(struct fixture *fixture)
{
	put_alert(fixture, "low", "web1", "low", 900, STANDING_OPEN);
	put_alert(fixture, "old", "web1", "critical", 100, STANDING_OPEN);
	put_alert(fixture, "new", "web2", "critical", 200, STANDING_OPEN);
	put_alert(fixture, "seen", "web2", "critical", 300, STANDING_ACKNOWLEDGED);
	put_alert(fixture, "undone", "web1", "high", 400, STANDING_UNDONE);
	put_alert(fixture, "over", "web1", "informational", 500, STANDING_UNDONE_ACKNOWLEDGED);
}

static void the_worst_open_alert_comes_first_and_of_those_the_newest(void **test)
{
	put_some_alerts(*test);
	alerts_are(*test, (struct query_alerts){ 0 }, "new old low seen undone over ");
}

static void alerts_are_filtered(void **test)
{
	ProtobufCBinaryData web1;

	put_some_alerts(*test);
	web1 = verdict_id("web1");
	alerts_are(*test, (struct query_alerts){ .asset = record_bytes(web1) },
	    "old low undone over ");
	alerts_are(*test, (struct query_alerts){ .standings = 1 << STANDING_OPEN }, "new old low ");
	alerts_are(*test, (struct query_alerts){ .is_unacknowledged = true },
	    "new old low undone ");
	alerts_are(*test,
	    (struct query_alerts){ .asset = record_bytes(web1), .ranks = 1 << RANK_INFO }, "over ");
	alerts_are(*test, (struct query_alerts){ .since_ms = 450 }, "low undone over ");
}

static void an_alert_that_is_acknowledged_moves(void **test)
{
	put_alert(*test, "a", "web1", "high", 100, STANDING_OPEN);
	put_alert(*test, "a", "web1", "high", 100, STANDING_ACKNOWLEDGED);
	alerts_are(*test, (struct query_alerts){ .standings = 1 << STANDING_OPEN }, "");
	alerts_are(*test, (struct query_alerts){ 0 }, "a ");
	alerts_are(*test, (struct query_alerts){ .asset = record_bytes(verdict_id("web1")) }, "a ");
}

static void more_alerts_than_a_page_come_newest_first(void **test)
{
	struct fixture *fixture = *test;
	char id[32];

	for (unsigned i = 0; i < 600; i++) {
		Fettle__AlertVerdict alert;

		snprintf(id, sizeof(id), "k%03u", i);
		alert = verdict_alert(id, "web1", id, "high", 1000 + i);
		assert_int_equal(store_apply(fixture->store, ++fixture->offset,
				     verdict_record(FETTLE__KIND__KIND_ALERT, &alert.base), 1),
		    STATUS_OK);
	}
	assert_int_equal(store_commit(fixture->store), STATUS_OK);
	assert_int_equal(
	    query_alerts(fixture->query, &(struct query_alerts){ 0 }, see_alert, fixture),
	    STATUS_OK);
	assert_int_equal(fixture->seen.size, 600 * 5);
	assert_memory_equal(fixture->seen.data, "k599 k598 ", 10);
}

static void an_alert_is_found_by_the_beginning_of_its_id(void **test)
{
	struct fixture *fixture = *test;
	Fettle__AlertVerdict *found;
	struct arena arena = { 0 };
	char hex[33];

	put_some_alerts(fixture);
	bytes_to_hex(record_bytes(verdict_id("seen")), hex);
	hex[12] = '\0';
	assert_int_equal(query_alert(fixture->query, hex, &arena, &found), STATUS_OK);
	assert_memory_equal(found->key.data, "seen", 4);
	assert_int_equal(query_alert(fixture->query, "x", &arena, &found), STATUS_INVALID);
	assert_null(found);
	arena_fini(&arena);
}

/* ---- jobs ---- */

static void put_job(struct fixture *fixture, const char *id, const char *asset,
    uint64_t proposed_ms, unsigned state)
{
	Fettle__JobVerdict job = verdict_job(id, asset, proposed_ms);

	job.reason = RECORD_TEXT(id);
	RECORD_SET(&job, state, (Fettle__JobState)state);
	RECORD_SET(&job, updated_ms, proposed_ms + 5);
	put(fixture, FETTLE__KIND__KIND_JOB, &job);
}

static enum status see_job(void *visitor, const Fettle__JobVerdict *job)
{
	return see(visitor, job->reason, strlen(job->reason));
}

static void jobs_are(struct fixture *fixture, struct query_jobs wanted, const char *seen)
{
	buffer_clear(&fixture->seen);
	assert_int_equal(query_jobs(fixture->query, &wanted, see_job, fixture), STATUS_OK);
	assert_string_equal(buffer_text(&fixture->seen), seen);
}

static void the_newest_job_comes_first_and_jobs_are_filtered(void **test)
{
	enum {
		PROPOSED = FETTLE__JOB_STATE__JOB_STATE_PROPOSED,
		FAILED = FETTLE__JOB_STATE__JOB_STATE_FAILED,
		LOST = FETTLE__JOB_STATE__JOB_STATE_LOST,
	};
	ProtobufCBinaryData web2;

	put_job(*test, "b", "web2", 200, PROPOSED);
	put_job(*test, "a", "web1", 100, PROPOSED);
	put_job(*test, "d", "web1", 400, LOST);
	put_job(*test, "c", "web2", 300, FAILED);
	web2 = verdict_id("web2");
	jobs_are(*test, (struct query_jobs){ 0 }, "d c b a ");
	jobs_are(*test, (struct query_jobs){ .asset = record_bytes(web2) }, "c b ");
	jobs_are(*test, (struct query_jobs){ .states = 1 << PROPOSED }, "b a ");
	jobs_are(*test, (struct query_jobs){ .states = 1 << PROPOSED | 1 << LOST }, "d b a ");
	jobs_are(*test, (struct query_jobs){ .since_ms = 305 }, "d c ");
	put_job(*test, "b", "web2", 200, FAILED);
	jobs_are(*test, (struct query_jobs){ .states = 1 << PROPOSED }, "a ");
	jobs_are(*test, (struct query_jobs){ .asset = record_bytes(web2), .states = 1 << FAILED },
	    "c b ");
	jobs_are(*test, (struct query_jobs){ 0 }, "d c b a ");
}

static void a_job_is_found_by_the_beginning_of_its_id(void **test)
{
	struct fixture *fixture = *test;
	Fettle__JobVerdict job = verdict_job("a", "web1", 1), *found;
	struct arena arena = { 0 };
	char hex[65];

	put_job(fixture, "a", "web1", 100, FETTLE__JOB_STATE__JOB_STATE_LEASED);
	put_job(fixture, "b", "web1", 100, FETTLE__JOB_STATE__JOB_STATE_LEASED);
	bytes_to_hex(record_bytes(job.id), hex);
	assert_int_equal(query_job(fixture->query, hex, &arena, &found), STATUS_OK);
	hex[12] = '\0';
	assert_int_equal(query_job(fixture->query, hex, &arena, &found), STATUS_OK);
	assert_string_equal(found->reason, "a");
	assert_int_equal(query_job(fixture->query, "0123456789abcdef", &arena, &found),
	    STATUS_NOT_FOUND);
	arena_fini(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_was_stored_where_no_sink_has_run,
		    scratch_start, scratch_stop),
		TEST(the_worst_finding_comes_first),
		TEST(findings_are_filtered),
		TEST(a_finding_that_changes_state_moves),
		TEST(what_is_due_soonest_comes_first_and_what_has_no_date_last),
		TEST(findings_by_due_time_are_filtered_too),
		TEST(a_finding_that_becomes_due_sooner_moves),
		TEST(a_store_without_the_index_by_due_time_gets_it),
		TEST(a_visitor_may_end_the_visit),
		TEST(a_subject_too_long_for_a_key_is_stored_all_the_same),
		TEST(a_finding_is_found_by_the_beginning_of_its_id),
		TEST(changes_come_in_the_order_of_their_receipt),
		TEST(changes_are_filtered),
		TEST(a_limit_keeps_the_newest_changes),
		TEST(more_than_a_page_is_visited_once_each),
		TEST(an_asset_is_what_was_last_said_of_it),
		TEST(results_are_those_of_an_asset),
		TEST(the_worst_open_alert_comes_first_and_of_those_the_newest),
		TEST(alerts_are_filtered),
		TEST(an_alert_that_is_acknowledged_moves),
		TEST(more_alerts_than_a_page_come_newest_first),
		TEST(an_alert_is_found_by_the_beginning_of_its_id),
		TEST(the_newest_job_comes_first_and_jobs_are_filtered),
		TEST(a_job_is_found_by_the_beginning_of_its_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
