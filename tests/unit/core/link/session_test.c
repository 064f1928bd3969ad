/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session: how it opens, is kept, and begins anew.
 */
#include "tests/unit/core/link/world.h"

/* ---- opening ---- */

static void says_hello_and_is_welcomed(void **test)
{
	struct world *world = *test;

	world_open(world);
	assert_int_equal(world->dialler.opened, 1);
	assert_int_equal(world->acceptor.opened, 1);
	assert_true(link_session(world->dialler.link) != 0);
}

static void says_hello_again_ever_more_slowly(void **test)
{
	struct world *world = *test;
	uint64_t gap_before = 0, last = world->now_ms;
	unsigned hellos = 0;

	world->to_acceptor.is_cut = true;
	for (int i = 0; i < 12; i++) {
		uint64_t next = link_tick(world->dialler.link, world->now_ms);

		hellos++;
		last = world->now_ms;
		world_pass(world, next - world->now_ms);
		if (i == 0)
			gap_before = world->now_ms - last;
	}
	assert_int_equal(link_counters(world->dialler.link)->frames_sent, hellos);
	assert_true(world->now_ms - last > gap_before);
	assert_true(world->now_ms - last <= 90 * 1000);
}

static void asks_again_soon_where_nobody_is_connected(void **test)
{
	struct world *world = *test;

	world->to_acceptor.is_full = true;
	assert_int_equal(link_tick(world->dialler.link, world->now_ms), world->now_ms + 50);
	world->to_acceptor.is_full = false;
	world_pass(world, 50);
	world_open(world);
}

static void ignores_a_welcome_to_an_older_hello(void **test)
{
	struct world *world = *test;

	world_pump(world);
	world_deliver_due(world, &world->to_acceptor); /* its welcome is under way */
	link_restart(world->dialler.link, world->now_ms, "test");
	(void)link_tick(world->dialler.link, world->now_ms); /* another hello, another challenge */
	world_deliver_due(world, &world->to_dialler);
	assert_false(link_is_open(world->dialler.link));
	world_open(world);
}

static void ignores_a_welcome_of_another_protocol(void **test)
{
	struct world *world = *test;
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;

	world_pump(world);
	RECORD_SET(&frame, session, 7);
	RECORD_SET(&welcome, protocol, LINK_PROTOCOL + 1);
	frame.welcome = &welcome;
	link_take(world->dialler.link, &frame, world->now_ms);
	assert_false(link_is_open(world->dialler.link));
	assert_int_equal(world->dialler.welcomes, 0);
}

static void says_hello_at_once_where_the_host_has_changed_it(void **test)
{
	struct world *world = *test;

	world->dialler.welcome = STATUS_AGAIN;
	world_turn(world);
	assert_false(link_is_open(world->dialler.link));
	world->dialler.welcome = STATUS_OK;
	world_open(world);
}

static void does_not_greet_as_fast_as_it_is_answered(void **test)
{
	struct world *world = *test;

	world->dialler.welcome = STATUS_NO_SPACE;
	for (int i = 0; i < 100; i++)
		world_turn(world);
	assert_int_equal(world->dialler.welcomes, 1);
}

static void a_session_that_nobody_knows_begins_anew(void **test)
{
	struct world *world = *test;

	world_open(world);
	link_free(world->acceptor.link); /* a broker that restarted */
	world->acceptor.link = NULL;
	world->dialler.head = 1;
	world_turn(world); /* data, and a reset */
	assert_int_equal(world->dialler.closed, 1);
	world_turn(world);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

static void a_reset_for_another_session_changes_nothing(void **test)
{
	struct world *world = *test;

	world_open(world);
	world_send_reset(world, link_session(world->dialler.link) + 1);
	world_deliver_due(world, &world->to_dialler);
	assert_true(link_is_open(world->dialler.link));
}

static void frames_of_another_session_change_nothing(void **test)
{
	struct world *world = *test;
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;
	ProtobufCBinaryData record = record_binary(world_record_of(&world->dialler, 1));

	world_open(world);
	RECORD_SET(&frame, session, link_session(world->acceptor.link) + 1);
	RECORD_SET(&data, flow, FLOW);
	RECORD_SET(&data, first, 1);
	data.n_records = 1;
	data.records = &record;
	frame.data = &data;
	link_take(world->acceptor.link, &frame, world->now_ms);
	assert_int_equal(world->sink.taken, 0);
}

static void silence_of_45_seconds_ends_a_session(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->to_dialler.is_cut = true;
	for (int i = 0; i < 44; i++) {
		world_pass(world, 1000);
		world_turn(world);
		assert_true(link_is_open(world->dialler.link));
	}
	world_pass(world, 1000);
	world_turn(world);
	assert_false(link_is_open(world->dialler.link));
	assert_int_equal(world->dialler.closed, 1);
}

static void pings_keep_an_idle_session(void **test)
{
	struct world *world = *test;

	world_open(world);
	for (int i = 0; i < 600; i++) {
		world_pass(world, 1000);
		world_turn(world);
	}
	assert_true(link_is_open(world->dialler.link));
	assert_int_equal(world->dialler.closed, 0);
}

static void a_new_session_says_what_was_committed_before(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 10;
	world->to_dialler.is_cut = true;
	world_turn(world); /* committed, and the acknowledgement is lost */
	assert_int_equal(world->dialler.acked, 0);
	world->to_dialler.is_cut = false;
	link_restart(world->dialler.link, world->now_ms, "test");
	world_open(world);
	assert_int_equal(world->dialler.acked, 10);
}

/* ---- being connected anew ---- */

static void a_nudge_makes_an_open_session_speak_within_a_moment(void **test)
{
	struct world *world = *test;
	uint64_t next;

	world_open(world);
	world_pass(world, 1000);
	link_nudge(world->dialler.link, world->now_ms);
	next = link_tick(world->dialler.link, world->now_ms);
	assert_true(next <= world->now_ms + 200);
	world->now_ms = next;
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 1);
	world_pass(world, 1000);
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 1);
}

