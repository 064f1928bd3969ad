/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/operators.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "tests/support/scratch.h"

enum { NOW_MS = 1000 * 1000, OWNER = 1000, ANNA = 1001, BERT = 1002, CARA = 1003 };

#define ROLE(name) FETTLE__ROLE__ROLE_##name

struct fixture {
	void *directory;
	struct log_store *store;
	struct buffer message;
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0
	    || log_store_open(at->directory, &at->store) != STATUS_OK)
		return -1;
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	log_store_close(at->store);
	buffer_fini(&at->message);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static struct control_principal who(uint64_t uid)
{
	struct control_principal principal = { .uid = uid };

	control_principal_id(uid, principal.id);
	snprintf(principal.name, sizeof(principal.name), "uid %llu", (unsigned long long)uid);
	return principal;
}

/* ---- orders ---- */

static enum status order(struct fixture *at, uint64_t by, const Fettle__OperatorOrder *order,
    bool *changed)
{
	const struct control_principal principal = who(by);
	enum status status;

	log_store_release(at->store);
	assert_int_equal(log_store_begin(at->store), STATUS_OK);
	status = operators_order(at->store, order, &principal, NOW_MS, &at->message, changed);
	if (status == STATUS_OK)
		assert_int_equal(log_store_commit(at->store), STATUS_OK);
	else
		log_store_abort(at->store);
	return status;
}

static enum status add_by(struct fixture *at, uint64_t by, const char *name, uint64_t uid,
    Fettle__Role role)
{
	Fettle__OperatorOrder wanted = FETTLE__OPERATOR_ORDER__INIT;
	Fettle__Operator person = FETTLE__OPERATOR__INIT;
	bool changed;

	person.name = RECORD_TEXT(name);
	RECORD_SET(&person, uid, uid);
	person.roles = &role;
	person.n_roles = 1;
	wanted.add = &person;
	return order(at, by, &wanted, &changed);
}

static enum status add(struct fixture *at, const char *name, uint64_t uid, Fettle__Role role)
{
	return add_by(at, 0, name, uid, role);
}

static enum status take_away(struct fixture *at, const char *name)
{
	Fettle__OperatorOrder wanted = FETTLE__OPERATOR_ORDER__INIT;
	bool changed;

	wanted.revoke = RECORD_TEXT(name);
	return order(at, 0, &wanted, &changed);
}

/* ---- requests ---- */

static enum status admit(struct fixture *at, struct control_principal principal,
    const Fettle__ControlRequest *request)
{
	const Fettle__Record *denied;
	struct operators operators;
	enum status status;

	assert_int_equal(operators_load(at->store, &operators), STATUS_OK);
	operators_name(&operators, &principal);
	status = operators_admit(&operators, request, &principal, OWNER, &at->message, &denied);
	operators_fini(&operators);
	log_store_release(at->store);
	return status;
}

/* Whether PRINCIPAL may write a record of KIND under KEY, with BODY (or NULL). */
static enum status may_write(struct fixture *at, struct control_principal principal, uint32_t kind,
    const char *key, const ProtobufCMessage *body)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT, *records[] = { &record };
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct buffer packed = { 0 };
	enum status status;

	if (body != NULL)
		record_pack(&packed, body);
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET_BYTES(&envelope, key, bytes_of_text(key));
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&packed));
	request.intent = records;
	request.n_intent = 1;
	status = admit(at, principal, &request);
	buffer_fini(&packed);
	return status;
}

static enum status may_decide(struct fixture *at, uint64_t uid, Fettle__JobDecisionKind kind)
{
	Fettle__JobDecision decision = FETTLE__JOB_DECISION__INIT;

	RECORD_SET(&decision, decision, kind);
	return may_write(at, who(uid), FETTLE__KIND__KIND_JOB_DECISION, "job/00/decision",
	    &decision.base);
}

static enum status may_load_policies(struct fixture *at, uint64_t uid)
{
	return may_write(at, who(uid), FETTLE__KIND__KIND_POLICY, "policy/p", NULL);
}

enum { DENIED = STATUS_DENIED, OK = STATUS_OK };

