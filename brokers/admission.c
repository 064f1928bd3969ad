/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/admission.h"

#include <stdlib.h>

#include "core/keys.h"
#include "core/log.h"

/* Parts of a request, in their order. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, REQUEST_PARTS };

struct admission {
	struct socket *socket;
	uint64_t admitted, refused;
};

static void answer(struct admission *admission, struct bytes request_id, const char *code,
    const char *text, const char *user)
{
	const struct bytes parts[] = { bytes_of_text("1.0"), request_id, bytes_of_text(code),
		bytes_of_text(text), bytes_of_text(user), BYTES_NONE };

	/* libzmq waits for every answer, so there is room for it; a lost one ends in a new
	 * handshake. */
	if (socket_send(admission->socket, parts, sizeof(parts) / sizeof(parts[0])) != STATUS_OK)
		log_warn("admission-unanswered", "could not answer a request to connect");
}

static bool is_curve_request(const struct bytes *parts, size_t count)
{
	return count == REQUEST_PARTS && bytes_equal(parts[VERSION], bytes_of_text("1.0"))
	    && bytes_equal(parts[MECHANISM], bytes_of_text("CURVE"))
	    && parts[CREDENTIALS].size == SOCKET_KEY_SIZE;
}

static void on_request(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct admission *admission = data;
	uint8_t id[HASH_SIZE];
	char id_text[2 * HASH_SIZE + 1];

	(void)user;
	if (!is_curve_request(parts, count)) {
		admission->refused++;
		/* 300 and not 400: a client of 4.3.4 gives up for good at 400. */
		answer(admission, count > REQUEST_ID ? parts[REQUEST_ID] : BYTES_NONE, "300",
		    "CURVE only", "");
		return;
	}
	keys_agent_id(parts[CREDENTIALS].data, id);
	bytes_to_hex(BYTES_OF(id), id_text);
	admission->admitted++;
	answer(admission, parts[REQUEST_ID], "200", "OK", id_text);
}

enum status admission_open(struct sockets *sockets, struct admission **out)
{
	struct admission *admission = memory_new(sizeof(*admission));
	const struct socket_options options = { .type = SOCKET_REP,
		.endpoint = "inproc://zeromq.zap.01",
		.binds = true,
		.on_message = on_request,
		.data = admission };
	enum status status = socket_open(sockets, &options, &admission->socket);

	if (status != STATUS_OK) {
		free(admission);
		return status;
	}
	*out = admission;
	return STATUS_OK;
}

void admission_close(struct admission *admission)
{
	if (admission == NULL)
		return;
	socket_close(admission->socket);
	free(admission);
}

uint64_t admission_admitted(const struct admission *admission)
{
	return admission->admitted;
}

uint64_t admission_refused(const struct admission *admission)
{
	return admission->refused;
}