static void a_nudge_brings_the_next_hello_forward(void **test)
{
	struct world *world = *test;

	world->to_acceptor.is_cut = true;
	for (int i = 0; i < 8; i++)
		world->now_ms = link_tick(world->dialler.link, world->now_ms);
	(void)link_tick(world->dialler.link, world->now_ms);
	world->to_acceptor.is_cut = false;
	link_nudge(world->dialler.link, world->now_ms);
	world_pass(world, 200);
	world_turn(world);
	assert_true(link_is_open(world->dialler.link));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

static void call(struct world *world, struct link *link, uint64_t spread_ms)
{
	struct buffer frame = { 0 };

	link_encode_call(&frame, spread_ms);
	assert_int_equal(link_frame(link, buffer_bytes(&frame), world->now_ms), STATUS_OK);
	buffer_fini(&frame);
}

static void who_is_called_says_that_it_is_there_within_the_time_that_the_call_gives(void **test)
{
	struct world *world = *test;
	uint64_t next;

	world_open(world);
	world_pass(world, 1000);
	call(world, world->dialler.link, 2000);
	next = link_tick(world->dialler.link, world->now_ms);
	assert_true(next <= world->now_ms + 2000);
	world->now_ms = next;
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 1);
	assert_true(link_is_open(world->dialler.link));
}

static void a_call_neither_waits_for_hours_nor_puts_off_what_comes_sooner(void **test)
{
	struct world *world = *test;
	uint64_t next;

	world_open(world);
	link_nudge(world->dialler.link, world->now_ms);
	next = link_tick(world->dialler.link, world->now_ms);
	call(world, world->dialler.link, UINT64_MAX);
	assert_int_equal(link_tick(world->dialler.link, world->now_ms), next);
	call(world, world->dialler.link, 0);
	(void)link_tick(world->dialler.link, world->now_ms);
	assert_int_equal(world->to_acceptor.count, 1);
}

static void a_call_to_the_accepting_side_is_nothing(void **test)
{
	struct world *world = *test;

	world_open(world);
	call(world, world->acceptor.link, 1);
	assert_null(link_offence(world->acceptor.link));
	assert_true(link_is_open(world->acceptor.link));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_hello_and_is_welcomed),
		TEST(says_hello_again_ever_more_slowly),
		TEST(asks_again_soon_where_nobody_is_connected),
		TEST(ignores_a_welcome_to_an_older_hello),
		TEST(ignores_a_welcome_of_another_protocol),
		TEST(says_hello_at_once_where_the_host_has_changed_it),
		TEST(does_not_greet_as_fast_as_it_is_answered),
		TEST(a_session_that_nobody_knows_begins_anew),
		TEST(a_reset_for_another_session_changes_nothing),
		TEST(frames_of_another_session_change_nothing),
		TEST(silence_of_45_seconds_ends_a_session),
		TEST(pings_keep_an_idle_session),
		TEST(a_new_session_says_what_was_committed_before),
		TEST(a_nudge_makes_an_open_session_speak_within_a_moment),
		TEST(a_nudge_brings_the_next_hello_forward),
		TEST(who_is_called_says_that_it_is_there_within_the_time_that_the_call_gives),
		TEST(a_call_neither_waits_for_hours_nor_puts_off_what_comes_sooner),
		TEST(a_call_to_the_accepting_side_is_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
