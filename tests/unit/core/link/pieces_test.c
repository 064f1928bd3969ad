/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are larger than a frame.
 */
#include "tests/unit/core/link/world.h"

/* ---- pieces ---- */

static void a_record_larger_than_a_frame_goes_in_pieces(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = LINK_PIECED_MAX;
	world_open(world);
	world->dialler.head = 3;
	for (int i = 0; i < 4; i++)
		world_turn(world);
	assert_int_equal(world->dialler.acked, 3);
	assert_int_equal(world->acceptor.last_size, LINK_PIECED_MAX);
	assert_int_equal(world->acceptor.deliveries, 3);
}

static void pieces_go_on_where_the_transport_was_full(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	world_open(world);
	world->dialler.head = 1;
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 5);
	world_clear(&world->to_acceptor);
	world->to_acceptor.room = 2;
	world_pass(world, 5000);
	for (int i = 0; i < 3; i++) {
		world_pump(world);
		world_deliver_due(world, &world->to_acceptor);
	}
	assert_int_equal(link_counters(world->acceptor.link)->frames_received, 5);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

static void a_break_sends_a_record_from_its_first_piece(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	world_open(world);
	world->dialler.head = 1;
	world_pump(world);
	world_deliver_at(world, &world->to_acceptor, 0);
	world_deliver_at(world, &world->to_acceptor, 0);
	world_clear(&world->to_acceptor);
	assert_int_equal(world->sink.taken, 0);
	world_pass(world, 5000);
	world_turn(world);
	assert_int_equal(world->dialler.acked, 1);
	assert_int_equal(world->acceptor.last_size, 300 * 1000);
}

static void take_piece(struct world *world, uint64_t first, size_t at, size_t size, size_t total)
{
	static uint8_t bytes[LINK_FRAME_MAX] = { [7] = 1 }; /* of number 1 */
	ProtobufCBinaryData record = record_binary(BYTES(bytes, size));
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;

	RECORD_SET(&frame, session, link_session(world->acceptor.link));
	RECORD_SET(&data, flow, FLOW);
	RECORD_SET(&data, first, first);
	RECORD_SET(&data, piece_at, (uint32_t)at);
	RECORD_SET(&data, piece_total, (uint32_t)total);
	data.n_records = 1;
	data.records = &record;
	frame.data = &data;
	link_take(world->acceptor.link, &frame, world->now_ms);
}

/* Pieces (at, size, total) after the first one, which is 100 of 1000. */
static void pieces_that_do_not_fit_end_the_session(void **test)
{
	static const size_t wrong[][3] = {
		{ 99, 10, 1000 },                /* an overlap */
		{ 991, 10, 1000 },               /* past the end */
		{ 100, 901, 1000 },              /* more than there is */
		{ 100, 10, 1001 },               /* another record */
		{ 100, 0, 1000 },                /* nothing, for ever */
		{ 0, 100, 999 },                 /* begun anew as another one */
		{ 0, 100, LINK_PIECED_MAX + 1 }, /* endless */
		{ UINT32_MAX - 9, 10, 1000 },    /* around the corner */
	};

	(void)test;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct world *world = world_new(i + 1);

		world_open(world);
		take_piece(world, 1, 0, 100, 1000);
		assert_null(link_offence(world->acceptor.link));
		take_piece(world, 1, wrong[i][0], wrong[i][1], wrong[i][2]);
		assert_non_null(link_offence(world->acceptor.link));
		assert_int_equal(world->sink.taken, 0);
		world_free(world);
	}
}

static void a_total_beyond_all_bounds_ends_the_session_at_once(void **test)
{
	struct world *world = *test;

	world_open(world);
	take_piece(world, 1, 0, 100, UINT32_MAX);
	assert_non_null(link_offence(world->acceptor.link));
}

static void whole_records_after_half_a_record_end_the_session(void **test)
{
	struct world *world = *test;

	world_open(world);
	take_piece(world, 1, 0, 100, 1000);
	world_take_data(world, FLOW, 1, 1);
	assert_non_null(link_offence(world->acceptor.link));
}

