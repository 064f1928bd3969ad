/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that are closed and opened again, as a link does that dials anew.
 */
#include "core/socket.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

enum { TIMES = 500 };

struct fixture {
	struct socket_context *context;
	uv_loop_t loop;
	struct sockets *sockets;
};

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	(void)data;
	(void)parts;
	(void)count;
	(void)user;
}

static void on_connection(void *data, bool is_connected)
{
	(void)data;
	(void)is_connected;
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	sockets_free(at->sockets);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	socket_context_free(at->context);
	free(at);
	return 0;
}

/* The next one stands in memory where the last one stood, before libzmq has let go of all of it. */
static void a_connection_is_watched_however_soon_after_the_last(void **test)
{
	struct fixture *at = *test;
	const struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = "tcp://127.0.0.1:1",
		.on_message = on_message,
		.on_connection = on_connection };
	struct socket *socket;

	for (int i = 0; i < TIMES; i++) {
		assert_int_equal(socket_open(at->sockets, &options, &socket), STATUS_OK);
		socket_close(socket);
		uv_run(&at->loop, UV_RUN_NOWAIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_connection_is_watched_however_soon_after_the_last,
		    start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
