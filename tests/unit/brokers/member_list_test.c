/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/member_list.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

enum { NOW_MS = 1000 * 1000, ADMITTED = FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED };
enum { REVOKED = FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED };

static const uint8_t key[SOCKET_KEY_SIZE] = "the public key of one agent ...";
static const uint8_t other_key[SOCKET_KEY_SIZE] = "the public key of another one .";
static const uint8_t agent[AGENT_ID_SIZE] = "an agent's id .";
static const uint8_t other_agent[AGENT_ID_SIZE] = "another's id ..";

struct fixture {
	struct member_list *list;
	unsigned ended;
	uint32_t last_ended;
};

static void on_end(void *data, uint32_t place)
{
	struct fixture *at = data;

	at->ended++;
	at->last_ended = place;
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	at->list = member_list_new(on_end, at);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	member_list_free(at->list);
	free(at);
	return 0;
}

static void pack(struct buffer *out, const Fettle__Member *member)
{
	static const uint8_t event_id[EVENT_ID_SIZE] = "an event's id .";
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct buffer body = { 0 };

	record_pack(&body, &member->base);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_MEMBER);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(out, &record.base);
	buffer_fini(&body);
}

static void take_until(struct fixture *at, uint64_t number, const uint8_t *which, unsigned state,
    uint64_t valid_until_ms)
{
	Fettle__Member member = FETTLE__MEMBER__INIT;
	struct buffer packed = { 0 };

	RECORD_SET_BYTES(&member, key, BYTES(which, SOCKET_KEY_SIZE));
	RECORD_SET_BYTES(&member, agent, BYTES(which == key ? agent : other_agent, AGENT_ID_SIZE));
	RECORD_SET(&member, state, state);
	RECORD_SET(&member, valid_until_ms, valid_until_ms);
	pack(&packed, &member);
	member_list_take(at->list, number, buffer_bytes(&packed));
	buffer_fini(&packed);
}

static void take(struct fixture *at, uint64_t number, const uint8_t *which, unsigned state)
{
	take_until(at, number, which, state, 0);
}

static const struct member *find(struct fixture *at, const uint8_t *which)
{
	return member_list_find(at->list, which, NOW_MS);
}

static void nobody_is_in_it_before_it_has_been_read_whole(void **test)
{
	struct fixture *at = *test;

	assert_null(find(at, key));
	member_list_begin(at->list, 2);
	take(at, 1, key, ADMITTED);
	assert_null(find(at, key));
	assert_false(member_list_is_whole(at->list));
	take(at, 2, other_key, ADMITTED);
	assert_true(member_list_is_whole(at->list));
	assert_memory_equal(find(at, key)->agent, agent, AGENT_ID_SIZE);
	assert_memory_equal(find(at, other_key)->agent, other_agent, AGENT_ID_SIZE);
}

static void an_empty_one_is_whole_at_once_and_admits_nobody(void **test)
{
	struct fixture *at = *test;

	member_list_begin(at->list, 0);
	assert_true(member_list_is_whole(at->list));
	assert_null(find(at, key));
}

static void holes_and_what_is_no_member_are_passed_over(void **test)
{
	struct fixture *at = *test;

	member_list_begin(at->list, 3);
	member_list_take(at->list, 1, BYTES_NONE);
	member_list_take(at->list, 2, bytes_of_text("no record"));
	take(at, 3, key, ADMITTED);
	assert_non_null(find(at, key));
}

static void only_who_is_admitted_is_in_it(void **test)
{
	struct fixture *at = *test;

	member_list_begin(at->list, 0);
	take(at, 1, key, FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING);
	assert_null(find(at, key));
	take(at, 2, key, FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED);
	assert_null(find(at, key));
	take(at, 3, key, 77);
	assert_null(find(at, key));
	assert_int_equal(member_list_count(at->list), 0);
}

static void the_user_id_of_a_message_is_good_until_its_key_is_revoked(void **test)
{
	struct fixture *at = *test;
	char user[ZAP_USER_MAX];
	uint32_t place;

	member_list_begin(at->list, 0);
	take(at, 1, key, ADMITTED);
	place = find(at, key)->place;
	member_list_user(find(at, key), user);
	assert_ptr_equal(member_list_of_user(at->list, user, NOW_MS), find(at, key));
	take(at, 2, key, REVOKED);
	assert_null(member_list_of_user(at->list, user, NOW_MS));
	assert_int_equal(at->ended, 1);
	assert_int_equal(at->last_ended, place);
}

static void a_place_that_is_used_again_has_another_user_id(void **test)
{
	struct fixture *at = *test;
	char before[ZAP_USER_MAX], after[ZAP_USER_MAX];

	member_list_begin(at->list, 0);
	take(at, 1, key, ADMITTED);
	member_list_user(find(at, key), before);
	take(at, 2, key, REVOKED);
	take(at, 3, key, ADMITTED);
	member_list_user(find(at, key), after);
	assert_null(member_list_of_user(at->list, before, NOW_MS));
	assert_non_null(member_list_of_user(at->list, after, NOW_MS));
}

