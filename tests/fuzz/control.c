/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each whole request on the local socket is handed over once and answered once, however its bytes
 * are cut; the first that is none, or costs too much to read, is refused and ends the connection,
 * and the next caller is served all the same.
 */
#include "brokers/log/control.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/drive.h"

enum { CHUNKS_MAX = 32, STREAM_MAX = 32 * 1024 };

struct world {
	uv_loop_t loop;
	struct control *control;
	struct sockaddr_un address;
	unsigned handled;
	size_t answered; /* bytes that came back */
	unsigned answers;
	struct buffer in;
	int client;
	bool has_ended, is_refused;
};

static void handle(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct world *world = host;
	struct buffer packed = { 0 };

	record_pack(&packed, &request->base);
	FUZZ_HOLDS(packed.size <= CONTROL_REQUEST_MAX && principal->is_own);
	buffer_fini(&packed);
	world->handled++;
	RECORD_SET(reply, written, world->handled);
}

static bool may_send_large(void *host, const struct control_principal *principal,
    Fettle__ControlReply *reply)
{
	(void)host;
	(void)reply;
	return principal->is_own;
}

static struct world *open_world(void)
{
	static struct world world = { .address = { .sun_family = AF_UNIX } };
	struct control_options options = { .loop = &world.loop,
		.path = world.address.sun_path,
		.may_send_large = may_send_large,
		.handler = handle,
		.host = &world };

	if (world.control != NULL)
		return &world;
	snprintf(world.address.sun_path, sizeof(world.address.sun_path), "%s/s", fuzz_directory());
	FUZZ_HOLDS(uv_loop_init(&world.loop) == 0);
	FUZZ_HOLDS(control_open(&options, &world.control) == STATUS_OK);
	return &world;
}

/* Whole replies in what came back; each has the number of its request, but the refusal. */
static void take_replies(struct world *world)
{
	size_t at = 0;

	while (world->in.size - at >= 4) {
		uint32_t size = bytes_u32(world->in.data + at);
		Fettle__ControlReply *reply;

		if (world->in.size - at - 4 < size)
			break;
		reply = fettle__control_reply__unpack(NULL, size, world->in.data + at + 4);
		FUZZ_HOLDS(reply != NULL && !world->is_refused);
		world->is_refused = reply->status != STATUS_OK;
		FUZZ_HOLDS(world->is_refused || reply->written == ++world->answers);
		fettle__control_reply__free_unpacked(reply, NULL);
		at += 4 + size;
	}
	memmove(world->in.data, world->in.data + at, world->in.size - at);
	world->in.size -= at;
}

static void receive(struct world *world)
{
	uint8_t bytes[4096];
	ssize_t got;

	(void)uv_run(&world->loop, UV_RUN_NOWAIT);
	while ((got = recv(world->client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		buffer_append(&world->in, BYTES(bytes, (size_t)got));
	world->has_ended |= got == 0;
	if (world->in.size > 0)
		take_replies(world);
}

static bool has_ended(void *data)
{
	struct world *world = data;

	receive(world);
	return world->has_ended;
}

/* How many requests STREAM begins with, and whether what follows them is none. */
static unsigned count_requests(struct bytes stream, bool *is_broken)
{
	unsigned count = 0;

	*is_broken = false;
	while (stream.size >= 4 && !*is_broken) {
		uint32_t size = bytes_u32(stream.data);
		Fettle__ControlRequest *request;

		*is_broken = size > CONTROL_REQUEST_MAX;
		if (*is_broken || stream.size - 4 < size)
			break;
		request = fettle__control_request__unpack(NULL, size, stream.data + 4);
		*is_broken = request == NULL;
		count += request != NULL;
		if (request != NULL)
			fettle__control_request__free_unpacked(request, NULL);
		stream = BYTES(stream.data + 4 + size, stream.size - 4 - size);
	}
	return count;
}

/* Bytes with sizes before them, so that most of them are whole. */
static void make_stream(struct fuzz_input *input, struct buffer *out)
{
	while (fuzz_has_more(input) && out->size < STREAM_MAX) {
		bool is_framed = fuzz_u8(input) < 0xe0;
		struct bytes bytes = fuzz_bytes(input, 2000);

		if (is_framed)
			buffer_append_u32(out, (uint32_t)bytes.size);
		buffer_append(out, bytes);
	}
}

static void send_in_chunks(struct world *world, struct bytes stream, unsigned chunks)
{
	size_t each = stream.size / (chunks + 1) + 1;

	for (size_t at = 0; at < stream.size && !world->has_ended; at += each) {
		size_t size = stream.size - at < each ? stream.size - at : each;

		(void)send(world->client, stream.data + at, size, MSG_NOSIGNAL);
		receive(world);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct world *world = open_world();
	unsigned chunks = fuzz_u8(&input) % CHUNKS_MAX, expected;
	struct buffer stream = { 0 };
	bool is_broken;

	make_stream(&input, &stream);
	expected = count_requests(buffer_bytes(&stream), &is_broken);
	world->handled = world->answers = 0;
	world->has_ended = world->is_refused = false;
	buffer_clear(&world->in);
	world->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_HOLDS(
	    connect(world->client, (const struct sockaddr *)&world->address, sizeof(world->address))
	    == 0);
	send_in_chunks(world, buffer_bytes(&stream), chunks);
	shutdown(world->client, SHUT_WR);
	FUZZ_HOLDS(drive_until(&world->loop, has_ended, world));
	FUZZ_HOLDS(world->handled == expected || (world->is_refused && world->handled < expected));
	FUZZ_HOLDS(world->answers == world->handled || is_broken);
	close(world->client);
	buffer_fini(&stream);
	return 0;
}
