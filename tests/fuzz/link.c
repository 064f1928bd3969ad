/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a link, and another that says whatever it likes in whatever order.  The host is handed
 * the records of a flow once and without a gap, is told of no acknowledgement for what it has not,
 * is asked for no record that there is not, and sends no frame that is too large or none.
 *
 * The input is a script: what the other end says, what the host does, and how time passes.
 */
#include "core/link.h"

#include "core/record.h"
#include "tests/fuzz/fuzz.h"

enum { FLOWS = 3, FIRST_FLOW = 1, STEPS_MAX = 200, RECORDS_MAX = 8, RECORD_SIZE_MAX = 300 };

/* A flow both ways, at the host under test. */
struct flow {
	uint64_t head, acked;      /* of what it sends */
	uint64_t taken, committed; /* of what it receives */
	uint32_t window_records, window_bytes;
};

struct world {
	struct link *link;
	struct fuzz_input *input;
	struct flow flows[FLOWS];
	uint64_t now_ms, session;
	uint8_t challenge[HASH_SIZE]; /* of the last hello */
	bool is_full, is_reading, has_large;
	struct arena arena;
};

static struct flow *flow_of(struct world *world, uint32_t number)
{
	FUZZ_HOLDS(number >= FIRST_FLOW && number < FIRST_FLOW + FLOWS);
	return &world->flows[number - FIRST_FLOW];
}

/* ---- the host ---- */

static void look_at_data(struct world *world, const Fettle__Data *data)
{
	struct flow *flow = flow_of(world, data->flow);
	size_t count = data->has_piece_total ? 1 : data->n_records;

	FUZZ_HOLDS(data->n_records > 0 && data->first > 0);
	FUZZ_HOLDS(data->first + count - 1 <= flow->head);
}

static enum status transmit(void *self, struct bytes bytes)
{
	struct world *world = self;
	struct arena arena = { 0 };
	Fettle__Frame *frame = link_decode(bytes, &arena);

	FUZZ_HOLDS(bytes.size <= LINK_FRAME_MAX && frame != NULL);
	if (frame->hello != NULL)
		memcpy(world->challenge, frame->hello->challenge.data, sizeof(world->challenge));
	if (frame->data != NULL)
		look_at_data(world, frame->data);
	for (size_t i = 0; frame->ack != NULL && i < frame->ack->n_flows; i++)
		FUZZ_HOLDS(frame->ack->flows[i]->committed
			   <= flow_of(world, frame->ack->flows[i]->flow)->committed);
	arena_fini(&arena);
	return world->is_full ? STATUS_AGAIN : STATUS_OK;
}

static enum status read_records(void *self, uint32_t number, uint64_t from, size_t most,
    struct link_batch *batch)
{
	static const uint8_t bytes[LINK_FRAME_MAX + LINK_PIECE_BYTES];
	struct world *world = self;
	struct flow *flow = flow_of(world, number);

	FUZZ_HOLDS(!world->is_reading && from > 0 && most > 0 && from + most - 1 <= flow->head);
	world->is_reading = true;
	for (size_t i = 0; i < most; i++) {
		size_t size = world->has_large && (from + i) % 5 == 0 ? sizeof(bytes) : 40;

		if (!link_batch_has_room(batch, size))
			break;
		link_batch_add(batch, BYTES(bytes, size));
	}
	return STATUS_OK;
}

static void release(void *self)
{
	((struct world *)self)->is_reading = false;
}

static void on_acked(void *self, uint32_t number, uint64_t committed)
{
	struct flow *flow = flow_of(self, number);

	FUZZ_HOLDS(committed <= flow->head);
	if (committed > flow->acked)
		flow->acked = committed;
}

static void on_data(void *self, uint32_t number, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct flow *flow = flow_of(self, number);

	(void)chain;
	FUZZ_HOLDS(count > 0 && count <= LINK_BATCH_RECORDS && first == flow->taken + 1);
	for (size_t i = 0; i < count; i++)
		FUZZ_HOLDS(records[i].size <= LINK_PIECED_MAX
			   && (records[i].size == 0 || records[i].data != NULL));
	flow->taken += count;
}

static Fettle__Flow **say_flows(struct world *world, struct arena *arena, bool is_sent)
{
	Fettle__Flow **flows = arena_take(arena, FLOWS * sizeof(*flows));

	for (uint32_t i = 0; i < FLOWS; i++) {
		flows[i] = link_new_flow(arena, FIRST_FLOW + i);
		if (is_sent)
			RECORD_SET(flows[i], head, world->flows[i].head);
		else
			RECORD_SET(flows[i], committed, world->flows[i].committed);
		RECORD_SET(flows[i], window_records, world->flows[i].window_records);
		RECORD_SET(flows[i], window_bytes, world->flows[i].window_bytes);
		RECORD_SET(flows[i], lane, is_sent ? 0 : i + 1);
	}
	return flows;
}

