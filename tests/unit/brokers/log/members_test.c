/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/brokers/log/world.h"

static const uint8_t key[SOCKET_KEY_SIZE] = "the first key of an agent .....";
static const uint8_t second[SOCKET_KEY_SIZE] = "its second key ................";
static const uint8_t third[SOCKET_KEY_SIZE] = "its third key .................";
static const uint8_t stranger[SOCKET_KEY_SIZE] = "the key of somebody else ......";

enum { DAY_MS = 24 * 3600 * 1000 };

static void id_of(const uint8_t *of, uint8_t out[AGENT_ID_SIZE])
{
	keys_agent_id(of, out);
}

static void admit(struct world *at, const uint8_t *which)
{
	const struct log_members_word word = word_of("root (uid 0)", NULL);
	bool changed;

	begin(at);
	assert_int_equal(log_members_admit(at->store, which, "web1", &word, &changed), STATUS_OK);
	assert_true(changed);
	commit(at);
}

static void add(struct world *at, const uint8_t *which, enum _Fettle__MemberState state)
{
	const struct log_members_word word = word_of("enrolment", NULL);
	Fettle__Member member = FETTLE__MEMBER__INIT;

	RECORD_SET_BYTES(&member, key, BYTES(which, SOCKET_KEY_SIZE));
	RECORD_SET(&member, state, state);
	begin(at);
	assert_int_equal(log_members_add(at->store, &member, &word), STATUS_OK);
	commit(at);
}

typedef enum status (*member_act)(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const struct log_members_word *word, bool *changed);

/* Of the agent whose first key is WHICH. */
static enum status do_it(struct world *at, member_act act, const uint8_t *which, bool *changed)
{
	const struct log_members_word word = word_of("eve (uid 7)", "sold");
	uint8_t agent[AGENT_ID_SIZE];
	enum status status;

	id_of(which, agent);
	begin(at);
	status = act(at->store, agent, &word, changed);
	if (status == STATUS_OK)
		commit(at);
	else
		log_store_abort(at->store);
	return status;
}

static void quarantine(struct world *at, const uint8_t *which)
{
	uint8_t agent[AGENT_ID_SIZE];

	id_of(which, agent);
	begin(at);
	assert_int_equal(log_members_quarantine(at->store, agent, "two machines", NOW_MS),
	    STATUS_OK);
	commit(at);
}

static bool offer(struct world *at, const uint8_t *first, const uint8_t *next, bool is_proven,
    uint64_t now_ms)
{
	const struct log_members_offer made = { .key = BYTES(next, SOCKET_KEY_SIZE),
		.is_proven = is_proven };
	uint8_t agent[AGENT_ID_SIZE];
	bool is_admitted;

	id_of(first, agent);
	begin(at);
	assert_int_equal(log_members_rotate(at->store, agent, &made, now_ms, &is_admitted),
	    STATUS_OK);
	commit(at);
	return is_admitted;
}

static bool rotate(struct world *at, const uint8_t *first, const uint8_t *next, uint64_t now_ms)
{
	return offer(at, first, next, true, now_ms);
}

static bool is_admitted(struct world *at, const uint8_t *which, uint64_t now_ms)
{
	uint8_t agent[AGENT_ID_SIZE];
	bool out;

	id_of(which, agent);
	assert_int_equal(log_members_is_admitted(at->store, agent, now_ms, &out), STATUS_OK);
	log_store_release(at->store);
	return out;
}

static void an_agent_is_known_by_the_hash_of_its_first_key(void **test)
{
	struct world *at = *test;
	uint8_t agent[AGENT_ID_SIZE];

	admit(at, key);
	id_of(key, agent);
	assert_memory_equal(world_member(at, key)->agent.data, agent, AGENT_ID_SIZE);
	assert_int_equal(world_member(at, key)->state, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
	assert_string_equal(world_member(at, key)->by, "root (uid 0)");
	assert_string_equal(world_member(at, key)->name, "web1");
	assert_true(is_admitted(at, key, NOW_MS));
	assert_false(is_admitted(at, stranger, NOW_MS));
}

static void every_change_takes_the_place_of_the_one_before_and_is_noticed(void **test)
{
	struct world *at = *test;
	uint8_t agent[AGENT_ID_SIZE];
	bool changed;

	admit(at, key);
	assert_int_equal(log_store_head(at->store, SUBLOG_MEMBER), 1);
	assert_int_equal(do_it(at, log_members_revoke, key, &changed), STATUS_OK);
	assert_int_equal(log_store_head(at->store, SUBLOG_MEMBER), 2);
	assert_null(world_record(at, SUBLOG_MEMBER, 1));
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 2);
	assert_int_equal(world_notice(at)->what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER);
	assert_string_equal(world_notice(at)->principal, "eve (uid 7)");
	assert_string_equal(world_notice(at)->detail, "revoked: sold");
	id_of(key, agent);
	assert_memory_equal(world_notice(at)->agent.data, agent, AGENT_ID_SIZE);
}

