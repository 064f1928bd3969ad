/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/roll_call.h"

#include <stdlib.h>

#include "core/link.h"
#include "tests/support/scratch.h"

enum { ROUTES_MAX = 8192 };

struct fixture {
	uv_loop_t loop;
	struct roll_call *call;
	unsigned sent, most_at_once, turns;
	char routes[ROUTES_MAX][8];
	uint64_t spread_ms;
	enum status status; /* that sending has */
};

static enum status send_frame(void *data, struct bytes route, struct bytes frame)
{
	struct fixture *at = data;
	struct arena arena = { 0 };
	Fettle__Frame *decoded = link_decode(frame, &arena);

	assert_non_null(decoded->call);
	at->spread_ms = decoded->call->spread_ms;
	assert_in_range(at->sent, 0, ROUTES_MAX - 1);
	memcpy(at->routes[at->sent++], route.data, route.size);
	arena_fini(&arena);
	return at->status;
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	uv_loop_init(&at->loop);
	at->call = roll_call_new(
	    &(struct roll_call_options){ .loop = &at->loop, .send = send_frame, .data = at });
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	roll_call_free(at->call);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	uv_loop_close(&at->loop);
	free(at);
	return 0;
}

static void note(struct fixture *at, int connection, const char *route)
{
	roll_call_note(at->call, connection, bytes_of_text(route));
}

static void call_all(struct fixture *at)
{
	at->sent = 0;
	memset(at->routes, 0, sizeof(at->routes));
	roll_call_begin(at->call);
	while (uv_run(&at->loop, UV_RUN_ONCE) != 0)
		at->turns++;
}

static void everyone_is_called_by_the_way_of_their_last_message(void **test)
{
	struct fixture *at = *test;

	note(at, 7, "aaaaa");
	note(at, 900, "bbbbb");
	note(at, 7, "ccccc");
	call_all(at);
	assert_int_equal(at->sent, 2);
	assert_string_equal(at->routes[0], "ccccc");
	assert_string_equal(at->routes[1], "bbbbb");
	assert_int_equal(at->spread_ms, 1000);
}

static void nobody_is_called_where_nobody_has_spoken(void **test)
{
	struct fixture *at = *test;

	note(at, -1, "aaaaa");
	call_all(at);
	assert_int_equal(at->sent, 0);
}

static void a_way_that_is_no_more_is_forgotten_and_one_without_room_is_not(void **test)
{
	struct fixture *at = *test;

	note(at, 7, "aaaaa");
	at->status = STATUS_AGAIN;
	call_all(at);
	at->status = STATUS_CLOSED;
	call_all(at);
	assert_int_equal(at->sent, 1);
	call_all(at);
	assert_int_equal(at->sent, 0);
}

static void a_route_that_no_agent_of_ours_has_is_not_kept(void **test)
{
	struct fixture *at = *test;

	note(at, 7, "aaaaa");
	note(at, 7, "a route of somebody else's choice");
	call_all(at);
	assert_int_equal(at->sent, 0);
}

static void a_large_fleet_is_called_piece_by_piece_and_answers_over_a_longer_time(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 5000; i++)
		note(at, i, "aaaaa");
	call_all(at);
	assert_int_equal(at->sent, 5000);
	assert_int_equal(at->spread_ms, 2000);
	assert_in_range(at->turns, 9, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everyone_is_called_by_the_way_of_their_last_message),
		TEST(nobody_is_called_where_nobody_has_spoken),
		TEST(a_way_that_is_no_more_is_forgotten_and_one_without_room_is_not),
		TEST(a_route_that_no_agent_of_ours_has_is_not_kept),
		TEST(a_large_fleet_is_called_piece_by_piece_and_answers_over_a_longer_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
