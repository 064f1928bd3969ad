/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are sent: in order, within windows and credit, and again where they were lost.
 */
#include "tests/unit/core/link/world.h"

/* ---- data ---- */

static void sends_everything_once_and_in_order(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = RECORDS;
	for (int i = 0; i < 10; i++)
		world_turn(world);
	assert_int_equal(world->dialler.acked, RECORDS);
	assert_int_equal(link_counters(world->dialler.link)->records_resent, 0);
	assert_int_equal(link_counters(world->acceptor.link)->duplicates, 0);
}

static void never_acknowledges_before_the_commit(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 10;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 10);
	world_pump(world);
	world_deliver_due(world, &world->to_dialler);
	assert_int_equal(world->dialler.acked, 0);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void a_batch_ends_before_the_record_that_is_too_much(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = LINK_BATCH_BYTES / 2;
	world_open(world);
	world->dialler.head = 3;
	world_turn(world);
	assert_int_equal(world->acceptor.deliveries, 2);
	assert_int_equal(world->acceptor.first, 3);
	world->dialler.record_size = LINK_BATCH_BYTES / 2 + 1;
	world->dialler.head = 5;
	world_turn(world);
	assert_int_equal(world->acceptor.deliveries, 4);
}

static void the_largest_record_of_one_frame_has_it_for_itself(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = LINK_FRAME_MAX - LINK_FRAME_ROOM;
	world_open(world);
	world->dialler.head = 2;
	world_turn(world);
	assert_int_equal(world->acceptor.deliveries, 2);
	assert_int_equal(world->acceptor.last_size, LINK_FRAME_MAX - LINK_FRAME_ROOM);
	assert_int_equal(link_counters(world->acceptor.link)->frames_received, 2);
}

static void a_frame_has_256_records_at_most(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 257;
	world_turn(world);
	assert_int_equal(world->acceptor.deliveries, 2);
	assert_int_equal(world->acceptor.last_count, 1);
}

static void transmit_that_is_full_sends_nothing_twice(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 100;
	world->to_acceptor.is_full = true;
	for (int i = 0; i < 5; i++)
		world_turn(world);
	assert_int_equal(world->sink.taken, 0);
	world->to_acceptor.is_full = false;
	world_turn(world);
	assert_int_equal(world->dialler.acked, 100);
	assert_int_equal(link_counters(world->dialler.link)->records_sent, 100);
}

static void a_failing_read_is_tried_again(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 10;
	world->dialler.reading = STATUS_IO;
	world_turn(world);
	world->dialler.reading = STATUS_OK;
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

/* ---- windows ---- */

static void a_window_of_records_bounds_what_is_unacknowledged(void **test)
{
	struct world *world = *test;

	world->sink.window_records = 10;
	world_open(world);
	world->dialler.head = 25;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 10);
	for (int i = 0; i < 3; i++)
		world_turn(world);
	assert_int_equal(world->dialler.acked, 25);
}

static void a_window_of_bytes_bounds_what_is_unacknowledged(void **test)
{
	struct world *world = *test;

	world->sink.window_bytes = LINK_BATCH_BYTES;
	world->dialler.record_size = 1024;
	world_open(world);
	world->dialler.head = 1000;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 64);
}

static void a_window_of_nothing_stops_and_opens_again(void **test)
{
	struct world *world = *test;

	world->sink.window_records = world->sink.window_bytes = 0;
	world_open(world);
	world->dialler.head = 10;
	for (int i = 0; i < 5; i++)
		world_turn(world);
	assert_int_equal(world->sink.taken, 0);
	world->sink.window_records = world->sink.window_bytes = 1000;
	world_turn(world);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void a_window_opens_though_the_frame_that_said_so_is_lost(void **test)
{
	struct world *world = *test;

	world->sink.window_records = world->sink.window_bytes = 0;
	world_open(world);
	world->dialler.head = 10;
	world_turn(world);
	world->sink.window_records = world->sink.window_bytes = 1000;
	world->to_dialler.is_cut = true;
	world_turn(world);
	world->to_dialler.is_cut = false;
	for (int i = 0; i < 40; i++) {
		world_pass(world, 1000);
		world_turn(world);
	}
	assert_int_equal(world->dialler.acked, 10);
}

/* ---- credit ---- */

static void credit_bounds_what_is_unacknowledged(void **test)
{
	struct world *world = *test;

	world_grant(world, 100, 1024 * 1024);
	world_open(world);
	world->dialler.head = 200;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 65); /* all but the shares of others */
	for (int i = 0; i < 5; i++)
		world_turn(world);
	assert_int_equal(world->dialler.acked, 200);
}

