/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - two links joined by a channel that a test controls: it loses, repeats, reorders and
 * delays frames by a seed, and time is a number.
 */
#ifndef TESTS_UNIT_CORE_LINK_WORLD_H
#define TESTS_UNIT_CORE_LINK_WORLD_H

#include <stdlib.h>

#include "core/link.h"
#include "core/record.h"
#include "tests/support/scratch.h"

enum { FLOW = 2, OTHER_FLOW = 3, FRAMES = 4096, RECORDS = 4000, START_MS = 1000 * 1000 };

/* ---- two sides ---- */

struct world_frame {
	struct buffer bytes;
	uint64_t due_ms;
};

/* What is under way to one side. */
struct world_wire {
	struct world_frame frames[FRAMES];
	size_t count;
	bool is_full; /* transmit says AGAIN */
	size_t room;  /* so does it with that many under way; 0: never */
	bool is_cut;  /* what is sent is lost */
};

/* One flow's receiving host: it commits what it was handed when told to. */
struct world_sink {
	uint64_t taken, committed;
	uint32_t window_records, window_bytes;
	bool has_credit; /* GRANT is given */
	struct credit_grant grant;
};

struct world;

struct world_side {
	struct world *world;
	struct link *link;
	struct world_wire *out; /* to the other side */
	uint64_t head, acked;   /* of what it sends */
	unsigned deliveries;    /* frames of records */
	uint64_t first;         /* of the last delivery */
	size_t last_count, last_size;
	unsigned opened, closed, welcomes, acks;
	enum status welcome;   /* what on_welcome answers */
	enum status reading;   /* what read answers */
	size_t record_size;    /* 0: the default */
	bool has_record_sizes; /* each record has another */
};

struct world {
	struct world_side dialler, acceptor;
	struct world_wire to_acceptor, to_dialler;
	struct world_sink sink;   /* at the acceptor, of FLOW; durable */
	struct credit_pool *pool; /* of what comes to the acceptor; or NULL */
	uint64_t now_ms, random;
	unsigned loss, repeat, delay_ms; /* percent; most ms */
};

static inline uint64_t world_draw(struct world *world, uint64_t below)
{
	world->random ^= world->random >> 12;
	world->random ^= world->random << 25;
	world->random ^= world->random >> 27;
	return world->random * 0x2545f4914f6cdd1dULL % below;
}

static inline void world_put_frame(struct world *world, struct world_wire *wire, struct bytes bytes)
{
	struct world_frame *frame = &wire->frames[wire->count];

	assert_true(wire->count < FRAMES);
	wire->count++;
	buffer_append(&frame->bytes, bytes);
	frame->due_ms = world->now_ms
	              + (world->delay_ms == 0 ? 0 : world_draw(world, world->delay_ms));
}

static inline enum status world_transmit(void *self, struct bytes frame)
{
	struct world_side *side = self;
	struct world *world = side->world;

	assert_true(frame.size <= LINK_FRAME_MAX);
	if (side->out->is_full || (side->out->room > 0 && side->out->count >= side->out->room))
		return STATUS_AGAIN;
	if (side->out->is_cut || world_draw(world, 100) < world->loss)
		return STATUS_OK;
	world_put_frame(world, side->out, frame);
	if (world_draw(world, 100) < world->repeat)
		world_put_frame(world, side->out, frame);
	return STATUS_OK;
}

/* A record says which number it is; its size may vary by it. */
static inline struct bytes world_record_of(const struct world_side *side, uint64_t number)
{
	static uint8_t room[LINK_BATCH_RECORDS][LINK_FRAME_MAX], large[2][LINK_PIECED_MAX];
	uint8_t *at = side->record_size > LINK_FRAME_MAX ? large[number % 2]
	                                                 : room[number % LINK_BATCH_RECORDS];
	size_t size = side->record_size == 0 ? 8 : side->record_size;

	if (side->has_record_sizes)
		size = 8 + (size_t)(number * 7919 % 3000);
	if (side->has_record_sizes && number % 211 == 0) {
		at = large[number % 2];
		size = LINK_FRAME_MAX + (size_t)(number * 7919 % (3 * LINK_FRAME_MAX));
	}
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(number >> 8 * (7 - i));
	return BYTES(at, size);
}

static inline enum status world_read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct world_side *side = self;

	assert_int_equal(flow, FLOW);
	assert_true(most > 0 && from > 0 && from + most - 1 <= side->head);
	if (side->reading != STATUS_OK)
		return side->reading;
	for (uint64_t number = from; batch->count < most && number <= side->head; number++) {
		struct bytes record = world_record_of(side, number);

		if (!link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
	}
	return STATUS_OK;
}

