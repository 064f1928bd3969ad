/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/roll_call.h"

#include <stdlib.h>

#include "core/link.h"
#include "core/log.h"

enum { AT_ONCE = 500, PAUSE_MS = 10 };

struct way {
	uint8_t size; /* 0: there is none */
	uint8_t route[ROLL_CALL_ROUTE_MAX];
};

struct roll_call {
	struct roll_call_options options;
	struct way *ways; /* by descriptor; one that was closed keeps its last until it is used */
	size_t ways_count, at;
	uv_timer_t timer;
	struct buffer frame;
};

struct roll_call *roll_call_new(const struct roll_call_options *options)
{
	struct roll_call *call = memory_new(sizeof(*call));

	call->options = *options;
	uv_timer_init(options->loop, &call->timer);
	call->timer.data = call;
	return call;
}

static void on_closed(uv_handle_t *handle)
{
	struct roll_call *call = handle->data;

	buffer_fini(&call->frame);
	free(call->ways);
	free(call);
}

void roll_call_free(struct roll_call *call)
{
	if (call != NULL)
		uv_close((uv_handle_t *)&call->timer, on_closed);
}

static void make_room(struct roll_call *call, size_t index)
{
	size_t count = index + index / 2 + 64;

	if (index < call->ways_count)
		return;
	call->ways = memory_grow(call->ways, count * sizeof(*call->ways));
	memset(call->ways + call->ways_count, 0, (count - call->ways_count) * sizeof(*call->ways));
	call->ways_count = count;
}

void roll_call_note(struct roll_call *call, int connection, struct bytes route)
{
	struct way *way;

	if (connection < 0)
		return;
	make_room(call, (size_t)connection);
	way = &call->ways[connection];
	way->size = route.size <= ROLL_CALL_ROUTE_MAX ? (uint8_t)route.size : 0;
	memcpy(way->route, route.data, way->size);
}

static void call_one(struct roll_call *call, struct way *way)
{
	if (call->options.send(call->options.data, BYTES(way->route, way->size),
		buffer_bytes(&call->frame))
	    == STATUS_CLOSED)
		way->size = 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct roll_call *call = timer->data;

	for (size_t called = 0; call->at < call->ways_count && called < AT_ONCE; call->at++) {
		if (call->ways[call->at].size == 0)
			continue;
		call_one(call, &call->ways[call->at]);
		called++;
	}
	if (call->at < call->ways_count)
		uv_timer_start(&call->timer, on_timer, PAUSE_MS, 0);
}

void roll_call_begin(struct roll_call *call)
{
	uint64_t count = 0, spread_ms;

	for (size_t i = 0; i < call->ways_count; i++)
		count += call->ways[i].size > 0;
	spread_ms = count * 1000 / ROLL_CALL_PER_SECOND;
	buffer_clear(&call->frame);
	link_encode_call(&call->frame,
	    spread_ms > ROLL_CALL_SPREAD_MS ? spread_ms : ROLL_CALL_SPREAD_MS);
	call->at = 0;
	if (count == 0)
		return;
	log_write(LOG_INFO, "roll-call", LOG_FIELDS(LOG_NUMBER("agents", count)),
	    "the log is there again; agents that are connected say so to it");
	uv_timer_start(&call->timer, on_timer, 0, 0);
}