static void credit_in_bytes_is_kept_to_the_byte(void **test)
{
	struct world *world = *test;

	world_grant(world, 1000, 100 * 1000);
	world->dialler.record_size = 1000;
	world_open(world);
	world->dialler.head = 200;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 65);
	assert_null(link_offence(world->acceptor.link));
}

static void without_credit_nothing_is_sent_until_there_is_some(void **test)
{
	struct world *world = *test;

	world_grant(world, 0, 0);
	world_open(world);
	world->dialler.head = 10;
	for (int i = 0; i < 5; i++)
		world_turn(world);
	assert_int_equal(world->sink.taken, 0);
	world_grant(world, 100, 100000);
	world_turn(world);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void what_is_sent_again_needs_no_credit(void **test)
{
	struct world *world = *test;

	world_grant(world, 100, 100000);
	world_open(world);
	world->dialler.head = 65;
	world->to_acceptor.is_cut = true;
	world_pump(world);
	world->to_acceptor.is_cut = false;
	world_grant(world, 0, 0);
	world_turn(world);
	world_pass(world, 5000);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 65);
	assert_null(link_offence(world->acceptor.link));
}

static void a_record_larger_than_the_credit_goes_alone(void **test)
{
	struct world *world = *test;

	world_grant(world, 100, 1000);
	world->dialler.record_size = 5000;
	world_open(world);
	world->dialler.head = 3;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 1);
	for (int i = 0; i < 3; i++)
		world_turn(world);
	assert_int_equal(world->dialler.acked, 3);
}

/* ---- loss ---- */

/* Ms until what was lost is sent again. */
static uint64_t resent_after(struct world *world)
{
	uint64_t before = link_counters(world->dialler.link)->records_resent;
	uint64_t from = world->now_ms;

	while (link_counters(world->dialler.link)->records_resent == before) {
		uint64_t next = link_tick(world->dialler.link, world->now_ms);

		assert_true(world->now_ms - from < 200 * 1000);
		world->now_ms = next > world->now_ms ? next : world->now_ms + 1;
		/* Heard of now and then, so that the session lives on. */
		link_take(world->dialler.link,
		    &(Fettle__Frame){ PROTOBUF_C_MESSAGE_INIT(&fettle__frame__descriptor),
			.has_session = 1, .session = link_session(world->dialler.link) },
		    world->now_ms);
	}
	return world->now_ms - from;
}

static void what_is_lost_is_sent_again_ever_more_slowly(void **test)
{
	struct world *world = *test;
	uint64_t latest = 4000;

	world_open(world);
	world->dialler.head = 10;
	world->to_acceptor.is_cut = true;
	world_pump(world);
	for (int i = 0; i < 8; i++) {
		uint64_t waited = resent_after(world);

		assert_true(waited >= 2000 && waited <= latest + 1);
		latest = latest * 2 > 60 * 1000 ? 60 * 1000 : latest * 2;
	}
	world->to_acceptor.is_cut = false;
	(void)resent_after(world);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

/* Of many that lost the same frame at the same time, no tenth of the time sees more than a third.
 */
static void those_who_lost_the_same_come_back_spread_over_all_the_time(void **test)
{
	unsigned counts[10] = { 0 };

	(void)test;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct world *world = world_new(seed);
		uint64_t waited;

		world_open(world);
		world->dialler.head = 1;
		world->to_acceptor.is_cut = true;
		world_pump(world);
		for (int i = 0; i < 6; i++)
			waited = resent_after(world);
		assert_true(waited >= 2000 && waited <= 60 * 1001);
		counts[(waited - 2000) * 10 / (58 * 1000 + 2)]++;
		world_free(world);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_true(counts[i] > 0 && counts[i] < 100);
}

static void one_slow_commit_does_not_make_the_next_loss_last_for_hours(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 1;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	for (int i = 0; i < 3600; i++) { /* an hour until it is committed; pings go on */
		world_pass(world, 1000);
		world_pump(world);
		world_deliver_due(world, &world->to_acceptor);
		world_deliver_due(world, &world->to_dialler);
	}
	world_turn(world);
	assert_int_equal(world->dialler.acked, 1);
	world->dialler.head = 2;
	world->to_acceptor.is_cut = true;
	world_pump(world);
	assert_true(resent_after(world) <= 61 * 1000);
}

static void a_lost_frame_is_asked_for_once(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 1024;
	world_open(world);
	world->dialler.head = 640; /* ten frames */
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 10);
	buffer_fini(&world->to_acceptor.frames[0].bytes);
	memmove(&world->to_acceptor.frames[0], &world->to_acceptor.frames[1],
	    9 * sizeof(struct world_frame));
	memset(&world->to_acceptor.frames[9], 0, sizeof(struct world_frame));
	world->to_acceptor.count = 9;
	/* The acceptor answers each of the nine by itself. */
	while (world->to_acceptor.count > 0) {
		world_deliver_at(world, &world->to_acceptor, 0);
		link_pump(world->acceptor.link, world->now_ms);
	}
	while (world->to_dialler.count > 0) {
		world_deliver_at(world, &world->to_dialler, 0);
		link_pump(world->dialler.link, world->now_ms);
	}
	assert_int_equal(world->to_acceptor.count, 10);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 640);
}