static void an_old_key_ends_with_its_time(void **test)
{
	struct fixture *at = *test;
	char user[ZAP_USER_MAX];

	member_list_begin(at->list, 0);
	take_until(at, 1, key, ADMITTED, NOW_MS + 1);
	member_list_user(find(at, key), user);
	assert_non_null(member_list_of_user(at->list, user, NOW_MS));
	assert_null(member_list_of_user(at->list, user, NOW_MS + 1));
	assert_null(member_list_find(at->list, key, NOW_MS + 1));
}

static void a_silent_connection_by_an_old_key_ends_with_its_time_too(void **test)
{
	struct fixture *at = *test;
	uint32_t place;

	member_list_begin(at->list, 0);
	take_until(at, 1, key, ADMITTED, NOW_MS + 1);
	take_until(at, 2, other_key, ADMITTED, NOW_MS + 100);
	place = find(at, key)->place;
	member_list_sweep(at->list, NOW_MS);
	assert_int_equal(at->ended, 0);
	member_list_sweep(at->list, NOW_MS + 1);
	assert_int_equal(at->ended, 1);
	assert_int_equal(at->last_ended, place);
	assert_non_null(find(at, other_key));
	member_list_sweep(at->list, NOW_MS + 100);
	assert_int_equal(at->ended, 2);
}

static void offer(struct fixture *at, uint64_t number, bool is_proven)
{
	Fettle__Member member = FETTLE__MEMBER__INIT;
	struct buffer packed = { 0 };

	RECORD_SET_BYTES(&member, key, BYTES_OF(key));
	RECORD_SET_BYTES(&member, agent, BYTES_OF(agent));
	RECORD_SET(&member, state, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
	RECORD_SET(&member, is_awaited, 1);
	RECORD_SET(&member, is_proven, is_proven);
	pack(&packed, &member);
	member_list_take(at->list, number, buffer_bytes(&packed));
	buffer_fini(&packed);
}

static void a_key_that_was_offered_opens_nothing_until_its_secret_was_proven(void **test)
{
	struct fixture *at = *test;

	member_list_begin(at->list, 0);
	offer(at, 1, false);
	assert_null(find(at, key));
	offer(at, 2, true);
	assert_true(find(at, key)->is_awaited);
}

static void made_up_user_ids_are_nobodys(void **test)
{
	struct fixture *at = *test;
	char user[ZAP_USER_MAX];

	member_list_begin(at->list, 0);
	take(at, 1, key, ADMITTED);
	take(at, 2, other_key, ADMITTED);
	assert_null(member_list_of_user(at->list, "", NOW_MS));
	assert_null(member_list_of_user(at->list, "00112233445566778899aabbccddeeff", NOW_MS));
	member_list_user(find(at, key), user);
	user[0] = user[0] == '0' ? '1' : '0'; /* another agent */
	assert_null(member_list_of_user(at->list, user, NOW_MS));
	member_list_user(find(at, key), user);
	user[39]++; /* another's place */
	assert_null(member_list_of_user(at->list, user, NOW_MS));
	member_list_user(find(at, key), user);
	user[32] = 'f'; /* no place */
	assert_null(member_list_of_user(at->list, user, NOW_MS));
}

static void it_holds_while_the_log_is_away_and_while_it_is_read_again(void **test)
{
	struct fixture *at = *test;
	char user[ZAP_USER_MAX];

	member_list_begin(at->list, 2);
	take(at, 1, key, ADMITTED);
	take(at, 2, other_key, ADMITTED);
	member_list_user(find(at, key), user);
	member_list_begin(at->list, 2);
	assert_non_null(member_list_of_user(at->list, user, NOW_MS));
	take(at, 1, key, ADMITTED);
	take(at, 2, other_key, ADMITTED);
	assert_non_null(member_list_of_user(at->list, user, NOW_MS));
	assert_int_equal(at->ended, 0);
}

static void whoever_a_restored_log_does_not_know_is_out(void **test)
{
	struct fixture *at = *test;

	member_list_begin(at->list, 2);
	take(at, 1, key, ADMITTED);
	take(at, 2, other_key, ADMITTED);
	member_list_begin(at->list, 1);
	take(at, 1, key, ADMITTED);
	assert_non_null(find(at, key));
	assert_null(find(at, other_key));
	assert_int_equal(at->ended, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_in_it_before_it_has_been_read_whole),
		TEST(an_empty_one_is_whole_at_once_and_admits_nobody),
		TEST(holes_and_what_is_no_member_are_passed_over),
		TEST(only_who_is_admitted_is_in_it),
		TEST(the_user_id_of_a_message_is_good_until_its_key_is_revoked),
		TEST(a_place_that_is_used_again_has_another_user_id),
		TEST(an_old_key_ends_with_its_time),
		TEST(a_silent_connection_by_an_old_key_ends_with_its_time_too),
		TEST(a_key_that_was_offered_opens_nothing_until_its_secret_was_proven),
		TEST(made_up_user_ids_are_nobodys),
		TEST(it_holds_while_the_log_is_away_and_while_it_is_read_again),
		TEST(whoever_a_restored_log_does_not_know_is_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
