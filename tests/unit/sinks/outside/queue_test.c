/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/queue.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

static const struct document document = { .event = "finding" };

static struct queue_event *add(struct queue *queue, uint64_t offset)
{
	return queue_add(queue, offset, &document, bytes_of_text("message"));
}

static void the_position_follows_what_is_passed_over(void **test)
{
	struct queue queue;

	(void)test;
	queue_init(&queue, 5, NULL, 0);
	assert_false(queue_is_new(&queue, 5));
	assert_true(queue_is_new(&queue, 6));
	queue_pass(&queue, 6);
	queue_pass(&queue, 7);
	assert_int_equal(queue.position, 7);
	queue_fini(&queue);
}

static void the_position_stops_before_what_waits(void **test)
{
	struct queue_event *first, *second;
	struct queue queue;

	(void)test;
	queue_init(&queue, 0, NULL, 0);
	queue_pass(&queue, 1);
	first = add(&queue, 2);
	queue_pass(&queue, 3);
	second = add(&queue, 4);
	assert_int_equal(queue.position, 1);
	queue_done(&queue, second);
	assert_int_equal(queue.position, 1);
	queue_done(&queue, first);
	assert_int_equal(queue.position, 4);
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.bytes, 0);
	queue_fini(&queue);
}

static void what_was_passed_over_behind_an_event_is_done_with_it(void **test)
{
	struct queue_event *event;
	struct queue queue;

	(void)test;
	queue_init(&queue, 0, NULL, 0);
	event = add(&queue, 1);
	queue_pass(&queue, 2);
	queue_pass(&queue, 3);
	queue_done(&queue, event);
	assert_int_equal(queue.position, 3);
	queue_fini(&queue);
}

static void what_was_done_beyond_the_position_is_not_done_again(void **test)
{
	uint64_t beyond[4];
	struct queue_event *third;
	struct queue queue;

	(void)test;
	queue_init(&queue, 0, NULL, 0);
	add(&queue, 1);
	add(&queue, 2);
	third = add(&queue, 3);
	queue_done(&queue, third);
	assert_int_equal(queue_beyond(&queue, beyond, 4), 1);
	assert_int_equal(beyond[0], 3);
	queue_fini(&queue);

	queue_init(&queue, 0, beyond, 1);
	assert_true(queue_is_new(&queue, 1));
	assert_true(queue_is_new(&queue, 2));
	assert_false(queue_is_new(&queue, 3));
	/* Before its turn has come it is remembered still. */
	assert_int_equal(queue_beyond(&queue, beyond, 4), 1);
	queue_fini(&queue);
}

static void what_is_skipped_is_given_up_with_all_before_it(void **test)
{
	struct queue queue;

	(void)test;
	queue_init(&queue, 0, NULL, 0);
	add(&queue, 1);
	add(&queue, 2);
	queue_skip(&queue, 9);
	assert_int_equal(queue.position, 9);
	assert_null(queue.front);
	assert_false(queue_is_new(&queue, 9));
	assert_true(queue_is_new(&queue, 10));
	queue_fini(&queue);
}

static void a_notice_takes_no_place_in_the_stream(void **test)
{
	struct queue_event *notice, *event;
	uint64_t beyond[4];
	struct queue queue;

	(void)test;
	queue_init(&queue, 9, NULL, 0);
	notice = add(&queue, 0);
	event = add(&queue, 10);
	queue_done(&queue, event);
	assert_int_equal(queue.position, 9);
	assert_int_equal(queue_beyond(&queue, beyond, 4), 1);
	queue_done(&queue, notice);
	assert_int_equal(queue.position, 10);
	queue_fini(&queue);
}

/* Whatever the order, the position is the end of the longest done beginning. */
static void in_any_order_the_position_is_the_end_of_what_is_done(void **test)
{
	enum { EVENTS = 200 };

	(void)test;
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct queue_event *events[EVENTS];
		bool is_done[EVENTS] = { false };
		struct queue queue;

		srand(seed);
		queue_init(&queue, 0, NULL, 0);
		for (unsigned i = 0; i < EVENTS; i++)
			events[i] = add(&queue, i + 1);
		for (unsigned left = EVENTS; left > 0; left--) {
			unsigned pick = (unsigned)rand() % EVENTS, prefix = 0;

			while (is_done[pick])
				pick = (pick + 1) % EVENTS;
			is_done[pick] = true;
			queue_done(&queue, events[pick]);
			while (prefix < EVENTS && is_done[prefix])
				prefix++;
			assert_int_equal(queue.position, prefix);
		}
		queue_fini(&queue);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_position_follows_what_is_passed_over),
		cmocka_unit_test(the_position_stops_before_what_waits),
		cmocka_unit_test(what_was_passed_over_behind_an_event_is_done_with_it),
		cmocka_unit_test(what_was_done_beyond_the_position_is_not_done_again),
		cmocka_unit_test(what_is_skipped_is_given_up_with_all_before_it),
		cmocka_unit_test(a_notice_takes_no_place_in_the_stream),
		cmocka_unit_test(in_any_order_the_position_is_the_end_of_what_is_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
