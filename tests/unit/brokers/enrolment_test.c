/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint for machines that nobody knows, on the loopback, with a log that the test plays.
 */
#include "brokers/enrolment.h"

#include <stdlib.h>

#include "core/record.h"
#include "proto/admission.pb-c.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

struct fixture {
	struct socket_context *context;
	uv_loop_t loop;
	struct sockets *sockets;
	struct zap *zap;
	struct enrolment *enrolment;
	struct socket *client;
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT]; /* of the server */
	char client_public[SOCKET_KEY_TEXT], client_secret[SOCKET_KEY_TEXT];
	struct bytes request; /* that the client sends, once it can */
	bool is_sent;
	enum status log_says;
	bool refuses, was_cut_off;
	unsigned relays, answers;
	size_t heard; /* bytes */
	struct arena arena;
	Fettle__EnrolRelay *relay; /* last */
	struct bytes route, answer;
};

static void refuse(struct fixture *at, struct bytes route)
{
	Fettle__EnrolReply reply = FETTLE__ENROL_REPLY__INIT;
	struct buffer packed = { 0 };

	RECORD_SET(&reply, outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_REFUSED);
	record_pack(&packed, &reply.base);
	enrolment_answer(at->enrolment, route, buffer_bytes(&packed));
	buffer_fini(&packed);
}

static enum status take_relay(void *data, struct bytes route, struct bytes relay)
{
	struct fixture *at = data;

	at->relays++;
	at->route = arena_bytes(&at->arena, route);
	at->relay = record_unpack(&fettle__enrol_relay__descriptor, relay, &at->arena);
	if (at->refuses)
		refuse(at, route);
	return at->log_says;
}

static void on_client(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct fixture *at = data;

	(void)user;
	assert_int_equal(count, 1);
	at->answers++;
	at->answer = arena_bytes(&at->arena, parts[0]);
}

static void on_connection(void *data, bool is_connected)
{
	struct fixture *at = data;

	at->was_cut_off |= !is_connected;
}

static void on_heard(void *data, int connection, size_t size)
{
	struct fixture *at = data;

	assert_true(connection >= 0);
	at->heard += size;
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));
	struct enrolment_options options = { .endpoint = "tcp://127.0.0.1:*",
		.secret_key = at->secret_key,
		.relay = take_relay,
		.on_heard = on_heard,
		.data = at };

	*test = at;
	socket_key_pair(at->public_key, at->secret_key);
	socket_key_pair(at->client_public, at->client_secret);
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	assert_int_equal(zap_open(at->sockets, &at->zap), STATUS_OK);
	options.sockets = at->sockets;
	options.zap = at->zap;
	assert_int_equal(enrolment_open(&options, &at->enrolment), STATUS_OK);
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	enrolment_close(at->enrolment);
	zap_close(at->zap);
	sockets_free(at->sockets);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	socket_context_free(at->context);
	arena_fini(&at->arena);
	free(at);
	return 0;
}

static void dial(struct fixture *at)
{
	const struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = enrolment_endpoint(at->enrolment),
		.server_key = at->public_key,
		.public_key = at->client_public,
		.secret_key = at->client_secret,
		.on_message = on_client,
		.on_connection = on_connection,
		.data = at };

	assert_int_equal(socket_open(at->sockets, &options, &at->client), STATUS_OK);
}

static void send_once(struct fixture *at)
{
	if (!at->is_sent)
		at->is_sent = socket_send(at->client, &at->request, 1) == STATUS_OK;
}

static bool is_relayed(void *data)
{
	struct fixture *at = data;

	send_once(at);
	return at->relays > 0;
}

static bool is_answered(void *data)
{
	struct fixture *at = data;

	send_once(at);
	return at->answers > 0;
}

static void any_key_may_ask_and_the_log_is_told_whose_it_is_and_from_where(void **test)
{
	struct fixture *at = *test;
	uint8_t key[SOCKET_KEY_SIZE];

	at->request = bytes_of_text("let me in");
	dial(at);
	assert_true(drive_until(&at->loop, is_relayed, at));
	assert_true(socket_key_decode(at->client_public, key));
	assert_memory_equal(at->relay->key.data, key, SOCKET_KEY_SIZE);
	assert_string_equal(at->relay->address, "127.0.0.1");
	assert_true(bytes_equal(record_bytes(at->relay->request), at->request));
}

