/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two links joined by a channel that this file controls: it loses, repeats, reorders and delays
 * frames by a seed, and time is a number.
 */
#include "core/link.h"

#include <stdlib.h>

#include "core/record.h"
#include "tests/support/scratch.h"

enum { FLOW = 2, OTHER_FLOW = 3, FRAMES = 4096, RECORDS = 4000, START_MS = 1000 * 1000 };

/* ---- two sides ---- */

struct frame {
	struct buffer bytes;
	uint64_t due_ms;
};

/* What is under way to one side. */
struct wire {
	struct frame frames[FRAMES];
	size_t count;
	bool is_full; /* transmit says AGAIN */
	size_t room;  /* so does it with that many under way; 0: never */
	bool is_cut;  /* what is sent is lost */
};

/* One flow's receiving host: it commits what it was handed when told to. */
struct sink {
	uint64_t taken, committed;
	uint32_t window_records, window_bytes;
	bool has_credit; /* GRANT is given */
	struct credit_grant grant;
};

struct world;

struct side {
	struct world *world;
	struct link *link;
	struct wire *out;     /* to the other side */
	uint64_t head, acked; /* of what it sends */
	unsigned deliveries;  /* frames of records */
	uint64_t first;       /* of the last delivery */
	size_t last_count, last_size;
	unsigned opened, closed, welcomes, acks;
	enum status welcome;   /* what on_welcome answers */
	enum status reading;   /* what read answers */
	size_t record_size;    /* 0: the default */
	bool has_record_sizes; /* each record has another */
};

struct world {
	struct side dialler, acceptor;
	struct wire to_acceptor, to_dialler;
	struct sink sink; /* at the acceptor, of FLOW; durable */
	uint64_t now_ms, random;
	unsigned loss, repeat, delay_ms; /* percent; most ms */
};

static uint64_t draw(struct world *world, uint64_t below)
{
	world->random ^= world->random >> 12;
	world->random ^= world->random << 25;
	world->random ^= world->random >> 27;
	return world->random * 0x2545f4914f6cdd1dULL % below;
}

static void put_frame(struct world *world, struct wire *wire, struct bytes bytes)
{
	struct frame *frame = &wire->frames[wire->count];

	assert_true(wire->count < FRAMES);
	wire->count++;
	buffer_append(&frame->bytes, bytes);
	frame->due_ms = world->now_ms + (world->delay_ms == 0 ? 0 : draw(world, world->delay_ms));
}

static enum status transmit(void *self, struct bytes frame)
{
	struct side *side = self;
	struct world *world = side->world;

	assert_true(frame.size <= LINK_FRAME_MAX);
	if (side->out->is_full || (side->out->room > 0 && side->out->count >= side->out->room))
		return STATUS_AGAIN;
	if (side->out->is_cut || draw(world, 100) < world->loss)
		return STATUS_OK;
	put_frame(world, side->out, frame);
	if (draw(world, 100) < world->repeat)
		put_frame(world, side->out, frame);
	return STATUS_OK;
}

