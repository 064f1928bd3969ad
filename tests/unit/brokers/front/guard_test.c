/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard before real connections, and a handler of handshakes that hangs: it has a loop of its
 * own, which does not turn.  What libzmq asks it stays unanswered, as if its thread stood still.
 */
#include "brokers/front/guard.h"

#include <stdlib.h>

#include "core/zap.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

enum { CROWD = 40, CROWD_MAX = 8 };

struct client {
	struct fixture *fixture;
	struct socket *socket;
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT];
	unsigned let_in, ended;
};

struct fixture {
	struct socket_context *context;
	uv_loop_t loop, handlers_loop;
	struct sockets *sockets, *handlers_sockets;
	struct zap *zap;
	struct socket *front;
	struct guard *guard;
	bool is_hung;
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT]; /* of the server */
	struct client clients[CROWD];
	size_t count;
	unsigned asked, messages;
};

static enum status decide(void *data, const struct zap_request *request, char user[ZAP_USER_MAX])
{
	struct fixture *at = data;

	at->asked++;
	socket_key_encode(request->key, user);
	return STATUS_OK;
}

static void on_front(void *data, const struct bytes *parts, size_t count, const char *user)
{
	static const uint8_t agent[16] = "an agent";
	struct fixture *at = data;

	(void)user;
	at->messages++;
	guard_delivered(at->guard, socket_source(at->front), parts[count - 1].size, agent);
}

static void on_client(void *data, const struct bytes *parts, size_t count, const char *user)
{
	(void)data;
	(void)parts;
	(void)count;
	(void)user;
}

static void on_connection(void *data, bool is_connected)
{
	struct client *client = data;

	client->let_in += is_connected;
	client->ended += !is_connected;
}

static struct ledger_front front_state(void *self, enum ledger_door door)
{
	struct fixture *at = self;

	(void)door;
	return (struct ledger_front){ .is_read = true, .is_drained = !socket_has_input(at->front) };
}

static void on_flooded(void *self)
{
	(void)self;
	fail_msg("a front that is read cannot be flooded");
}

static void on_endless(void *self, const uint8_t agent[16])
{
	(void)self;
	(void)agent;
	fail_msg("nobody sends a message without an end");
}

static void open_front(struct fixture *at)
{
	const struct socket_options options = { .type = SOCKET_ROUTER,
		.endpoint = "tcp://127.0.0.1:*",
		.binds = true,
		.faces_strangers = true,
		.is_curve_server = true,
		.secret_key = at->secret_key,
		.on_message = on_front,
		.data = at };

	assert_int_equal(socket_open(at->sockets, &options, &at->front), STATUS_OK);
}

static void open_guard(struct fixture *at)
{
	const struct ledger_crowd crowd = { .most = CROWD_MAX, .per_address = CROWD_MAX };
	const struct guard_options options = { .loop = &at->loop,
		.endpoints = { socket_endpoint(at->front) },
		.limits = { .mute_ms = 60 * 1000,
		    .frame_max = 1000,
		    .queue_frames = 1000,
		    .held_max = 1 << 20,
		    .connections_max = 1000,
		    .strangers = { crowd, crowd } },
		.front_state = front_state,
		.on_flooded = on_flooded,
		.on_endless = on_endless,
		.self = at };

	at->guard = guard_new(&options);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	socket_key_pair(at->public_key, at->secret_key);
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(uv_loop_init(&at->handlers_loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	assert_int_equal(
	    sockets_new(at->context, &at->handlers_loop, NULL, NULL, &at->handlers_sockets),
	    STATUS_OK);
	assert_int_equal(zap_open(at->handlers_sockets, &at->zap), STATUS_OK);
	zap_add(at->zap, "fettle", decide, at);
	open_front(at);
	open_guard(at);
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	guard_free(at->guard);
	zap_close(at->zap);
	sockets_free(at->sockets);
	sockets_free(at->handlers_sockets);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	uv_run(&at->handlers_loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	assert_int_equal(uv_loop_close(&at->handlers_loop), 0);
	socket_context_free(at->context);
	free(at);
	return 0;
}

static struct client *dial(struct fixture *at)
{
	struct client *client = &at->clients[at->count++];
	const struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = socket_endpoint(at->front),
		.server_key = at->public_key,
		.public_key = client->public_key,
		.secret_key = client->secret_key,
		.on_message = on_client,
		.on_connection = on_connection,
		.data = client };

	client->fixture = at;
	socket_key_pair(client->public_key, client->secret_key);
	assert_int_equal(socket_open(at->sockets, &options, &client->socket), STATUS_OK);
	return client;
}

static void turn_handler(struct fixture *at)
{
	if (!at->is_hung)
		uv_run(&at->handlers_loop, UV_RUN_NOWAIT);
}

static unsigned let_in(const struct fixture *at)
{
	unsigned sum = 0;

	for (size_t i = 0; i < at->count; i++)
		sum += at->clients[i].let_in;
	return sum;
}

static bool is_answered(void *data)
{
	struct fixture *at = data;
	const struct bytes message = bytes_of_text("hello");

	turn_handler(at);
	return at->messages > 0
	    || (socket_send(at->clients[0].socket, &message, 1) == STATUS_OK && at->messages > 0);
}

static bool is_ended(void *data)
{
	struct client *client = data;

	turn_handler(client->fixture);
	return client->ended > 0;
}

static bool is_crowd_ended(void *data)
{
	struct fixture *at = data;

	turn_handler(at);
	return guard_ended(at->guard) >= CROWD - CROWD_MAX;
}

static void where_the_handler_answers_whom_it_admits_gets_in(void **test)
{
	struct fixture *at = *test;

	dial(at);
	assert_true(drive_until(&at->loop, is_answered, at));
	assert_int_equal(at->asked, 1);
}

static void while_it_hangs_nobody_gets_in_and_the_handshakes_limit_ends_who_tries(void **test)
{
	struct fixture *at = *test;
	struct client *client;

	at->is_hung = true;
	client = dial(at);
	assert_true(drive_until(&at->loop, is_ended, client));
	assert_int_equal(let_in(at), 0);
	assert_int_equal(at->messages, 0);
	assert_int_equal(at->asked, 0);
}

static void while_it_hangs_no_more_wait_than_the_guard_lets(void **test)
{
	struct fixture *at = *test;

	at->is_hung = true;
	for (int i = 0; i < CROWD; i++)
		dial(at);
	assert_true(drive_until(&at->loop, is_crowd_ended, at));
	assert_int_equal(let_in(at), 0);
	assert_int_equal(at->messages, 0);
}

static void who_was_ended_gets_in_by_itself_once_it_answers_again(void **test)
{
	struct fixture *at = *test;

	at->is_hung = true;
	assert_true(drive_until(&at->loop, is_ended, dial(at)));
	at->is_hung = false;
	assert_true(drive_until(&at->loop, is_answered, at));
	assert_int_equal(let_in(at), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_the_handler_answers_whom_it_admits_gets_in),
		TEST(while_it_hangs_nobody_gets_in_and_the_handshakes_limit_ends_who_tries),
		TEST(while_it_hangs_no_more_wait_than_the_guard_lets),
		TEST(who_was_ended_gets_in_by_itself_once_it_answers_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