static void a_host_that_lost_records_has_them_sent_again(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 10;
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 10);
	world->sink.taken = 0;
	link_rewind(world->acceptor.link, FLOW, 0);
	world_turn(world);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void a_flow_that_was_not_declared_is_neither_sent_nor_woken(void **test)
{
	struct world *world = *test;

	world_open(world);
	link_wake(world->dialler.link, OTHER_FLOW, 100);
	link_committed(world->acceptor.link, OTHER_FLOW, 100, 1, 1);
	link_rewind(world->acceptor.link, OTHER_FLOW, 100);
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 0);
	assert_int_equal(world->to_dialler.count, 0);
}

static void a_record_may_be_empty(void **test)
{
	struct world *world = *test;
	struct arena arena = { 0 };
	struct buffer packed = { 0 };
	Fettle__Frame frame = FETTLE__FRAME__INIT, *again;
	Fettle__Data data = FETTLE__DATA__INIT;
	ProtobufCBinaryData records[3] = { { 0 } };

	(void)world;
	RECORD_SET(&data, first, 1);
	data.n_records = 3;
	data.records = records;
	frame.data = &data;
	record_pack(&packed, &frame.base);
	again = link_decode(buffer_bytes(&packed), &arena);
	assert_non_null(again);
	assert_int_equal(again->data->n_records, 3);
	assert_int_equal(again->data->records[2].len, 0);
	buffer_fini(&packed);
	arena_fini(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_everything_once_and_in_order),
		TEST(never_acknowledges_before_the_commit),
		TEST(a_batch_ends_before_the_record_that_is_too_much),
		TEST(the_largest_record_of_one_frame_has_it_for_itself),
		TEST(a_frame_has_256_records_at_most),
		TEST(transmit_that_is_full_sends_nothing_twice),
		TEST(a_failing_read_is_tried_again),
		TEST(a_window_of_records_bounds_what_is_unacknowledged),
		TEST(a_window_of_bytes_bounds_what_is_unacknowledged),
		TEST(a_window_of_nothing_stops_and_opens_again),
		TEST(a_window_opens_though_the_frame_that_said_so_is_lost),
		TEST(credit_bounds_what_is_unacknowledged),
		TEST(credit_in_bytes_is_kept_to_the_byte),
		TEST(without_credit_nothing_is_sent_until_there_is_some),
		TEST(what_is_sent_again_needs_no_credit),
		TEST(a_record_larger_than_the_credit_goes_alone),
		TEST(what_is_lost_is_sent_again_ever_more_slowly),
		cmocka_unit_test(those_who_lost_the_same_come_back_spread_over_all_the_time),
		TEST(one_slow_commit_does_not_make_the_next_loss_last_for_hours),
		TEST(a_lost_frame_is_asked_for_once),
		TEST(a_host_that_lost_records_has_them_sent_again),
		TEST(a_flow_that_was_not_declared_is_neither_sent_nor_woken),
		TEST(a_record_may_be_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
