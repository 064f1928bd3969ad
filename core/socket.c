/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop pattern: ZeroMQ's descriptor is edge-triggered and says only that something may have
 * happened, so its poll callback does nothing.  Prepare looks whether any socket has input and, if
 * so, starts an idle handle, which keeps the loop from sleeping; check does the work.  A timer
 * looks at every socket once a second, without which pipes of dead peers are never freed.
 *
 * What libzmq tells of a connection comes by one more socket, its monitor, which stands in the same
 * list.
 */
#include "core/socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <zmq.h>

#include "core/log.h"
#include "core/require.h"

/* Behind the draft API in zmq.h, but honoured by every build: fail closed without a ZAP handler. */
enum { ZAP_ENFORCE_DOMAIN = 93 };

enum {
	MESSAGES_A_TURN = 32,
	HOUSEKEEPING_MS = 1000,
	HANDSHAKE_MS = 3000,
	HEARTBEAT_MS = 15 * 1000,
	HEARTBEAT_TIMEOUT_MS = 45 * 1000,
	HEARTBEAT_TTL_MS = 60 * 1000,
	RECONNECT_MS = 1000,
	RECONNECT_MAX_MS = 120 * 1000,
	RECONNECT_LOCAL_MS = 50,
	RECONNECT_LOCAL_MAX_MS = 1000,
	BACKLOG = 4096,
};

struct socket {
	struct socket *next;
	struct sockets *sockets;
	void *zmq;
	uv_poll_t poll;
	bool is_closing, is_paused, faces_strangers;
	int source; /* see socket_source */
	const char *peer_address;
	void (*on_message)(void *data, const struct bytes *parts, size_t count, const char *user);
	void (*on_connection)(void *data, bool is_connected);
	void *data;
	struct socket *monitor; /* NULL: none */
	char endpoint[256];
};

struct sockets {
	uv_loop_t *loop;
	void *context;
	struct socket *list;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer;
	sockets_on_round on_round;
	void *data;
	unsigned open_handles;
};

/* ---- context and keys ---- */

enum status socket_context_new(struct socket_context **out)
{
	void *context = zmq_ctx_new();

	if (context == NULL) {
		log_error("zmq-context", "cannot create a ZeroMQ context: %s", zmq_strerror(errno));
		return STATUS_IO;
	}
	zmq_ctx_set(context, ZMQ_BLOCKY, 0);
	*out = context;
	return STATUS_OK;
}

void socket_context_allow(struct socket_context *context, unsigned sockets)
{
	REQUIRE(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, (int)sockets) == 0);
}

void socket_context_free(struct socket_context *context)
{
	if (context != NULL)
		while (zmq_ctx_term(context) != 0 && errno == EINTR)
			;
}

void socket_key_pair(char public_key[SOCKET_KEY_TEXT], char secret_key[SOCKET_KEY_TEXT])
{
	REQUIRE(zmq_curve_keypair(public_key, secret_key) == 0);
}

bool socket_key_public(const char *secret_key, char public_key[SOCKET_KEY_TEXT])
{
	uint8_t secret[SOCKET_KEY_SIZE];

	return socket_key_decode(secret_key, secret)
	    && zmq_curve_public(public_key, secret_key) == 0;
}

