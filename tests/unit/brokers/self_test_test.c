/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-test before a front as it should be, and before one that libzmq leaves open: CURVE
 * without anybody who is asked, which admits every key.  That one is made by hand, since our own
 * sockets cannot be opened so.
 */
#include "brokers/self_test.h"

#include <stdlib.h>
#include <zmq.h>

#include "tests/support/scratch.h"

struct fixture {
	struct socket_context *context;
	uv_loop_t loop;
	struct sockets *sockets;
	struct admission *admission;
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT];
};

static void on_shut(void *data, int connection)
{
	(void)data;
	(void)connection;
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	(void)data;
	(void)parts;
	(void)count;
	(void)user;
	fail_msg("a stranger's message came in");
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	socket_key_pair(at->public_key, at->secret_key);
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	assert_int_equal(admission_open(at->sockets, on_shut, at, &at->admission), STATUS_OK);
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

static enum status try_front(struct fixture *at, const char *endpoint)
{
	return self_test(&at->loop, at->sockets, at->admission, endpoint, at->public_key);
}

static void a_front_that_refuses_strangers_passes(void **test)
{
	struct fixture *at = *test;
	struct socket *front;
	const struct socket_options options = { .type = SOCKET_ROUTER,
		.endpoint = "tcp://127.0.0.1:*",
		.binds = true,
		.faces_strangers = true,
		.is_curve_server = true,
		.secret_key = at->secret_key,
		.on_message = on_message };

	assert_int_equal(socket_open(at->sockets, &options, &front), STATUS_OK);
	assert_int_equal(try_front(at, socket_endpoint(front)), STATUS_OK);
	/* Also where the list of members is known, and nobody is in it. */
	member_list_begin(admission_members(at->admission), 0);
	assert_int_equal(try_front(at, socket_endpoint(front)), STATUS_OK);
}

static void a_front_that_lets_every_key_in_does_not(void **test)
{
	struct fixture *at = *test;
	void *context = zmq_ctx_new(), *open_front = zmq_socket(context, ZMQ_ROUTER);
	const int yes = 1, no = 0;
	char endpoint[256];
	size_t size = sizeof(endpoint);

	assert_int_equal(zmq_setsockopt(open_front, ZMQ_LINGER, &no, sizeof(no)), 0);
	assert_int_equal(zmq_setsockopt(open_front, ZMQ_CURVE_SERVER, &yes, sizeof(yes)), 0);
	assert_int_equal(
	    zmq_setsockopt(open_front, ZMQ_CURVE_SECRETKEY, at->secret_key, SOCKET_KEY_TEXT - 1),
	    0);
	assert_int_equal(zmq_bind(open_front, "tcp://127.0.0.1:*"), 0);
	assert_int_equal(zmq_getsockopt(open_front, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
	assert_int_equal(try_front(at, endpoint), STATUS_DENIED);
	zmq_close(open_front);
	zmq_ctx_term(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_front_that_refuses_strangers_passes),
		TEST(a_front_that_lets_every_key_in_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
