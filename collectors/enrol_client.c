/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/enrol_client.h"

#include <stdlib.h>
#include <unistd.h>

#include "collectors/identity.h"
#include "core/clock.h"
#include "core/record.h"
#include "core/version.h"

enum {
	ANSWER_MS = 6000,
	CONNECT_MS = 20,
	AGAIN_LEAST_MS = 200,
	AGAIN_MOST_MS = 5 * 60 * 1000,
	MESSAGE_MAX = 4096
};

struct enrol_client {
	struct enrol_client_options options;
	struct buffer request;
	struct socket *socket;
	uv_timer_t timer;
	size_t endpoint;
	bool is_asking; /* until UNTIL_MS; the answer has not come yet */
	bool has_asked; /* it was sent */
	uint64_t until_ms;
};

static void on_timer(uv_timer_t *timer);

static const char *endpoint_of(const struct enrol_client *client)
{
	return client->options.file->endpoints[client->endpoint];
}

static void wait(struct enrol_client *client, uint64_t wait_ms)
{
	uv_timer_start(&client->timer, on_timer, wait_ms, 0);
}

/* ---- asking ---- */

/* Whoever has the secret has it all: it is in one buffer, and forgotten with it. */
static void make_request(struct enrol_client *client)
{
	Fettle__EnrolRequest request = FETTLE__ENROL_REQUEST__INIT;
	const struct enrolment_file *file = client->options.file;
	struct identity_machine machine;
	uint8_t fingerprint[HASH_SIZE];
	char name[256] = "";

	identity_machine(client->options.root, &machine);
	identity_fingerprint(&machine, fingerprint);
	if (file->has_secret)
		RECORD_SET_BYTES(&request, secret, BYTES_OF(file->secret));
	if (gethostname(name, sizeof(name) - 1) == 0 && bytes_is_utf8(bytes_of_text(name)))
		request.host_name = name;
	request.agent_version = RECORD_TEXT(FETTLE_VERSION);
	RECORD_SET_BYTES(&request, machine, BYTES_OF(fingerprint));
	record_pack(&client->request, &request.base);
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct enrol_client *client = data;
	struct arena arena = { 0 };
	const Fettle__EnrolReply *reply = NULL;
	uint64_t again_ms;

	(void)user;
	if (count == 1 && client->is_asking)
		reply = record_unpack(&fettle__enrol_reply__descriptor, parts[0], &arena);
	if (reply != NULL) {
		client->is_asking = client->has_asked = false;
		again_ms = client->options.on_reply(client->options.data, reply);
		if (again_ms == 0)
			uv_timer_stop(&client->timer);
		else
			wait(client, again_ms < AGAIN_LEAST_MS  ? AGAIN_LEAST_MS
				     : again_ms > AGAIN_MOST_MS ? AGAIN_MOST_MS
								: again_ms);
	}
	arena_fini(&arena);
}

static enum status dial(struct enrol_client *client)
{
	const struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = endpoint_of(client),
		.message_max = MESSAGE_MAX,
		.server_key = client->options.file->server_key,
		.public_key = client->options.keys->public_key,
		.secret_key = client->options.keys->secret_key,
		.on_message = on_message,
		.data = client };

	return socket_open(client->options.sockets, &options, &client->socket);
}

/* A socket takes nothing before it is connected, and that is what is waited for. */
static bool send_request(struct enrol_client *client)
{
	struct bytes request = buffer_bytes(&client->request);

	return (client->socket != NULL || dial(client) == STATUS_OK)
	    && socket_send(client->socket, &request, 1) == STATUS_OK;
}

static void begin(struct enrol_client *client)
{
	client->is_asking = true;
	client->until_ms = clock_monotonic_ms() + ANSWER_MS;
	client->has_asked = send_request(client);
	wait(client, client->has_asked ? ANSWER_MS : CONNECT_MS);
}

/* Nobody has answered: a fresh socket, which does not wait to connect again, to the next one. */
static void go_on(struct enrol_client *client)
{
	client->options.on_silence(client->options.data, endpoint_of(client));
	socket_close(client->socket);
	client->socket = NULL;
	client->endpoint = (client->endpoint + 1) % client->options.file->endpoints_count;
	begin(client);
}

static void on_timer(uv_timer_t *timer)
{
	struct enrol_client *client = timer->data;
	uint64_t now_ms = clock_monotonic_ms();

	if (!client->is_asking) {
		begin(client);
	} else if (now_ms >= client->until_ms) {
		go_on(client);
	} else {
		client->has_asked = client->has_asked || send_request(client);
		wait(client, client->has_asked ? client->until_ms - now_ms : CONNECT_MS);
	}
}

/* ---- life ---- */

enum status enrol_client_new(const struct enrol_client_options *options, struct enrol_client **out)
{
	struct enrol_client *client = memory_new(sizeof(*client));
	enum status status;

	client->options = *options;
	status = dial(client);
	if (status != STATUS_OK) {
		free(client);
		return status;
	}
	make_request(client);
	uv_timer_init(options->loop, &client->timer);
	client->timer.data = client;
	begin(client);
	*out = client;
	return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct enrol_client *client = handle->data;

	explicit_bzero(client->request.data, client->request.size);
	buffer_fini(&client->request);
	free(client);
}

void enrol_client_free(struct enrol_client *client)
{
	if (client == NULL)
		return;
	socket_close(client->socket);
	uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}
