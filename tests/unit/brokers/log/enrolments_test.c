/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/enrolments.h"

#include <stdio.h>

#include "tests/unit/brokers/log/world.h"

static const uint8_t key[SOCKET_KEY_SIZE] = "the key of one machine ........";
static const uint8_t other_key[SOCKET_KEY_SIZE] = "the key of another machine ....";
static const uint8_t third_key[SOCKET_KEY_SIZE] = "the key of a third machine ....";
static const uint8_t machine[HASH_SIZE] = "one machine .. .";
static const uint8_t copy[HASH_SIZE] = "a copy of it . .";

enum {
	ADMITTED = FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_ADMITTED,
	PENDING = FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_PENDING,
	REFUSED = FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_REFUSED,
	MINUTE_MS = 60 * 1000,
};

static struct log_enrolments_made create(struct world *at, const Fettle__Enrolment *wanted)
{
	const struct log_members_word word = word_of("root (uid 0)", NULL);
	struct log_enrolments_made made;
	const char *reason;

	begin(at);
	assert_int_equal(log_enrolments_create(at->store, wanted, &word, &made, &reason),
	    STATUS_OK);
	commit(at);
	return made;
}

static struct log_enrolments_made create_token(struct world *at)
{
	const Fettle__Enrolment wanted = FETTLE__ENROLMENT__INIT;

	return create(at, &wanted);
}

static Fettle__Enrolment key_of(uint64_t uses)
{
	Fettle__Enrolment wanted = FETTLE__ENROLMENT__INIT;

	RECORD_SET(&wanted, uses_most, uses);
	RECORD_SET(&wanted, expires_ms, NOW_MS + 60LL * MINUTE_MS);
	return wanted;
}

struct asked {
	const uint8_t *key, *machine;
	const uint8_t *secret; /* NULL: none */
	const char *address;
	uint64_t now_ms; /* 0: NOW_MS */
};

static struct asked asked_by(const uint8_t *with, const uint8_t *on, const uint8_t *secret)
{
	return (struct asked){ .key = with, .machine = on, .secret = secret };
}

static struct asked asked_from(const uint8_t *with, const uint8_t *secret, const char *address)
{
	return (struct asked){ .key = with, .secret = secret, .address = address };
}

static Fettle__EnrolReply reply;
static uint8_t reply_agent[AGENT_ID_SIZE];

static unsigned ask(struct world *at, struct asked asked)
{
	Fettle__EnrolRequest request = FETTLE__ENROL_REQUEST__INIT;
	Fettle__EnrolRelay relay = FETTLE__ENROL_RELAY__INIT;
	struct buffer packed = { 0 };

	if (asked.secret != NULL)
		RECORD_SET_BYTES(&request, secret, BYTES(asked.secret, 16));
	if (asked.machine != NULL)
		RECORD_SET_BYTES(&request, machine, BYTES(asked.machine, HASH_SIZE));
	request.host_name = RECORD_TEXT("web1");
	record_pack(&packed, &request.base);
	RECORD_SET_BYTES(&relay, key, BYTES(asked.key, SOCKET_KEY_SIZE));
	RECORD_SET_BYTES(&relay, request, buffer_bytes(&packed));
	relay.address = RECORD_TEXT(asked.address == NULL ? "192.0.2.7" : asked.address);
	begin(at);
	assert_int_equal(log_enrolments_ask(at->store, &relay,
			     asked.now_ms == 0 ? NOW_MS : asked.now_ms, &reply, reply_agent),
	    STATUS_OK);
	commit(at);
	buffer_fini(&packed);
	return reply.outcome;
}

static uint64_t uses_of(struct world *at, const struct log_enrolments_made *made)
{
	Fettle__Enrolment *enrolment;

	assert_int_equal(log_enrolments_get(at->store, made->id, &at->arena, &enrolment),
	    STATUS_OK);
	log_store_release(at->store);
	return enrolment->uses;
}

static void a_token_lets_one_machine_in(void **test)
{
	struct world *at = *test;
	struct log_enrolments_made made = create_token(at);
	uint8_t agent[AGENT_ID_SIZE];

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	keys_agent_id(key, agent);
	assert_memory_equal(reply.agent.data, agent, AGENT_ID_SIZE);
	assert_string_equal(world_member(at, key)->name, "web1");
	assert_string_equal(world_member(at, key)->address, "192.0.2.7");
	assert_string_equal(world_member(at, key)->by, "enrolment");
	assert_memory_equal(world_member(at, key)->enrolment.data, made.id, 16);
	assert_int_equal(ask(at, asked_by(other_key, copy, made.secret)), REFUSED);
	assert_null(world_member(at, other_key));
}