static void what_is_undone_has_changed_nothing(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root", NULL);
	bool changed;

	begin(at);
	assert_int_equal(log_members_admit(at->store, key, NULL, &word, &changed), STATUS_OK);
	log_store_abort(at->store);
	assert_false(is_admitted(at, key, NOW_MS));
	assert_int_equal(log_store_head(at->store, SUBLOG_MEMBER), 0);
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 0);
}

static void a_key_is_added_once(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("enrolment", NULL);
	Fettle__Member member = FETTLE__MEMBER__INIT;

	admit(at, key);
	RECORD_SET_BYTES(&member, key, BYTES_OF(key));
	begin(at);
	assert_int_equal(log_members_add(at->store, &member, &word), STATUS_EXISTS);
	log_store_abort(at->store);
}

static void who_waits_is_not_admitted_until_approved(void **test)
{
	struct world *at = *test;
	bool changed;

	add(at, key, FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING);
	assert_false(is_admitted(at, key, NOW_MS));
	assert_int_equal(do_it(at, log_members_approve, key, &changed), STATUS_OK);
	assert_true(changed);
	assert_true(is_admitted(at, key, NOW_MS));
	assert_int_equal(do_it(at, log_members_approve, key, &changed), STATUS_OK);
	assert_false(changed);
}

static void revoked_is_for_good(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root", NULL);
	bool changed;

	admit(at, key);
	assert_int_equal(do_it(at, log_members_revoke, key, &changed), STATUS_OK);
	assert_true(changed);
	assert_false(is_admitted(at, key, NOW_MS));
	assert_int_equal(do_it(at, log_members_revoke, key, &changed), STATUS_OK);
	assert_false(changed);
	assert_int_equal(do_it(at, log_members_approve, key, &changed), STATUS_DENIED);
	begin(at);
	assert_int_equal(log_members_admit(at->store, key, NULL, &word, &changed), STATUS_DENIED);
	log_store_abort(at->store);
	assert_false(is_admitted(at, key, NOW_MS));
}

static void nobody_is_approved_or_revoked_who_is_not_known(void **test)
{
	bool changed;

	assert_int_equal(do_it(*test, log_members_approve, stranger, &changed), STATUS_NOT_FOUND);
	assert_int_equal(do_it(*test, log_members_revoke, stranger, &changed), STATUS_NOT_FOUND);
	quarantine(*test, stranger);
}

static void clones_are_out_until_an_operator_approves(void **test)
{
	struct world *at = *test;
	bool changed;

	admit(at, key);
	quarantine(at, key);
	assert_false(is_admitted(at, key, NOW_MS));
	assert_string_equal(world_notice(at)->detail, "quarantined: two machines");
	assert_int_equal(do_it(at, log_members_approve, key, &changed), STATUS_OK);
	assert_true(is_admitted(at, key, NOW_MS));
}

static void a_revoked_agent_does_not_come_into_quarantine(void **test)
{
	struct world *at = *test;
	bool changed;

	admit(at, key);
	assert_int_equal(do_it(at, log_members_revoke, key, &changed), STATUS_OK);
	quarantine(at, key);
	assert_int_equal(world_member(at, key)->state, FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED);
}

