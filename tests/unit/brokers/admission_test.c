/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A router as the gateway has it, on the loopback, and those who knock: with CURVE, without it, and
 * with a user id of their own making in hand-made ZMTP.
 */
#include "brokers/admission.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/keys.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

struct fixture {
	struct socket_context *context;
	uv_loop_t loop;
	struct sockets *sockets;
	struct admission *admission;
	struct socket *front, *client;
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT]; /* of the server */
	char client_public[SOCKET_KEY_TEXT], client_secret[SOCKET_KEY_TEXT];
	unsigned messages, shut;
	const struct member *member; /* of the last message; NULL: of none */
	char user[64], text[64];
};

static void on_front(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct fixture *at = data;

	at->messages++;
	at->member = admission_check(at->admission, user, socket_source(at->front));
	snprintf(at->user, sizeof(at->user), "%s", user);
	snprintf(at->text, sizeof(at->text), "%.*s", (int)parts[count - 1].size,
	    (const char *)parts[count - 1].data);
}

static void on_client(void *data, const struct bytes *parts, size_t count, const char *user)
{
	(void)data;
	(void)parts;
	(void)count;
	(void)user;
}

static void on_shut(void *data, int connection)
{
	struct fixture *at = data;

	at->shut++;
	socket_disconnect(connection);
}

/* What the log says of the client's key. */
static void say(struct fixture *at, uint64_t number, enum _Fettle__MemberState state)
{
	static const uint8_t event_id[EVENT_ID_SIZE] = "an event's id .";
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Member member = FETTLE__MEMBER__INIT;
	struct buffer body = { 0 }, packed = { 0 };
	uint8_t key[SOCKET_KEY_SIZE], id[HASH_SIZE];

	assert_true(socket_key_decode(at->client_public, key));
	keys_agent_id(key, id);
	RECORD_SET_BYTES(&member, key, BYTES_OF(key));
	RECORD_SET_BYTES(&member, agent, BYTES_OF(id));
	RECORD_SET(&member, state, state);
	record_pack(&body, &member.base);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_MEMBER);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&packed, &record.base);
	member_list_take(admission_members(at->admission), number, buffer_bytes(&packed));
	buffer_fini(&body);
	buffer_fini(&packed);
}

static void admit_client(struct fixture *at)
{
	member_list_begin(admission_members(at->admission), 1);
	say(at, 1, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));
	struct socket_options front = { .type = SOCKET_ROUTER,
		.endpoint = "tcp://127.0.0.1:*",
		.binds = true,
		.faces_strangers = true,
		.is_curve_server = true,
		.secret_key = at->secret_key,
		.on_message = on_front,
		.data = at };

	*test = at;
	socket_key_pair(at->public_key, at->secret_key);
	socket_key_pair(at->client_public, at->client_secret);
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	assert_int_equal(admission_open(at->sockets, on_shut, at, &at->admission), STATUS_OK);
	assert_int_equal(socket_open(at->sockets, &front, &at->front), STATUS_OK);
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	admission_close(at->admission);
	sockets_free(at->sockets);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	socket_context_free(at->context);
	free(at);
	return 0;
}

/* A client that has the keys where HAS_CURVE. */
static void dial(struct fixture *at, bool has_curve, struct socket **out)
{
	struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = socket_endpoint(at->front),
		.on_message = on_client,
		.data = at };

	if (has_curve) {
		options.server_key = at->public_key;
		options.public_key = at->client_public;
		options.secret_key = at->client_secret;
	}
	assert_int_equal(socket_open(at->sockets, &options, out), STATUS_OK);
}

/* The client's one message has been taken, and has come. */
static bool has_come(void *data)
{
	struct fixture *at = data;
	const struct bytes hello = bytes_of_text("with keys");

	if (at->client != NULL && socket_send(at->client, &hello, 1) == STATUS_OK)
		at->client = NULL;
	return at->messages > 0;
}

static void an_admitted_key_gets_in_and_its_messages_are_its_agents(void **test)
{
	struct fixture *at = *test;
	uint8_t key[SOCKET_KEY_SIZE], id[HASH_SIZE];

	admit_client(at);
	dial(at, true, &at->client);
	assert_true(drive_until(&at->loop, has_come, at));
	assert_true(socket_key_decode(at->client_public, key));
	keys_agent_id(key, id);
	assert_non_null(at->member);
	assert_memory_equal(at->member->agent, id, HASH_SIZE);
	assert_string_equal(at->text, "with keys");
	assert_int_equal(admission_admitted(at->admission), 1);
}

static bool has_refused(void *data)
{
	struct fixture *at = data;
	const struct bytes hello = bytes_of_text("let me in");

	(void)!socket_send(at->client, &hello, 1);
	return admission_refused(at->admission) >= 2;
}

static void until_the_members_are_known_everybody_is_refused_and_may_come_again(void **test)
{
	struct fixture *at = *test;

	dial(at, true, &at->client);
	assert_true(drive_until(&at->loop, has_refused, at));
	assert_int_equal(at->messages, 0);
	admit_client(at);
	assert_true(drive_until(&at->loop, has_come, at));
	assert_int_equal(at->messages, 1);
}