/* A record says which number it is; its size may vary by it. */
static struct bytes record_of(const struct side *side, uint64_t number)
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

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct side *side = self;

	assert_int_equal(flow, FLOW);
	assert_true(most > 0 && from > 0 && from + most - 1 <= side->head);
	if (side->reading != STATUS_OK)
		return side->reading;
	for (uint64_t number = from; batch->count < most && number <= side->head; number++) {
		struct bytes record = record_of(side, number);

		if (!link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
	}
	return STATUS_OK;
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct side *side = self;

	assert_int_equal(flow, FLOW);
	assert_true(committed <= side->head);
	/* An acknowledgement is a promise: only what the other side has committed. */
	assert_true(committed <= side->world->sink.committed);
	side->acks++;
	if (committed > side->acked)
		side->acked = committed;
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct side *side = self;
	struct sink *sink = &side->world->sink;

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

static Fettle__Flow *new_flow(struct arena *arena, uint32_t number)
{
	Fettle__Flow *flow = arena_take(arena, sizeof(*flow));

	fettle__flow__init(flow);
	RECORD_SET(flow, flow, number);
	return flow;
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct side *side = self;

	hello->sends = arena_take(arena, sizeof(*hello->sends));
	hello->sends[hello->n_sends++] = new_flow(arena, FLOW);
	RECORD_SET(hello->sends[0], head, side->head);
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct side *side = self;

	assert_int_equal(welcome->n_receives, 1);
	side->welcomes++;
	return side->welcome;
}

static void on_open(void *self)
{
	((struct side *)self)->opened++;
}

static void on_closed(void *self, const char *reason)
{
	assert_non_null(reason);
	((struct side *)self)->closed++;
}

static const struct link_operations dialler_operations = { .transmit = transmit,
	.read = read_records,
	.on_acked = on_acked,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
	.on_open = on_open,
	.on_closed = on_closed };
static const struct link_operations acceptor_operations = {
	.transmit = transmit, .on_acked = on_acked, .on_data = on_data, .on_open = on_open
};

/* ---- turns ---- */

/* What a broker does with a frame: a hello makes a session, another's frame is told so. */
static void accept_hello(struct world *world, const Fettle__Hello *hello)
{
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;
	struct arena arena = { 0 };
	Fettle__Flow *flow = new_flow(&arena, FLOW);

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
	world->acceptor.link = link_new_acceptor(&acceptor_operations, &world->acceptor,
	    draw(world, UINT64_MAX), world->now_ms, hello, &welcome);
	arena_fini(&arena);
}

static void send_reset(struct world *world, uint64_t session)
{
	struct buffer reset = { 0 };

	link_encode_reset(&reset, session, "unknown");
	put_frame(world, &world->to_dialler, buffer_bytes(&reset));
	buffer_fini(&reset);
}

static void acceptor_takes(struct world *world, struct bytes bytes)
{
	struct arena arena = { 0 };
	Fettle__Frame *frame = link_decode(bytes, &arena);

	assert_non_null(frame);
	if (frame->hello != NULL)
		accept_hello(world, frame->hello);
	else if (world->acceptor.link != NULL
		 && link_session(world->acceptor.link) == frame->session)
		link_take(world->acceptor.link, frame, world->now_ms);
	else
		send_reset(world, frame->session);
	arena_fini(&arena);
}

/* Removes the frame at INDEX from WIRE and hands it over. */
static void deliver_at(struct world *world, struct wire *wire, size_t index)
{
	struct frame frame = wire->frames[index];

	memmove(&wire->frames[index], &wire->frames[index + 1],
	    (--wire->count - index) * sizeof(frame));
	memset(&wire->frames[wire->count], 0, sizeof(frame));
	if (wire == &world->to_acceptor)
		acceptor_takes(world, buffer_bytes(&frame.bytes));
	else
		assert_int_equal(
		    link_frame(world->dialler.link, buffer_bytes(&frame.bytes), world->now_ms),
		    STATUS_OK);
	buffer_fini(&frame.bytes);
}

/* Everything that is due, in the order in which it is. */
static void deliver_due(struct world *world, struct wire *wire)
{
	for (size_t i = 0; i < wire->count;)
		if (wire->frames[i].due_ms <= world->now_ms)
			deliver_at(world, wire, i);
		else
			i++;
}

static void drop_at(struct wire *wire, size_t index)
{
	struct frame frame = wire->frames[index];

	memmove(&wire->frames[index], &wire->frames[index + 1],
	    (--wire->count - index) * sizeof(frame));
	memset(&wire->frames[wire->count], 0, sizeof(frame));
	buffer_fini(&frame.bytes);
}

static void clear_wire(struct wire *wire)
{
	for (size_t i = 0; i < wire->count; i++)
		buffer_fini(&wire->frames[i].bytes);
	wire->count = 0;
}

static void commit(struct world *world)
{
	struct sink *sink = &world->sink;

	sink->committed = sink->taken;
	if (world->acceptor.link != NULL)
		link_committed(world->acceptor.link, FLOW, sink->committed, sink->window_records,
		    sink->window_bytes);
}

static void pump(struct world *world)
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
static void turn(struct world *world)
{
	pump(world);
	deliver_due(world, &world->to_acceptor);
	commit(world);
	pump(world);
	deliver_due(world, &world->to_dialler);
}

static void open_link(struct world *world)
{
	turn(world);
	assert_true(link_is_open(world->dialler.link));
	assert_int_equal(link_session(world->dialler.link), link_session(world->acceptor.link));
}

static void pass(struct world *world, uint64_t ms)
{
	world->now_ms += ms;
}

static struct world *new_world(uint64_t seed)
{
	struct world *world = memory_new(sizeof(*world));

	world->now_ms = START_MS;
	world->random = seed * 0x9e3779b97f4a7c15ULL | 1;
	world->sink.window_records = 2048;
	world->sink.window_bytes = 1024 * 1024;
	world->dialler = (struct side){ .world = world, .out = &world->to_acceptor };
	world->acceptor = (struct side){ .world = world, .out = &world->to_dialler };
	world->dialler.link = link_new_dialler(&dialler_operations, &world->dialler, seed,
	    world->now_ms);
	link_set_frame_max(world->dialler.link, LINK_FRAME_MAX);
	return world;
}

static void free_world(struct world *world)
{
	link_free(world->dialler.link);
	link_free(world->acceptor.link);
	for (size_t i = 0; i < FRAMES; i++) {
		buffer_fini(&world->to_acceptor.frames[i].bytes);
		buffer_fini(&world->to_dialler.frames[i].bytes);
	}
	free(world);
}

static int start(void **test)
{
	*test = new_world(1);
	return 0;
}

static int stop(void **test)
{
	free_world(*test);
	return 0;
}

/* ---- opening ---- */

static void says_hello_and_is_welcomed(void **test)
{
	struct world *world = *test;

	open_link(world);
	assert_int_equal(world->dialler.opened, 1);
	assert_int_equal(world->acceptor.opened, 1);
	assert_true(link_session(world->dialler.link) != 0);
}

static void says_hello_again_ever_more_slowly(void **test)
{
	struct world *world = *test;
	uint64_t gap_before = 0, last = world->now_ms;
	unsigned hellos = 0;

	world->to_acceptor.is_cut = true;
	for (int i = 0; i < 12; i++) {
		uint64_t next = link_tick(world->dialler.link, world->now_ms);

		hellos++;
		last = world->now_ms;
		pass(world, next - world->now_ms);
		if (i == 0)
			gap_before = world->now_ms - last;
	}
	assert_int_equal(link_counters(world->dialler.link)->frames_sent, hellos);
	assert_true(world->now_ms - last > gap_before);
	assert_true(world->now_ms - last <= 90 * 1000);
}

static void asks_again_soon_where_nobody_is_connected(void **test)
{
	struct world *world = *test;

	world->to_acceptor.is_full = true;
	assert_int_equal(link_tick(world->dialler.link, world->now_ms), world->now_ms + 50);
	world->to_acceptor.is_full = false;
	pass(world, 50);
	open_link(world);
}

static void ignores_a_welcome_to_an_older_hello(void **test)
{
	struct world *world = *test;

	pump(world);
	deliver_due(world, &world->to_acceptor); /* its welcome is under way */
	link_restart(world->dialler.link, world->now_ms, "test");
	(void)link_tick(world->dialler.link, world->now_ms); /* another hello, another challenge */
	deliver_due(world, &world->to_dialler);
	assert_false(link_is_open(world->dialler.link));
	open_link(world);
}

static void ignores_a_welcome_of_another_protocol(void **test)
{
	struct world *world = *test;
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;

	pump(world);
	RECORD_SET(&frame, session, 7);
	RECORD_SET(&welcome, protocol, LINK_PROTOCOL + 1);
	frame.welcome = &welcome;
	link_take(world->dialler.link, &frame, world->now_ms);
	assert_false(link_is_open(world->dialler.link));
	assert_int_equal(world->dialler.welcomes, 0);
}

static void says_hello_at_once_where_the_host_has_changed_it(void **test)
{
	struct world *world = *test;

	world->dialler.welcome = STATUS_AGAIN;
	turn(world);
	assert_false(link_is_open(world->dialler.link));
	world->dialler.welcome = STATUS_OK;
	open_link(world);
}

static void does_not_greet_as_fast_as_it_is_answered(void **test)
{
	struct world *world = *test;

	world->dialler.welcome = STATUS_NO_SPACE;
	for (int i = 0; i < 100; i++)
		turn(world);
	assert_int_equal(world->dialler.welcomes, 1);
}

static void a_session_that_nobody_knows_begins_anew(void **test)
{
	struct world *world = *test;

	open_link(world);
	link_free(world->acceptor.link); /* a broker that restarted */
	world->acceptor.link = NULL;
	world->dialler.head = 1;
	turn(world); /* data, and a reset */
	assert_int_equal(world->dialler.closed, 1);
	turn(world);
	turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

static void a_reset_for_another_session_changes_nothing(void **test)
{
	struct world *world = *test;

	open_link(world);
	send_reset(world, link_session(world->dialler.link) + 1);
	deliver_due(world, &world->to_dialler);
	assert_true(link_is_open(world->dialler.link));
}

static void frames_of_another_session_change_nothing(void **test)
{
	struct world *world = *test;
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;
	ProtobufCBinaryData record = record_binary(record_of(&world->dialler, 1));

	open_link(world);
	RECORD_SET(&frame, session, link_session(world->acceptor.link) + 1);
	RECORD_SET(&data, flow, FLOW);
	RECORD_SET(&data, first, 1);
	data.n_records = 1;
	data.records = &record;
	frame.data = &data;
	link_take(world->acceptor.link, &frame, world->now_ms);
	assert_int_equal(world->sink.taken, 0);
}

static void silence_of_45_seconds_ends_a_session(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->to_dialler.is_cut = true;
	for (int i = 0; i < 44; i++) {
		pass(world, 1000);
		turn(world);
		assert_true(link_is_open(world->dialler.link));
	}
	pass(world, 1000);
	turn(world);
	assert_false(link_is_open(world->dialler.link));
	assert_int_equal(world->dialler.closed, 1);
}

static void pings_keep_an_idle_session(void **test)
{
	struct world *world = *test;

	open_link(world);
	for (int i = 0; i < 600; i++) {
		pass(world, 1000);
		turn(world);
	}
	assert_true(link_is_open(world->dialler.link));
	assert_int_equal(world->dialler.closed, 0);
}

static void a_new_session_says_what_was_committed_before(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 10;
	world->to_dialler.is_cut = true;
	turn(world); /* committed, and the acknowledgement is lost */
	assert_int_equal(world->dialler.acked, 0);
	world->to_dialler.is_cut = false;
	link_restart(world->dialler.link, world->now_ms, "test");
	open_link(world);
	assert_int_equal(world->dialler.acked, 10);
}

/* ---- data ---- */

static void sends_everything_once_and_in_order(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = RECORDS;
	for (int i = 0; i < 10; i++)
		turn(world);
	assert_int_equal(world->dialler.acked, RECORDS);
	assert_int_equal(link_counters(world->dialler.link)->records_resent, 0);
	assert_int_equal(link_counters(world->acceptor.link)->duplicates, 0);
}

static void never_acknowledges_before_the_commit(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 10;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 10);
	pump(world);
	deliver_due(world, &world->to_dialler);
	assert_int_equal(world->dialler.acked, 0);
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void a_batch_ends_before_the_record_that_is_too_much(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = LINK_BATCH_BYTES / 2;
	open_link(world);
	world->dialler.head = 3;
	turn(world);
	assert_int_equal(world->acceptor.deliveries, 2);
	assert_int_equal(world->acceptor.first, 3);
	world->dialler.record_size = LINK_BATCH_BYTES / 2 + 1;
	world->dialler.head = 5;
	turn(world);
	assert_int_equal(world->acceptor.deliveries, 4);
}

static void the_largest_record_of_one_frame_has_it_for_itself(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = LINK_FRAME_MAX - LINK_FRAME_ROOM;
	open_link(world);
	world->dialler.head = 2;
	turn(world);
	assert_int_equal(world->acceptor.deliveries, 2);
	assert_int_equal(world->acceptor.last_size, LINK_FRAME_MAX - LINK_FRAME_ROOM);
	assert_int_equal(link_counters(world->acceptor.link)->frames_received, 2);
}

static void a_frame_has_256_records_at_most(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 257;
	turn(world);
	assert_int_equal(world->acceptor.deliveries, 2);
	assert_int_equal(world->acceptor.last_count, 1);
}

static void transmit_that_is_full_sends_nothing_twice(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 100;
	world->to_acceptor.is_full = true;
	for (int i = 0; i < 5; i++)
		turn(world);
	assert_int_equal(world->sink.taken, 0);
	world->to_acceptor.is_full = false;
	turn(world);
	assert_int_equal(world->dialler.acked, 100);
	assert_int_equal(link_counters(world->dialler.link)->records_sent, 100);
}

static void a_failing_read_is_tried_again(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 10;
	world->dialler.reading = STATUS_IO;
	turn(world);
	world->dialler.reading = STATUS_OK;
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

/* ---- windows ---- */

static void a_window_of_records_bounds_what_is_unacknowledged(void **test)
{
	struct world *world = *test;

	world->sink.window_records = 10;
	open_link(world);
	world->dialler.head = 25;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 10);
	for (int i = 0; i < 3; i++)
		turn(world);
	assert_int_equal(world->dialler.acked, 25);
}

static void a_window_of_bytes_bounds_what_is_unacknowledged(void **test)
{
	struct world *world = *test;

	world->sink.window_bytes = LINK_BATCH_BYTES;
	world->dialler.record_size = 1024;
	open_link(world);
	world->dialler.head = 1000;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 64);
}

static void a_window_of_nothing_stops_and_opens_again(void **test)
{
	struct world *world = *test;

	world->sink.window_records = world->sink.window_bytes = 0;
	open_link(world);
	world->dialler.head = 10;
	for (int i = 0; i < 5; i++)
		turn(world);
	assert_int_equal(world->sink.taken, 0);
	world->sink.window_records = world->sink.window_bytes = 1000;
	turn(world);
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void a_window_opens_though_the_frame_that_said_so_is_lost(void **test)
{
	struct world *world = *test;

	world->sink.window_records = world->sink.window_bytes = 0;
	open_link(world);
	world->dialler.head = 10;
	turn(world);
	world->sink.window_records = world->sink.window_bytes = 1000;
	world->to_dialler.is_cut = true;
	turn(world);
	world->to_dialler.is_cut = false;
	for (int i = 0; i < 40; i++) {
		pass(world, 1000);
		turn(world);
	}
	assert_int_equal(world->dialler.acked, 10);
}

/* ---- credit ---- */

static void grant(struct world *world, uint64_t records, uint64_t bytes)
{
	world->sink.has_credit = true;
	world->sink.grant = (struct credit_grant){ .budget = { records, bytes } };
	if (world->acceptor.link != NULL)
		link_grant(world->acceptor.link, world->sink.grant);
}

static void credit_bounds_what_is_unacknowledged(void **test)
{
	struct world *world = *test;

	grant(world, 100, 1024 * 1024);
	open_link(world);
	world->dialler.head = 200;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 65); /* all but the shares of others */
	for (int i = 0; i < 5; i++)
		turn(world);
	assert_int_equal(world->dialler.acked, 200);
}

static void credit_in_bytes_is_kept_to_the_byte(void **test)
{
	struct world *world = *test;

	grant(world, 1000, 100 * 1000);
	world->dialler.record_size = 1000;
	open_link(world);
	world->dialler.head = 200;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 65);
	assert_null(link_offence(world->acceptor.link));
}

