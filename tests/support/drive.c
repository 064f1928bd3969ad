/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/drive.h"

#include "tests/support/scratch.h"

enum { DEADLINE_MS = 10 * 1000, TICK_MS = 2 };

/* Ends a turn of the loop that has nothing else to wait for. */
static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

bool drive_until(uv_loop_t *loop, bool (*has_come)(void *data), void *data)
{
	uint64_t deadline = uv_hrtime() + DEADLINE_MS * 1000000ULL;
	bool is_alive = true;
	uv_timer_t tick;

	assert_int_equal(uv_timer_init(loop, &tick), 0);
	uv_timer_start(&tick, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&tick);
	while (!has_come(data) && is_alive && uv_hrtime() < deadline)
		is_alive = uv_run(loop, UV_RUN_ONCE) != 0;
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return has_come(data);
}