/* What each role may, in the order of the columns below. */
static const struct {
	Fettle__Role role;
	int policies, proposal, approval, cancelling, ack, release, enrolment, operators;
} table[] = {
	{ ROLE(VIEWER), DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED },
	{ ROLE(OPERATOR), OK, OK, DENIED, OK, OK, OK, DENIED, DENIED },
	{ ROLE(APPROVER), DENIED, DENIED, OK, DENIED, DENIED, DENIED, DENIED, DENIED },
	{ ROLE(RESPONDER), DENIED, DENIED, DENIED, OK, OK, DENIED, DENIED, DENIED },
	{ ROLE(ADMIN), OK, OK, OK, OK, OK, OK, OK, OK },
};

static enum status may_order(struct fixture *at, uint64_t uid, const char *what)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__ReleaseOrder release = FETTLE__RELEASE_ORDER__INIT;
	Fettle__EnrolmentOrder enrolment = FETTLE__ENROLMENT_ORDER__INIT;
	Fettle__OperatorOrder operators = FETTLE__OPERATOR_ORDER__INIT;

	if (strcmp(what, "release") == 0)
		request.release = &release;
	else if (strcmp(what, "enrolment") == 0)
		request.enrolment = &enrolment;
	else
		request.operator_ = &operators;
	return admit(at, who(uid), &request);
}

static void each_role_may_what_the_table_says(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add(at, "cara", CARA, ROLE(ADMIN)), STATUS_OK);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(add(at, "anna", ANNA, table[i].role), STATUS_OK);
		assert_int_equal(may_load_policies(at, ANNA), table[i].policies);
		assert_int_equal(may_write(at, who(ANNA), FETTLE__KIND__KIND_JOB_PROPOSAL,
				     "job/00/proposal", NULL),
		    table[i].proposal);
		assert_int_equal(may_decide(at, ANNA, 1), table[i].approval);
		assert_int_equal(may_decide(at, ANNA, 2), table[i].approval);
		assert_int_equal(may_decide(at, ANNA, 3), table[i].cancelling);
		assert_int_equal(
		    may_write(at, who(ANNA), FETTLE__KIND__KIND_ALERT_ACK, "alert/00/ack", NULL),
		    table[i].ack);
		assert_int_equal(may_order(at, ANNA, "release"), table[i].release);
		assert_int_equal(may_order(at, ANNA, "enrolment"), table[i].enrolment);
		assert_int_equal(may_order(at, ANNA, "operators"), table[i].operators);
	}
}

static void while_nobody_was_added_root_and_the_owner_may_do_all(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(may_load_policies(at, 0), STATUS_OK);
	assert_int_equal(may_load_policies(at, OWNER), STATUS_OK);
	assert_int_equal(may_order(at, OWNER, "operators"), STATUS_OK);
	assert_int_equal(may_load_policies(at, ANNA), STATUS_DENIED);
	assert_non_null(strstr(buffer_text(&at->message), "nobody but root"));
}

static void once_somebody_was_added_the_owner_is_nobody_and_root_the_last_resort(void **test)
{
	struct fixture *at = *test;
	const struct control_principal root = who(0), anna = who(ANNA);
	struct operators operators;

	assert_int_equal(add(at, "anna", ANNA, ROLE(ADMIN)), STATUS_OK);
	assert_int_equal(may_load_policies(at, OWNER), STATUS_DENIED);
	assert_int_equal(may_load_policies(at, 0), STATUS_OK);
	assert_int_equal(operators_load(at->store, &operators), STATUS_OK);
	assert_true(operators_is_last_resort(&operators, &root));
	assert_false(operators_is_last_resort(&operators, &anna));
	operators_fini(&operators);
	log_store_release(at->store);
	assert_int_equal(take_away(at, "anna"), STATUS_INVALID);
}

static void the_owner_cannot_lock_themself_out(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add_by(at, OWNER, "anna", ANNA, ROLE(OPERATOR)), STATUS_INVALID);
	assert_int_equal(add_by(at, OWNER, "anna", ANNA, ROLE(ADMIN)), STATUS_OK);
}

static void the_server_itself_may_put_its_content_in_force_and_nothing_else(void **test)
{
	struct fixture *at = *test;
	struct control_principal own = who(OWNER);

	own.is_own = true;
	assert_int_equal(add(at, "anna", ANNA, ROLE(ADMIN)), STATUS_OK);
	assert_int_equal(may_write(at, own, FETTLE__KIND__KIND_POLICY, "policy/p", NULL),
	    STATUS_OK);
	assert_int_equal(may_write(at, own, FETTLE__KIND__KIND_ALERT_ACK, "alert/00/ack", NULL),
	    STATUS_DENIED);
	assert_int_equal(
	    may_write(at, own, FETTLE__KIND__KIND_JOB_PROPOSAL, "job/00/proposal", NULL),
	    STATUS_DENIED);
}