static inline void world_on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct world_side *side = self;

	assert_int_equal(flow, FLOW);
	assert_true(committed <= side->head);
	/* An acknowledgement is a promise: only what the other side has committed. */
	assert_true(committed <= side->world->sink.committed);
	side->acks++;
	if (committed > side->acked)
		side->acked = committed;
}

static inline void world_on_data(void *self, uint32_t flow, uint64_t first,
    const struct bytes *records, size_t count, struct bytes chain)
{
	struct world_side *side = self;
	struct world_sink *sink = &side->world->sink;

	(void)chain;
	assert_int_equal(flow, FLOW);
	assert_int_equal(first, sink->taken + 1);
	side->last_size = 0;
	for (size_t i = 0; i < count; i++) {
		assert_true(records[i].size >= 8);
		assert_int_equal(bytes_u64(records[i].data), first + i);
		side->last_size += records[i].size;
	}
	sink->taken += count;
	side->deliveries++;
	side->first = first;
	side->last_count = count;
}

static inline Fettle__Flow *world_new_flow(struct arena *arena, uint32_t number)
{
	Fettle__Flow *flow = arena_take(arena, sizeof(*flow));

	fettle__flow__init(flow);
	RECORD_SET(flow, flow, number);
	return flow;
}

static inline void world_on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct world_side *side = self;

	hello->sends = arena_take(arena, sizeof(*hello->sends));
	hello->sends[hello->n_sends++] = world_new_flow(arena, FLOW);
	RECORD_SET(hello->sends[0], head, side->head);
}

static inline enum status world_on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct world_side *side = self;

	assert_int_equal(welcome->n_receives, 1);
	side->welcomes++;
	return side->welcome;
}

static inline void world_on_open(void *self)
{
	((struct world_side *)self)->opened++;
}

static inline void world_on_closed(void *self, const char *reason)
{
	assert_non_null(reason);
	((struct world_side *)self)->closed++;
}

static const struct link_operations world_dialler_operations = { .transmit = world_transmit,
	.read = world_read_records,
	.on_acked = world_on_acked,
	.on_hello = world_on_hello,
	.on_welcome = world_on_welcome,
	.on_open = world_on_open,
	.on_closed = world_on_closed };
static const struct link_operations world_acceptor_operations = { .transmit = world_transmit,
	.on_acked = world_on_acked,
	.on_data = world_on_data,
	.on_open = world_on_open };

/* ---- turns ---- */

/* What a broker does with a frame: a hello makes a session, another's frame is told so. */
static inline void world_accept_hello(struct world *world, const Fettle__Hello *hello)
{
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;
	struct arena arena = { 0 };
	Fettle__Flow *flow = world_new_flow(&arena, FLOW);

	/* What waited uncommitted in the older session is gone with it. */
	world->sink.taken = world->sink.committed;
	RECORD_SET(flow, committed, world->sink.committed);
	RECORD_SET(flow, window_records, world->sink.window_records);
	RECORD_SET(flow, window_bytes, world->sink.window_bytes);
	RECORD_SET(flow, lane, LANE_DELTA);
	if (world->sink.has_credit)
		welcome.credit = link_new_credit(&arena, world->sink.grant);
	welcome.receives = &flow;
	welcome.n_receives = 1;
	link_free(world->acceptor.link);
	world->acceptor.link = link_new_acceptor(&world_acceptor_operations, &world->acceptor,
	    world_draw(world, UINT64_MAX), world->now_ms, hello, &welcome);
	link_set_pool(world->acceptor.link, world->pool);
	arena_fini(&arena);
}

static inline void world_send_reset(struct world *world, uint64_t session)
{
	struct buffer reset = { 0 };

	link_encode_reset(&reset, session, "unknown");
	world_put_frame(world, &world->to_dialler, buffer_bytes(&reset));
	buffer_fini(&reset);
}

static inline void world_acceptor_takes(struct world *world, struct bytes bytes)
{
	struct arena arena = { 0 };
	Fettle__Frame *frame = link_decode(bytes, &arena);

	assert_non_null(frame);
	if (frame->hello != NULL)
		world_accept_hello(world, frame->hello);
	else if (world->acceptor.link != NULL
		 && link_session(world->acceptor.link) == frame->session)
		link_take(world->acceptor.link, frame, world->now_ms);
	else
		world_send_reset(world, frame->session);
	arena_fini(&arena);
}