/* What was taken and not committed is gone with the session before. */
static void forget_taken(struct world *world)
{
	for (size_t i = 0; i < FLOWS; i++)
		world->flows[i].taken = world->flows[i].committed;
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct world *world = self;

	forget_taken(world);
	hello->sends = say_flows(world, arena, true);
	hello->receives = say_flows(world, arena, false);
	hello->n_sends = hello->n_receives = FLOWS;
	hello->credit = link_new_credit(arena,
	    (struct credit_grant){ .budget = { .records = 64, .bytes = 4096 } });
}

/* As a host has to: nobody may have committed what was never sent. */
static bool is_possible(struct world *world, Fettle__Flow *const *receives, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t number = receives[i]->flow;

		if (number < FIRST_FLOW || number >= FIRST_FLOW + FLOWS
		    || receives[i]->committed > flow_of(world, number)->head)
			return false;
	}
	return true;
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	return is_possible(self, welcome->receives, welcome->n_receives) ? STATUS_OK
	                                                                 : STATUS_INVALID;
}

static void on_closed(void *self, const char *reason)
{
	FUZZ_HOLDS(self != NULL && reason != NULL);
}

static const struct link_operations operations = { .transmit = transmit,
	.read = read_records,
	.release = release,
	.on_acked = on_acked,
	.on_data = on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
	.on_closed = on_closed };

/* ---- the other end ---- */

static uint32_t draw_number(struct world *world)
{
	return FIRST_FLOW + fuzz_u8(world->input) % (FLOWS + 1);
}

/* Mostly near what is; sometimes anything. */
static uint64_t draw_near(struct world *world, uint64_t here)
{
	uint8_t how = fuzz_u8(world->input);

	return how < 0xf8 ? here + (how % 16) - 4 : fuzz_number(world->input);
}

static void give(struct world *world, Fettle__Frame *frame)
{
	struct buffer packed = { 0 };

	RECORD_SET(frame, session,
	    fuzz_u8(world->input) < 0xf0 ? link_session(world->link) : fuzz_number(world->input));
	if (frame->welcome != NULL && frame->session == 0)
		frame->session = 1;
	record_pack(&packed, &frame->base);
	if (packed.size <= LINK_INNER_FRAME_MAX)
		FUZZ_HOLDS(
		    link_frame(world->link, buffer_bytes(&packed), world->now_ms) == STATUS_OK);
	buffer_fini(&packed);
}

static Fettle__Flow **draw_flows(struct world *world, size_t *count)
{
	Fettle__Flow **flows = arena_take(&world->arena, FLOWS * sizeof(Fettle__Flow *) * 2);

	*count = fuzz_u8(world->input) % (2 * FLOWS);
	for (size_t i = 0; i < *count; i++) {
		uint32_t number = draw_number(world);
		uint64_t acked = number < FIRST_FLOW + FLOWS ? flow_of(world, number)->acked : 0;

		flows[i] = link_new_flow(&world->arena, number);
		RECORD_SET(flows[i], committed, draw_near(world, acked));
		RECORD_SET(flows[i], window_records, (uint32_t)fuzz_number(world->input));
		RECORD_SET(flows[i], window_bytes, (uint32_t)fuzz_number(world->input) * 64);
		RECORD_SET(flows[i], lane, fuzz_u8(world->input) % 5);
		RECORD_SET(flows[i], rewind, fuzz_u8(world->input) % 4 == 0);
	}
	return flows;
}

static Fettle__Credit *draw_credit(struct world *world)
{
	struct credit_grant grant = { .is_urgent_only = fuzz_u8(world->input) % 4 == 0 };

	if (fuzz_u8(world->input) % 2 == 0)
		return NULL;
	grant.budget.records = (uint32_t)fuzz_number(world->input);
	grant.budget.bytes = (uint32_t)fuzz_number(world->input) * 64;
	return link_new_credit(&world->arena, grant);
}

static void give_bytes(struct world *world)
{
	struct bytes bytes = fuzz_bytes(world->input, 512);
	struct arena arena = { 0 };
	bool is_frame = link_decode(bytes, &arena) != NULL;

	FUZZ_HOLDS((link_frame(world->link, bytes, world->now_ms) == STATUS_OK) == is_frame);
	arena_fini(&arena);
}

static void give_welcome(struct world *world)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;

	RECORD_SET(&welcome, protocol, LINK_PROTOCOL);
	RECORD_SET_BYTES(&welcome, challenge, BYTES_OF(world->challenge));
	welcome.receives = draw_flows(world, &welcome.n_receives);
	welcome.credit = draw_credit(world);
	frame.welcome = &welcome;
	give(world, &frame);
}

