/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/drive.h"

#include "tests/support/scratch.h"

enum { DEADLINE_MS = 10 * 1000 };

static void on_deadline(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

bool drive_until(uv_loop_t *loop, bool (*has_come)(void *data), void *data)
{
	uv_timer_t deadline;
	bool is_over = false, is_alive = true;

	assert_int_equal(uv_timer_init(loop, &deadline), 0);
	deadline.data = &is_over;
	uv_timer_start(&deadline, on_deadline, DEADLINE_MS, 0);
	uv_unref((uv_handle_t *)&deadline);
	/* A turn may do what was waited for first, and then sit in poll: so one that cannot comes
	 * before it. */
	while (!has_come(data) && !is_over && is_alive) {
		is_alive = uv_run(loop, UV_RUN_NOWAIT) != 0;
		if (is_alive && !has_come(data))
			is_alive = uv_run(loop, UV_RUN_ONCE) != 0;
	}
	uv_ref((uv_handle_t *)&deadline);
	uv_close((uv_handle_t *)&deadline, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return has_come(data);
}