static void a_lost_answer_costs_no_second_use(void **test)
{
	struct world *at = *test;
	struct log_enrolments_made made = create_token(at);

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	assert_int_equal(ask(at, asked_by(key, machine, NULL)), ADMITTED);
	assert_int_equal(uses_of(at, &made), 1);
}

static void the_third_use_of_a_key_with_two_is_refused(void **test)
{
	struct world *at = *test;
	const Fettle__Enrolment wanted = key_of(2);
	struct log_enrolments_made made = create(at, &wanted);

	assert_int_equal(ask(at, asked_by(key, NULL, made.secret)), ADMITTED);
	assert_int_equal(ask(at, asked_by(other_key, NULL, made.secret)), ADMITTED);
	assert_int_equal(ask(at, asked_by(third_key, NULL, made.secret)), REFUSED);
	assert_int_equal(uses_of(at, &made), 2);
}

static void a_use_and_its_member_are_kept_together_or_not_at_all(void **test)
{
	struct world *at = *test;
	struct log_enrolments_made made = create_token(at);
	Fettle__EnrolRequest request = FETTLE__ENROL_REQUEST__INIT;
	Fettle__EnrolRelay relay = FETTLE__ENROL_RELAY__INIT;
	struct buffer packed = { 0 };

	RECORD_SET_BYTES(&request, secret, BYTES_OF(made.secret));
	record_pack(&packed, &request.base);
	RECORD_SET_BYTES(&relay, key, BYTES_OF(key));
	RECORD_SET_BYTES(&relay, request, buffer_bytes(&packed));
	begin(at);
	assert_int_equal(log_enrolments_ask(at->store, &relay, NOW_MS, &reply, reply_agent),
	    STATUS_OK);
	log_store_abort(at->store);
	assert_int_equal(uses_of(at, &made), 0);
	assert_null(world_member(at, key));
	buffer_fini(&packed);
}

static void a_token_lives_fifteen_minutes(void **test)
{
	struct world *at = *test;
	struct log_enrolments_made made = create_token(at);
	struct asked late = { key, NULL, made.secret, NULL, NOW_MS + 15LL * MINUTE_MS };

	assert_int_equal(ask(at, late), REFUSED);
	late.now_ms--;
	assert_int_equal(ask(at, late), ADMITTED);
}

static void the_reason_does_not_say_what_was_wrong(void **test)
{
	struct world *at = *test;
	const uint8_t guessed[16] = "a guessed secret";
	struct log_enrolments_made made = create_token(at);
	const char *unknown;

	assert_int_equal(ask(at, asked_by(key, NULL, guessed)), REFUSED);
	unknown = reply.reason;
	assert_int_equal(ask(at, asked_by(key, NULL, NULL)), REFUSED);
	assert_string_equal(reply.reason, unknown);
	assert_int_equal(
	    ask(at, (struct asked){ key, NULL, made.secret, NULL, NOW_MS + 60LL * MINUTE_MS }),
	    REFUSED);
	assert_string_equal(reply.reason, unknown);
}

static void only_the_networks_that_it_names_may_use_it(void **test)
{
	struct world *at = *test;
	char *networks[] = { RECORD_TEXT("10.0.0.0/8"), RECORD_TEXT("2001:db8::/32") };
	Fettle__Enrolment wanted = key_of(10);
	struct log_enrolments_made made;

	wanted.networks = networks;
	wanted.n_networks = 2;
	made = create(at, &wanted);
	assert_int_equal(ask(at, asked_from(key, made.secret, "192.0.2.7")), REFUSED);
	assert_int_equal(ask(at, asked_from(key, made.secret, "")), REFUSED);
	assert_int_equal(ask(at, asked_from(key, made.secret, "10.1.2.3")), ADMITTED);
	assert_int_equal(ask(at, asked_from(other_key, made.secret, "2001:db8::9")), ADMITTED);
}

static void who_needs_approval_waits_for_it(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root", NULL);
	Fettle__Enrolment wanted = key_of(1);
	struct log_enrolments_made made;
	bool changed;

	RECORD_SET(&wanted, needs_approval, true);
	made = create(at, &wanted);
	assert_int_equal(ask(at, asked_by(key, NULL, made.secret)), PENDING);
	assert_true(reply.retry_ms > 0);
	assert_int_equal(ask(at, asked_by(key, NULL, made.secret)), PENDING);
	begin(at);
	assert_int_equal(log_members_approve(at->store, reply.agent.data, &word, &changed),
	    STATUS_OK);
	commit(at);
	assert_int_equal(ask(at, asked_by(key, NULL, made.secret)), ADMITTED);
	assert_int_equal(uses_of(at, &made), 1);
}