static void who_was_revoked_may_nothing_and_may_be_added_again(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add(at, "anna", ANNA, ROLE(OPERATOR)), STATUS_OK);
	assert_int_equal(take_away(at, "anna"), STATUS_OK);
	assert_int_equal(may_load_policies(at, ANNA), STATUS_DENIED);
	assert_int_equal(add(at, "bert", ANNA, ROLE(OPERATOR)), STATUS_OK);
	assert_int_equal(add(at, "anna", ANNA, ROLE(OPERATOR)), STATUS_INVALID);
	assert_int_equal(add(at, "anna", BERT, ROLE(OPERATOR)), STATUS_OK);
	assert_int_equal(may_load_policies(at, BERT), STATUS_OK);
}

static void the_last_admin_can_neither_be_revoked_nor_made_less(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add(at, "anna", ANNA, ROLE(ADMIN)), STATUS_OK);
	assert_int_equal(take_away(at, "anna"), STATUS_INVALID);
	assert_int_equal(add(at, "anna", ANNA, ROLE(VIEWER)), STATUS_INVALID);
	assert_int_equal(add(at, "bert", BERT, ROLE(ADMIN)), STATUS_OK);
	assert_int_equal(take_away(at, "anna"), STATUS_OK);
	assert_int_equal(take_away(at, "bert"), STATUS_INVALID);
}

static void names_uids_and_roles_that_are_none_are_refused(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add(at, "", ANNA, ROLE(ADMIN)), STATUS_INVALID);
	assert_int_equal(add(at, "an na", ANNA, ROLE(ADMIN)), STATUS_INVALID);
	assert_int_equal(add(at, "anna\x1b[2J", ANNA, ROLE(ADMIN)), STATUS_INVALID);
	assert_int_equal(add(at, "anna", UINT32_MAX, ROLE(ADMIN)), STATUS_INVALID);
	assert_int_equal(add(at, "anna", ANNA, ROLE(NONE)), STATUS_INVALID);
	assert_int_equal(add(at, "anna", ANNA, (Fettle__Role)6), STATUS_INVALID);
	assert_int_equal(take_away(at, "anna"), STATUS_NOT_FOUND);
}

/* Or whoever may write one thing could remove another by taking its place. */
static void a_record_under_a_key_of_another_kind_is_nobodys(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(may_write(at, who(0), FETTLE__KIND__KIND_POLICY, "operators", NULL),
	    STATUS_REJECT);
	assert_int_equal(may_write(at, who(0), FETTLE__KIND__KIND_ALERT_ACK, "policy/p/ack", NULL),
	    STATUS_REJECT);
	assert_int_equal(may_write(at, who(0), FETTLE__KIND__KIND_OPERATORS, "operators", NULL),
	    STATUS_REJECT);
	assert_int_equal(may_write(at, who(0), FETTLE__KIND__KIND_FACT_SET, "policy/p", NULL),
	    STATUS_REJECT);
	assert_int_equal(
	    may_write(at, who(0), FETTLE__KIND__KIND_JOB_DECISION, "job/00/proposal", NULL),
	    STATUS_REJECT);
}

static enum status may_write_under(struct fixture *at, size_t key_size)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT, *records[] = { &record };
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct buffer key = { 0 };
	enum status status;

	memset(buffer_extend(&key, key_size), 'k', key_size);
	memcpy(key.data, "policy/", 7);
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_POLICY);
	RECORD_SET_BYTES(&envelope, key, buffer_bytes(&key));
	record.envelope = &envelope;
	request.intent = records;
	request.n_intent = 1;
	status = admit(at, who(ANNA), &request);
	buffer_fini(&key);
	return status;
}

static void a_key_that_is_too_long_is_refused_before_anybodys_role_is_asked(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add(at, "bert", BERT, ROLE(ADMIN)), STATUS_OK);
	assert_int_equal(may_write_under(at, 400), STATUS_DENIED);
	assert_int_equal(may_write_under(at, 401), STATUS_REJECT);
	assert_int_equal(may_write_under(at, 4 << 20), STATUS_REJECT);
}

