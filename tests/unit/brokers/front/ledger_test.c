/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/front/ledger.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

enum { FRAME = 1000, QUEUE = 4, WIRE = FRAME + 33 + 9 };

static const struct ledger_front read_out = { .is_read = true, .is_drained = true };
static const struct ledger_front busy = { .is_read = true };
static const struct ledger_front paused = { 0 };

struct fixture {
	struct ledger *ledger;
	uint64_t now_ms;
	struct ledger_connection at[32];
	size_t count;
	enum ledger_reason ended[32];
	bool was_agent[32];
	size_t ends;
};

static int start(void **test)
{
	const struct ledger_limits limits = { .mute_ms = 10000,
		.frame_max = FRAME,
		.queue_frames = QUEUE,
		.held_max = 100 * 1000,
		.connections_max = 20,
		.asked_ms = 30000,
		.strangers = { { .most = 10, .per_address = 5 },
		    { .most = 6, .per_address = 4 } } };
	struct fixture *fixture = memory_new(sizeof(*fixture));

	fixture->ledger = ledger_new(&limits);
	fixture->now_ms = 1000;
	*test = fixture;
	return 0;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;

	ledger_free(fixture->ledger);
	free(fixture);
	return 0;
}

/* Connection FD is there, its cookie the next one. */
static void connect_from(struct fixture *test, size_t fd, uint8_t address)
{
	static uint64_t cookies;

	test->at[fd] = (struct ledger_connection){ .cookie = ++cookies };
	test->at[fd].address[10] = test->at[fd].address[11] = 0xff;
	test->at[fd].address[15] = address;
	if (fd >= test->count)
		test->count = fd + 1;
}

/* The same at the second door. */
static void comes_to_enrol(struct fixture *test, size_t fd, uint8_t address)
{
	connect_from(test, fd, address);
	test->at[fd].door = LEDGER_ENROLMENT;
}

/* A whole request to enrol, that was read. */
static void asks(struct fixture *test, size_t fd)
{
	test->at[fd].received += 100 + 33 + 2;
	ledger_delivered(test->ledger, (int)fd, 100, NULL);
}

static void disconnect(struct fixture *test, size_t fd)
{
	test->at[fd].cookie = 0;
}

static void receives(struct fixture *test, size_t fd, uint64_t bytes)
{
	test->at[fd].received += bytes;
}

static void delivers_as(struct fixture *test, size_t fd, uint8_t agent, size_t size)
{
	uint8_t id[16] = { agent };

	ledger_delivered(test->ledger, (int)fd, size, id);
}

/* A whole message that came and was read. */
static void says(struct fixture *test, size_t fd, size_t size)
{
	receives(test, fd, size + 33 + (size + 33 > 255 ? 9 : 2));
	delivers_as(test, fd, (uint8_t)(fd + 1), size);
}

static void on_shut(void *self, const struct ledger_end *end)
{
	struct fixture *test = self;

	test->ended[end->fd] = end->reason;
	test->was_agent[end->fd] = end->agent != NULL;
	test->ends++;
}

static void look_through(struct fixture *test, struct ledger_front front,
    struct ledger_front enrolment)
{
	const struct ledger_front fronts[] = { front, enrolment };

	test->ends = 0;
	memset(test->ended, 0, sizeof(test->ended));
	ledger_begin(test->ledger, test->now_ms);
	for (size_t fd = 0; fd < test->count; fd++)
		if (test->at[fd].cookie != 0)
			ledger_see(test->ledger, (int)fd, &test->at[fd]);
	ledger_judge(test->ledger, fronts, on_shut, test);
	test->now_ms += 1000;
}

static void look(struct fixture *test, struct ledger_front front)
{
	look_through(test, front, read_out);
}

static void an_agent_that_sends_whole_messages_stays(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	for (int i = 0; i < 1000; i++) {
		says(at, 3, FRAME);
		look(at, read_out);
		assert_int_equal(at->ends, 0);
	}
	assert_int_equal(ledger_totals(at->ledger)->held, 0);
	assert_int_equal(ledger_totals(at->ledger)->connections, 1);
	assert_int_equal(ledger_totals(at->ledger)->strangers, 0);
}