static void a_revoked_enrolment_lets_nobody_in(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root", NULL);
	struct log_enrolments_made made = create_token(at);
	bool changed;

	begin(at);
	assert_int_equal(log_enrolments_revoke(at->store, made.id, &word, &changed), STATUS_OK);
	assert_true(changed);
	assert_int_equal(log_enrolments_revoke(at->store, made.id, &word, &changed), STATUS_OK);
	assert_false(changed);
	commit(at);
	assert_int_equal(ask(at, asked_by(key, NULL, made.secret)), REFUSED);
}

static void a_revoked_machine_does_not_enrol_again_with_its_key(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root", NULL);
	const Fettle__Enrolment wanted = key_of(5);
	struct log_enrolments_made made = create(at, &wanted);
	bool changed;

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	begin(at);
	assert_int_equal(log_members_revoke(at->store, reply.agent.data, &word, &changed),
	    STATUS_OK);
	commit(at);
	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), REFUSED);
	assert_false(reply.wants_new_key);
}

static void a_copy_is_told_to_make_a_key_of_its_own_and_the_first_machine_stays(void **test)
{
	struct world *at = *test;
	const Fettle__Enrolment wanted = key_of(5);
	struct log_enrolments_made made = create(at, &wanted);

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	assert_int_equal(ask(at, asked_by(key, copy, made.secret)), REFUSED);
	assert_true(reply.wants_new_key);
	assert_int_equal(world_notice(at)->what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE);
	assert_int_equal(world_member(at, key)->state, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
	assert_int_equal(uses_of(at, &made), 1);
	assert_int_equal(ask(at, asked_by(other_key, copy, made.secret)), ADMITTED);
}

static void a_copy_of_what_is_revoked_is_told_that_and_noted_no_more(void **test)
{
	struct world *at = *test;
	const struct log_members_word word = word_of("root", NULL);
	const Fettle__Enrolment wanted = key_of(5);
	struct log_enrolments_made made = create(at, &wanted);
	uint64_t notices;
	bool changed;

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	begin(at);
	assert_int_equal(log_members_revoke(at->store, reply.agent.data, &word, &changed),
	    STATUS_OK);
	commit(at);
	notices = log_store_head(at->store, SUBLOG_NOTICE);
	assert_int_equal(ask(at, asked_by(key, copy, made.secret)), REFUSED);
	assert_false(reply.wants_new_key);
	assert_non_null(strstr(reply.reason, "was revoked"));
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), notices);
}

static void copies_that_ask_again_and_again_are_noted_once_a_minute(void **test)
{
	struct world *at = *test;
	struct log_enrolments_made made = create_token(at);
	uint64_t notices;

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	notices = log_store_head(at->store, SUBLOG_NOTICE);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask(at, asked_by(key, copy, made.secret)), REFUSED);
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), notices + 1);
}

static void what_is_no_request_is_refused(void **test)
{
	struct world *at = *test;
	static const char *const wrong[] = { "", "?", "\x0a\xff\xff\xff\xff", NULL };

	for (size_t i = 0; wrong[i] != NULL; i++) {
		Fettle__EnrolRelay relay = FETTLE__ENROL_RELAY__INIT;

		RECORD_SET_BYTES(&relay, key, BYTES_OF(key));
		RECORD_SET_BYTES(&relay, request, bytes_of_text(wrong[i]));
		begin(at);
		assert_int_equal(log_enrolments_ask(at->store, &relay, NOW_MS, &reply, reply_agent),
		    STATUS_OK);
		commit(at);
		assert_int_equal(reply.outcome, REFUSED);
	}
	assert_null(world_member(at, key));
}

static void refuses_to_create(struct world *at, const Fettle__Enrolment *wanted)
{
	const struct log_members_word word = word_of("root", NULL);
	struct log_enrolments_made made;
	const char *reason = NULL;

	begin(at);
	assert_int_equal(log_enrolments_create(at->store, wanted, &word, &made, &reason),
	    STATUS_INVALID);
	log_store_abort(at->store);
	assert_non_null(reason);
}

