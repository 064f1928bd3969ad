/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/orders.h"

#include <stdlib.h>

#include "proto/command.pb-c.h"
#include "tests/unit/brokers/log/world.h"

static uint8_t key[SOCKET_KEY_SIZE] = "the public key of an agent ....";
static uint8_t nobody[AGENT_ID_SIZE] = "nobody's id ...";

static struct orders_answer answer;
static unsigned commands;
static struct log_command last_command;

static void on_command(void *data, const struct log_command *command)
{
	(void)data;
	commands++;
	last_command = *command;
}

static enum status order(struct world *at, const Fettle__ControlRequest *request)
{
	enum status status;

	commands = 0;
	begin(at);
	status = orders_execute(at->store, request, "root (uid 0)", NOW_MS, on_command, NULL,
	    &answer);
	if (status == STATUS_OK)
		commit(at);
	else
		log_store_abort(at->store);
	return status;
}

static enum status order_member(struct world *at, enum _Fettle__MemberAct act,
    ProtobufCBinaryData *agents, size_t count, const char *reason)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__MemberOrder member = FETTLE__MEMBER_ORDER__INIT;

	RECORD_SET(&member, act, act);
	member.agents = agents;
	member.n_agents = count;
	member.reason = RECORD_TEXT(reason);
	request.member = &member;
	return order(at, &request);
}

static enum status admit(struct world *at, const uint8_t *which, size_t size)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__MemberOrder member = FETTLE__MEMBER_ORDER__INIT;

	RECORD_SET(&member, act, FETTLE__MEMBER_ACT__MEMBER_ACT_ADMIT);
	RECORD_SET_BYTES(&member, key, BYTES(which, size));
	request.member = &member;
	return order(at, &request);
}

/* The order of ACT for the agent that admit() let in. */
static enum status order_agent(struct world *at, enum _Fettle__MemberAct act)
{
	uint8_t agent[AGENT_ID_SIZE];
	ProtobufCBinaryData agents[] = { record_binary(BYTES_OF(agent)) };

	keys_agent_id(key, agent);
	return order_member(at, act, agents, 1, "because");
}

static void is_refused(enum status status, enum status expected)
{
	assert_int_equal(status, expected);
	assert_true(answer.message[0] != '\0');
}

static void an_enrolment_is_made_and_its_secret_said(void **test)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__EnrolmentOrder enrolment = FETTLE__ENROLMENT_ORDER__INIT;
	Fettle__Enrolment wanted = FETTLE__ENROLMENT__INIT;
	uint8_t id[HASH_SIZE];

	enrolment.create = &wanted;
	request.enrolment = &enrolment;
	assert_int_equal(order(*test, &request), STATUS_OK);
	assert_true(answer.has_made);
	assert_int_equal(answer.written, 1);
	hash_bytes(BYTES_OF(answer.made.secret), id);
	assert_memory_equal(answer.made.id, id, HASH_SIZE);
	enrolment.create = NULL;
	RECORD_SET_BYTES(&enrolment, revoke, BYTES_OF(id));
	assert_int_equal(order(*test, &request), STATUS_OK);
	assert_int_equal(answer.written, 1);
	assert_int_equal(order(*test, &request), STATUS_OK);
	assert_int_equal(answer.written, 0);
}

static void an_enrolment_is_not_made_and_revoked_at_once_nor_neither(void **test)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__EnrolmentOrder enrolment = FETTLE__ENROLMENT_ORDER__INIT;
	Fettle__Enrolment wanted = FETTLE__ENROLMENT__INIT;

	request.enrolment = &enrolment;
	is_refused(order(*test, &request), STATUS_INVALID);
	enrolment.create = &wanted;
	RECORD_SET_BYTES(&enrolment, revoke, BYTES_OF(nobody));
	is_refused(order(*test, &request), STATUS_INVALID);
	enrolment.create = NULL;
	is_refused(order(*test, &request), STATUS_NOT_FOUND);
	RECORD_SET_BYTES(&enrolment, revoke, BYTES("short", 5));
	is_refused(order(*test, &request), STATUS_INVALID);
}

