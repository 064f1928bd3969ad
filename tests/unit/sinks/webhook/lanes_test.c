/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/lanes.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

static struct queue_event event_of(uint8_t asset, uint64_t offset)
{
	return (struct queue_event){ .offset = offset, .has_asset = asset > 0, .asset = { asset } };
}

static void events_of_one_asset_go_one_after_another(void **test)
{
	struct queue_event a = event_of(1, 1), b = event_of(1, 2);
	struct lanes *lanes = lanes_new();

	(void)test;
	lanes_add(lanes, &a);
	lanes_add(lanes, &b);
	assert_ptr_equal(lanes_next(lanes, 0), &a);
	assert_null(lanes_next(lanes, 0));
	lanes_done(lanes, &a);
	assert_ptr_equal(lanes_next(lanes, 0), &b);
	lanes_done(lanes, &b);
	assert_null(lanes_next(lanes, 0));
	lanes_free(lanes);
}

static void events_of_several_assets_go_beside_one_another(void **test)
{
	struct queue_event a = event_of(1, 1), b = event_of(2, 2), none = event_of(0, 3);
	struct lanes *lanes = lanes_new();

	(void)test;
	lanes_add(lanes, &a);
	lanes_add(lanes, &b);
	lanes_add(lanes, &none);
	assert_ptr_equal(lanes_next(lanes, 0), &a);
	assert_ptr_equal(lanes_next(lanes, 0), &b);
	assert_ptr_equal(lanes_next(lanes, 0), &none);
	lanes_free(lanes);
}

static void one_that_comes_again_holds_up_its_asset_alone(void **test)
{
	struct queue_event a = event_of(1, 1), later = event_of(1, 2), b = event_of(2, 3);
	struct lanes *lanes = lanes_new();

	(void)test;
	lanes_add(lanes, &a);
	lanes_add(lanes, &later);
	lanes_add(lanes, &b);
	assert_ptr_equal(lanes_next(lanes, 0), &a);
	lanes_again(lanes, &a, 100);
	assert_int_equal(lanes_due_ms(lanes), 100);
	assert_ptr_equal(lanes_next(lanes, 99), &b);
	assert_null(lanes_next(lanes, 99));
	assert_ptr_equal(lanes_next(lanes, 100), &a);
	assert_int_equal(lanes_due_ms(lanes), UINT64_MAX);
	lanes_free(lanes);
}

/* Random deliveries, failures and arrivals: of each asset always the oldest, never two at once. */
static void order_within_an_asset_survives_any_run(void **test)
{
	enum { EVENTS = 400, ASSETS = 7 };

	(void)test;
	for (unsigned seed = 1; seed <= 30; seed++) {
		struct queue_event events[EVENTS], *under_way[ASSETS] = { NULL };
		uint64_t last[ASSETS] = { 0 }, now_ms = 0;
		struct lanes *lanes = lanes_new();
		unsigned added = 0, done = 0;

		srand(seed);
		while (done < EVENTS) {
			unsigned asset = (unsigned)rand() % ASSETS;
			struct queue_event *next;

			if (added < EVENTS && rand() % 2 == 0) {
				events[added] = event_of((uint8_t)asset, added + 1);
				lanes_add(lanes, &events[added++]);
			}
			next = lanes_next(lanes, ++now_ms);
			if (next != NULL) {
				assert_null(under_way[next->asset[0]]);
				under_way[next->asset[0]] = next;
			}
			next = under_way[asset];
			if (next == NULL)
				continue;
			under_way[asset] = NULL;
			if (rand() % 3 == 0) {
				lanes_again(lanes, next, now_ms + (unsigned)rand() % 20);
				continue;
			}
			assert_true(next->offset > last[asset]);
			last[asset] = next->offset;
			lanes_done(lanes, next);
			done++;
		}
		assert_null(lanes_next(lanes, UINT64_MAX));
		lanes_free(lanes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_one_asset_go_one_after_another),
		cmocka_unit_test(events_of_several_assets_go_beside_one_another),
		cmocka_unit_test(one_that_comes_again_holds_up_its_asset_alone),
		cmocka_unit_test(order_within_an_asset_survives_any_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
