/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session is found by its number, which only the peer that was welcomed knows; behind a gateway
 * the authenticated agent must be the session's as well.  The way back (the route) is taken from
 * the newest frame, because a gateway that restarts gives its agents new ones.
 */
#include "core/acceptor.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/hashmap.h"
#include "core/log.h"
#include "core/record.h"

enum { TICK_MS = 250, FORGET_AFTER_MS = 180 * 1000, ROUTE_MAX = 64 };

struct route {
	uint8_t bytes[SOCKET_PARTS_MAX - 1][ROUTE_MAX];
	size_t sizes[SOCKET_PARTS_MAX - 1];
	size_t count;
};

struct acceptor_session {
	struct acceptor_peer peer;
	struct route route;
	uint64_t number;
	char user[ZAP_USER_MAX]; /* whose frames it takes; "" without a door */
	bool is_marked;
	struct acceptor_session *next_marked;
	UT_hash_handle by_number, by_identity;
};

struct acceptor {
	struct socket *socket;
	struct acceptor_options options;
	struct link_operations operations;
	struct acceptor_session *numbers, *identities;
	struct acceptor_session *marked;
	uv_timer_t timer;
	struct arena arena;
	struct buffer scratch;
	const char *speaker; /* of the hello that is judged */
};

/* ---- routes ---- */

static bool route_of(const struct bytes *parts, size_t count, struct route *route)
{
	route->count = count - 1;
	for (size_t i = 0; i + 1 < count; i++) {
		if (parts[i].size > ROUTE_MAX)
			return false;
		memcpy(route->bytes[i], parts[i].data, parts[i].size);
		route->sizes[i] = parts[i].size;
	}
	return true;
}

static enum status send_on(struct acceptor *acceptor, const struct route *route, struct bytes frame)
{
	struct bytes parts[SOCKET_PARTS_MAX];

	for (size_t i = 0; i < route->count; i++)
		parts[i] = BYTES(route->bytes[i], route->sizes[i]);
	parts[route->count] = frame;
	return socket_send(acceptor->socket, parts, route->count + 1);
}

static enum status transmit(void *self, struct bytes frame)
{
	struct acceptor_peer *peer = self;

	return send_on(peer->acceptor, &peer->session->route, frame);
}

/* ---- sessions ---- */

void acceptor_mark(struct acceptor_peer *peer)
{
	struct acceptor_session *session = peer->session;

	if (session->is_marked)
		return;
	session->is_marked = true;
	session->next_marked = peer->acceptor->marked;
	peer->acceptor->marked = session;
}

static void unmark(struct acceptor *acceptor, struct acceptor_session *session)
{
	for (struct acceptor_session **at = &acceptor->marked; *at != NULL;
	     at = &(*at)->next_marked)
		if (*at == session) {
			*at = session->next_marked;
			return;
		}
}

static void end_session(struct acceptor *acceptor, struct acceptor_session *session)
{
	if (acceptor->options.on_gone != NULL)
		acceptor->options.on_gone(acceptor->options.host, &session->peer);
	HASH_DELETE(by_number, acceptor->numbers, session);
	HASH_DELETE(by_identity, acceptor->identities, session);
	if (session->is_marked)
		unmark(acceptor, session);
	link_free(session->peer.link);
	free(session);
}

void acceptor_drop(struct acceptor_peer *peer, const char *reason)
{
	struct acceptor *acceptor = peer->acceptor;

	buffer_clear(&acceptor->scratch);
	link_encode_reset(&acceptor->scratch, peer->session->number, reason);
	(void)send_on(acceptor, &peer->session->route, buffer_bytes(&acceptor->scratch));
	end_session(acceptor, peer->session);
}

struct acceptor_peer *acceptor_find(struct acceptor *acceptor, struct bytes identity)
{
	struct acceptor_session *session;

	HASH_FIND(by_identity, acceptor->identities, identity.data, identity.size, session);
	return session == NULL ? NULL : &session->peer;
}

struct acceptor_peer *acceptor_next(struct acceptor *acceptor, struct acceptor_peer *after)
{
	struct acceptor_session *session = after == NULL ? acceptor->numbers
	                                                 : after->session->by_number.next;

	return session == NULL ? NULL : &session->peer;
}

static void send_reset(struct acceptor *acceptor, const struct route *route, uint64_t number,
    const char *reason)
{
	buffer_clear(&acceptor->scratch);
	link_encode_reset(&acceptor->scratch, number, reason);
	(void)send_on(acceptor, route, buffer_bytes(&acceptor->scratch));
}