static void a_new_key_has_the_old_ones_agent_and_the_old_one_a_day(void **test)
{
	struct world *at = *test;
	uint8_t agent[AGENT_ID_SIZE];

	admit(at, key);
	id_of(key, agent);
	assert_true(rotate(at, key, second, NOW_MS));
	assert_memory_equal(world_member(at, second)->agent.data, agent, AGENT_ID_SIZE);
	assert_string_equal(world_member(at, second)->name, "web1");
	assert_int_equal(world_member(at, second)->valid_until_ms, 0);
	assert_int_equal(world_member(at, key)->valid_until_ms, NOW_MS + DAY_MS);
	assert_memory_equal(world_member(at, key)->successor.data, second, SOCKET_KEY_SIZE);
	assert_true(log_members_is_valid(world_member(at, key), NOW_MS + DAY_MS - 1));
	assert_false(log_members_is_valid(world_member(at, key), NOW_MS + DAY_MS));
	assert_true(is_admitted(at, key, NOW_MS + 2LL * DAY_MS));
}

static void the_same_offer_again_is_answered_alike_and_changes_nothing(void **test)
{
	struct world *at = *test;
	uint64_t head;

	admit(at, key);
	assert_true(rotate(at, key, second, NOW_MS));
	head = log_store_head(at->store, SUBLOG_MEMBER);
	assert_true(rotate(at, key, second, NOW_MS + 1000));
	assert_int_equal(log_store_head(at->store, SUBLOG_MEMBER), head);
	assert_int_equal(world_member(at, key)->valid_until_ms, NOW_MS + DAY_MS);
}

static void an_old_key_does_not_live_longer_by_another_rotation(void **test)
{
	struct world *at = *test;

	admit(at, key);
	assert_true(rotate(at, key, second, NOW_MS));
	assert_true(rotate(at, key, third, NOW_MS + 1000));
	assert_int_equal(world_member(at, key)->valid_until_ms, NOW_MS + DAY_MS);
	assert_int_equal(world_member(at, second)->valid_until_ms, NOW_MS + 1000 + DAY_MS);
}

static void a_key_that_was_not_proven_is_not_taken(void **test)
{
	struct world *at = *test;

	admit(at, key);
	assert_false(offer(at, key, second, false, NOW_MS));
	assert_null(world_member(at, second));
	assert_int_equal(world_member(at, key)->valid_until_ms, 0);
	assert_true(offer(at, key, second, true, NOW_MS));
	assert_true(world_member(at, second)->is_proven);
	/* It is theirs by now: that the welcome was lost is no reason to prove it once more. */
	assert_true(offer(at, key, second, false, NOW_MS));
}