static void without_credit_nothing_is_sent_until_there_is_some(void **test)
{
	struct world *world = *test;

	grant(world, 0, 0);
	open_link(world);
	world->dialler.head = 10;
	for (int i = 0; i < 5; i++)
		turn(world);
	assert_int_equal(world->sink.taken, 0);
	grant(world, 100, 100000);
	turn(world);
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void what_is_sent_again_needs_no_credit(void **test)
{
	struct world *world = *test;

	grant(world, 100, 100000);
	open_link(world);
	world->dialler.head = 65;
	world->to_acceptor.is_cut = true;
	pump(world);
	world->to_acceptor.is_cut = false;
	grant(world, 0, 0);
	turn(world);
	pass(world, 5000);
	turn(world);
	assert_int_equal(world->dialler.acked, 65);
	assert_null(link_offence(world->acceptor.link));
}

static void a_record_larger_than_the_credit_goes_alone(void **test)
{
	struct world *world = *test;

	grant(world, 100, 1000);
	world->dialler.record_size = 5000;
	open_link(world);
	world->dialler.head = 3;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 1);
	for (int i = 0; i < 3; i++)
		turn(world);
	assert_int_equal(world->dialler.acked, 3);
}

/* ---- loss ---- */

/* Ms until what was lost is sent again. */
static uint64_t resent_after(struct world *world)
{
	uint64_t before = link_counters(world->dialler.link)->records_resent;
	uint64_t from = world->now_ms;

	while (link_counters(world->dialler.link)->records_resent == before) {
		uint64_t next = link_tick(world->dialler.link, world->now_ms);

		assert_true(world->now_ms - from < 200 * 1000);
		world->now_ms = next > world->now_ms ? next : world->now_ms + 1;
		/* Heard of now and then, so that the session lives on. */
		link_take(world->dialler.link,
		    &(Fettle__Frame){ PROTOBUF_C_MESSAGE_INIT(&fettle__frame__descriptor),
			.has_session = 1, .session = link_session(world->dialler.link) },
		    world->now_ms);
	}
	return world->now_ms - from;
}

