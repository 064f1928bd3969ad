/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an observer makes of what it is told, over a spool of its own: which records, in which lane,
 * and which of them are baseline.
 */
#include "core/observer.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/record.h"
#include "core/spool.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { SPOOL_SIZE = 4 * 1024 * 1024 };

struct fixture {
	void *directory;
	struct spool *spool;
	struct observer *observer;
	struct arena arena;
	uint64_t read[LANE_END]; /* the last number looked at */
};

static void open_spool(struct fixture *at, uint64_t size)
{
	assert_int_equal(spool_open(at->directory, size, &at->spool), STATUS_OK);
	at->observer = observer_new(at->spool);
}

static void close_spool(struct fixture *at)
{
	observer_free(at->observer);
	spool_close(at->spool);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	open_spool(at, SPOOL_SIZE);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	close_spool(at);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* ---- saying ---- */

static struct fact fact_of(const char *key, const struct fact_field *field)
{
	return (struct fact){ .key = bytes_of_text(key),
		.status = FACT_PRESENT,
		.fields = field,
		.fields_count = 1 };
}

static enum status set(struct fixture *at, enum lane lane, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	const struct fact fact = fact_of(key, &field);

	return observer_set(at->observer, "files", lane, &fact);
}

static struct observer_pass *begin(struct fixture *at, const char *plan)
{
	return observer_pass_begin(at->observer, "files", LANE_DELTA, bytes_of_text("file/"),
	    bytes_of_text(plan));
}

static void name(struct observer_pass *pass, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	const struct fact fact = fact_of(key, &field);

	assert_int_equal(observer_pass_set(pass, &fact), STATUS_OK);
}

/* A pass by PLAN that sees KEYS, which end with NULL, all with TEXT. */
static void pass(struct fixture *at, const char *plan, const char *const *keys, const char *text)
{
	struct observer_pass *pass = begin(at, plan);

	for (size_t i = 0; keys[i] != NULL; i++)
		name(pass, keys[i], text);
	assert_int_equal(observer_pass_end(&pass), STATUS_OK);
}

#define KEYS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- looking ---- */

static const char *describe(struct fixture *at, struct bytes bytes)
{
	Fettle__Record *record;
	Fettle__Fact *fact;

	assert_int_equal(record_decode(bytes, &at->arena, &record), STATUS_OK);
	if (record->envelope->kind == FETTLE__KIND__KIND_PASS)
		return "pass";
	fact = record_unpack(&fettle__fact__descriptor, record_bytes(record->body), &at->arena);
	assert_non_null(fact);
	return arena_format(&at->arena, "%s%s%.*s",
	    record->envelope->kind == FETTLE__KIND__KIND_FACT_SET ? "+" : "-",
	    fact->is_baseline ? "baseline " : "", (int)fact->key.len, (const char *)fact->key.data);
}

/* What came into LANE since the last look, with a ", " between each two. */
static const char *news(struct fixture *at, enum lane lane)
{
	const char *text = "";

	assert_int_equal(spool_number(at->spool), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	while (at->read[lane] < spool_head(at->spool, lane)) {
		struct link_batch batch = { .count = 0 };

		assert_int_equal(spool_read(at->spool, lane, ++at->read[lane], 1, &batch),
		    STATUS_OK);
		text = arena_format(&at->arena, "%s%s%s", text, *text == '\0' ? "" : ", ",
		    describe(at, batch.records[0]));
		spool_release(at->spool);
	}
	return text;
}

static void expect(struct fixture *at, const char *critical, const char *delta, const char *bulk)
{
	assert_string_equal(news(at, LANE_CRITICAL), critical);
	assert_string_equal(news(at, LANE_DELTA), delta);
	assert_string_equal(news(at, LANE_BULK), bulk);
}

/* ---- baseline ---- */

static void a_first_pass_is_baseline_and_goes_by_bulk(void **test)
{
	struct fixture *at = *test;

	pass(at, "plan", KEYS("file/a", "file/b"), "1");
	expect(at, "", "", "+baseline file/a, +baseline file/b, pass");
}

static void what_comes_after_it_is_news_by_its_own_lane(void **test)
{
	struct fixture *at = *test;

	pass(at, "plan", KEYS("file/a"), "1");
	(void)news(at, LANE_BULK);
	assert_int_equal(set(at, LANE_CRITICAL, "file/b", "1"), STATUS_OK);
	pass(at, "plan", KEYS("file/b", "file/c"), "1");
	expect(at, "+file/b", "+file/c, -file/a, pass", "");
}

static void by_another_plan_what_it_adds_and_leaves_out_is_no_news(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *pass_by_b;

	pass(at, "plan a", KEYS("file/a", "file/both"), "1");
	(void)news(at, LANE_BULK);
	pass_by_b = begin(at, "plan b");
	name(pass_by_b, "file/both", "2");
	assert_int_equal(set(at, LANE_CRITICAL, "file/b", "1"), STATUS_OK);
	name(pass_by_b, "file/b", "1");
	assert_int_equal(observer_pass_end(&pass_by_b), STATUS_OK);
	expect(at, "", "", "+file/both, +baseline file/b, -baseline file/a, pass");
	assert_int_equal(set(at, LANE_CRITICAL, "file/c", "1"), STATUS_OK);
	expect(at, "+file/c", "", "");
}

static void a_pass_that_was_not_completed_leaves_it_baseline(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *given_up = begin(at, "plan");

	name(given_up, "file/a", "1");
	observer_pass_abandon(&given_up);
	pass(at, "plan", KEYS("file/a", "file/b"), "1");
	expect(at, "", "", "+baseline file/a, +baseline file/b, pass");
}

static void what_came_while_the_agent_was_down_is_news(void **test)
{
	struct fixture *at = *test;

	pass(at, "plan", KEYS("file/a"), "1");
	(void)news(at, LANE_BULK);
	close_spool(at);
	open_spool(at, SPOOL_SIZE);
	pass(at, "plan", KEYS("file/a", "file/b"), "1");
	expect(at, "", "+file/b, pass", "");
}

static void once_all_is_forgotten_all_is_baseline(void **test)
{
	struct fixture *at = *test;

	pass(at, "plan", KEYS("file/a"), "1");
	(void)news(at, LANE_BULK);
	assert_int_equal(spool_note_put(at->spool, "plan", bytes_of_text("kept")), STATUS_OK);
	assert_int_equal(spool_ledger_forget(at->spool, BYTES_NONE), STATUS_OK);
	pass(at, "plan", KEYS("file/a"), "1");
	expect(at, "", "", "+baseline file/a, pass");
	{
		struct buffer kept = { 0 };

		assert_int_equal(spool_note_get(at->spool, "plan", &kept), STATUS_OK);
		buffer_fini(&kept);
	}
}

/* ---- lanes ---- */

static enum lane urgent_is_critical(void *data, struct bytes key)
{
	(void)data;
	return bytes_start_with(key, bytes_of_text("file/urgent")) ? LANE_CRITICAL : LANE_DELTA;
}

static void in_a_pass_each_key_may_have_its_lane(void **test)
{
	struct fixture *at = *test;
	struct observer_pass *later;

	pass(at, "plan", KEYS("file/a", "file/urgent", "file/urgent-gone"), "1");
	(void)news(at, LANE_BULK);
	later = begin(at, "plan");
	observer_pass_lanes(later, urgent_is_critical, NULL);
	name(later, "file/a", "2");
	name(later, "file/urgent", "2");
	assert_int_equal(observer_pass_end(&later), STATUS_OK);
	expect(at, "+file/urgent, -file/urgent-gone", "+file/a, pass", "");
}

static void a_lane_that_is_full_holds_up_no_other(void **test)
{
	struct fixture *at = *test;
	char *text = memory_new(60001), key[32];
	enum status status = STATUS_OK;

	memset(text, 'x', 60000);
	close_spool(at);
	open_spool(at, 1024 * 1024);
	for (int i = 0; status == STATUS_OK; i++) {
		snprintf(key, sizeof(key), "file/%d", i);
		status = set(at, LANE_BULK, key, text);
	}
	assert_int_equal(status, STATUS_FULL);
	for (int i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "user/%d", i);
		assert_int_equal(set(at, LANE_CRITICAL, key, text), STATUS_OK);
	}
	assert_int_equal(set(at, LANE_CRITICAL, "user/last", text), STATUS_FULL);
	free(text);
}

static void each_lane_is_numbered_and_acknowledged_by_itself(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 3; i++) {
		char key[32];

		snprintf(key, sizeof(key), "user/%d", i);
		assert_int_equal(set(at, LANE_CRITICAL, key, "1"), STATUS_OK);
		assert_int_equal(set(at, LANE_DELTA, key, "2"), STATUS_OK);
	}
	expect(at, "+user/0, +user/1, +user/2", "+user/0, +user/1, +user/2", "");
	assert_int_equal(spool_head(at->spool, LANE_CRITICAL), 3);
	assert_int_equal(spool_acked(at->spool, LANE_CRITICAL, 3), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	assert_int_equal(spool_kept(at->spool), 3);
	assert_int_equal(spool_acked(at->spool, LANE_DELTA, 2), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	assert_int_equal(spool_kept(at->spool), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_pass_is_baseline_and_goes_by_bulk),
		TEST(what_comes_after_it_is_news_by_its_own_lane),
		TEST(by_another_plan_what_it_adds_and_leaves_out_is_no_news),
		TEST(a_pass_that_was_not_completed_leaves_it_baseline),
		TEST(what_came_while_the_agent_was_down_is_news),
		TEST(once_all_is_forgotten_all_is_baseline),
		TEST(in_a_pass_each_key_may_have_its_lane),
		TEST(a_lane_that_is_full_holds_up_no_other),
		TEST(each_lane_is_numbered_and_acknowledged_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