static void an_endless_message_ends_at_the_second_look_that_finds_it(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	look(at, read_out);
	receives(at, 3, 2 * WIRE + 1);
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	assert_true(ledger_totals(at->ledger)->has_suspect);
	look(at, read_out);
	assert_int_equal(at->ended[3], LEDGER_ENDLESS);
	assert_true(at->was_agent[3]);
}

static void two_frames_that_are_not_yet_whole_are_no_endless_message(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	look(at, read_out);
	receives(at, 3, 2 * WIRE);
	for (int i = 0; i < 10; i++) {
		look(at, read_out);
		assert_int_equal(at->ends, 0);
	}
}

static void who_was_suspected_and_then_delivers_stays(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	look(at, read_out);
	receives(at, 3, 3 * WIRE);
	look(at, read_out);
	assert_true(ledger_totals(at->ledger)->has_suspect);
	for (int i = 0; i < 3; i++)
		delivers_as(at, 3, 4, FRAME);
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	assert_false(ledger_totals(at->ledger)->has_suspect);
}

static void more_than_a_queue_of_whole_messages_is_endless_however_busy_the_front(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	receives(at, 3, (QUEUE + 2) * WIRE);
	look(at, busy);
	assert_int_equal(at->ends, 0);
	receives(at, 3, 1);
	look(at, busy);
	assert_int_equal(at->ended[3], LEDGER_ENDLESS);
}

static void what_waits_while_the_front_is_paused_is_no_attack(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	look(at, read_out);
	receives(at, 3, (QUEUE + 1) * WIRE);
	for (int i = 0; i < 60; i++) {
		look(at, paused);
		assert_int_equal(at->ends, 0);
	}
}

static void what_the_kernel_keeps_is_not_held(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	look(at, read_out);
	receives(at, 3, 1000 * WIRE);
	at->at[3].queued = 999 * WIRE;
	look(at, paused);
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	assert_int_equal(ledger_totals(at->ledger)->held, WIRE);
}

static void heartbeats_do_not_add_up(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	for (int i = 0; i < 10000; i++) {
		receives(at, 3, 20);
		says(at, 3, 10);
		look(at, read_out);
		assert_int_equal(at->ends, 0);
	}
	assert_in_range(ledger_totals(at->ledger)->held, 0, 100);
}

static void crumbs_between_messages_do_not_hide_an_endless_one(void **test)
{
	struct fixture *at = *test;
	size_t looks = 0;

	connect_from(at, 3, 1);
	says(at, 3, 100);
	look(at, read_out);
	while (at->ends == 0 && looks++ < 1000) {
		receives(at, 3, 10);
		look(at, read_out);
	}
	assert_int_equal(at->ended[3], LEDGER_ENDLESS);
	assert_in_range(looks, 2 * WIRE / 10, 2 * WIRE / 10 + 2);
}

static void a_stranger_may_not_send_more_than_a_handshake_takes(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	receives(at, 3, LEDGER_STRANGER_BYTES);
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	receives(at, 3, 1);
	look(at, read_out);
	assert_int_equal(at->ended[3], LEDGER_BABBLES);
	assert_false(at->was_agent[3]);
}

static void who_says_nothing_for_ten_seconds_goes(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	connect_from(at, 4, 1);
	says(at, 4, 10);
	for (int i = 0; i <= 10; i++) {
		look(at, read_out);
		assert_int_equal(at->ends, 0);
	}
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[3], LEDGER_MUTE);
}

static void nobody_is_mute_while_the_front_is_paused(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	for (int i = 0; i < 60; i++) {
		look(at, paused);
		assert_int_equal(at->ends, 0);
	}
}

static void strangers_beyond_those_of_an_address_go_the_oldest_first(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	connect_from(at, 4, 2);
	look(at, read_out);
	for (size_t fd = 5; fd < 10; fd++)
		connect_from(at, fd, 1);
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[3], LEDGER_CROWD);
}

static void strangers_of_many_addresses_have_a_bound_together(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	look(at, read_out);
	for (size_t fd = 4; fd < 14; fd++)
		connect_from(at, fd, (uint8_t)fd);
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[3], LEDGER_CROWD);
}

static void above_all_connections_the_newest_strangers_go_and_no_agent(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 0; fd < 20; fd++) {
		connect_from(at, fd, (uint8_t)fd);
		says(at, fd, 10);
	}
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	connect_from(at, 20, 1);
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[20], LEDGER_FULL);
}

