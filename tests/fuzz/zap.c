/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever asks whether a peer may connect gets one answer for each request, and it is yes only for
 * a whole request of the right version and mechanism, with a key that the domain's own judge takes.
 */
#include "core/zap.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support/drive.h"

enum { PARTS_MAX = 8, WHOLE = 7, REQUESTS_MAX = 16 };

static const char domain[] = "fuzz";

struct world {
	uv_loop_t loop;
	struct socket_context *context;
	struct sockets *sockets;
	struct zap *zap;
	struct socket *asker;
	struct bytes parts[PARTS_MAX];
	size_t count;
	bool was_asked; /* the judge, about this request */
	enum status says;
	unsigned answers;
};

static bool is_text(struct bytes bytes, const char *text)
{
	return bytes_equal(bytes, bytes_of_text(text));
}

static enum status judge(void *data, const struct zap_request *request, char user[ZAP_USER_MAX])
{
	struct world *world = data;

	FUZZ_HOLDS(strcmp(request->domain, domain) == 0);
	FUZZ_HOLDS(memcmp(request->key, world->parts[6].data, SOCKET_KEY_SIZE) == 0);
	world->was_asked = true;
	memcpy(user, "u", 2);
	return world->says;
}

static void on_answer(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct world *world = data;
	bool is_yes = count == 7 && is_text(parts[3], "200");

	(void)user;
	world->answers++;
	FUZZ_HOLDS(count == 7 && parts[0].size == 0 && is_text(parts[1], "1.0"));
	FUZZ_HOLDS(is_yes || is_text(parts[3], "300"));
	FUZZ_HOLDS(is_yes == (world->was_asked && world->says == STATUS_OK));
	FUZZ_HOLDS(is_text(parts[5], is_yes ? "u" : ""));
	if (!is_yes)
		return;
	FUZZ_HOLDS(world->count == WHOLE && is_text(world->parts[0], "1.0"));
	FUZZ_HOLDS(is_text(world->parts[2], domain) && is_text(world->parts[5], "CURVE"));
	FUZZ_HOLDS(world->parts[6].size == SOCKET_KEY_SIZE);
	FUZZ_HOLDS(bytes_equal(parts[2], world->parts[1]));
}

static struct world *open_world(void)
{
	static struct world world;
	struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = "inproc://zeromq.zap.01",
		.on_message = on_answer,
		.data = &world };

	if (world.asker != NULL)
		return &world;
	FUZZ_HOLDS(uv_loop_init(&world.loop) == 0);
	FUZZ_HOLDS(socket_context_new(&world.context) == STATUS_OK);
	FUZZ_HOLDS(
	    sockets_new(world.context, &world.loop, NULL, NULL, &world.sockets) == STATUS_OK);
	FUZZ_HOLDS(zap_open(world.sockets, &world.zap) == STATUS_OK);
	zap_add(world.zap, domain, judge, &world);
	FUZZ_HOLDS(socket_open(world.sockets, &options, &world.asker) == STATUS_OK);
	return &world;
}

static bool is_answered(void *data)
{
	return ((struct world *)data)->answers > 0;
}

/* What a good request has in the place of part INDEX, for inputs that get further. */
static struct bytes good_part(size_t index)
{
	static const char *const texts[WHOLE - 1] = { "1.0", "id", domain, "192.0.2.1", "",
		"CURVE" };
	static const uint8_t key[SOCKET_KEY_SIZE] = "a key of as many bytes as it has";

	return index < WHOLE - 1 ? bytes_of_text(texts[index]) : BYTES_OF(key);
}

static void ask(struct world *world, struct fuzz_input *input)
{
	struct bytes parts[PARTS_MAX] = { BYTES_NONE };

	world->count = fuzz_u8(input) % PARTS_MAX;
	world->says = fuzz_u8(input) % 2 == 0 ? STATUS_OK : STATUS_DENIED;
	world->was_asked = false;
	world->answers = 0;
	for (size_t i = 0; i < world->count; i++) {
		world->parts[i] = fuzz_u8(input) < 0xc0 && i < WHOLE ? good_part(i)
		                                                     : fuzz_bytes(input, 300);
		parts[i + 1] = world->parts[i];
	}
	/* What a REP socket takes for its envelope: an empty part and what follows it. */
	if (world->count == 0)
		return;
	FUZZ_HOLDS(socket_send(world->asker, parts, world->count + 1) == STATUS_OK);
	FUZZ_HOLDS(drive_until(&world->loop, is_answered, world));
	FUZZ_HOLDS(world->answers == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct world *world = open_world();

	for (unsigned i = 0; i < REQUESTS_MAX && fuzz_has_more(&input); i++)
		ask(world, &input);
	return 0;
}
