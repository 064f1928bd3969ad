/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a link takes from the other side, who may be hostile.
 */
#include "tests/unit/core/link/world.h"

/* ---- hostile peers ---- */

static void take_ack(struct world *world, uint32_t number, uint64_t committed)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ack ack = FETTLE__ACK__INIT;
	Fettle__Flow flow = FETTLE__FLOW__INIT, *flows = &flow;

	RECORD_SET(&frame, session, link_session(world->dialler.link));
	RECORD_SET(&flow, flow, number);
	RECORD_SET(&flow, committed, committed);
	RECORD_SET(&flow, window_records, 5);
	ack.n_flows = 1;
	ack.flows = &flows;
	frame.ack = &ack;
	link_take(world->dialler.link, &frame, world->now_ms);
}

static void an_ack_beyond_what_was_sent_changes_nothing(void **test)
{
	struct world *world = *test;

	world_open(world);
	world->dialler.head = 10;
	world->to_acceptor.is_full = true;
	world_pump(world);
	take_ack(world, FLOW, 1);
	take_ack(world, FLOW, UINT64_MAX);
	take_ack(world, OTHER_FLOW, 0);
	assert_int_equal(world->dialler.acked, 0);
	world->to_acceptor.is_full = false;
	world_turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void data_out_of_all_bounds_changes_nothing(void **test)
{
	struct world *world = *test;

	world_open(world);
	world_take_data(world, OTHER_FLOW, 1, 1);
	world_take_data(world, FLOW, 0, 1);
	world_take_data(world, FLOW, 1, 0);
	world_take_data(world, FLOW, 1, LINK_BATCH_RECORDS + 1);
	world_take_data(world, FLOW, UINT64_MAX, 2);
	world_take_data(world, FLOW, UINT64_MAX, 1);
	assert_int_equal(world->sink.taken, 0);
	world->dialler.head = 1;
	world_turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

static void who_sends_more_than_its_credit_has_offended(void **test)
{
	struct world *world = *test;
	struct buffer record = { 0 };
	ProtobufCBinaryData records[2];
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;

	world_grant(world, 100, 1000);
	world_open(world);
	memset(buffer_extend(&record, 1000), 0, 1000);
	records[0] = records[1] = record_binary(buffer_bytes(&record));
	RECORD_SET(&frame, session, link_session(world->acceptor.link));
	RECORD_SET(&data, flow, FLOW);
	RECORD_SET(&data, first, 1);
	data.n_records = 2;
	data.records = records;
	frame.data = &data;
	link_take(world->acceptor.link, &frame, world->now_ms);
	assert_string_equal(link_offence(world->acceptor.link), "it sent more than its credit");
	assert_int_equal(world->sink.taken, 0);
	buffer_fini(&record);
}

static void bytes_that_are_no_frame_are_refused(void **test)
{
	struct world *world = *test;
	uint8_t noise[64];
	struct buffer large = { 0 };

	world_open(world);
	for (int i = 0; i < 2000; i++) {
		size_t size = (size_t)world_draw(world, sizeof(noise));

		for (size_t b = 0; b < size; b++)
			noise[b] = (uint8_t)world_draw(world, 256);
		(void)!link_frame(world->dialler.link, BYTES(noise, size), world->now_ms);
	}
	memset(buffer_extend(&large, LINK_INNER_FRAME_MAX + 1), 0, LINK_INNER_FRAME_MAX + 1);
	assert_int_equal(link_frame(world->dialler.link, buffer_bytes(&large), world->now_ms),
	    STATUS_REJECT);
	assert_int_equal(link_frame(world->dialler.link, BYTES("\xff", 1), world->now_ms),
	    STATUS_REJECT);
	buffer_fini(&large);
	assert_true(link_is_open(world->dialler.link));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_ack_beyond_what_was_sent_changes_nothing),
		TEST(data_out_of_all_bounds_changes_nothing),
		TEST(who_sends_more_than_its_credit_has_offended),
		TEST(bytes_that_are_no_frame_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