static void of_one_agents_connections_the_newest_four_stay(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 3; fd < 8; fd++) {
		connect_from(at, fd, 1);
		delivers_as(at, fd, 7, 10);
		look(at, read_out);
	}
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[3], LEDGER_TWINS);
}

static void when_all_hold_too_much_those_go_that_hold_most(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 0; fd < 20; fd++) {
		connect_from(at, fd, (uint8_t)fd);
		says(at, fd, 10);
	}
	look(at, read_out);
	for (size_t fd = 0; fd < 20; fd++)
		receives(at, fd, fd == 7 ? 6000 : 5100);
	look(at, busy);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[7], LEDGER_HOLDS_MOST);
	assert_in_range(ledger_totals(at->ledger)->held, 0, 100 * 1000);
}

static void nobody_goes_for_what_all_hold_while_the_front_is_paused(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 0; fd < 20; fd++) {
		connect_from(at, fd, (uint8_t)fd);
		says(at, fd, 10);
	}
	look(at, read_out);
	for (size_t fd = 0; fd < 20; fd++)
		receives(at, fd, 6000);
	look(at, paused);
	assert_int_equal(at->ends, 0);
	assert_true(ledger_totals(at->ledger)->held > 100 * 1000);
}

static void a_descriptor_that_is_used_again_starts_anew(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 10);
	look(at, read_out);
	receives(at, 3, 2 * WIRE);
	look(at, read_out);
	connect_from(at, 3, 1);
	look(at, read_out);
	assert_int_equal(ledger_totals(at->ledger)->strangers, 1);
	assert_int_equal(ledger_totals(at->ledger)->held, 0);
	disconnect(at, 3);
	look(at, read_out);
	assert_int_equal(ledger_totals(at->ledger)->connections, 0);
	assert_int_equal(ledger_cookie(at->ledger, 3), 0);
}

static void who_spoke_before_the_first_look_is_no_stranger(void **test)
{
	struct fixture *at = *test;

	connect_from(at, 3, 1);
	says(at, 3, 10);
	look(at, read_out);
	assert_int_equal(ledger_totals(at->ledger)->strangers, 0);
	disconnect(at, 3);
	connect_from(at, 3, 1);
	says(at, 3, 10);
	look(at, read_out);
	assert_int_equal(ledger_totals(at->ledger)->strangers, 0);
}

/* ---- the second door ---- */

static void who_comes_to_enrol_and_says_nothing_for_ten_seconds_goes(void **test)
{
	struct fixture *at = *test;

	comes_to_enrol(at, 3, 1);
	for (int i = 0; i <= 10; i++) {
		look(at, paused);
		assert_int_equal(at->ends, 0);
	}
	look(at, paused);
	assert_int_equal(at->ended[3], LEDGER_MUTE);
	assert_false(at->was_agent[3]);
}

static void who_has_asked_may_wait_for_its_approval_and_ask_again(void **test)
{
	struct fixture *at = *test;

	comes_to_enrol(at, 3, 1);
	asks(at, 3);
	for (int i = 0; i < 100; i++) {
		look(at, read_out);
		assert_int_equal(at->ends, 0);
		if (i % 25 == 24)
			asks(at, 3);
	}
	for (int i = 0; i <= 31; i++) {
		assert_int_equal(at->ends, 0);
		look(at, read_out);
	}
	assert_int_equal(at->ended[3], LEDGER_MUTE);
}

static void whoever_asks_is_no_agent(void **test)
{
	struct fixture *at = *test;

	comes_to_enrol(at, 3, 1);
	asks(at, 3);
	look(at, read_out);
	assert_int_equal(ledger_totals(at->ledger)->strangers, 1);
	assert_int_equal(ledger_totals(at->ledger)->enrolling, 1);
}

static void an_endless_request_ends_as_soon_as_it_is_more_than_a_stranger_may_send(void **test)
{
	struct fixture *at = *test;

	comes_to_enrol(at, 3, 1);
	asks(at, 3);
	look(at, read_out);
	receives(at, 3, LEDGER_STRANGER_BYTES + 1);
	look_through(at, read_out, busy);
	assert_int_equal(at->ends, 0);
	look(at, read_out);
	assert_int_equal(at->ended[3], LEDGER_BABBLES);
}