bool socket_key_decode(const char *text, uint8_t out[SOCKET_KEY_SIZE])
{
	/* zmq_z85_decode reads past characters that are not Z85, so the alphabet is checked here.
	 */
	static const char alphabet[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    ".-:+=^!/*?&<>()[]{}@%$#";

	return strlen(text) == SOCKET_KEY_TEXT - 1 && strspn(text, alphabet) == SOCKET_KEY_TEXT - 1
	    && zmq_z85_decode(out, text) != NULL;
}

void socket_key_encode(const uint8_t key[SOCKET_KEY_SIZE], char out[SOCKET_KEY_TEXT])
{
	REQUIRE(zmq_z85_encode(out, key, SOCKET_KEY_SIZE) != NULL);
}

bool socket_is_inproc(const char *endpoint)
{
	return strncmp(endpoint, "inproc://", 9) == 0;
}

/* ---- receiving ---- */

static bool has_input(const struct socket *socket)
{
	int events = 0;
	size_t size = sizeof(events);

	return !socket->is_closing && !socket->is_paused
	    && zmq_getsockopt(socket->zmq, ZMQ_EVENTS, &events, &size) == 0
	    && (events & ZMQ_POLLIN) != 0;
}

static void close_parts(zmq_msg_t *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		zmq_msg_close(&parts[i]);
}

/* One message into PARTS; parts beyond the room are read and thrown away.  0: there was none. */
static size_t receive_parts(struct socket *socket, zmq_msg_t parts[SOCKET_PARTS_MAX],
    bool *is_whole)
{
	size_t count = 0;
	bool has_more = true;

	*is_whole = true;
	while (has_more) {
		zmq_msg_t spare, *part = count < SOCKET_PARTS_MAX ? &parts[count] : &spare;

		zmq_msg_init(part);
		if (zmq_msg_recv(part, socket->zmq, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(part);
			break;
		}
		has_more = zmq_msg_more(part) != 0;
		if (part == &spare) {
			zmq_msg_close(&spare);
			*is_whole = false;
		} else {
			count++;
		}
	}
	return count;
}

/* Only the payload frame carries it: once ZMQ_EVENTS was read, a router's first frame does not. */
static const char *user_of(zmq_msg_t *payload)
{
	const char *user = zmq_msg_gets(payload, "User-Id");

	return user == NULL ? "" : user;
}

/* No protocol of ours has messages of so many parts: a stranger who sends them is not heard again.
 */
static void refuse_excess(const struct socket *socket)
{
	if (socket->faces_strangers)
		socket_disconnect(socket->source);
}

static bool receive_one(struct socket *socket)
{
	zmq_msg_t messages[SOCKET_PARTS_MAX];
	struct bytes parts[SOCKET_PARTS_MAX];
	bool is_whole;
	size_t count;

	if (!has_input(socket))
		return false;
	count = receive_parts(socket, messages, &is_whole);
	if (count == 0)
		return false;
	for (size_t i = 0; i < count; i++)
		parts[i] = BYTES(zmq_msg_data(&messages[i]), zmq_msg_size(&messages[i]));
	socket->source = zmq_msg_get(&messages[count - 1], ZMQ_SRCFD);
	socket->peer_address = zmq_msg_gets(&messages[count - 1], "Peer-Address");
	if (is_whole)
		socket->on_message(socket->data, parts, count, user_of(&messages[count - 1]));
	else
		refuse_excess(socket);
	socket->source = -1;
	socket->peer_address = NULL;
	close_parts(messages, count);
	return true;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events; /* the wake-up is all that is wanted */
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

static bool any_input(const struct sockets *sockets)
{
	for (const struct socket *socket = sockets->list; socket != NULL; socket = socket->next)
		if (has_input(socket))
			return true;
	return false;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct sockets *sockets = prepare->data;

	if (any_input(sockets))
		uv_idle_start(&sockets->idle, on_idle);
}

static void on_check(uv_check_t *check)
{
	struct sockets *sockets = check->data;

	uv_idle_stop(&sockets->idle);
	for (struct socket *socket = sockets->list; socket != NULL; socket = socket->next)
		for (int i = 0; i < MESSAGES_A_TURN && receive_one(socket); i++)
			;
	if (sockets->on_round != NULL)
		sockets->on_round(sockets->data, any_input(sockets));
}

static void on_housekeeping(uv_timer_t *timer)
{
	(void)any_input(timer->data);
}

/* ---- the set of a loop ---- */

enum status sockets_new(struct socket_context *context, uv_loop_t *loop, sockets_on_round on_round,
    void *data, struct sockets **out)
{
	struct sockets *sockets = memory_new(sizeof(*sockets));

	sockets->loop = loop;
	sockets->context = context;
	sockets->on_round = on_round;
	sockets->data = data;
	uv_prepare_init(loop, &sockets->prepare);
	uv_check_init(loop, &sockets->check);
	uv_idle_init(loop, &sockets->idle);
	uv_timer_init(loop, &sockets->timer);
	sockets->prepare.data = sockets->check.data = sockets->idle.data = sockets;
	sockets->timer.data = sockets;
	sockets->open_handles = 4;
	uv_prepare_start(&sockets->prepare, on_prepare);
	uv_check_start(&sockets->check, on_check);
	uv_timer_start(&sockets->timer, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
	*out = sockets;
	return STATUS_OK;
}

static void free_when_closed(struct sockets *sockets)
{
	if (--sockets->open_handles == 0)
		free(sockets);
}

static void on_handle_closed(uv_handle_t *handle)
{
	free_when_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct socket *socket = handle->data;
	struct sockets *sockets = socket->sockets;

	for (struct socket **at = &sockets->list; *at != NULL; at = &(*at)->next)
		if (*at == socket) {
			*at = socket->next;
			break;
		}
	/* Only now: libuv has let go of the descriptor that libzmq owns. */
	zmq_close(socket->zmq);
	free(socket);
	free_when_closed(sockets);
}

void socket_close(struct socket *socket)
{
	if (socket == NULL || socket->is_closing)
		return;
	socket->is_closing = true;
	uv_poll_stop(&socket->poll);
	uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
	if (socket->monitor != NULL) {
		zmq_socket_monitor(socket->zmq, NULL, 0);
		socket_close(socket->monitor);
	}
}

void sockets_free(struct sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (struct socket *socket = sockets->list; socket != NULL; socket = socket->next)
		socket_close(socket);
	sockets->on_round = NULL;
	uv_close((uv_handle_t *)&sockets->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&sockets->check, on_handle_closed);
	uv_close((uv_handle_t *)&sockets->idle, on_handle_closed);
	uv_close((uv_handle_t *)&sockets->timer, on_handle_closed);
}

/* ---- opening ---- */

static bool set_int(void *zmq, int option, int value)
{
	return zmq_setsockopt(zmq, option, &value, sizeof(value)) == 0;
}

static bool set_text(void *zmq, int option, const char *value)
{
	return zmq_setsockopt(zmq, option, value, strlen(value)) == 0;
}

/* Read back: a build that does not honour it may still take it. */
static bool enforce_domain(void *zmq)
{
	int value = 0;
	size_t size = sizeof(value);

	return set_int(zmq, ZAP_ENFORCE_DOMAIN, 1)
	    && zmq_getsockopt(zmq, ZAP_ENFORCE_DOMAIN, &value, &size) == 0 && value == 1;
}

static bool set_curve(void *zmq, const struct socket_options *options)
{
	if (options->is_curve_server)
		return set_int(zmq, ZMQ_CURVE_SERVER, 1)
		    && set_text(zmq, ZMQ_CURVE_SECRETKEY, options->secret_key)
		    && set_text(zmq, ZMQ_ZAP_DOMAIN,
			options->domain == NULL ? "fettle" : options->domain)
		    && enforce_domain(zmq);
	if (options->server_key == NULL)
		return true;
	return set_text(zmq, ZMQ_CURVE_SERVERKEY, options->server_key)
	    && set_text(zmq, ZMQ_CURVE_PUBLICKEY, options->public_key)
	    && set_text(zmq, ZMQ_CURVE_SECRETKEY, options->secret_key);
}

static bool is_loopback(const char *endpoint)
{
	return strncmp(endpoint, "tcp://127.", 10) == 0 || strncmp(endpoint, "tcp://[::1]", 11) == 0
	    || strncmp(endpoint, "tcp://localhost", 15) == 0;
}

/* A fleet that lost its gateway must not come back as one; the parts of one machine may. */
static bool set_reconnect(void *zmq, const char *endpoint)
{
	bool is_local = is_loopback(endpoint);
	int first = is_local ? RECONNECT_LOCAL_MS : RECONNECT_MS + rand() % (4 * RECONNECT_MS);

	return set_int(zmq, ZMQ_RECONNECT_IVL, first)
	    && set_int(zmq, ZMQ_RECONNECT_IVL_MAX,
		is_local ? RECONNECT_LOCAL_MAX_MS : RECONNECT_MAX_MS);
}

static bool set_options(void *zmq, const struct socket_options *options)
{
	int mark = options->high_water_mark == 0 ? 1000 : options->high_water_mark;
	int64_t most = options->message_max == 0 ? 1024 * 1024 + 1024 : options->message_max;
	bool is_set = set_int(zmq, ZMQ_LINGER, 0) && set_int(zmq, ZMQ_SNDHWM, mark)
	           && set_int(zmq, ZMQ_RCVHWM, mark)
	           && set_int(zmq, ZMQ_IPV6, strchr(options->endpoint, '[') != NULL)
	           && zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &most, sizeof(most)) == 0
	           && set_curve(zmq, options);

	if (is_set && options->type == SOCKET_ROUTER)
		is_set = set_int(zmq, ZMQ_ROUTER_MANDATORY, 1);
	if (is_set && options->type == SOCKET_DEALER && !options->binds)
		is_set = set_int(zmq, ZMQ_IMMEDIATE, 1) && set_reconnect(zmq, options->endpoint);
	if (is_set && strncmp(options->endpoint, "tcp://", 6) == 0)
		is_set = set_int(zmq, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS)
		      && set_int(zmq, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
		      && set_int(zmq, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TTL_MS);
	if (is_set && options->faces_strangers)
		is_set = set_int(zmq, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS)
		      && set_int(zmq, ZMQ_BACKLOG, BACKLOG);
	return is_set;
}

static enum status status_of_zmq(int error)
{
	switch (error) {
	case EAGAIN:
		return STATUS_AGAIN;
	case EHOSTUNREACH:
		return STATUS_CLOSED;
	case EINVAL:
	case EPROTONOSUPPORT:
	case ENODEV:
	case ENOENT:
		return STATUS_INVALID;
	default:
		return status_of_errno(error);
	}
}

static const char *hint(int error)
{
	if (error == EADDRINUSE)
		return "; another process listens there already: stop it, or choose another "
		       "address";
	if (error == EINVAL || error == EPROTONOSUPPORT || error == ENODEV)
		return "; an address looks like tcp://127.0.0.1:7117";
	return "";
}

/* libzmq takes any number and keeps its last 16 bits. */
static bool has_sound_port(const char *endpoint)
{
	const char *colon = strrchr(endpoint, ':');

	return strncmp(endpoint, "tcp://", 6) != 0 || colon == NULL
	    || strtoul(colon + 1, NULL, 10) <= UINT16_MAX;
}

static enum status attach(struct socket *socket, const struct socket_options *options)
{
	int result = options->binds ? zmq_bind(socket->zmq, options->endpoint)
	                            : zmq_connect(socket->zmq, options->endpoint);
	size_t size = sizeof(socket->endpoint);

	if (result != 0) {
		int error = errno;

		log_write(LOG_ERROR, "endpoint",
		    LOG_FIELDS(LOG_TEXT("endpoint", options->endpoint)), "cannot %s: %s%s",
		    options->binds ? "listen there" : "connect there", zmq_strerror(error),
		    hint(error));
		return status_of_zmq(error);
	}
	if (zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, socket->endpoint, &size) != 0)
		return STATUS_IO;
	return STATUS_OK;
}

static enum status watch(struct socket *socket)
{
	int fd;
	size_t size = sizeof(fd);

	if (zmq_getsockopt(socket->zmq, ZMQ_FD, &fd, &size) != 0
	    || uv_poll_init(socket->sockets->loop, &socket->poll, fd) != 0)
		return STATUS_IO;
	socket->poll.data = socket;
	uv_poll_start(&socket->poll, UV_READABLE, on_poll);
	return STATUS_OK;
}

static void add(struct sockets *sockets, struct socket *socket)
{
	socket->next = sockets->list;
	sockets->list = socket;
	sockets->open_handles++;
}

/* ---- connections ---- */

/* The first part is a number of 16 bits in the machine's order, and what else belongs to it. */
static void on_event(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct socket *socket = data;
	uint16_t event;

	(void)user;
	if (count == 0 || parts[0].size < sizeof(event) || socket->is_closing)
		return;
	memcpy(&event, parts[0].data, sizeof(event));
	socket->on_connection(socket->data, event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

/*
 * Never the same twice: libzmq lets go of a name some time after the socket was closed, in a thread
 * of its own, and the next socket may stand where that one stood.
 */
static char *monitor_endpoint(void)
{
	static atomic_uint_least64_t count;

	return text_format("inproc://monitor-%" PRIu64, (uint64_t)atomic_fetch_add(&count, 1));
}

static enum status open_monitor(struct socket *socket)
{
	struct socket *monitor = memory_new(sizeof(*monitor));
	char *endpoint = monitor_endpoint();
	enum status status = STATUS_IO;

	monitor->sockets = socket->sockets;
	monitor->on_message = on_event;
	monitor->data = socket;
	monitor->zmq = zmq_socket(socket->sockets->context, ZMQ_PAIR);
	if (monitor->zmq != NULL && set_int(monitor->zmq, ZMQ_LINGER, 0)
	    && zmq_socket_monitor(socket->zmq, endpoint,
		   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED)
		   == 0
	    && zmq_connect(monitor->zmq, endpoint) == 0)
		status = watch(monitor);
	if (status == STATUS_OK) {
		add(socket->sockets, monitor);
		socket->monitor = monitor;
	} else {
		log_error("socket", "cannot watch a connection: %s", zmq_strerror(errno));
		if (monitor->zmq != NULL)
			zmq_close(monitor->zmq);
		free(monitor);
	}
	free(endpoint);
	return status;
}

/* ---- sockets ---- */

static const int zmq_types[] = {
	[SOCKET_DEALER] = ZMQ_DEALER, [SOCKET_ROUTER] = ZMQ_ROUTER, [SOCKET_REP] = ZMQ_REP
};

enum status socket_open(struct sockets *sockets, const struct socket_options *options,
    struct socket **out)
{
	struct socket *socket;
	enum status status = STATUS_IO;

	REQUIRE(options->on_message != NULL);
	if (!has_sound_port(options->endpoint)) {
		log_write(LOG_ERROR, "endpoint",
		    LOG_FIELDS(LOG_TEXT("endpoint", options->endpoint)),
		    "there are no ports above 65535");
		return STATUS_INVALID;
	}
	socket = memory_new(sizeof(*socket));
	socket->sockets = sockets;
	socket->on_message = options->on_message;
	socket->data = options->data;
	socket->faces_strangers = options->faces_strangers;
	socket->source = -1;
	socket->zmq = zmq_socket(sockets->context, zmq_types[options->type]);
	if (socket->zmq == NULL || !set_options(socket->zmq, options)) {
		log_write(LOG_ERROR, "socket", LOG_FIELDS(LOG_TEXT("endpoint", options->endpoint)),
		    "cannot make a socket: %s%s", zmq_strerror(errno),
		    errno == EMFILE ? "; raise the limit of open files" : "");
		goto fail;
	}
	socket->on_connection = options->on_connection;
	status = attach(socket, options);
	if (status == STATUS_OK)
		status = watch(socket);
	if (status != STATUS_OK)
		goto fail;
	add(sockets, socket);
	if (options->on_connection != NULL && strncmp(options->endpoint, "tcp://", 6) == 0)
		status = open_monitor(socket);
	if (status != STATUS_OK) {
		socket_close(socket);
		return status;
	}
	*out = socket;
	return STATUS_OK;
fail:
	if (socket->zmq != NULL)
		zmq_close(socket->zmq);
	free(socket);
	return status;
}

void socket_pause(struct socket *socket, bool is_paused)
{
	socket->is_paused = is_paused;
	if (!is_paused && has_input(socket))
		uv_idle_start(&socket->sockets->idle, on_idle);
}

bool socket_has_input(const struct socket *socket)
{
	return has_input(socket);
}

const char *socket_endpoint(const struct socket *socket)
{
	return socket->endpoint;
}

int socket_source(const struct socket *socket)
{
	return socket->source;
}

const char *socket_peer_address(const struct socket *socket)
{
	return socket->peer_address == NULL ? "" : socket->peer_address;
}

/* libzmq owns the descriptor and finds its end; what is none any more, or no socket, is let be. */
void socket_disconnect(int source)
{
	if (source >= 0)
		(void)shutdown(source, SHUT_RDWR);
}

/* ---- sending ---- */

static int send_part(struct socket *socket, struct bytes part, bool has_more)
{
	return zmq_send(socket->zmq, part.data, part.size,
	    ZMQ_DONTWAIT | (has_more ? ZMQ_SNDMORE : 0));
}

enum status socket_send(struct socket *socket, const struct bytes *parts, size_t count)
{
	REQUIRE(count > 0);
	if (socket->is_closing)
		return STATUS_CLOSED;
	for (size_t i = 0; i < count; i++) {
		int result = send_part(socket, parts[i], i + 1 < count);

		if (result < 0) {
			/* libzmq refuses a message at its first part or not at all. */
			REQUIRE(i == 0 || errno == EHOSTUNREACH || errno == EAGAIN);
			return status_of_zmq(errno);
		}
	}
	/* Sending may have taken in the wake-up that the descriptor would have given. */
	if (has_input(socket))
		uv_idle_start(&socket->sockets->idle, on_idle);
	return STATUS_OK;
}