static void pieces_count_against_the_credit_from_the_first_one_on(void **test)
{
	struct world *world = *test;
	struct credit_pool pool = { .budget = 5000 };

	world_grant(world, 100, 1000);
	world_open(world);
	link_set_pool(world->acceptor.link, &pool);
	take_piece(world, 1, 0, 100, 2000);
	assert_int_equal(pool.used, 2000);
	take_piece(world, 1, 100, 1900, 2000 - 1);
	assert_non_null(link_offence(world->acceptor.link));
	link_free(world->acceptor.link);
	world->acceptor.link = NULL;
	assert_int_equal(pool.used, 0);
}

static void pieces_for_which_the_pool_has_no_room_are_not_taken_and_come_again(void **test)
{
	struct world *world = *test;
	struct credit_pool pool = { .budget = 500 * 1000, .used = 300 * 1000 };

	world->dialler.record_size = 300 * 1000;
	world_open(world);
	link_set_pool(world->acceptor.link, &pool);
	world->dialler.head = 2;
	for (int i = 0; i < 20; i++)
		world_turn(world);
	assert_null(link_offence(world->acceptor.link));
	assert_int_equal(world->sink.taken, 0);
	/* It is not asked for either: it would come back as fast as it is thrown away. */
	assert_int_equal(link_counters(world->dialler.link)->records_sent, 2);
	pool.used = 0;
	for (int i = 0; i < 20; i++) {
		world_pass(world, 5000);
		world_turn(world);
	}
	assert_int_equal(world->dialler.acked, 2);
	assert_int_equal(world->acceptor.last_size, 300 * 1000);
}

static void a_piece_that_is_lost_has_the_record_sent_again_at_once(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	world_open(world);
	world->dialler.head = 2;
	world_pump(world);
	assert_int_equal(world->to_acceptor.count, 10);
	for (int i = 0; i < 2; i++)
		world_deliver_at(world, &world->to_acceptor, 0);
	world_drop_at(&world->to_acceptor, 0);
	world_turn(world);
	assert_null(link_offence(world->acceptor.link));
	world_turn(world);
	assert_int_equal(world->dialler.acked, 2);
	assert_int_equal(link_counters(world->dialler.link)->records_resent, 2);
}

static void pieces_lost_once_more_are_asked_for_once_more(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	world_open(world);
	world->dialler.head = 1;
	for (int losses = 0; losses < 3; losses++) {
		world_pump(world);
		world_deliver_at(world, &world->to_acceptor, 0);
		world_drop_at(&world->to_acceptor, 0);
		world_deliver_due(world, &world->to_acceptor);
		world_pump(world);
		world_deliver_due(world, &world->to_dialler);
	}
	world_turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

/* What a gateway had kept comes after what went around it. */
static void a_piece_that_comes_late_changes_nothing(void **test)
{
	struct world *world = *test;

	world_open(world);
	take_piece(world, 1, 0, 100, 1000);
	take_piece(world, 1, 100, 100, 1000);
	take_piece(world, 1, 100, 100, 1000);
	take_piece(world, 1, 200, 800, 1000);
	assert_null(link_offence(world->acceptor.link));
	assert_int_equal(world->acceptor.deliveries, 1);
	assert_int_equal(world->acceptor.last_size, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_larger_than_a_frame_goes_in_pieces),
		TEST(pieces_go_on_where_the_transport_was_full),
		TEST(a_break_sends_a_record_from_its_first_piece),
		cmocka_unit_test(pieces_that_do_not_fit_end_the_session),
		TEST(a_total_beyond_all_bounds_ends_the_session_at_once),
		TEST(whole_records_after_half_a_record_end_the_session),
		TEST(pieces_count_against_the_credit_from_the_first_one_on),
		TEST(pieces_for_which_the_pool_has_no_room_are_not_taken_and_come_again),
		TEST(a_piece_that_is_lost_has_the_record_sent_again_at_once),
		TEST(pieces_lost_once_more_are_asked_for_once_more),
		TEST(a_piece_that_comes_late_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