static void an_endless_request_ends_however_busy_the_door(void **test)
{
	struct fixture *at = *test;

	comes_to_enrol(at, 3, 1);
	receives(at, 3, LEDGER_ASKING_BYTES);
	look_through(at, read_out, busy);
	assert_int_equal(at->ends, 0);
	receives(at, 3, 1);
	look_through(at, read_out, busy);
	assert_int_equal(at->ended[3], LEDGER_BABBLES);
}

static void each_door_has_a_crowd_of_its_own(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 0; fd < 5; fd++)
		connect_from(at, fd, 1);
	for (size_t fd = 5; fd < 9; fd++)
		comes_to_enrol(at, fd, 1);
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	comes_to_enrol(at, 9, 1);
	at->now_ms += 1000;
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_true(at->ended[5] == LEDGER_CROWD || at->ended[6] == LEDGER_CROWD
		    || at->ended[7] == LEDGER_CROWD || at->ended[8] == LEDGER_CROWD);
}

static void the_busiest_address_gives_way_and_who_has_waited_alone_stays(void **test)
{
	struct fixture *at = *test;

	comes_to_enrol(at, 3, 1);
	look(at, read_out);
	for (size_t fd = 4; fd < 8; fd++)
		comes_to_enrol(at, fd, 2);
	look(at, read_out);
	assert_int_equal(at->ends, 0);
	comes_to_enrol(at, 8, 3);
	comes_to_enrol(at, 9, 4);
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[3] + at->ended[8] + at->ended[9], 0);
}

static void of_ipv6_a_whole_network_is_one_address(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 3; fd < 8; fd++) {
		comes_to_enrol(at, fd, (uint8_t)fd);
		at->at[fd].address[0] = 0x20;
	}
	look(at, read_out);
	assert_int_equal(at->ends, 1);
}

static void connections_of_both_doors_count_together_and_agents_stay(void **test)
{
	struct fixture *at = *test;

	for (size_t fd = 0; fd < 18; fd++) {
		connect_from(at, fd, (uint8_t)fd);
		says(at, fd, 10);
	}
	for (size_t fd = 18; fd < 21; fd++)
		comes_to_enrol(at, fd, (uint8_t)fd);
	look(at, read_out);
	assert_int_equal(at->ends, 1);
	assert_int_equal(at->ended[18] + at->ended[19] + at->ended[20], LEDGER_FULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_agent_that_sends_whole_messages_stays),
		TEST(an_endless_message_ends_at_the_second_look_that_finds_it),
		TEST(two_frames_that_are_not_yet_whole_are_no_endless_message),
		TEST(who_was_suspected_and_then_delivers_stays),
		TEST(more_than_a_queue_of_whole_messages_is_endless_however_busy_the_front),
		TEST(what_waits_while_the_front_is_paused_is_no_attack),
		TEST(what_the_kernel_keeps_is_not_held),
		TEST(heartbeats_do_not_add_up),
		TEST(crumbs_between_messages_do_not_hide_an_endless_one),
		TEST(a_stranger_may_not_send_more_than_a_handshake_takes),
		TEST(who_says_nothing_for_ten_seconds_goes),
		TEST(who_comes_to_enrol_and_says_nothing_for_ten_seconds_goes),
		TEST(who_has_asked_may_wait_for_its_approval_and_ask_again),
		TEST(whoever_asks_is_no_agent),
		TEST(an_endless_request_ends_as_soon_as_it_is_more_than_a_stranger_may_send),
		TEST(an_endless_request_ends_however_busy_the_door),
		TEST(each_door_has_a_crowd_of_its_own),
		TEST(the_busiest_address_gives_way_and_who_has_waited_alone_stays),
		TEST(of_ipv6_a_whole_network_is_one_address),
		TEST(connections_of_both_doors_count_together_and_agents_stay),
		TEST(nobody_is_mute_while_the_front_is_paused),
		TEST(strangers_beyond_those_of_an_address_go_the_oldest_first),
		TEST(strangers_of_many_addresses_have_a_bound_together),
		TEST(above_all_connections_the_newest_strangers_go_and_no_agent),
		TEST(of_one_agents_connections_the_newest_four_stay),
		TEST(when_all_hold_too_much_those_go_that_hold_most),
		TEST(nobody_goes_for_what_all_hold_while_the_front_is_paused),
		TEST(a_descriptor_that_is_used_again_starts_anew),
		TEST(who_spoke_before_the_first_look_is_no_stranger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