static void give_data(struct world *world)
{
	static const uint8_t bytes[LINK_PIECE_BYTES];
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;
	ProtobufCBinaryData records[RECORDS_MAX];
	uint32_t number = draw_number(world);
	uint64_t taken = number < FIRST_FLOW + FLOWS ? flow_of(world, number)->taken : 0;

	RECORD_SET(&data, flow, number);
	RECORD_SET(&data, first, draw_near(world, taken + 1));
	data.records = records;
	data.n_records = fuzz_u8(world->input) % RECORDS_MAX;
	for (size_t i = 0; i < data.n_records; i++)
		records[i] = record_binary(BYTES(bytes, fuzz_u16(world->input) % RECORD_SIZE_MAX));
	if (fuzz_u8(world->input) % 4 == 0) {
		RECORD_SET(&data, piece_at, (uint32_t)fuzz_number(world->input));
		RECORD_SET(&data, piece_total, (uint32_t)fuzz_number(world->input));
	}
	frame.data = &data;
	give(world, &frame);
}

static void give_ack(struct world *world)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ack ack = FETTLE__ACK__INIT;

	ack.flows = draw_flows(world, &ack.n_flows);
	ack.credit = draw_credit(world);
	frame.ack = &ack;
	give(world, &frame);
}

static void give_other(struct world *world)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Reset reset = FETTLE__RESET__INIT;
	Fettle__Ping ping = FETTLE__PING__INIT;

	if (fuzz_u8(world->input) % 2 == 0)
		frame.reset = &reset;
	RECORD_SET(&ping, token, fuzz_number(world->input));
	RECORD_SET(&ping, reply, fuzz_u8(world->input) % 2);
	if (frame.reset == NULL)
		frame.ping = &ping;
	give(world, &frame);
}

/* ---- what the host does meanwhile ---- */

static void pass(struct world *world)
{
	world->now_ms += fuzz_number(world->input) % (100 * 1000);
	(void)link_tick(world->link, world->now_ms);
}

static void pump(struct world *world)
{
	link_pump(world->link, world->now_ms);
}

static void wake(struct world *world)
{
	uint32_t number = FIRST_FLOW + fuzz_u8(world->input) % FLOWS;
	struct flow *flow = flow_of(world, number);

	flow->head += fuzz_u8(world->input);
	link_wake(world->link, number, flow->head);
}

static void commit(struct world *world)
{
	uint32_t number = FIRST_FLOW + fuzz_u8(world->input) % FLOWS;
	struct flow *flow = flow_of(world, number);

	flow->committed = flow->taken;
	link_committed(world->link, number, flow->committed, flow->window_records,
	    flow->window_bytes);
}

static void lose(struct world *world)
{
	uint32_t number = FIRST_FLOW + fuzz_u8(world->input) % FLOWS;
	struct flow *flow = flow_of(world, number);

	flow->taken = flow->committed;
	link_rewind(world->link, number, flow->committed);
}

static void stand_still(struct world *world)
{
	world->is_full = !world->is_full;
}

static void nudge(struct world *world)
{
	link_nudge(world->link, world->now_ms);
}

static void grant(struct world *world)
{
	link_grant(world->link, (struct credit_grant){ .budget = { .records = fuzz_u8(world->input),
							   .bytes = fuzz_u16(world->input) } });
}

static void (*const steps[])(struct world *world) = { give_bytes, give_welcome, give_data,
	give_data, give_ack, give_ack, give_other, pass, pump, pump, wake, commit, commit, lose,
	stand_still, nudge, grant };

static struct link *accept_one(struct world *world)
{
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;
	Fettle__Hello hello = FETTLE__HELLO__INIT;

	hello.receives = draw_flows(world, &hello.n_receives);
	if (!is_possible(world, hello.receives, hello.n_receives))
		hello.n_receives = 0;
	hello.credit = draw_credit(world);
	welcome.sends = say_flows(world, &world->arena, true);
	welcome.receives = say_flows(world, &world->arena, false);
	welcome.n_sends = welcome.n_receives = FLOWS;
	welcome.credit = link_new_credit(&world->arena,
	    (struct credit_grant){ .budget = { .records = 64, .bytes = 4096 } });
	return link_new_acceptor(&operations, world, 1, world->now_ms, &hello, &welcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct world world = { .input = &input, .now_ms = 1000 };
	uint8_t how = fuzz_u8(&input);
	bool is_dialler = how % 2 == 0;

	world.has_large = how % 8 < 2;
	for (size_t i = 0; i < FLOWS; i++)
		world.flows[i] = (struct flow){ .head = fuzz_u8(&input),
			.window_records = 100,
			.window_bytes = 100 * 1000 };
	world.link = is_dialler ? link_new_dialler(&operations, &world, 1, world.now_ms)
	                        : accept_one(&world);
	link_set_frame_max(world.link, LINK_FRAME_MAX);
	(void)link_tick(world.link, world.now_ms);
	for (unsigned i = 0; i < STEPS_MAX && fuzz_has_more(&input); i++) {
		steps[fuzz_u8(&input) % (sizeof(steps) / sizeof(steps[0]))](&world);
		/* The host of the accepting side ends such a session. */
		if (!is_dialler && link_offence(world.link) != NULL)
			break;
	}
	link_free(world.link);
	arena_fini(&world.arena);
	return 0;
}
