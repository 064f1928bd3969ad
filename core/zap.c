/* SPDX-License-Identifier: Apache-2.0 */
#include "core/zap.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/require.h"

/* Parts of a request, in their order. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, REQUEST_PARTS };

struct decider {
	const char *domain;
	zap_decide decide;
	void *data;
};

struct zap {
	struct socket *socket;
	struct decider deciders[ZAP_DOMAINS_MAX];
	size_t count;
	uint64_t admitted, refused;
};

static void answer(struct zap *zap, struct bytes request_id, const char *code, const char *text,
    const char *user)
{
	const struct bytes parts[] = { bytes_of_text("1.0"), request_id, bytes_of_text(code),
		bytes_of_text(text), bytes_of_text(user), BYTES_NONE };

	/* libzmq waits for every answer, so there is room; a lost one ends in a new handshake. */
	if (socket_send(zap->socket, parts, sizeof(parts) / sizeof(parts[0])) != STATUS_OK)
		log_warn("admission-unanswered", "could not answer a request to connect");
}

/* 300 and not 400: at 400 a client of 4.3.4 gives up for good. */
static void refuse(struct zap *zap, struct bytes request_id, const char *text)
{
	zap->refused++;
	answer(zap, request_id, "300", text, "");
}

static bool is_curve_request(const struct bytes *parts, size_t count)
{
	return count == REQUEST_PARTS && bytes_equal(parts[VERSION], bytes_of_text("1.0"))
	    && bytes_equal(parts[MECHANISM], bytes_of_text("CURVE"))
	    && parts[CREDENTIALS].size == SOCKET_KEY_SIZE;
}

static const struct decider *decider_of(const struct zap *zap, struct bytes domain)
{
	for (size_t i = 0; i < zap->count; i++)
		if (bytes_equal(bytes_of_text(zap->deciders[i].domain), domain))
			return &zap->deciders[i];
	return NULL;
}

static enum status decide(const struct decider *decider, const struct bytes *parts,
    char user[ZAP_USER_MAX])
{
	char *address = text_copy_bytes(parts[ADDRESS]);
	const struct zap_request request = { .domain = decider->domain,
		.address = address,
		.key = parts[CREDENTIALS].data };
	enum status status = decider->decide(decider->data, &request, user);

	free(address);
	return status;
}

static void on_request(void *data, const struct bytes *parts, size_t count, const char *unused)
{
	struct zap *zap = data;
	const struct decider *decider;
	char user[ZAP_USER_MAX] = "";

	(void)unused;
	if (!is_curve_request(parts, count)) {
		refuse(zap, count > REQUEST_ID ? parts[REQUEST_ID] : BYTES_NONE, "CURVE only");
		return;
	}
	decider = decider_of(zap, parts[DOMAIN]);
	if (decider == NULL || decide(decider, parts, user) != STATUS_OK) {
		refuse(zap, parts[REQUEST_ID], "not admitted");
		return;
	}
	zap->admitted++;
	answer(zap, parts[REQUEST_ID], "200", "OK", user);
}

enum status zap_open(struct sockets *sockets, struct zap **out)
{
	struct zap *zap = memory_new(sizeof(*zap));
	const struct socket_options options = { .type = SOCKET_REP,
		.endpoint = "inproc://zeromq.zap.01",
		.binds = true,
		.on_message = on_request,
		.data = zap };
	enum status status = socket_open(sockets, &options, &zap->socket);

	if (status != STATUS_OK) {
		free(zap);
		return status;
	}
	*out = zap;
	return STATUS_OK;
}

void zap_close(struct zap *zap)
{
	if (zap == NULL)
		return;
	socket_close(zap->socket);
	free(zap);
}

void zap_add(struct zap *zap, const char *domain, zap_decide decide_, void *data)
{
	REQUIRE(zap->count < ZAP_DOMAINS_MAX);
	zap->deciders[zap->count++] = (struct decider){ domain, decide_, data };
}

uint64_t zap_admitted(const struct zap *zap)
{
	return zap->admitted;
}

uint64_t zap_refused(const struct zap *zap)
{
	return zap->refused;
}