static void a_key_is_admitted_and_its_agents_id_said(void **test)
{
	uint8_t agent[AGENT_ID_SIZE];

	assert_int_equal(admit(*test, key, sizeof(key)), STATUS_OK);
	keys_agent_id(key, agent);
	assert_true(answer.has_id);
	assert_memory_equal(answer.id, agent, AGENT_ID_SIZE);
	assert_int_equal(answer.written, 1);
	assert_int_equal(admit(*test, key, sizeof(key)), STATUS_OK);
	assert_int_equal(answer.written, 0);
	is_refused(admit(*test, key, sizeof(key) - 1), STATUS_INVALID);
}

static void a_revoked_key_is_not_admitted_again(void **test)
{
	assert_int_equal(admit(*test, key, sizeof(key)), STATUS_OK);
	assert_int_equal(order_agent(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE), STATUS_OK);
	is_refused(admit(*test, key, sizeof(key)), STATUS_DENIED);
	is_refused(order_agent(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_APPROVE), STATUS_DENIED);
}

static void rotate_writes_the_agent_a_command(void **test)
{
	struct world *at = *test;
	Fettle__Record *record;

	assert_int_equal(admit(at, key, sizeof(key)), STATUS_OK);
	assert_int_equal(order_agent(at, FETTLE__MEMBER_ACT__MEMBER_ACT_ROTATE), STATUS_OK);
	assert_int_equal(commands, 1);
	assert_int_equal(last_command.number, 1);
	at->batch = (struct link_batch){ 0 };
	assert_int_equal(log_store_read_commands(at->store, last_command.agent, 1, 1, &at->batch),
	    STATUS_OK);
	assert_int_equal(at->batch.count, 1);
	assert_int_equal(record_decode(at->batch.records[0], &at->arena, &record), STATUS_OK);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_ROTATE);
}

static void who_is_not_admitted_is_not_told_to_rotate(void **test)
{
	ProtobufCBinaryData agents[] = { record_binary(BYTES_OF(nobody)) };

	is_refused(order_member(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_ROTATE, agents, 1, NULL),
	    STATUS_DENIED);
	assert_int_equal(commands, 0);
}

static void an_order_for_several_is_done_for_all_or_none(void **test)
{
	struct world *at = *test;
	uint8_t agent[AGENT_ID_SIZE];
	ProtobufCBinaryData agents[] = { record_binary(BYTES_OF(agent)),
		record_binary(BYTES_OF(nobody)) };

	assert_int_equal(admit(at, key, sizeof(key)), STATUS_OK);
	keys_agent_id(key, agent);
	is_refused(order_member(at, FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE, agents, 2, NULL),
	    STATUS_NOT_FOUND);
	assert_int_equal(world_member(at, key)->state, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
}

static void what_an_order_lacks_or_has_too_much_of_is_said(void **test)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__EnrolmentOrder enrolment = FETTLE__ENROLMENT_ORDER__INIT;
	Fettle__MemberOrder member = FETTLE__MEMBER_ORDER__INIT;
	ProtobufCBinaryData agents[] = { record_binary(BYTES("short", 5)) };
	char *reason = memory_new(LOG_MEMBERS_TEXT_MAX + 2);

	memset(reason, 'a', LOG_MEMBERS_TEXT_MAX + 1);
	request.enrolment = &enrolment;
	request.member = &member;
	is_refused(order(*test, &request), STATUS_INVALID);
	is_refused(order_member(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE, NULL, 0, NULL),
	    STATUS_INVALID);
	is_refused(order_member(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE, agents, 1, NULL),
	    STATUS_INVALID);
	is_refused(order_member(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE, agents, 1, reason),
	    STATUS_INVALID);
	is_refused(order_member(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE, agents, 1, "\xff"),
	    STATUS_INVALID);
	is_refused(order_member(*test, FETTLE__MEMBER_ACT__MEMBER_ACT_NONE, agents, 1, NULL),
	    STATUS_INVALID);
	is_refused(order_member(*test, (enum _Fettle__MemberAct)77, agents, 1, NULL),
	    STATUS_INVALID);
	free(reason);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_enrolment_is_made_and_its_secret_said),
		TEST(an_enrolment_is_not_made_and_revoked_at_once_nor_neither),
		TEST(a_key_is_admitted_and_its_agents_id_said),
		TEST(a_revoked_key_is_not_admitted_again),
		TEST(rotate_writes_the_agent_a_command),
		TEST(who_is_not_admitted_is_not_told_to_rotate),
		TEST(an_order_for_several_is_done_for_all_or_none),
		TEST(what_an_order_lacks_or_has_too_much_of_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
