/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-fleet - many agents in one process, each with its own key, socket and link, to be counted.
 *
 * Their records are made up and stand in memory, because the spools of a fleet are on machines of
 * their own.  Each line read from standard input begins a round, in which every agent makes one
 * more record; a line "round N" says that all of it was acknowledged.
 *
 *     fettle-fleet keys FIRST COUNT DIRECTORY          makes their keys
 *     fettle-fleet send FIRST COUNT DIRECTORY ENDPOINT SERVER-KEY-FILE
 *     fettle-fleet bare PORT SERVER-KEYS-DIRECTORY     libzmq alone, which lets everybody in:
 *                                                      "peers N" after N handshakes
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "core/clock.h"
#include "core/dialler.h"
#include "core/keys.h"
#include "core/lane.h"
#include "core/record.h"
#include "core/require.h"

enum {
	RECORD_BODY = 200,
	PEERS_STEP = 100,
	SOCKETS_A_LINK = 6, /* itself and its monitor, and of two where it dials anew */
};

struct agent {
	struct fleet *fleet;
	struct key_pair keys;
	struct dialler *dialler;
	uint8_t store[16], boot_id[16], chain[HASH_SIZE];
	uint64_t epoch, made, acked;
};

struct fleet {
	uv_loop_t loop;
	struct socket_context *context;
	struct sockets *sockets;
	char server_key[SOCKET_KEY_TEXT];
	struct agent *agents;
	size_t count, behind; /* agents whose last record was not acknowledged */
	uint64_t round;
	uv_poll_t input;
	struct buffer record;
};

/* ---- one agent ---- */

static void make_record(struct agent *agent)
{
	static uint8_t body[RECORD_BODY], id[EVENT_ID_SIZE];
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT;

	memcpy(id, agent->store, sizeof(id) / 2);
	memcpy(id + sizeof(id) / 2, &agent->made, sizeof(id) / 2);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_HEARTBEAT);
	RECORD_SET(&envelope, schema, 1);
	RECORD_SET_BYTES(&envelope, boot_id, BYTES_OF(agent->boot_id));
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, BYTES_OF(body));
	buffer_clear(&agent->fleet->record);
	record_pack(&agent->fleet->record, &record.base);
}

/* Only ever one is not acknowledged. */
static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct agent *agent = self;

	batch->count = batch->size = 0;
	if (flow != LANE_BULK || from > agent->made || most == 0)
		return STATUS_OK;
	make_record(agent);
	link_batch_add(batch, buffer_bytes(&agent->fleet->record));
	return STATUS_OK;
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct agent *agent = self;

	if (flow != LANE_BULK || committed <= agent->acked || committed < agent->made)
		return;
	make_record(agent);
	hash_chain(agent->chain, buffer_bytes(&agent->fleet->record));
	agent->acked = committed;
	if (--agent->fleet->behind == 0) {
		printf("round %" PRIu64 "\n", agent->fleet->round);
		fflush(stdout);
	}
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct agent *agent = self;

	(void)records;
	(void)chain;
	link_committed(dialler_link(agent->dialler), flow, first + count - 1, LINK_BATCH_RECORDS,
	    4 * LINK_BATCH_BYTES);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct agent *agent = self;

	hello->name = RECORD_TEXT("agent");
	RECORD_SET_BYTES(hello, store, BYTES_OF(agent->store));
	RECORD_SET(hello, epoch, agent->epoch);
	RECORD_SET(hello, start, 1);
	RECORD_SET_BYTES(hello, boot_id, BYTES_OF(agent->boot_id));
	hello->sends = arena_take(arena, LANES * sizeof(*hello->sends));
	for (uint32_t lane = 1; lane < LANE_END; lane++) {
		Fettle__Flow *flow = link_new_flow(arena, lane);
		bool is_ours = lane == LANE_BULK;

		RECORD_SET(flow, head, is_ours ? agent->made : 0);
		RECORD_SET(flow, tail, is_ours ? agent->acked + 1 : 1);
		if (is_ours)
			RECORD_SET_BYTES(flow, chain, BYTES_OF(agent->chain));
		hello->sends[hello->n_sends++] = flow;
	}
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct agent *agent = self;

	agent->epoch = welcome->epoch;
	return STATUS_OK;
}

static const struct link_operations operations = {
	.read = read_records,
	.on_acked = on_acked,
	.on_data = on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
};

/* ---- all of them ---- */

static void begin_round(struct fleet *fleet)
{
	fleet->round++;
	fleet->behind = fleet->count;
	for (size_t i = 0; i < fleet->count; i++) {
		struct agent *agent = &fleet->agents[i];

		agent->made++;
		link_wake(dialler_link(agent->dialler), LANE_BULK, agent->made);
		dialler_pump(agent->dialler);
	}
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	char line[16];
	ssize_t size = read(STDIN_FILENO, line, sizeof(line));

	(void)events;
	if (status < 0 || size <= 0)
		exit(0); /* whoever asked has gone */
	begin_round(poll->data);
}

static void load_keys(const char *directory, uint64_t number, struct key_pair *keys)
{
	char *name = text_format("%" PRIu64, number);

	if (keys_load(directory, name, keys) != STATUS_OK)
		exit(1);
	free(name);
}