static void what_the_log_answers_goes_back_to_who_asked(void **test)
{
	struct fixture *at = *test;

	at->request = bytes_of_text("let me in");
	dial(at);
	assert_true(drive_until(&at->loop, is_relayed, at));
	enrolment_answer(at->enrolment, at->route, bytes_of_text("welcome"));
	assert_true(drive_until(&at->loop, is_answered, at));
	assert_true(bytes_equal(at->answer, bytes_of_text("welcome")));
}

static void where_the_log_has_no_room_the_machine_is_told_to_come_again(void **test)
{
	struct fixture *at = *test;
	const Fettle__EnrolReply *reply;

	at->log_says = STATUS_AGAIN;
	at->request = bytes_of_text("let me in");
	dial(at);
	assert_true(drive_until(&at->loop, is_answered, at));
	reply = record_unpack(&fettle__enrol_reply__descriptor, at->answer, &at->arena);
	assert_non_null(reply);
	assert_int_equal(reply->outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY);
	assert_true(reply->retry_ms > 0);
}

static void an_answer_to_who_has_gone_is_no_harm(void **test)
{
	struct fixture *at = *test;

	enrolment_answer(at->enrolment, bytes_of_text("nobody's way"), bytes_of_text("welcome"));
	at->request = bytes_of_text("let me in");
	dial(at);
	assert_true(drive_until(&at->loop, is_relayed, at));
}

static bool is_sent_and_relayed(void *data)
{
	struct fixture *at = data;

	/* What goes right behind it may go down with the connection. */
	if (at->is_sent)
		at->request = bytes_of_text("something short");
	at->is_sent = false;
	return is_relayed(at);
}

static void more_than_a_request_may_be_does_not_come_in(void **test)
{
	struct fixture *at = *test;
	static uint8_t large[ENROLMENT_FRAME_MAX + 1];

	at->request = BYTES_OF(large);
	dial(at);
	assert_true(drive_until(&at->loop, is_sent_and_relayed, at));
	assert_true(record_bytes(at->relay->request).size < ENROLMENT_FRAME_MAX);
}

static void what_is_heard_of_a_connection_is_told(void **test)
{
	struct fixture *at = *test;

	at->request = bytes_of_text("let me in");
	dial(at);
	assert_true(drive_until(&at->loop, is_relayed, at));
	assert_int_equal(at->heard, at->request.size);
}

/* ---- guessing ---- */

/* What finds no room goes with the next turn. */
static void send_again(struct fixture *at)
{
	at->is_sent = socket_send(at->client, &at->request, 1) == STATUS_OK;
}

static bool is_cut_off(void *data)
{
	struct fixture *at = data;

	send_again(at);
	return at->was_cut_off;
}

static void who_guesses_is_cut_off_after_twenty_refusals(void **test)
{
	struct fixture *at = *test;

	at->refuses = true;
	at->request = bytes_of_text("a guess");
	dial(at);
	assert_true(drive_until(&at->loop, is_cut_off, at));
	assert_true(at->relays >= 20);
}

static bool is_told_something(void *data)
{
	struct fixture *at = data;

	send_again(at);
	return at->answers > 0;
}

static void who_asks_too_often_is_told_to_wait_and_the_log_does_not_hear_of_it(void **test)
{
	struct fixture *at = *test;
	const Fettle__EnrolReply *reply;

	at->request = bytes_of_text("let me in");
	dial(at);
	assert_true(drive_until(&at->loop, is_told_something, at));
	reply = record_unpack(&fettle__enrol_reply__descriptor, at->answer, &at->arena);
	assert_non_null(reply);
	assert_int_equal(reply->outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY);
	assert_true(at->relays >= 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_key_may_ask_and_the_log_is_told_whose_it_is_and_from_where),
		TEST(what_the_log_answers_goes_back_to_who_asked),
		TEST(where_the_log_has_no_room_the_machine_is_told_to_come_again),
		TEST(an_answer_to_who_has_gone_is_no_harm),
		TEST(more_than_a_request_may_be_does_not_come_in),
		TEST(what_is_heard_of_a_connection_is_told),
		TEST(who_guesses_is_cut_off_after_twenty_refusals),
		TEST(who_asks_too_often_is_told_to_wait_and_the_log_does_not_hear_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
