/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/notices.h"

#include "tests/unit/brokers/log/world.h"

static const uint8_t agent[AGENT_ID_SIZE] = "an agent's id .";
static const uint8_t other_agent[AGENT_ID_SIZE] = "another's id ..";

enum { MINUTE_MS = NOTICES_MINUTE_MS };

#define WHAT(name) FETTLE__NOTICE_WHAT__NOTICE_WHAT_##name

static enum status write_notice(struct world *at, enum _Fettle__NoticeWhat what,
    const uint8_t *about, const char *by, uint64_t now_ms)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	RECORD_SET(&notice, what, what);
	if (about != NULL)
		RECORD_SET_BYTES(&notice, agent, BYTES(about, AGENT_ID_SIZE));
	notice.principal = RECORD_TEXT(by);
	notice.detail = RECORD_TEXT("as it was");
	return log_store_notice(at->store, &notice, now_ms);
}

static void happens(struct world *at, enum _Fettle__NoticeWhat what, const uint8_t *about,
    const char *by, uint64_t now_ms)
{
	begin(at);
	assert_int_equal(write_notice(at, what, about, by, now_ms), STATUS_OK);
	commit(at);
}

static void sweep(struct world *at, uint64_t now_ms)
{
	begin(at);
	assert_int_equal(notices_sweep(at->store, now_ms), STATUS_OK);
	commit(at);
}

static uint64_t notices(struct world *at)
{
	return log_store_head(at->store, SUBLOG_NOTICE);
}

static bool has_any(struct world *at)
{
	bool out;

	assert_int_equal(notices_has_any(at->store, &out), STATUS_OK);
	log_store_release(at->store);
	return out;
}

/* ---- how many ---- */

static void one_rolled_back_spool_a_minute_is_listed_and_the_others_are_counted(void **test)
{
	struct world *at = *test;

	for (unsigned i = 0; i < 100; i++)
		happens(at, WHAT(ROLLED_BACK), agent, "log", NOW_MS + i);
	assert_int_equal(notices(at), 1);
	sweep(at, NOW_MS + MINUTE_MS - 1);
	assert_int_equal(notices(at), 1);
	sweep(at, NOW_MS + MINUTE_MS);
	assert_int_equal(notices(at), 2);
	assert_int_equal(world_notice(at)->what, WHAT(ROLLED_BACK));
	assert_int_equal(world_notice(at)->left_out, 99);
	assert_memory_equal(world_notice(at)->agent.data, agent, AGENT_ID_SIZE);
	assert_string_equal(world_notice(at)->detail, "99 more of these are not listed one by one");
	assert_false(has_any(at));
}

static void the_next_minutes_first_tells_of_those_before_it(void **test)
{
	struct world *at = *test;

	happens(at, WHAT(CLONE), agent, "log", NOW_MS);
	happens(at, WHAT(CLONE), agent, "log", NOW_MS + 1);
	happens(at, WHAT(CLONE), agent, "log", NOW_MS + MINUTE_MS);
	assert_int_equal(notices(at), 3);
	assert_string_equal(world_notice(at)->detail, "as it was");
	happens(at, WHAT(CLONE), agent, "log", NOW_MS + MINUTE_MS + 1);
	assert_int_equal(notices(at), 3);
}

static void one_alone_leaves_nothing_to_tell(void **test)
{
	struct world *at = *test;

	happens(at, WHAT(CLONE), agent, "log", NOW_MS);
	assert_true(has_any(at));
	sweep(at, NOW_MS + MINUTE_MS);
	assert_false(has_any(at));
	assert_int_equal(notices(at), 1);
}

static void a_person_is_denied_ten_times_a_minute_one_by_one(void **test)
{
	struct world *at = *test;

	for (unsigned i = 0; i < NOTICES_DENIED_MAX + 5; i++)
		happens(at, WHAT(DENIED), NULL, "eve (uid 7)", NOW_MS);
	assert_int_equal(notices(at), NOTICES_DENIED_MAX);
	sweep(at, NOW_MS + MINUTE_MS);
	assert_int_equal(world_notice(at)->left_out, 5);
	assert_string_equal(world_notice(at)->principal, "eve (uid 7)");
}

static void each_agent_person_and_kind_counts_for_itself(void **test)
{
	struct world *at = *test;

	happens(at, WHAT(CLONE), agent, "log", NOW_MS);
	happens(at, WHAT(CLONE), other_agent, "log", NOW_MS);
	happens(at, WHAT(ROLLED_BACK), agent, "log", NOW_MS);
	happens(at, WHAT(CLONE), agent, "enrolment", NOW_MS);
	assert_int_equal(notices(at), 4);
}

static void what_operators_do_is_always_listed(void **test)
{
	struct world *at = *test;

	for (unsigned i = 0; i < 50; i++)
		happens(at, WHAT(INTENT), NULL, "anna (uid 5)", NOW_MS);
	assert_int_equal(notices(at), 50);
	assert_false(has_any(at));
}