static void begin_session(struct acceptor *acceptor, struct bytes identity,
    const struct route *route, const char *user, const Fettle__Hello *hello)
{
	Fettle__Welcome welcome = FETTLE__WELCOME__INIT;
	struct acceptor_peer *older;
	struct acceptor_session *session;
	const char *reason = "refused";
	void *data = NULL;
	uint64_t random;

	acceptor->speaker = user;
	if (acceptor->options.on_hello(acceptor->options.host, identity, hello, &welcome,
		&acceptor->arena, &data, &reason)
	    != STATUS_OK) {
		log_write(LOG_WARN, "hello-refused", LOG_FIELDS(LOG_TEXT("name", hello->name)),
		    "refused a peer: %s", reason);
		return;
	}
	/* Only now: who is refused has no say over a session that is good. */
	older = acceptor_find(acceptor, identity);
	if (older != NULL)
		end_session(acceptor, older->session);
	session = memory_new(sizeof(*session));
	session->route = *route;
	snprintf(session->user, sizeof(session->user), "%s", user);
	session->peer = (struct acceptor_peer){ .acceptor = acceptor,
		.data = data,
		.session = session,
		.identity_size = identity.size };
	memcpy(session->peer.identity, identity.data, identity.size);
	hash_random((uint8_t *)&random, sizeof(random));
	session->peer.link = link_new_acceptor(&acceptor->operations, &session->peer, random,
	    clock_monotonic_ms(), hello, &welcome);
	link_set_pool(session->peer.link, acceptor->options.pool);
	session->number = link_session(session->peer.link);
	HASH_ADD(by_number, acceptor->numbers, number, sizeof(session->number), session);
	HASH_ADD_KEYPTR(by_identity, acceptor->identities, session->peer.identity,
	    session->peer.identity_size, session);
	acceptor_mark(&session->peer);
}

/* ---- frames ---- */

/* Who sent it: the header that the gateway vouches for, or what a direct peer calls itself. */
static struct bytes identity_of(const struct acceptor *acceptor, const struct bytes *parts,
    size_t count, const Fettle__Hello *hello)
{
	if (acceptor->options.is_relayed)
		return count == 3 && parts[1].size > AGENT_ID_SIZE
		         ? BYTES(parts[1].data, AGENT_ID_SIZE)
		         : BYTES_NONE;
	return hello == NULL ? BYTES_NONE : bytes_of_text(hello->name);
}

static void end_offender(struct acceptor_session *session)
{
	const char *offence = link_offence(session->peer.link);
	char name[2 * ACCEPTOR_IDENTITY_MAX + 1];

	bytes_to_hex(BYTES(session->peer.identity, session->peer.identity_size), name);
	log_write(LOG_WARN, "link-offence", LOG_FIELDS(LOG_TEXT("peer", name)),
	    "ended a session: %s", offence);
	acceptor_drop(&session->peer, offence);
}

/* A key may not speak for another role, nor in another key's session; gateways share theirs. */
static bool may_speak(const struct acceptor *acceptor, const char *user, struct bytes name,
    const struct acceptor_session *session)
{
	if (acceptor->options.door == NULL || acceptor->options.is_relayed)
		return true;
	return session == NULL ? peers_may_be(user, name) : strcmp(session->user, user) == 0;
}

static void take_hello(struct acceptor *acceptor, struct bytes identity, const struct route *route,
    const char *user, const Fettle__Hello *hello)
{
	if (identity.size == 0 || identity.size > ACCEPTOR_IDENTITY_MAX)
		return;
	if (acceptor->options.may_greet != NULL
	    && !acceptor->options.may_greet(acceptor->options.host, identity))
		return;
	if (may_speak(acceptor, user, identity, NULL))
		begin_session(acceptor, identity, route, user, hello);
	else
		log_write(LOG_WARN, "hello-refused",
		    LOG_FIELDS(LOG_TEXT("name", hello->name), LOG_TEXT("user", user)),
		    "refused a peer: its key is not of the role that it says it has");
}

static void take_frame(struct acceptor *acceptor, const struct bytes *parts, size_t count,
    const struct route *route, const char *user, const Fettle__Frame *frame)
{
	struct bytes identity = identity_of(acceptor, parts, count, frame->hello);
	struct acceptor_session *session;
	uint64_t number = frame->session;

	if (frame->hello != NULL) {
		take_hello(acceptor, identity, route, user, frame->hello);
		return;
	}
	HASH_FIND(by_number, acceptor->numbers, &number, sizeof(number), session);
	if (session != NULL && acceptor->options.is_relayed
	    && !bytes_equal(identity, BYTES(session->peer.identity, session->peer.identity_size)))
		session = NULL;
	if (session != NULL && !may_speak(acceptor, user, BYTES_NONE, session))
		session = NULL;
	if (session == NULL) {
		send_reset(acceptor, route, number, "this session is not known here");
		return;
	}
	session->route = *route;
	snprintf(session->user, sizeof(session->user), "%s", user);
	link_take(session->peer.link, frame, clock_monotonic_ms());
	if (link_offence(session->peer.link) != NULL)
		end_offender(session);
	else
		acceptor_mark(&session->peer);
}

