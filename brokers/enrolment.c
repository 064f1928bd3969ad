/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/enrolment.h"

#include <stdlib.h>

#include "brokers/network.h"
#include "brokers/rate.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"
#include "proto/admission.pb-c.h"

enum { HIGH_WATER_MARK = 8, BUSY_MS = 1000 };

/* A whole site may enrol from behind one address. */
static const struct rate_options handshakes = {
	.per_second = 100, .burst = 400, .address_per_second = 10, .address_burst = 100
};
static const struct rate_options questions = {
	.per_second = 100, .burst = 400, .address_per_second = 10, .address_burst = 100
};
/* Only each address' own counts here: nobody is to suffer for what others guess. */
static const struct rate_options refusals = {
	.per_second = 10000, .burst = 10000, .address_per_second = 1, .address_burst = 20
};

struct enrolment {
	struct socket *socket;
	struct rate *handshakes, *questions, *refusals;
	enum status (*relay)(void *data, struct bytes route, struct bytes relay);
	void (*on_heard)(void *data, int connection, size_t size);
	void *data;
};

/* ---- who may connect ---- */

/* It has been refused too often of late. */
static bool is_shunned(struct enrolment *enrolment, const char *address, uint64_t now_ms)
{
	return rate_wait_of(enrolment->refusals, address, now_ms) > 0;
}

static enum status decide(void *data, const struct zap_request *request, char user[ZAP_USER_MAX])
{
	struct enrolment *enrolment = data;
	uint64_t now_ms = clock_monotonic_ms();

	/* In this order: who is shunned takes no turn from the others. */
	if (is_shunned(enrolment, request->address, now_ms)
	    || rate_take(enrolment->handshakes, request->address, now_ms) != 0)
		return STATUS_AGAIN;
	socket_key_encode(request->key, user);
	return STATUS_OK;
}

/* ---- asking and answering ---- */

static void send_reply(struct enrolment *enrolment, struct bytes route, struct bytes reply)
{
	const struct bytes parts[] = { route, reply };

	/* Whoever has gone asks again, and gets the same answer. */
	if (socket_send(enrolment->socket, parts, 2) != STATUS_OK)
		log_debug("enrolment-unanswered", "a machine that asked to be let in has gone");
}

static void answer_busy(struct enrolment *enrolment, struct bytes route)
{
	Fettle__EnrolReply reply = FETTLE__ENROL_REPLY__INIT;
	struct buffer packed = { 0 };

	RECORD_SET(&reply, outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY);
	RECORD_SET(&reply, retry_ms, clock_jitter_ms(BUSY_MS));
	reply.reason = RECORD_TEXT("the server is busy");
	record_pack(&packed, &reply.base);
	send_reply(enrolment, route, buffer_bytes(&packed));
	buffer_fini(&packed);
}

/* The address goes with the route, and comes back with the answer: nothing is kept meanwhile. */
static enum status hand_on(struct enrolment *enrolment, struct bytes route, const char *address,
    struct bytes relay)
{
	uint8_t whole[ENROLMENT_ROUTE_MAX] = { 0 };

	(void)network_address(address, whole);
	memcpy(whole + NETWORK_ADDRESS_SIZE, route.data, route.size);
	return enrolment->relay(enrolment->data, BYTES(whole, NETWORK_ADDRESS_SIZE + route.size),
	    relay);
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
	if (hand_on(enrolment, route, message.address, buffer_bytes(&packed)) != STATUS_OK)
		answer_busy(enrolment, route);
	buffer_fini(&packed);
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct enrolment *enrolment = data;
	const char *address = socket_peer_address(enrolment->socket);
	int connection = socket_source(enrolment->socket);
	uint64_t now_ms = clock_monotonic_ms();
	uint8_t key[SOCKET_KEY_SIZE];

	if (count != 2 || parts[0].size > ENROLMENT_ROUTE_MAX - NETWORK_ADDRESS_SIZE
	    || !socket_key_decode(user, key) || is_shunned(enrolment, address, now_ms)) {
		socket_disconnect(connection);
		return;
	}
	if (enrolment->on_heard != NULL)
		enrolment->on_heard(enrolment->data, connection, parts[1].size);
	if (rate_take(enrolment->questions, address, now_ms) != 0)
		answer_busy(enrolment, parts[0]);
	else
		relay(enrolment, parts[0], key, parts[1]);
}

/* A copy of another machine does as it is told, and comes with a key of its own. */
static bool is_refusal(struct bytes reply)
{
	struct arena arena = { 0 };
	const Fettle__EnrolReply *read = record_unpack(&fettle__enrol_reply__descriptor, reply,
	    &arena);
	bool is_one = read != NULL && read->outcome == FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_REFUSED
	           && !read->wants_new_key;

	arena_fini(&arena);
	return is_one;
}

void enrolment_answer(struct enrolment *enrolment, struct bytes route, struct bytes reply)
{
	char address[NETWORK_TEXT_MAX];

	if (route.size <= NETWORK_ADDRESS_SIZE)
		return;
	network_address_text(route.data, address);
	if (is_refusal(reply))
		(void)rate_take(enrolment->refusals, address, clock_monotonic_ms());
	send_reply(enrolment,
	    BYTES(route.data + NETWORK_ADDRESS_SIZE, route.size - NETWORK_ADDRESS_SIZE), reply);
}

/* ---- life ---- */

static void free_all(struct enrolment *enrolment)
{
	rate_free(enrolment->handshakes);
	rate_free(enrolment->questions);
	rate_free(enrolment->refusals);
	free(enrolment);
}

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
	enrolment->on_heard = options->on_heard;
	enrolment->data = options->data;
	enrolment->handshakes = rate_new(&handshakes);
	enrolment->questions = rate_new(&questions);
	enrolment->refusals = rate_new(&refusals);
	status = socket_open(options->sockets, &socket, &enrolment->socket);
	if (status != STATUS_OK) {
		free_all(enrolment);
		return status;
	}
	zap_add(options->zap, "enrol", decide, enrolment);
	*out = enrolment;
	return STATUS_OK;
}

void enrolment_close(struct enrolment *enrolment)
{
	if (enrolment == NULL)
		return;
	socket_close(enrolment->socket);
	free_all(enrolment);
}

const char *enrolment_endpoint(const struct enrolment *enrolment)
{
	return socket_endpoint(enrolment->socket);
}

bool enrolment_has_input(const struct enrolment *enrolment)
{
	return socket_has_input(enrolment->socket);
}
