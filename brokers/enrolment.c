/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/enrolment.h"

#include <stdlib.h>

#include "brokers/rate.h"
#include "core/clock.h"
#include "core/hashmap.h"
#include "core/log.h"
#include "core/record.h"
#include "proto/admission.pb-c.h"

enum { HIGH_WATER_MARK = 8, HALF_DONE_MS = 10 * 1000, BUSY_MS = 5000 };

/* A whole site may enrol from behind one address. */
static const struct rate_options handshakes = {
	.per_second = 100, .burst = 400, .address_per_second = 10, .address_burst = 100
};

/* Who has connected, and not asked yet. */
struct half_done {
	uint8_t key[SOCKET_KEY_SIZE];
	uint64_t since_ms;
	UT_hash_handle hh;
};

struct enrolment {
	struct socket *socket;
	struct rate *rate;
	struct half_done *half_done;
	enum status (*relay)(void *data, struct bytes route, struct bytes relay);
	void *data;
};

/* ---- who may connect ---- */

static void forget(struct enrolment *enrolment, struct half_done *at)
{
	HASH_DEL(enrolment->half_done, at);
	free(at);
}

static void forget_older(struct enrolment *enrolment, uint64_t now_ms)
{
	struct half_done *at, *next;

	HASH_ITER (hh, enrolment->half_done, at, next)
		if (now_ms - at->since_ms >= HALF_DONE_MS)
			forget(enrolment, at);
}

static bool note_half_done(struct enrolment *enrolment, const uint8_t key[SOCKET_KEY_SIZE],
    uint64_t now_ms)
{
	struct half_done *at;

	HASH_FIND(hh, enrolment->half_done, key, SOCKET_KEY_SIZE, at);
	if (at == NULL) {
		forget_older(enrolment, now_ms);
		if (HASH_COUNT(enrolment->half_done) >= ENROLMENT_HALF_DONE_MAX)
			return false;
		at = memory_new(sizeof(*at));
		memcpy(at->key, key, SOCKET_KEY_SIZE);
		HASH_ADD(hh, enrolment->half_done, key, SOCKET_KEY_SIZE, at);
	}
	at->since_ms = now_ms;
	return true;
}

static enum status decide(void *data, const struct zap_request *request, char user[ZAP_USER_MAX])
{
	struct enrolment *enrolment = data;
	uint64_t now_ms = clock_monotonic_ms();

	if (rate_take(enrolment->rate, request->address, now_ms) != 0
	    || !note_half_done(enrolment, request->key, now_ms))
		return STATUS_AGAIN;
	socket_key_encode(request->key, user);
	return STATUS_OK;
}

/* ---- asking and answering ---- */

static void answer_busy(struct enrolment *enrolment, struct bytes route)
{
	Fettle__EnrolReply reply = FETTLE__ENROL_REPLY__INIT;
	struct buffer packed = { 0 };

	RECORD_SET(&reply, outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY);
	RECORD_SET(&reply, retry_ms, clock_jitter_ms(BUSY_MS));
	reply.reason = RECORD_TEXT("the server is busy");
	record_pack(&packed, &reply.base);
	enrolment_answer(enrolment, route, buffer_bytes(&packed));
	buffer_fini(&packed);
}

static void relay(struct enrolment *enrolment, struct bytes route,
    const uint8_t key[SOCKET_KEY_SIZE], struct bytes request)
{
	Fettle__EnrolRelay message = FETTLE__ENROL_RELAY__INIT;
	struct buffer packed = { 0 };

	RECORD_SET_BYTES(&message, key, BYTES(key, SOCKET_KEY_SIZE));
	RECORD_SET_BYTES(&message, request, request);
	message.address = RECORD_TEXT(socket_peer_address(enrolment->socket));
	record_pack(&packed, &message.base);
	if (enrolment->relay(enrolment->data, route, buffer_bytes(&packed)) != STATUS_OK)
		answer_busy(enrolment, route);
	buffer_fini(&packed);
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct enrolment *enrolment = data;
	uint8_t key[SOCKET_KEY_SIZE];
	struct half_done *at;

	if (count != 2 || parts[0].size > ENROLMENT_ROUTE_MAX || !socket_key_decode(user, key)) {
		socket_disconnect(socket_source(enrolment->socket));
		return;
	}
	HASH_FIND(hh, enrolment->half_done, key, SOCKET_KEY_SIZE, at);
	if (at != NULL)
		forget(enrolment, at);
	relay(enrolment, parts[0], key, parts[1]);
}

void enrolment_answer(struct enrolment *enrolment, struct bytes route, struct bytes reply)
{
	const struct bytes parts[] = { route, reply };

	/* Whoever has gone asks again, and gets the same answer. */
	if (socket_send(enrolment->socket, parts, 2) != STATUS_OK)
		log_debug("enrolment-unanswered", "a machine that asked to be let in has gone");
}

/* ---- life ---- */

enum status enrolment_open(const struct enrolment_options *options, struct enrolment **out)
{
	struct enrolment *enrolment = memory_new(sizeof(*enrolment));
	const struct socket_options socket = { .type = SOCKET_ROUTER,
		.endpoint = options->endpoint,
		.binds = true,
		.high_water_mark = HIGH_WATER_MARK,
		.message_max = ENROLMENT_FRAME_MAX,
		.faces_strangers = true,
		.is_curve_server = true,
		.secret_key = options->secret_key,
		.domain = "enrol",
		.on_message = on_message,
		.data = enrolment };
	enum status status;

	enrolment->relay = options->relay;
	enrolment->data = options->data;
	enrolment->rate = rate_new(&handshakes);
	status = socket_open(options->sockets, &socket, &enrolment->socket);
	if (status != STATUS_OK) {
		rate_free(enrolment->rate);
		free(enrolment);
		return status;
	}
	zap_add(options->zap, "enrol", decide, enrolment);
	*out = enrolment;
	return STATUS_OK;
}

void enrolment_close(struct enrolment *enrolment)
{
	struct half_done *at, *next;

	if (enrolment == NULL)
		return;
	HASH_ITER (hh, enrolment->half_done, at, next)
		forget(enrolment, at);
	socket_close(enrolment->socket);
	rate_free(enrolment->rate);
	free(enrolment);
}

const char *enrolment_endpoint(const struct enrolment *enrolment)
{
	return socket_endpoint(enrolment->socket);
}