static void a_key_that_is_not_admitted_stays_out(void **test)
{
	struct fixture *at = *test;

	member_list_begin(admission_members(at->admission), 0);
	dial(at, true, &at->client);
	assert_true(drive_until(&at->loop, has_refused, at));
	assert_int_equal(at->messages, 0);
	assert_int_equal(admission_admitted(at->admission), 0);
}

static bool is_out(void *data)
{
	struct fixture *at = data;

	return has_refused(at) && at->shut == 1;
}

static void whoever_is_shut_out_loses_the_connection_without_having_said_a_word(void **test)
{
	struct fixture *at = *test;
	struct socket *client;

	admit_client(at);
	dial(at, true, &client);
	at->client = client;
	assert_true(drive_until(&at->loop, has_come, at));
	say(at, 2, FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED);
	assert_int_equal(at->shut, 1);
	at->client = client;
	assert_true(drive_until(&at->loop, is_out, at));
	assert_null(at->messages > 1 ? at->member : NULL);
}

static void without_curve_nothing_gets_in(void **test)
{
	struct fixture *at = *test;
	struct socket *plain;
	const struct bytes hello = bytes_of_text("without keys");

	admit_client(at);
	dial(at, false, &plain);
	dial(at, true, &at->client); /* the one that is waited for */
	for (int i = 0; i < 100; i++) {
		(void)!socket_send(plain, &hello, 1);
		uv_run(&at->loop, UV_RUN_NOWAIT);
	}
	assert_true(drive_until(&at->loop, has_come, at));
	assert_int_equal(at->messages, 1);
	assert_string_equal(at->text, "with keys");
}

/* ---- hand-made ZMTP 3.0 ---- */

static int dial_raw(struct fixture *at)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address.sin_port = htons(
	    (uint16_t)strtoul(strrchr(socket_endpoint(at->front), ':') + 1, NULL, 10));
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void put_property(struct buffer *out, const char *name, const char *value)
{
	buffer_append_u8(out, (uint8_t)strlen(name));
	buffer_append_text(out, name);
	buffer_append_u32(out, (uint32_t)strlen(value));
	buffer_append_text(out, value);
}

/* A greeting of MECHANISM, a READY that names its own User-Id, and a message. */
static void put_forgery(struct buffer *out, const char *mechanism)
{
	uint8_t greeting[64] = { 0xff, [9] = 0x7f, [10] = 3 };
	struct buffer ready = { 0 };

	memcpy(greeting + 12, mechanism, strlen(mechanism));
	buffer_append(out, BYTES_OF(greeting));
	buffer_append(&ready, BYTES("\x05READY", 6));
	put_property(&ready, "Socket-Type", "DEALER");
	put_property(&ready, "User-Id", "00112233445566778899aabbccddeeff");
	buffer_append_u8(out, 4); /* a command */
	buffer_append_u8(out, (uint8_t)ready.size);
	buffer_append(out, buffer_bytes(&ready));
	buffer_append(out, BYTES("\x00\x06"
				 "forged",
			       8));
	buffer_fini(&ready);
}

static void is_turned_away(struct fixture *at, const char *mechanism)
{
	struct buffer bytes = { 0 };
	char answer[256];
	int fd = dial_raw(at);
	ssize_t size;

	put_forgery(&bytes, mechanism);
	assert_int_equal(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL), bytes.size);
	/* Its greeting, and then the end: that is how it says no. */
	while ((size = recv(fd, answer, sizeof(answer), 0)) > 0)
		;
	assert_true(size == 0 || errno == ECONNRESET);
	close(fd);
	buffer_fini(&bytes);
}

static void a_forged_user_id_does_not_get_in(void **test)
{
	struct fixture *at = *test;

	admit_client(at);
	is_turned_away(at, "NULL");
	is_turned_away(at, "CURVE"); /* says so, and goes on in the clear */
	is_turned_away(at, "PLAIN");
	dial(at, true, &at->client);
	assert_true(drive_until(&at->loop, has_come, at));
	assert_int_equal(at->messages, 1);
	assert_string_equal(at->text, "with keys");
	assert_string_not_equal(at->user, "00112233445566778899aabbccddeeff");
}

static void there_is_one_admission_in_a_process(void **test)
{
	struct fixture *at = *test;
	struct admission *second;

	assert_int_equal(admission_open(at->sockets, on_shut, at, &second), STATUS_BUSY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_admitted_key_gets_in_and_its_messages_are_its_agents),
		TEST(until_the_members_are_known_everybody_is_refused_and_may_come_again),
		TEST(a_key_that_is_not_admitted_stays_out),
		TEST(whoever_is_shut_out_loses_the_connection_without_having_said_a_word),
		TEST(without_curve_nothing_gets_in),
		TEST(a_forged_user_id_does_not_get_in),
		TEST(there_is_one_admission_in_a_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