static void what_was_undone_is_not_counted_and_what_was_committed_survives_a_crash(void **test)
{
	struct world *at = *test;

	begin(at);
	assert_int_equal(write_notice(at, WHAT(CLONE), agent, "log", NOW_MS), STATUS_OK);
	log_store_abort(at->store);
	happens(at, WHAT(CLONE), agent, "log", NOW_MS);
	assert_int_equal(notices(at), 1);
	happens(at, WHAT(CLONE), agent, "log", NOW_MS);
	log_store_close(at->store);
	assert_int_equal(log_store_open(at->directory, &at->store), STATUS_OK);
	sweep(at, NOW_MS + MINUTE_MS);
	assert_int_equal(world_notice(at)->left_out, 1);
}

static void a_clock_that_was_set_back_silences_nothing(void **test)
{
	struct world *at = *test;

	happens(at, WHAT(CLONE), agent, "log", NOW_MS);
	happens(at, WHAT(CLONE), agent, "log", NOW_MS - 1);
	assert_int_equal(notices(at), 2);
}

/* ---- what it says ---- */

static void a_key_without_end_is_cut_and_told_apart_by_its_hash(void **test)
{
	struct world *at = *test;
	struct buffer key = { 0 };
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	uint8_t hash[HASH_LONG_SIZE];

	memset(buffer_extend(&key, 16 << 20), 'k', 16 << 20);
	hash_long(buffer_bytes(&key), hash);
	RECORD_SET(&notice, what, WHAT(DENIED));
	RECORD_SET_BYTES(&notice, key, buffer_bytes(&key));
	begin(at);
	assert_int_equal(log_store_notice(at->store, &notice, NOW_MS), STATUS_OK);
	commit(at);
	assert_int_equal(world_notice(at)->key.len, NOTICES_KEY_MAX);
	assert_memory_equal(world_notice(at)->key.data, key.data, NOTICES_KEY_MAX - HASH_LONG_SIZE);
	assert_memory_equal(world_notice(at)->key.data + NOTICES_KEY_MAX - HASH_LONG_SIZE, hash,
	    HASH_LONG_SIZE);
	buffer_fini(&key);
}

static void a_text_without_end_is_cut_where_a_character_ends(void **test)
{
	struct world *at = *test;
	struct buffer detail = { 0 };
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	while (detail.size < 100 * 1024)
		buffer_append_text(&detail, "\xc3\xa4\xe2\x82\xac");
	RECORD_SET(&notice, what, WHAT(DENIED));
	notice.detail = RECORD_TEXT(buffer_text(&detail));
	notice.principal = notice.detail;
	begin(at);
	assert_int_equal(log_store_notice(at->store, &notice, NOW_MS), STATUS_OK);
	commit(at);
	assert_in_range(strlen(world_notice(at)->detail), NOTICES_DETAIL_MAX - 3,
	    NOTICES_DETAIL_MAX);
	assert_true(bytes_is_utf8(bytes_of_text(world_notice(at)->detail)));
	assert_in_range(strlen(world_notice(at)->principal), 200, NOTICES_PRINCIPAL_MAX);
	assert_true(bytes_is_utf8(bytes_of_text(world_notice(at)->principal)));
	buffer_fini(&detail);
}

static void what_is_short_enough_stays_as_it_is(void **test)
{
	struct world *at = *test;
	uint8_t key[NOTICES_KEY_MAX] = { 7 };
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	RECORD_SET(&notice, what, WHAT(INTENT));
	RECORD_SET_BYTES(&notice, key, BYTES_OF(key));
	notice.detail = RECORD_TEXT("\xc3\xa4");
	begin(at);
	assert_int_equal(log_store_notice(at->store, &notice, NOW_MS), STATUS_OK);
	commit(at);
	assert_int_equal(world_notice(at)->key.len, sizeof(key));
	assert_memory_equal(world_notice(at)->key.data, key, sizeof(key));
	assert_string_equal(world_notice(at)->detail, "\xc3\xa4");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_rolled_back_spool_a_minute_is_listed_and_the_others_are_counted),
		TEST(the_next_minutes_first_tells_of_those_before_it),
		TEST(one_alone_leaves_nothing_to_tell),
		TEST(a_person_is_denied_ten_times_a_minute_one_by_one),
		TEST(each_agent_person_and_kind_counts_for_itself),
		TEST(what_operators_do_is_always_listed),
		TEST(what_was_undone_is_not_counted_and_what_was_committed_survives_a_crash),
		TEST(a_clock_that_was_set_back_silences_nothing),
		TEST(a_key_without_end_is_cut_and_told_apart_by_its_hash),
		TEST(a_text_without_end_is_cut_where_a_character_ends),
		TEST(what_is_short_enough_stays_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