/* As earlier versions kept them: offered, taken at its word, and never connected with. */
static void keep_unproven(struct world *at, const uint8_t *which)
{
	const struct log_members_word word = word_of("rotation", NULL);
	Fettle__Member member = FETTLE__MEMBER__INIT;

	RECORD_SET_BYTES(&member, key, BYTES(which, SOCKET_KEY_SIZE));
	RECORD_SET(&member, state, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
	RECORD_SET(&member, is_awaited, 1);
	begin(at);
	assert_int_equal(log_members_add(at->store, &member, &word), STATUS_OK);
	commit(at);
}

static void what_was_taken_without_proof_opens_nothing_until_it_is_proven(void **test)
{
	struct world *at = *test;

	keep_unproven(at, key);
	assert_false(is_admitted(at, key, NOW_MS));
	assert_false(offer(at, key, key, false, NOW_MS));
	assert_false(is_admitted(at, key, NOW_MS));
	assert_true(offer(at, key, key, true, NOW_MS));
	assert_true(is_admitted(at, key, NOW_MS));
}

static void what_was_taken_without_proof_is_whosever_has_the_key(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root (uid 0)", NULL);
	Fettle__Member *member;
	bool changed;

	keep_unproven(at, key);
	assert_int_equal(log_members_get(at->store, key, &at->arena, &member), STATUS_NOT_FOUND);
	log_store_release(at->store);
	begin(at);
	assert_int_equal(log_members_admit(at->store, key, "web1", &word, &changed), STATUS_OK);
	commit(at);
	assert_true(changed);
	assert_string_equal(world_member(at, key)->name, "web1");
	assert_null(world_record(at, SUBLOG_MEMBER, 1)); /* the other's claim is gone */
	assert_true(is_admitted(at, key, NOW_MS));
}

static void nobody_takes_a_key_that_is_anothers(void **test)
{
	struct world *at = *test;
	uint8_t agent[AGENT_ID_SIZE];

	admit(at, key);
	admit(at, stranger);
	assert_false(rotate(at, key, stranger, NOW_MS));
	id_of(stranger, agent);
	assert_memory_equal(world_member(at, stranger)->agent.data, agent, AGENT_ID_SIZE);
	assert_int_equal(world_member(at, key)->valid_until_ms, 0);
}

static void who_is_not_admitted_does_not_rotate(void **test)
{
	struct world *at = *test;

	add(at, key, FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING);
	assert_false(rotate(at, key, second, NOW_MS));
	assert_null(world_member(at, second));
	assert_false(rotate(at, stranger, third, NOW_MS));
	assert_null(world_member(at, third));
}

static void an_agent_cannot_have_keys_without_end(void **test)
{
	struct world *at = *test;
	uint8_t next[SOCKET_KEY_SIZE] = "one of many keys ..............";
	unsigned admitted = 0;

	admit(at, key);
	for (unsigned i = 0; i < 2 * LOG_MEMBERS_KEYS_MAX; i++) {
		next[0] = (uint8_t)i;
		admitted += rotate(at, key, next, NOW_MS);
	}
	assert_int_equal(admitted, LOG_MEMBERS_KEYS_MAX - 1);
	next[0] = 0xff;
	assert_true(rotate(at, key, next, NOW_MS + DAY_MS));
}

static void revocation_takes_all_keys_of_an_agent(void **test)
{
	struct world *at = *test;
	bool changed;

	admit(at, key);
	assert_true(rotate(at, key, second, NOW_MS));
	assert_int_equal(do_it(at, log_members_revoke, key, &changed), STATUS_OK);
	assert_int_equal(world_member(at, key)->state, FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED);
	assert_int_equal(world_member(at, second)->state,
	    FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED);
	assert_false(is_admitted(at, key, NOW_MS));
	assert_false(rotate(at, key, third, NOW_MS));
}

static void connect_with(struct world *at, const uint8_t *which)
{
	begin(at);
	assert_int_equal(log_members_connected(at->store, which, NOW_MS), STATUS_OK);
	commit(at);
}

static void the_first_connection_by_a_new_key_is_noticed_once(void **test)
{
	struct world *at = *test;
	uint64_t notices;

	admit(at, key);
	assert_false(world_member(at, key)->is_awaited);
	assert_true(rotate(at, key, second, NOW_MS));
	assert_true(world_member(at, second)->is_awaited);
	connect_with(at, second);
	assert_false(world_member(at, second)->is_awaited);
	assert_string_equal(world_notice(at)->detail, "speaks with its new key");
	notices = log_store_head(at->store, SUBLOG_NOTICE);
	connect_with(at, second);
	connect_with(at, key);
	connect_with(at, stranger);
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), notices);
}

static void members_survive_a_crash(void **test)
{
	struct world *at = *test;

	admit(at, key);
	log_store_close(at->store);
	assert_int_equal(log_store_open(at->directory, &at->store), STATUS_OK);
	assert_true(is_admitted(at, key, NOW_MS));
	assert_non_null(world_member(at, key));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_agent_is_known_by_the_hash_of_its_first_key),
		TEST(every_change_takes_the_place_of_the_one_before_and_is_noticed),
		TEST(what_is_undone_has_changed_nothing),
		TEST(a_key_is_added_once),
		TEST(who_waits_is_not_admitted_until_approved),
		TEST(revoked_is_for_good),
		TEST(nobody_is_approved_or_revoked_who_is_not_known),
		TEST(clones_are_out_until_an_operator_approves),
		TEST(a_revoked_agent_does_not_come_into_quarantine),
		TEST(a_new_key_has_the_old_ones_agent_and_the_old_one_a_day),
		TEST(the_same_offer_again_is_answered_alike_and_changes_nothing),
		TEST(an_old_key_does_not_live_longer_by_another_rotation),
		TEST(a_key_that_was_not_proven_is_not_taken),
		TEST(what_was_taken_without_proof_opens_nothing_until_it_is_proven),
		TEST(what_was_taken_without_proof_is_whosever_has_the_key),
		TEST(nobody_takes_a_key_that_is_anothers),
		TEST(who_is_not_admitted_does_not_rotate),
		TEST(an_agent_cannot_have_keys_without_end),
		TEST(revocation_takes_all_keys_of_an_agent),
		TEST(the_first_connection_by_a_new_key_is_noticed_once),
		TEST(members_survive_a_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