/* True where the header names no agent: then the gateway itself speaks. */
static bool is_of_gateway(const struct acceptor *acceptor, const struct bytes *parts, size_t count)
{
	static const uint8_t nobody[AGENT_ID_SIZE];

	return acceptor->options.on_gateway != NULL && acceptor->options.is_relayed && count == 3
	    && bytes_start_with(parts[1], BYTES_OF(nobody));
}

static void take_of_gateway(struct acceptor *acceptor, const struct bytes *parts, size_t count)
{
	struct buffer reply = { 0 };
	struct route route;

	if (route_of(parts, count, &route))
		acceptor->options.on_gateway(acceptor->options.host, parts[count - 1], &reply);
	if (reply.size > 0)
		(void)send_on(acceptor, &route, buffer_bytes(&reply));
	buffer_fini(&reply);
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct acceptor *acceptor = data;
	struct route route;
	Fettle__Frame *frame;

	if (acceptor->options.door != NULL && !peers_admit(acceptor->options.door, user))
		return; /* its key was taken out of the lists since it connected */
	if (is_of_gateway(acceptor, parts, count)) {
		take_of_gateway(acceptor, parts, count);
		return;
	}
	arena_reset(&acceptor->arena);
	frame = link_decode(parts[count - 1], &acceptor->arena);
	if (count < 2 || frame == NULL || !route_of(parts, count, &route)) {
		log_warn("link-frame", "dropped what is not a frame of the link protocol");
		return;
	}
	take_frame(acceptor, parts, count, &route, user, frame);
}

void acceptor_recheck(struct acceptor *acceptor)
{
	struct acceptor_session *session, *next;

	if (acceptor->options.door == NULL)
		return;
	HASH_ITER (by_number, acceptor->numbers, session, next)
		if (!peers_admit(acceptor->options.door, session->user))
			acceptor_drop(&session->peer, "its key is not admitted any more");
}

void acceptor_pump(struct acceptor *acceptor)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct acceptor_session *list = acceptor->marked;

	acceptor->marked = NULL;
	while (list != NULL) {
		struct acceptor_session *session = list;

		list = session->next_marked;
		session->is_marked = false;
		link_pump(session->peer.link, now_ms);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct acceptor *acceptor = timer->data;
	uint64_t now_ms = clock_monotonic_ms();
	struct acceptor_session *session, *next;

	HASH_ITER (by_number, acceptor->numbers, session, next) {
		if (now_ms - link_heard_ms(session->peer.link) > FORGET_AFTER_MS)
			end_session(acceptor, session);
		else
			(void)link_tick(session->peer.link, now_ms);
	}
}

/* ---- opening and closing ---- */

enum status acceptor_new(const struct acceptor_options *options, struct acceptor **out)
{
	struct acceptor *acceptor = memory_new(sizeof(*acceptor));
	struct socket_options socket_options = { .type = SOCKET_ROUTER,
		.endpoint = options->endpoint,
		.binds = true,
		.on_message = on_message,
		.data = acceptor };
	enum status status;

	acceptor->options = *options;
	if (socket_is_inproc(options->endpoint))
		acceptor->options.door = NULL;
	if (acceptor->options.door != NULL) {
		socket_options.is_curve_server = socket_options.faces_strangers = true;
		socket_options.secret_key = peers_secret_key(options->door);
		socket_options.domain = peers_domain(options->door);
	}
	acceptor->operations = options->operations;
	acceptor->operations.transmit = transmit;
	status = socket_open(options->sockets, &socket_options, &acceptor->socket);
	if (status != STATUS_OK) {
		free(acceptor);
		return status;
	}
	uv_timer_init(options->loop, &acceptor->timer);
	acceptor->timer.data = acceptor;
	uv_timer_start(&acceptor->timer, on_timer, TICK_MS, TICK_MS);
	*out = acceptor;
	return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct acceptor *acceptor = handle->data;

	arena_fini(&acceptor->arena);
	buffer_fini(&acceptor->scratch);
	free(acceptor);
}

void acceptor_free(struct acceptor *acceptor)
{
	struct acceptor_session *session, *next;

	if (acceptor == NULL)
		return;
	HASH_ITER (by_number, acceptor->numbers, session, next)
		end_session(acceptor, session);
	socket_close(acceptor->socket);
	uv_close((uv_handle_t *)&acceptor->timer, on_timer_closed);
}

const char *acceptor_endpoint(const struct acceptor *acceptor)
{
	return socket_endpoint(acceptor->socket);
}

void *acceptor_host(const struct acceptor *acceptor)
{
	return acceptor->options.host;
}

const char *acceptor_speaker(const struct acceptor *acceptor)
{
	return acceptor->options.door == NULL ? "" : acceptor->speaker;
}

size_t acceptor_count(const struct acceptor *acceptor)
{
	return HASH_CNT(by_number, acceptor->numbers);
}