/* Removes the frame at INDEX from WIRE and hands it over. */
static inline void world_deliver_at(struct world *world, struct world_wire *wire, size_t index)
{
	struct world_frame frame = wire->frames[index];

	memmove(&wire->frames[index], &wire->frames[index + 1],
	    (--wire->count - index) * sizeof(frame));
	memset(&wire->frames[wire->count], 0, sizeof(frame));
	if (wire == &world->to_acceptor)
		world_acceptor_takes(world, buffer_bytes(&frame.bytes));
	else
		assert_int_equal(
		    link_frame(world->dialler.link, buffer_bytes(&frame.bytes), world->now_ms),
		    STATUS_OK);
	buffer_fini(&frame.bytes);
}

/* Everything that is due, in the order in which it is. */
static inline void world_deliver_due(struct world *world, struct world_wire *wire)
{
	for (size_t i = 0; i < wire->count;)
		if (wire->frames[i].due_ms <= world->now_ms)
			world_deliver_at(world, wire, i);
		else
			i++;
}

static inline void world_drop_at(struct world_wire *wire, size_t index)
{
	struct world_frame frame = wire->frames[index];

	memmove(&wire->frames[index], &wire->frames[index + 1],
	    (--wire->count - index) * sizeof(frame));
	memset(&wire->frames[wire->count], 0, sizeof(frame));
	buffer_fini(&frame.bytes);
}

static inline void world_clear(struct world_wire *wire)
{
	for (size_t i = 0; i < wire->count; i++)
		buffer_fini(&wire->frames[i].bytes);
	wire->count = 0;
}

static inline void world_commit(struct world *world)
{
	struct world_sink *sink = &world->sink;

	sink->committed = sink->taken;
	if (world->acceptor.link != NULL)
		link_committed(world->acceptor.link, FLOW, sink->committed, sink->window_records,
		    sink->window_bytes);
}

static inline void world_pump(struct world *world)
{
	link_wake(world->dialler.link, FLOW, world->dialler.head);
	(void)link_tick(world->dialler.link, world->now_ms);
	link_pump(world->dialler.link, world->now_ms);
	if (world->acceptor.link != NULL) {
		(void)link_tick(world->acceptor.link, world->now_ms);
		link_pump(world->acceptor.link, world->now_ms);
	}
}

/* One turn without faults of its own: all that is under way arrives and is committed. */
static inline void world_turn(struct world *world)
{
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	world_commit(world);
	world_pump(world);
	world_deliver_due(world, &world->to_dialler);
}

static inline void world_open(struct world *world)
{
	world_turn(world);
	assert_true(link_is_open(world->dialler.link));
	assert_int_equal(link_session(world->dialler.link), link_session(world->acceptor.link));
}

static inline void world_pass(struct world *world, uint64_t ms)
{
	world->now_ms += ms;
}

static inline struct world *world_new(uint64_t seed)
{
	struct world *world = memory_new(sizeof(*world));

	world->now_ms = START_MS;
	world->random = seed * 0x9e3779b97f4a7c15ULL | 1;
	world->sink.window_records = 2048;
	world->sink.window_bytes = 1024 * 1024;
	world->dialler = (struct world_side){ .world = world, .out = &world->to_acceptor };
	world->acceptor = (struct world_side){ .world = world, .out = &world->to_dialler };
	world->dialler.link = link_new_dialler(&world_dialler_operations, &world->dialler, seed,
	    world->now_ms);
	link_set_frame_max(world->dialler.link, LINK_FRAME_MAX);
	return world;
}

static inline void world_free(struct world *world)
{
	link_free(world->dialler.link);
	link_free(world->acceptor.link);
	for (size_t i = 0; i < FRAMES; i++) {
		buffer_fini(&world->to_acceptor.frames[i].bytes);
		buffer_fini(&world->to_dialler.frames[i].bytes);
	}
	free(world);
}

static inline int world_start(void **test)
{
	*test = world_new(1);
	return 0;
}

static inline int world_stop(void **test)
{
	world_free(*test);
	return 0;
}

/* ---- by hand ---- */

static inline void world_grant(struct world *world, uint64_t records, uint64_t bytes)
{
	world->sink.has_credit = true;
	world->sink.grant = (struct credit_grant){ .budget = { records, bytes } };
	if (world->acceptor.link != NULL)
		link_grant(world->acceptor.link, world->sink.grant);
}

static inline void world_take_data(struct world *world, uint32_t number, uint64_t first,
    size_t count)
{
	static ProtobufCBinaryData records[LINK_BATCH_RECORDS + 1];
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;

	RECORD_SET(&frame, session, link_session(world->acceptor.link));
	RECORD_SET(&data, flow, number);
	RECORD_SET(&data, first, first);
	data.n_records = count;
	data.records = records;
	frame.data = &data;
	link_take(world->acceptor.link, &frame, world->now_ms);
}

#endif
