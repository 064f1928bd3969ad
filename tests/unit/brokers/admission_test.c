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
	unsigned messages;
	char user[64], text[64];
};

static void on_front(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct fixture *at = data;

	at->messages++;
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
	assert_int_equal(admission_open(at->sockets, &at->admission), STATUS_OK);
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

static void a_key_gets_in_and_its_user_id_is_its_agent_id(void **test)
{
	struct fixture *at = *test;
	uint8_t key[SOCKET_KEY_SIZE], id[HASH_SIZE];
	char expected[2 * HASH_SIZE + 1];

	dial(at, true, &at->client);
	assert_true(drive_until(&at->loop, has_come, at));
	assert_true(socket_key_decode(at->client_public, key));
	keys_agent_id(key, id);
	bytes_to_hex(BYTES_OF(id), expected);
	assert_string_equal(at->user, expected);
	assert_string_equal(at->text, "with keys");
	assert_int_equal(admission_admitted(at->admission), 1);
}

static void without_curve_nothing_gets_in(void **test)
{
	struct fixture *at = *test;
	struct socket *plain;
	const struct bytes hello = bytes_of_text("without keys");

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

	assert_int_equal(admission_open(at->sockets, &second), STATUS_BUSY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_gets_in_and_its_user_id_is_its_agent_id),
		TEST(without_curve_nothing_gets_in),
		TEST(a_forged_user_id_does_not_get_in),
		TEST(there_is_one_admission_in_a_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