static void an_enrolment_has_bounds(void **test)
{
	const uint64_t longest = NOW_MS + LOG_ENROLMENTS_LONGEST_MS;
	char *networks[] = { RECORD_TEXT("10.0.0.0/33") };
	Fettle__Enrolment wanted = key_of(0);

	refuses_to_create(*test, &wanted);
	wanted = key_of(LOG_ENROLMENTS_USES_MAX + 1);
	refuses_to_create(*test, &wanted);
	wanted = key_of(2);
	wanted.expires_ms = longest + 1;
	refuses_to_create(*test, &wanted);
	wanted.expires_ms = NOW_MS;
	refuses_to_create(*test, &wanted);
	wanted.has_expires_ms = 0;
	refuses_to_create(*test, &wanted);
	wanted = key_of(2);
	wanted.networks = networks;
	wanted.n_networks = 1;
	refuses_to_create(*test, &wanted);
	wanted = key_of(2);
	wanted.name = RECORD_TEXT("\xff");
	refuses_to_create(*test, &wanted);
	wanted = key_of(LOG_ENROLMENTS_USES_MAX);
	wanted.expires_ms = longest;
	(void)create(*test, &wanted);
}

static void what_this_log_does_not_know_of_an_enrolment_is_refused_and_never_kept(void **test)
{
	struct world *at = *test;
	Fettle__Enrolment wanted = key_of(2), *kept;
	uint8_t byte = 0;
	ProtobufCMessageUnknownField unknown = { .tag = 99,
		.wire_type = PROTOBUF_C_WIRE_TYPE_VARINT,
		.len = 1,
		.data = &byte };
	struct log_enrolments_made made;

	wanted.base.unknown_fields = &unknown;
	wanted.base.n_unknown_fields = 1;
	refuses_to_create(at, &wanted);
	wanted.base.n_unknown_fields = 0;
	RECORD_SET(&wanted, revoked_ms, 1);
	RECORD_SET(&wanted, uses, 1);
	RECORD_SET(&wanted, created_ms, 1);
	made = create(at, &wanted);
	assert_int_equal(log_enrolments_get(at->store, made.id, &at->arena, &kept), STATUS_OK);
	log_store_release(at->store);
	assert_int_equal(kept->revoked_ms, 0);
	assert_int_equal(kept->uses, 0);
	assert_int_equal(kept->created_ms, NOW_MS);
	assert_int_equal(kept->uses_most, 2);
}

static bool store_holds(struct world *at, const uint8_t *bytes, size_t size)
{
	struct buffer content = { 0 };
	char *path = text_format("%s/data.mdb", (char *)at->directory);
	FILE *file = fopen(path, "rb");
	bool found;

	assert_non_null(file);
	for (int byte = fgetc(file); byte != EOF; byte = fgetc(file))
		buffer_append_u8(&content, (uint8_t)byte);
	fclose(file);
	found = memmem(content.data, content.size, bytes, size) != NULL;
	buffer_fini(&content);
	free(path);
	return found;
}

static void the_secret_is_kept_nowhere(void **test)
{
	struct world *at = *test;
	struct log_enrolments_made made = create_token(at);

	assert_int_equal(ask(at, asked_by(key, machine, made.secret)), ADMITTED);
	assert_true(store_holds(at, made.id, sizeof(made.id)));
	assert_false(store_holds(at, made.secret, sizeof(made.secret)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_lets_one_machine_in),
		TEST(a_lost_answer_costs_no_second_use),
		TEST(the_third_use_of_a_key_with_two_is_refused),
		TEST(a_use_and_its_member_are_kept_together_or_not_at_all),
		TEST(a_token_lives_fifteen_minutes),
		TEST(the_reason_does_not_say_what_was_wrong),
		TEST(only_the_networks_that_it_names_may_use_it),
		TEST(who_needs_approval_waits_for_it),
		TEST(a_revoked_enrolment_lets_nobody_in),
		TEST(a_revoked_machine_does_not_enrol_again_with_its_key),
		TEST(a_copy_is_told_to_make_a_key_of_its_own_and_the_first_machine_stays),
		TEST(what_is_no_request_is_refused),
		TEST(an_enrolment_has_bounds),
		TEST(what_this_log_does_not_know_of_an_enrolment_is_refused_and_never_kept),
		TEST(a_copy_of_what_is_revoked_is_told_that_and_noted_no_more),
		TEST(copies_that_ask_again_and_again_are_noted_once_a_minute),
		TEST(the_secret_is_kept_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