static void start_agent(struct fleet *fleet, struct agent *agent, const char *endpoint)
{
	const struct dialler_options options = { .loop = &fleet->loop,
		.sockets = fleet->sockets,
		.endpoint = endpoint,
		.server_key = fleet->server_key,
		.public_key = agent->keys.public_key,
		.secret_key = agent->keys.secret_key,
		.operations = operations,
		.self = agent };

	agent->fleet = fleet;
	hash_random(agent->store, sizeof(agent->store));
	hash_random(agent->boot_id, sizeof(agent->boot_id));
	if (dialler_new(&options, &agent->dialler) != STATUS_OK)
		exit(1);
}

static void on_round(void *data, bool has_more)
{
	struct fleet *fleet = data;

	if (!has_more)
		for (size_t i = 0; i < fleet->count; i++)
			link_pump(dialler_link(fleet->agents[i].dialler), clock_monotonic_ms());
}

static int send_all(uint64_t first, size_t count, char **arguments)
{
	struct fleet fleet = { 0 };

	fleet.agents = memory_new(count * sizeof(*fleet.agents));
	if (keys_load_public(arguments[2], fleet.server_key) != STATUS_OK
	    || socket_context_new(&fleet.context) != STATUS_OK)
		return 1;
	socket_context_allow(fleet.context, SOCKETS_A_LINK * (unsigned)count + 16);
	uv_loop_init(&fleet.loop);
	if (sockets_new(fleet.context, &fleet.loop, on_round, &fleet, &fleet.sockets) != STATUS_OK)
		return 1;
	for (; fleet.count < count; fleet.count++) {
		struct agent *agent = &fleet.agents[fleet.count];

		load_keys(arguments[0], first + fleet.count, &agent->keys);
		start_agent(&fleet, agent, arguments[1]);
	}
	uv_poll_init(&fleet.loop, &fleet.input, STDIN_FILENO);
	fleet.input.data = &fleet;
	uv_poll_start(&fleet.input, UV_READABLE, on_input);
	return uv_run(&fleet.loop, UV_RUN_DEFAULT);
}

/* ---- the ceiling ---- */

static void *bare_router(void *context, const char *directory)
{
	struct key_pair keys;
	void *socket = zmq_socket(context, ZMQ_ROUTER);
	const int options[][2] = { { ZMQ_CURVE_SERVER, 1 }, { ZMQ_RCVHWM, 32 }, { ZMQ_SNDHWM, 32 },
		{ ZMQ_BACKLOG, 4096 }, { ZMQ_HANDSHAKE_IVL, 3000 }, { ZMQ_HEARTBEAT_IVL, 15000 },
		{ ZMQ_HEARTBEAT_TIMEOUT, 45000 }, { ZMQ_HEARTBEAT_TTL, 60000 } };
	const int64_t message_max = LINK_FRAME_MAX;

	if (socket == NULL || keys_load(directory, "server", &keys) != STATUS_OK)
		exit(1);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		REQUIRE(zmq_setsockopt(socket, options[i][0], &options[i][1], sizeof(int)) == 0);
	REQUIRE(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max)) == 0);
	REQUIRE(
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key, SOCKET_KEY_TEXT - 1) == 0);
	return socket;
}

static void *monitor(void *socket, void *context)
{
	static const char endpoint[] = "inproc://monitor";
	void *out = zmq_socket(context, ZMQ_PAIR);

	REQUIRE(zmq_socket_monitor(socket, endpoint, ZMQ_EVENT_HANDSHAKE_SUCCEEDED) == 0
		&& zmq_connect(out, endpoint) == 0);
	return out;
}

static void throw_away(void *socket)
{
	char part[LINK_FRAME_MAX];

	while (zmq_recv(socket, part, sizeof(part), ZMQ_DONTWAIT) >= 0)
		;
}

/* An event has two parts. */
static unsigned count_events(void *events)
{
	char part[256];
	unsigned count = 0;

	while (zmq_recv(events, part, sizeof(part), ZMQ_DONTWAIT) >= 0
	       && zmq_recv(events, part, sizeof(part), 0) >= 0)
		count++;
	return count;
}

static int bare(const char *port, const char *directory)
{
	void *context = zmq_ctx_new(), *socket = bare_router(context, directory);
	zmq_pollitem_t items[] = { { .socket = socket, .events = ZMQ_POLLIN },
		{ .socket = monitor(socket, context), .events = ZMQ_POLLIN } };
	char *endpoint = text_format("tcp://127.0.0.1:%s", port);
	unsigned count = 0;

	REQUIRE(zmq_bind(socket, endpoint) == 0);
	while (zmq_poll(items, 2, -1) >= 0) {
		unsigned more = count_events(items[1].socket);

		throw_away(socket);
		if ((count + more) / PEERS_STEP > count / PEERS_STEP) {
			printf("peers %u\n", count + more);
			fflush(stdout);
		}
		count += more;
	}
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "bare") == 0)
		return bare(argv[2], argv[3]);
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_all(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), argv + 4);
	if (argc == 5 && strcmp(argv[1], "keys") == 0) {
		uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
		struct key_pair keys;

		for (uint64_t i = 0; i < count; i++)
			load_keys(argv[4], first + i, &keys);
		return 0;
	}
	fprintf(stderr, "fettle-fleet keys|send|bare …\n");
	return 2;
}