static void what_is_denied_is_noted_with_a_short_key_however_long_it_was(void **test)
{
	struct fixture *at = *test;
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	const struct control_principal principal = who(ANNA);
	struct link_batch batch = { 0 };
	struct buffer key = { 0 };

	memset(buffer_extend(&key, 16 << 20), 'k', 16 << 20);
	RECORD_SET_BYTES(&envelope, key, buffer_bytes(&key));
	record.envelope = &envelope;
	assert_int_equal(log_store_begin(at->store), STATUS_OK);
	assert_int_equal(operators_note_denied(at->store, &record, &principal, "no", NOW_MS),
	    STATUS_OK);
	assert_int_equal(log_store_commit(at->store), STATUS_OK);
	assert_int_equal(log_store_read(at->store, SUBLOG_NOTICE, 1, 1, &batch), STATUS_OK);
	assert_int_equal(batch.count, 1);
	assert_in_range(batch.size, 1, 1024);
	buffer_fini(&key);
}

static void what_this_log_does_not_know_of_a_person_is_refused_and_never_kept(void **test)
{
	struct fixture *at = *test;
	Fettle__OperatorOrder wanted = FETTLE__OPERATOR_ORDER__INIT;
	Fettle__Operator person = FETTLE__OPERATOR__INIT;
	Fettle__Role role = ROLE(ADMIN);
	uint8_t byte = 0;
	ProtobufCMessageUnknownField unknown = { .tag = 99,
		.wire_type = PROTOBUF_C_WIRE_TYPE_VARINT,
		.len = 1,
		.data = &byte };
	struct operators operators;
	bool changed;

	person.name = RECORD_TEXT("anna");
	RECORD_SET(&person, uid, ANNA);
	person.roles = &role;
	person.n_roles = 1;
	person.base.unknown_fields = &unknown;
	person.base.n_unknown_fields = 1;
	wanted.add = &person;
	assert_int_equal(order(at, 0, &wanted, &changed), STATUS_INVALID);
	person.base.n_unknown_fields = 0;
	person.by = RECORD_TEXT("somebody else");
	RECORD_SET(&person, added_ms, 1);
	assert_int_equal(order(at, 0, &wanted, &changed), STATUS_OK);
	assert_int_equal(operators_load(at->store, &operators), STATUS_OK);
	assert_string_equal(operators.list.operators[0]->by, "uid 0");
	assert_int_equal(operators.list.operators[0]->added_ms, NOW_MS);
	operators_fini(&operators);
	log_store_release(at->store);
}

static void a_request_says_one_thing_at_a_time(void **test)
{
	struct fixture *at = *test;
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__ReleaseOrder release = FETTLE__RELEASE_ORDER__INIT;
	Fettle__EnrolmentOrder enrolment = FETTLE__ENROLMENT_ORDER__INIT;

	request.release = &release;
	request.enrolment = &enrolment;
	assert_int_equal(admit(at, who(0), &request), STATUS_INVALID);
}

static void every_change_is_noted_and_told_to_those_who_judge(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(add(at, "anna", ANNA, ROLE(OPERATOR)), STATUS_OK);
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 1);
	assert_int_equal(log_store_head(at->store, SUBLOG_INTENT), 1);
	assert_int_equal(add(at, "anna", ANNA, ROLE(OPERATOR)), STATUS_OK);
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 1);
	assert_int_equal(take_away(at, "anna"), STATUS_OK);
	assert_int_equal(take_away(at, "anna"), STATUS_OK);
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), 2);
	assert_int_equal(log_store_head(at->store, SUBLOG_INTENT), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_role_may_what_the_table_says),
		TEST(while_nobody_was_added_root_and_the_owner_may_do_all),
		TEST(once_somebody_was_added_the_owner_is_nobody_and_root_the_last_resort),
		TEST(the_owner_cannot_lock_themself_out),
		TEST(the_server_itself_may_put_its_content_in_force_and_nothing_else),
		TEST(who_was_revoked_may_nothing_and_may_be_added_again),
		TEST(the_last_admin_can_neither_be_revoked_nor_made_less),
		TEST(names_uids_and_roles_that_are_none_are_refused),
		TEST(a_record_under_a_key_of_another_kind_is_nobodys),
		TEST(a_key_that_is_too_long_is_refused_before_anybodys_role_is_asked),
		TEST(what_is_denied_is_noted_with_a_short_key_however_long_it_was),
		TEST(what_this_log_does_not_know_of_a_person_is_refused_and_never_kept),
		TEST(a_request_says_one_thing_at_a_time),
		TEST(every_change_is_noted_and_told_to_those_who_judge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