static void what_is_lost_is_sent_again_ever_more_slowly(void **test)
{
	struct world *world = *test;
	uint64_t latest = 4000;

	open_link(world);
	world->dialler.head = 10;
	world->to_acceptor.is_cut = true;
	pump(world);
	for (int i = 0; i < 8; i++) {
		uint64_t waited = resent_after(world);

		assert_true(waited >= 2000 && waited <= latest + 1);
		latest = latest * 2 > 60 * 1000 ? 60 * 1000 : latest * 2;
	}
	world->to_acceptor.is_cut = false;
	(void)resent_after(world);
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

/* Of many that lost the same frame at the same time, no tenth of the time sees more than a third.
 */
static void those_who_lost_the_same_come_back_spread_over_all_the_time(void **test)
{
	unsigned counts[10] = { 0 };

	(void)test;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct world *world = new_world(seed);
		uint64_t waited;

		open_link(world);
		world->dialler.head = 1;
		world->to_acceptor.is_cut = true;
		pump(world);
		for (int i = 0; i < 6; i++)
			waited = resent_after(world);
		assert_true(waited >= 2000 && waited <= 60 * 1001);
		counts[(waited - 2000) * 10 / (58 * 1000 + 2)]++;
		free_world(world);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_true(counts[i] > 0 && counts[i] < 100);
}

static void one_slow_commit_does_not_make_the_next_loss_last_for_hours(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 1;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	for (int i = 0; i < 3600; i++) { /* an hour until it is committed; pings go on */
		pass(world, 1000);
		pump(world);
		deliver_due(world, &world->to_acceptor);
		deliver_due(world, &world->to_dialler);
	}
	turn(world);
	assert_int_equal(world->dialler.acked, 1);
	world->dialler.head = 2;
	world->to_acceptor.is_cut = true;
	pump(world);
	assert_true(resent_after(world) <= 61 * 1000);
}

static void a_lost_frame_is_asked_for_once(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 1024;
	open_link(world);
	world->dialler.head = 640; /* ten frames */
	pump(world);
	assert_int_equal(world->to_acceptor.count, 10);
	buffer_fini(&world->to_acceptor.frames[0].bytes);
	memmove(&world->to_acceptor.frames[0], &world->to_acceptor.frames[1],
	    9 * sizeof(struct frame));
	memset(&world->to_acceptor.frames[9], 0, sizeof(struct frame));
	world->to_acceptor.count = 9;
	/* The acceptor answers each of the nine by itself. */
	while (world->to_acceptor.count > 0) {
		deliver_at(world, &world->to_acceptor, 0);
		link_pump(world->acceptor.link, world->now_ms);
	}
	while (world->to_dialler.count > 0) {
		deliver_at(world, &world->to_dialler, 0);
		link_pump(world->dialler.link, world->now_ms);
	}
	assert_int_equal(world->to_acceptor.count, 10);
	turn(world);
	assert_int_equal(world->dialler.acked, 640);
}

static void a_host_that_lost_records_has_them_sent_again(void **test)
{
	struct world *world = *test;

	open_link(world);
	world->dialler.head = 10;
	pump(world);
	deliver_due(world, &world->to_acceptor);
	assert_int_equal(world->sink.taken, 10);
	world->sink.taken = 0;
	link_rewind(world->acceptor.link, FLOW, 0);
	turn(world);
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

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

	open_link(world);
	world->dialler.head = 10;
	world->to_acceptor.is_full = true;
	pump(world);
	take_ack(world, FLOW, 1);
	take_ack(world, FLOW, UINT64_MAX);
	take_ack(world, OTHER_FLOW, 0);
	assert_int_equal(world->dialler.acked, 0);
	world->to_acceptor.is_full = false;
	turn(world);
	assert_int_equal(world->dialler.acked, 10);
}

static void take_data(struct world *world, uint32_t number, uint64_t first, size_t count)
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

static void data_out_of_all_bounds_changes_nothing(void **test)
{
	struct world *world = *test;

	open_link(world);
	take_data(world, OTHER_FLOW, 1, 1);
	take_data(world, FLOW, 0, 1);
	take_data(world, FLOW, 1, 0);
	take_data(world, FLOW, 1, LINK_BATCH_RECORDS + 1);
	take_data(world, FLOW, UINT64_MAX, 2);
	take_data(world, FLOW, UINT64_MAX, 1);
	assert_int_equal(world->sink.taken, 0);
	world->dialler.head = 1;
	turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

static void who_sends_more_than_its_credit_has_offended(void **test)
{
	struct world *world = *test;
	struct buffer record = { 0 };
	ProtobufCBinaryData records[2];
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;

	grant(world, 100, 1000);
	open_link(world);
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

/* ---- pieces ---- */

static void a_record_larger_than_a_frame_goes_in_pieces(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = LINK_PIECED_MAX;
	open_link(world);
	world->dialler.head = 3;
	for (int i = 0; i < 4; i++)
		turn(world);
	assert_int_equal(world->dialler.acked, 3);
	assert_int_equal(world->acceptor.last_size, LINK_PIECED_MAX);
	assert_int_equal(world->acceptor.deliveries, 3);
}

static void pieces_go_on_where_the_transport_was_full(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	open_link(world);
	world->dialler.head = 1;
	pump(world);
	assert_int_equal(world->to_acceptor.count, 5);
	clear_wire(&world->to_acceptor);
	world->to_acceptor.room = 2;
	pass(world, 5000);
	for (int i = 0; i < 3; i++) {
		pump(world);
		deliver_due(world, &world->to_acceptor);
	}
	assert_int_equal(link_counters(world->acceptor.link)->frames_received, 5);
	turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

static void a_break_sends_a_record_from_its_first_piece(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	open_link(world);
	world->dialler.head = 1;
	pump(world);
	deliver_at(world, &world->to_acceptor, 0);
	deliver_at(world, &world->to_acceptor, 0);
	clear_wire(&world->to_acceptor);
	assert_int_equal(world->sink.taken, 0);
	pass(world, 5000);
	turn(world);
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
		struct world *world = new_world(i + 1);

		open_link(world);
		take_piece(world, 1, 0, 100, 1000);
		assert_null(link_offence(world->acceptor.link));
		take_piece(world, 1, wrong[i][0], wrong[i][1], wrong[i][2]);
		assert_non_null(link_offence(world->acceptor.link));
		assert_int_equal(world->sink.taken, 0);
		free_world(world);
	}
}

static void a_total_beyond_all_bounds_ends_the_session_at_once(void **test)
{
	struct world *world = *test;

	open_link(world);
	take_piece(world, 1, 0, 100, UINT32_MAX);
	assert_non_null(link_offence(world->acceptor.link));
}

static void whole_records_after_half_a_record_end_the_session(void **test)
{
	struct world *world = *test;

	open_link(world);
	take_piece(world, 1, 0, 100, 1000);
	take_data(world, FLOW, 1, 1);
	assert_non_null(link_offence(world->acceptor.link));
}

static void pieces_count_against_the_credit_from_the_first_one_on(void **test)
{
	struct world *world = *test;
	struct credit_pool pool = { .budget = 5000 };

	grant(world, 100, 1000);
	open_link(world);
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
	open_link(world);
	link_set_pool(world->acceptor.link, &pool);
	world->dialler.head = 2;
	for (int i = 0; i < 20; i++)
		turn(world);
	assert_null(link_offence(world->acceptor.link));
	assert_int_equal(world->sink.taken, 0);
	/* It is not asked for either: it would come back as fast as it is thrown away. */
	assert_int_equal(link_counters(world->dialler.link)->records_sent, 2);
	pool.used = 0;
	for (int i = 0; i < 20; i++) {
		pass(world, 5000);
		turn(world);
	}
	assert_int_equal(world->dialler.acked, 2);
	assert_int_equal(world->acceptor.last_size, 300 * 1000);
}

static void a_piece_that_is_lost_has_the_record_sent_again_at_once(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	open_link(world);
	world->dialler.head = 2;
	pump(world);
	assert_int_equal(world->to_acceptor.count, 10);
	for (int i = 0; i < 2; i++)
		deliver_at(world, &world->to_acceptor, 0);
	drop_at(&world->to_acceptor, 0);
	turn(world);
	assert_null(link_offence(world->acceptor.link));
	turn(world);
	assert_int_equal(world->dialler.acked, 2);
	assert_int_equal(link_counters(world->dialler.link)->records_resent, 2);
}

static void pieces_lost_once_more_are_asked_for_once_more(void **test)
{
	struct world *world = *test;

	world->dialler.record_size = 300 * 1000;
	open_link(world);
	world->dialler.head = 1;
	for (int losses = 0; losses < 3; losses++) {
		pump(world);
		deliver_at(world, &world->to_acceptor, 0);
		drop_at(&world->to_acceptor, 0);
		deliver_due(world, &world->to_acceptor);
		pump(world);
		deliver_due(world, &world->to_dialler);
	}
	turn(world);
	assert_int_equal(world->dialler.acked, 1);
}

/* What a gateway had kept comes after what went around it. */
static void a_piece_that_comes_late_changes_nothing(void **test)
{
	struct world *world = *test;

	open_link(world);
	take_piece(world, 1, 0, 100, 1000);
	take_piece(world, 1, 100, 100, 1000);
	take_piece(world, 1, 100, 100, 1000);
	take_piece(world, 1, 200, 800, 1000);
	assert_null(link_offence(world->acceptor.link));
	assert_int_equal(world->acceptor.deliveries, 1);
	assert_int_equal(world->acceptor.last_size, 1000);
}

/* ---- being connected anew ---- */

static void a_nudge_makes_an_open_session_speak_within_a_moment(void **test)
{
	struct world *world = *test;
	uint64_t next;

	open_link(world);
	pass(world, 1000);
	link_nudge(world->dialler.link, world->now_ms);
	next = link_tick(world->dialler.link, world->now_ms);
	assert_true(next <= world->now_ms + 200);
	world->now_ms = next;
	pump(world);
	assert_int_equal(world->to_acceptor.count, 1);
	pass(world, 1000);
	pump(world);
	assert_int_equal(world->to_acceptor.count, 1);
}

static void a_nudge_brings_the_next_hello_forward(void **test)
{
	struct world *world = *test;

	world->to_acceptor.is_cut = true;
	for (int i = 0; i < 8; i++)
		world->now_ms = link_tick(world->dialler.link, world->now_ms);
	(void)link_tick(world->dialler.link, world->now_ms);
	world->to_acceptor.is_cut = false;
	link_nudge(world->dialler.link, world->now_ms);
	pass(world, 200);
	turn(world);
	assert_true(link_is_open(world->dialler.link));
}

static void a_flow_that_was_not_declared_is_neither_sent_nor_woken(void **test)
{
	struct world *world = *test;

	open_link(world);
	link_wake(world->dialler.link, OTHER_FLOW, 100);
	link_committed(world->acceptor.link, OTHER_FLOW, 100, 1, 1);
	link_rewind(world->acceptor.link, OTHER_FLOW, 100);
	pump(world);
	assert_int_equal(world->to_acceptor.count, 0);
	assert_int_equal(world->to_dialler.count, 0);
}

static void bytes_that_are_no_frame_are_refused(void **test)
{
	struct world *world = *test;
	uint8_t noise[64];
	struct buffer large = { 0 };

	open_link(world);
	for (int i = 0; i < 2000; i++) {
		size_t size = (size_t)draw(world, sizeof(noise));

		for (size_t b = 0; b < size; b++)
			noise[b] = (uint8_t)draw(world, 256);
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

static void a_record_may_be_empty(void **test)
{
	struct world *world = *test;
	struct arena arena = { 0 };
	struct buffer packed = { 0 };
	Fettle__Frame frame = FETTLE__FRAME__INIT, *again;
	Fettle__Data data = FETTLE__DATA__INIT;
	ProtobufCBinaryData records[3] = { { 0 } };

	(void)world;
	RECORD_SET(&data, first, 1);
	data.n_records = 3;
	data.records = records;
	frame.data = &data;
	record_pack(&packed, &frame.base);
	again = link_decode(buffer_bytes(&packed), &arena);
	assert_non_null(again);
	assert_int_equal(again->data->n_records, 3);
	assert_int_equal(again->data->records[2].len, 0);
	buffer_fini(&packed);
	arena_fini(&arena);
}

/* ---- by chance ---- */

static void restart_something(struct world *world)
{
	switch (draw(world, 3)) {
	case 0: /* the broker: it forgets sessions, and what it had not committed */
		link_free(world->acceptor.link);
		world->acceptor.link = NULL;
		world->sink.taken = world->sink.committed;
		break;
	case 1: /* the dialler's process */
		link_free(world->dialler.link);
		world->dialler.link = link_new_dialler(&dialler_operations, &world->dialler,
		    draw(world, UINT64_MAX), world->now_ms);
		link_set_frame_max(world->dialler.link, LINK_FRAME_MAX);
		break;
	default: /* the connection, with all that is under way */
		clear_wire(&world->to_acceptor);
		clear_wire(&world->to_dialler);
	}
}

static void change_window(struct world *world)
{
	bool is_shut = draw(world, 2) == 0;

	world->sink.window_records = is_shut ? 0 : (uint32_t)draw(world, 500) + 1;
	world->sink.window_bytes = is_shut ? 0 : (uint32_t)draw(world, 100000) + 1;
}

static void change_grant(struct world *world)
{
	bool is_shut = draw(world, 2) == 0;

	if (world->sink.has_credit)
		grant(world, is_shut ? 0 : draw(world, 500), is_shut ? 0 : draw(world, 100000));
}

static void lose_uncommitted(struct world *world)
{
	if (world->acceptor.link == NULL)
		return;
	world->sink.taken = world->sink.committed;
	link_rewind(world->acceptor.link, FLOW, world->sink.committed);
}

/* Who keeps to its credit is never blamed, but for pieces that were lost on the way. */
static void end_broken_session(struct world *world)
{
	const char *offence = world->acceptor.link == NULL ? NULL
	                                                   : link_offence(world->acceptor.link);

	if (offence == NULL)
		return;
	assert_string_equal(offence, "the pieces of a record have a gap, or overlap");
	send_reset(world, link_session(world->acceptor.link));
	link_free(world->acceptor.link);
	world->acceptor.link = NULL;
	world->sink.taken = world->sink.committed;
}

static void step_by_chance(struct world *world)
{
	uint64_t chance = draw(world, 100);

	world->now_ms += draw(world, 500);
	world->dialler.head += draw(world, 40);
	world->to_acceptor.is_full = draw(world, 10) == 0;
	world->to_dialler.is_full = draw(world, 10) == 0;
	if (chance < 2)
		restart_something(world);
	else if (chance < 5)
		change_window(world);
	else if (chance < 7)
		lose_uncommitted(world);
	else if (chance < 10)
		change_grant(world);
	pump(world);
	deliver_due(world, &world->to_acceptor);
	if (draw(world, 2) == 0)
		commit(world);
	deliver_due(world, &world->to_dialler);
	end_broken_session(world);
}

static void heal(struct world *world)
{
	world->loss = world->repeat = world->delay_ms = 0;
	world->to_acceptor.is_full = world->to_dialler.is_full = false;
	world->sink.window_records = 500;
	world->sink.window_bytes = 100000;
	if (world->sink.has_credit)
		grant(world, 500, 100000);
}

static void one_seed(uint64_t seed, unsigned steps)
{
	struct world *world = new_world(seed);
	unsigned turns = 0;

	world->loss = (unsigned)draw(world, 30);
	world->repeat = (unsigned)draw(world, 30);
	world->delay_ms = draw(world, 2) == 0 ? 0 : (unsigned)draw(world, 2000);
	world->dialler.has_record_sizes = true;
	if (seed % 2 == 0)
		grant(world, 300, 50000);
	for (unsigned i = 0; i < steps; i++)
		step_by_chance(world);
	heal(world);
	/* Ten minutes are enough for whatever was going on: the longest wait is twice 60 seconds.
	 */
	while (world->dialler.acked < world->dialler.head && turns++ < 600) {
		pass(world, 1000);
		turn(world);
		end_broken_session(world);
	}
	if (world->dialler.acked < world->dialler.head)
		fail_msg("seed %llu: %llu of %llu records after ten minutes without a fault",
		    (unsigned long long)seed, (unsigned long long)world->dialler.acked,
		    (unsigned long long)world->dialler.head);
	assert_int_equal(world->sink.taken, world->dialler.head);
	free_world(world);
}

static void whatever_happens_everything_arrives_once_and_in_order(void **test)
{
	const char *wanted = getenv("FETTLE_SEEDS");
	uint64_t seeds = wanted == NULL ? 500 : strtoull(wanted, NULL, 10);

	(void)test;
	for (uint64_t seed = 1; seed <= seeds; seed++)
		one_seed(seed, 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_hello_and_is_welcomed),
		TEST(says_hello_again_ever_more_slowly),
		TEST(asks_again_soon_where_nobody_is_connected),
		TEST(ignores_a_welcome_to_an_older_hello),
		TEST(ignores_a_welcome_of_another_protocol),
		TEST(says_hello_at_once_where_the_host_has_changed_it),
		TEST(does_not_greet_as_fast_as_it_is_answered),
		TEST(a_session_that_nobody_knows_begins_anew),
		TEST(a_reset_for_another_session_changes_nothing),
		TEST(frames_of_another_session_change_nothing),
		TEST(silence_of_45_seconds_ends_a_session),
		TEST(pings_keep_an_idle_session),
		TEST(a_new_session_says_what_was_committed_before),
		TEST(sends_everything_once_and_in_order),
		TEST(never_acknowledges_before_the_commit),
		TEST(a_batch_ends_before_the_record_that_is_too_much),
		TEST(the_largest_record_of_one_frame_has_it_for_itself),
		TEST(a_frame_has_256_records_at_most),
		TEST(transmit_that_is_full_sends_nothing_twice),
		TEST(a_failing_read_is_tried_again),
		TEST(a_window_of_records_bounds_what_is_unacknowledged),
		TEST(a_window_of_bytes_bounds_what_is_unacknowledged),
		TEST(a_window_of_nothing_stops_and_opens_again),
		TEST(a_window_opens_though_the_frame_that_said_so_is_lost),
		TEST(credit_bounds_what_is_unacknowledged),
		TEST(credit_in_bytes_is_kept_to_the_byte),
		TEST(without_credit_nothing_is_sent_until_there_is_some),
		TEST(what_is_sent_again_needs_no_credit),
		TEST(a_record_larger_than_the_credit_goes_alone),
		TEST(who_sends_more_than_its_credit_has_offended),
		TEST(what_is_lost_is_sent_again_ever_more_slowly),
		cmocka_unit_test(those_who_lost_the_same_come_back_spread_over_all_the_time),
		TEST(one_slow_commit_does_not_make_the_next_loss_last_for_hours),
		TEST(a_lost_frame_is_asked_for_once),
		TEST(a_host_that_lost_records_has_them_sent_again),
		TEST(an_ack_beyond_what_was_sent_changes_nothing),
		TEST(data_out_of_all_bounds_changes_nothing),
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
		TEST(a_nudge_makes_an_open_session_speak_within_a_moment),
		TEST(a_nudge_brings_the_next_hello_forward),
		TEST(a_flow_that_was_not_declared_is_neither_sent_nor_woken),
		TEST(bytes_that_are_no_frame_are_refused),
		TEST(a_record_may_be_empty),
		cmocka_unit_test(whatever_happens_everything_arrives_once_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
