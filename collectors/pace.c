/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/pace.h"

#include "core/clock.h"
#include "core/require.h"

static void on_timer(uv_timer_t *timer);

static void arm(struct pace *pace, uint64_t delay_ms)
{
	REQUIRE(uv_timer_start(&pace->timer, on_timer, delay_ms, 0) == 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct pace *pace = timer->data;

	pace->burst_start_ms = 0;
	arm(pace, clock_jitter_ms(pace->reread_ms));
	pace->on_due(pace->data);
}

void pace_init(struct pace *pace, uv_loop_t *loop, const struct pace *settings)
{
	*pace = *settings;
	pace->burst_start_ms = 0;
	REQUIRE(uv_timer_init(loop, &pace->timer) == 0);
	pace->timer.data = pace;
	arm(pace, clock_jitter_ms(pace->reread_ms));
}

void pace_poke(struct pace *pace)
{
	uint64_t now = uv_now(pace->timer.loop), spent, left;

	if (pace->burst_start_ms == 0)
		pace->burst_start_ms = now;
	spent = now - pace->burst_start_ms;
	left = spent < pace->most_ms ? pace->most_ms - spent : 0;
	arm(pace, left < pace->quiet_ms ? left : pace->quiet_ms);
}

void pace_now(struct pace *pace)
{
	arm(pace, 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct pace *pace = handle->data;

	pace->on_due(pace->data);
}

void pace_close(struct pace *pace, void (*on_closed)(void *data))
{
	pace->on_due = on_closed;
	uv_close((uv_handle_t *)&pace->timer, on_handle_closed);
}
