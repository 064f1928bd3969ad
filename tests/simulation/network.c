/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network - core/socket.h without ZeroMQ.
 *
 * Sockets stand on the real loop, as ZeroMQ's do; what is under way stands in lists here.  Which of
 * several connections a socket reads from next is drawn.
 */
#include "tests/simulation/network.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/require.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/moment.h"

enum { DIALS, ANSWERS, ENDS };
enum {
	MESSAGES_A_TURN = 32,
	HIGH_WATER_MARK = 1000,
	USER_MAX = 64,
	DESCRIPTOR_FIRST = 1000,
	HEARTBEAT_TIMEOUT_S = 45,
	READY_MAX = 256,
};

struct message {
	struct message *next;
	uint64_t at;
	size_t count;
	struct bytes parts[SOCKET_PARTS_MAX];
	uint8_t data[];
};

struct pipe {
	struct message *first, **last;
	size_t count;
	uint64_t latest;
};

enum connection_state { CONNECTION_ASKS, CONNECTION_OPEN, CONNECTION_ENDED };

struct connection {
	struct connection *next;
	uint32_t id;
	int descriptor;
	enum connection_state state;
	struct socket *ends[ENDS];        /* NULL: that side knows of its end */
	struct node_network *nodes[ENDS]; /* NULL: gone */
	struct pipe pipes[ENDS];          /* towards that end */
	uint64_t notice[ENDS];            /* when that side learns that it has ended */
	uint64_t latency, blocked_since;
	char user[USER_MAX];
};

struct node_network {
	struct sockets *list;
	unsigned ways_blocked;
	uint64_t lag, number;
	bool is_cut;
};

enum socket_news { NEWS_NONE, NEWS_CONNECTED, NEWS_DISCONNECTED };

struct socket {
	struct socket *next; /* of its set */
	struct sockets *sockets;
	struct socket_options options;
	char endpoint[256], server_key[SOCKET_KEY_TEXT], own_key[SOCKET_KEY_TEXT];
	char domain[32];
	uv_timer_t handle; /* only to be closed */
	bool is_closing, is_paused;
	int source;
	uint64_t dial_at; /* a dealer without a connection */
	unsigned tries;
	enum socket_news news;
	struct pipe requests; /* of a REP */
	uint32_t answers;     /* the request that it is answering */
};

struct sockets {
	struct sockets *next; /* of the node */
	struct node_network *network;
	struct socket *list;
	uv_check_t check;
	sockets_on_round on_round;
	void *data;
	unsigned open_handles;
};

static struct node_network *current;
static struct connection *connections;
static uint32_t last_id;
static uint64_t last_number;
static struct network_counts counts;

/* ---- pipes ---- */

static void pipe_init(struct pipe *pipe)
{
	*pipe = (struct pipe){ .last = &pipe->first };
}

static struct message *message_new(const struct bytes *parts, size_t count)
{
	struct message *message;
	size_t size = 0, at = 0;

	REQUIRE(count <= SOCKET_PARTS_MAX);
	for (size_t i = 0; i < count; i++)
		size += parts[i].size;
	message = memory_new(sizeof(*message) + size);
	message->count = count;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > 0)
			memcpy(message->data + at, parts[i].data, parts[i].size);
		message->parts[i] = BYTES(message->data + at, parts[i].size);
		at += parts[i].size;
	}
	return message;
}

static void pipe_push(struct pipe *pipe, struct message *message, uint64_t at)
{
	message->at = at > pipe->latest ? at : pipe->latest;
	pipe->latest = message->at;
	*pipe->last = message;
	pipe->last = &message->next;
	pipe->count++;
}

static struct message *pipe_pop(struct pipe *pipe)
{
	struct message *message = pipe->first;

	pipe->first = message->next;
	if (pipe->first == NULL)
		pipe->last = &pipe->first;
	pipe->count--;
	return message;
}

/* All but the first KEEP are lost. */
static void pipe_cut(struct pipe *pipe, size_t keep)
{
	struct message **at = &pipe->first;

	for (size_t i = 0; i < keep && *at != NULL; i++)
		at = &(*at)->next;
	pipe->last = at;
	while (*at != NULL) {
		struct message *message = *at;

		*at = message->next;
		free(message);
		pipe->count--;
		counts.lost++;
	}
}

/* ---- ways ---- */

static bool is_blocked(const struct node_network *from, const struct node_network *to)
{
	return (from != NULL && (from->ways_blocked & NETWORK_OUT) != 0)
	    || (to != NULL && (to->ways_blocked & NETWORK_IN) != 0);
}

static bool is_way_blocked(const struct connection *connection, unsigned end)
{
	return is_blocked(connection->nodes[1 - end], connection->nodes[end]);
}

static uint64_t travel(const struct connection *connection)
{
	uint64_t lag = 0;

	for (unsigned end = 0; end < ENDS; end++)
		if (connection->nodes[end] != NULL)
			lag += connection->nodes[end]->lag;
	return connection->latency + chance_wait(connection->latency / 4 + 1)
	     + (lag == 0 ? 0 : chance_below(lag));
}

/* ---- the end of connections ---- */

/* Soon where the other side can say so; else when no heartbeat has come for long enough. */
static uint64_t notice_time(const struct connection *connection, unsigned end)
{
	if (is_way_blocked(connection, end) || chance_once_in(5))
		return moment_now() + chance_between(1, HEARTBEAT_TIMEOUT_S) * MOMENT_S;
	return moment_now() + travel(connection);
}

static void end_connection(struct connection *connection)
{
	if (connection->state == CONNECTION_ENDED)
		return;
	connection->state = CONNECTION_ENDED;
	counts.ended++;
	for (unsigned end = 0; end < ENDS; end++) {
		struct pipe *pipe = &connection->pipes[end];

		pipe_cut(pipe, chance_below(pipe->count + 1));
		connection->notice[end] = notice_time(connection, end);
		if (connection->notice[end] < pipe->latest && pipe->first != NULL)
			connection->notice[end] = pipe->latest;
	}
}

/* This side is gone, or knows. */
static void forget_end(struct connection *connection, unsigned end)
{
	connection->ends[end] = NULL;
	pipe_cut(&connection->pipes[end], 0);
}

static void dial_again(struct socket *socket)
{
	uint64_t wait = 1000ULL << (socket->tries < 5 ? socket->tries : 5);

	if (socket_is_inproc(socket->endpoint))
		wait = 50;
	socket->tries++;
	socket->dial_at = moment_now() + chance_between(wait, wait * 2) * MOMENT_MS;
}

static void notice_end(struct connection *connection, unsigned end)
{
	struct socket *socket = connection->ends[end];

	/* What has come is read first. */
	if (socket == NULL || connection->pipes[end].first != NULL)
		return;
	forget_end(connection, end);
	if (end != DIALS)
		return;
	socket->news = NEWS_DISCONNECTED;
	dial_again(socket);
}

static void leave(struct socket *socket)
{
	for (struct connection *at = connections; at != NULL; at = at->next)
		for (unsigned end = 0; end < ENDS; end++)
			if (at->ends[end] == socket) {
				end_connection(at);
				forget_end(at, end);
			}
}

static void sweep(void)
{
	for (struct connection **at = &connections; *at != NULL;) {
		struct connection *connection = *at;

		if (connection->ends[DIALS] != NULL || connection->ends[ANSWERS] != NULL) {
			at = &connection->next;
			continue;
		}
		*at = connection->next;
		pipe_cut(&connection->pipes[DIALS], 0);
		pipe_cut(&connection->pipes[ANSWERS], 0);
		free(connection);
	}
}

/* ---- nodes ---- */

void network_enter(struct node_network **network)
{
	if (*network == NULL) {
		*network = memory_new(sizeof(**network));
		(*network)->number = ++last_number;
	}
	current = *network;
}

void network_free(struct node_network **network)
{
	for (struct connection *at = connections; at != NULL; at = at->next)
		for (unsigned end = 0; end < ENDS; end++)
			if (at->nodes[end] == *network)
				at->nodes[end] = NULL;
	if (current == *network)
		current = NULL;
	free(*network);
	*network = NULL;
}

void network_block(struct node_network **network, unsigned ways)
{
	if (*network != NULL)
		(*network)->ways_blocked = ways;
}

void network_set_lag(struct node_network **network, uint64_t lag)
{
	if (*network != NULL)
		(*network)->lag = lag;
}

static size_t connections_of(const struct node_network *network, struct connection *found[],
    size_t most)
{
	size_t count = 0;

	for (struct connection *at = connections; at != NULL && count < most; at = at->next)
		if (at->state != CONNECTION_ENDED
		    && (at->nodes[DIALS] == network || at->nodes[ANSWERS] == network))
			found[count++] = at;
	return count;
}

void network_reset_one(struct node_network **network)
{
	struct connection *found[READY_MAX];
	size_t count = *network == NULL ? 0 : connections_of(*network, found, READY_MAX);

	if (count > 0)
		end_connection(found[chance_below(count)]);
}

void network_cut(struct node_network **network)
{
	if (*network == NULL)
		return;
	(*network)->is_cut = true;
	for (struct sockets *set = (*network)->list; set != NULL; set = set->next)
		for (struct socket *socket = set->list; socket != NULL; socket = socket->next)
			leave(socket);
}

struct network_counts network_counts(void)
{
	return counts;
}

void network_end_all(void)
{
	while (connections != NULL) {
		forget_end(connections, DIALS);
		forget_end(connections, ANSWERS);
		sweep();
	}
	counts = (struct network_counts){ 0 };
	last_id = 0;
	last_number = 0;
}

/* ---- making connections ---- */

/* The nodes that have sockets, in the order in which they came. */
static struct node_network *networks[READY_MAX];
static size_t networks_count;

static struct node_network **all_networks(size_t *count)
{
	*count = networks_count;
	return networks;
}

static void enlist(struct node_network *network)
{
	for (size_t i = 0; i < networks_count; i++)
		if (networks[i] == network)
			return;
	REQUIRE(networks_count < READY_MAX);
	networks[networks_count++] = network;
}

static void delist(struct node_network *network)
{
	for (size_t i = 0; i < networks_count; i++)
		if (networks[i] == network) {
			memmove(&networks[i], &networks[i + 1],
			    (--networks_count - i) * sizeof(networks[0]));
			return;
		}
}

static struct socket *bound_in(struct node_network *network, const char *endpoint)
{
	for (struct sockets *set = network->list; set != NULL; set = set->next)
		for (struct socket *socket = set->list; socket != NULL; socket = socket->next)
			if (socket->options.binds && !socket->is_closing
			    && strcmp(socket->endpoint, endpoint) == 0)
				return socket;
	return NULL;
}

static struct socket *bound_at(const char *endpoint)
{
	size_t count;
	struct node_network **all = all_networks(&count);

	for (size_t i = 0; i < count; i++) {
		struct socket *found = all[i]->is_cut ? NULL : bound_in(all[i], endpoint);

		if (found != NULL)
			return found;
	}
	return NULL;
}

static bool is_descriptor_in_use(int descriptor)
{
	for (const struct connection *at = connections; at != NULL; at = at->next)
		if (at->descriptor == descriptor)
			return true;
	return false;
}

/* The lowest one, as the system does: a number that is heard of late may be another's by now. */
static int free_descriptor(void)
{
	int descriptor = DESCRIPTOR_FIRST;

	while (is_descriptor_in_use(descriptor))
		descriptor++;
	return descriptor;
}

static struct connection *connection_new(struct socket *dials, struct socket *answers)
{
	struct connection *connection = memory_new(sizeof(*connection));

	connection->id = ++last_id;
	connection->descriptor = free_descriptor();
	connection->ends[DIALS] = dials;
	connection->ends[ANSWERS] = answers;
	connection->nodes[DIALS] = dials->sockets->network;
	connection->nodes[ANSWERS] = answers->sockets->network;
	pipe_init(&connection->pipes[DIALS]);
	pipe_init(&connection->pipes[ANSWERS]);
	connection->latency = socket_is_inproc(dials->endpoint) ? chance_between(20, 200) * 1000
	                                                        : chance_between(1, 60) * MOMENT_MS;
	connection->next = connections;
	connections = connection;
	counts.connections++;
	return connection;
}

static void open_connection(struct connection *connection)
{
	struct socket *socket = connection->ends[DIALS];

	connection->state = CONNECTION_OPEN;
	if (socket == NULL)
		return;
	socket->news = NEWS_CONNECTED;
	socket->tries = 0;
}

static void refuse_connection(struct connection *connection)
{
	struct socket *socket = connection->ends[DIALS];

	counts.refused++;
	connection->state = CONNECTION_ENDED;
	forget_end(connection, DIALS);
	forget_end(connection, ANSWERS);
	if (socket != NULL)
		dial_again(socket);
}

static bool knows_server(const struct socket *dials, const struct socket *answers)
{
	char public_key[SOCKET_KEY_TEXT];

	return dials->options.server_key != NULL && socket_key_public(answers->own_key, public_key)
	    && strcmp(public_key, dials->server_key) == 0;
}

/* Asks the handler of the answering side's process, as libzmq does. */
static void ask(struct connection *connection)
{
	struct socket *dials = connection->ends[DIALS], *answers = connection->ends[ANSWERS];
	struct socket *handler = bound_in(answers->sockets->network, "inproc://zeromq.zap.01");
	uint8_t key[SOCKET_KEY_SIZE];
	char address[32];
	struct bytes parts[7];

	if (handler == NULL || !knows_server(dials, answers)
	    || !socket_key_decode(dials->own_key, key)) {
		refuse_connection(connection);
		return;
	}
	snprintf(address, sizeof(address), "10.0.0.%u",
	    (unsigned)(dials->sockets->network->number % 250));
	parts[0] = bytes_of_text("1.0");
	parts[1] = BYTES(&connection->id, sizeof(connection->id));
	parts[2] = bytes_of_text(answers->domain);
	parts[3] = bytes_of_text(address);
	parts[4] = BYTES_NONE;
	parts[5] = bytes_of_text("CURVE");
	parts[6] = BYTES_OF(key);
	pipe_push(&handler->requests, message_new(parts, 7), moment_now() + travel(connection));
}

static void dial(struct socket *socket)
{
	struct socket *answers = bound_at(socket->endpoint);
	struct node_network *here = socket->sockets->network;
	struct connection *connection;

	socket->dial_at = MOMENT_NEVER;
	if (answers == NULL || is_blocked(here, answers->sockets->network)
	    || is_blocked(answers->sockets->network, here)) {
		dial_again(socket);
		return;
	}
	connection = connection_new(socket, answers);
	if (answers->options.is_curve_server)
		ask(connection);
	else
		open_connection(connection);
}

/* ---- what is due ---- */

/* Heartbeats that do not come end a connection, whichever way they were lost. */
static void watch_block(struct connection *connection)
{
	bool is_blocked_now = is_way_blocked(connection, DIALS)
	                   || is_way_blocked(connection, ANSWERS);

	if (!is_blocked_now)
		connection->blocked_since = 0;
	else if (connection->blocked_since == 0)
		connection->blocked_since = moment_now();
	else if (moment_now() - connection->blocked_since >= HEARTBEAT_TIMEOUT_S * MOMENT_S)
		end_connection(connection);
}

static void dial_due(struct node_network *network)
{
	for (struct sockets *set = network->list; set != NULL; set = set->next)
		for (struct socket *socket = set->list; socket != NULL; socket = socket->next)
			if (!socket->is_closing && socket->dial_at <= moment_now())
				dial(socket);
}

void network_turn(void)
{
	size_t count;
	struct node_network **all = all_networks(&count);

	for (struct connection *at = connections; at != NULL; at = at->next) {
		if (at->state != CONNECTION_ENDED)
			watch_block(at);
		for (unsigned end = 0; end < ENDS && at->state == CONNECTION_ENDED; end++)
			if (at->notice[end] <= moment_now())
				notice_end(at, end);
	}
	sweep();
	for (size_t i = 0; i < count; i++)
		if (!all[i]->is_cut)
			dial_due(all[i]);
}

static void sooner(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

uint64_t network_next(void)
{
	uint64_t next = MOMENT_NEVER;
	size_t count;
	struct node_network **all = all_networks(&count);

	for (const struct connection *at = connections; at != NULL; at = at->next) {
		if (at->state != CONNECTION_ENDED && at->blocked_since != 0)
			sooner(&next, at->blocked_since + HEARTBEAT_TIMEOUT_S * MOMENT_S);
		for (unsigned end = 0; end < ENDS && at->state == CONNECTION_ENDED; end++)
			if (at->ends[end] != NULL && at->pipes[end].first == NULL)
				sooner(&next, at->notice[end]);
	}
	for (size_t i = 0; i < count; i++)
		for (struct sockets *set = all[i]->list; set != NULL && !all[i]->is_cut;
		     set = set->next)
			for (struct socket *at = set->list; at != NULL; at = at->next)
				if (!at->is_closing)
					sooner(&next, at->dial_at);
	return next;
}

uint64_t network_input(struct node_network *const *network)
{
	uint64_t next = MOMENT_NEVER;

	if (*network == NULL || (*network)->is_cut)
		return next;
	for (const struct connection *at = connections; at != NULL; at = at->next)
		for (unsigned end = 0; end < ENDS; end++)
			if (at->nodes[end] == *network && at->ends[end] != NULL
			    && at->pipes[end].first != NULL && !is_way_blocked(at, end)
			    && !at->ends[end]->is_paused)
				sooner(&next, at->pipes[end].first->at);
	for (const struct sockets *set = (*network)->list; set != NULL; set = set->next)
		for (const struct socket *at = set->list; at != NULL; at = at->next) {
			if (at->news != NEWS_NONE)
				sooner(&next, 0);
			if (at->requests.first != NULL)
				sooner(&next, at->requests.first->at);
		}
	return next;
}

/* ---- core/socket.h: context and keys ---- */

struct socket_context {
	int unused;
};

enum status socket_context_new(struct socket_context **out)
{
	*out = memory_new(sizeof(**out));
	return STATUS_OK;
}

void socket_context_allow(struct socket_context *context, unsigned sockets)
{
	(void)context;
	(void)sockets;
}

void socket_context_free(struct socket_context *context)
{
	free(context);
}

/* Z85 (ZeroMQ RFC 32). */
static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  ".-:+=^!/*?&<>()[]{}@%$#";

void socket_key_encode(const uint8_t key[SOCKET_KEY_SIZE], char out[SOCKET_KEY_TEXT])
{
	for (unsigned i = 0; i < SOCKET_KEY_SIZE / 4; i++) {
		uint32_t value = bytes_u32(key + 4 * i);

		for (int digit = 4; digit >= 0; digit--, value /= 85)
			out[5 * i + (unsigned)digit] = z85[value % 85];
	}
	out[SOCKET_KEY_TEXT - 1] = '\0';
}

bool socket_key_decode(const char *text, uint8_t out[SOCKET_KEY_SIZE])
{
	if (strlen(text) != SOCKET_KEY_TEXT - 1 || strspn(text, z85) != SOCKET_KEY_TEXT - 1)
		return false;
	for (unsigned i = 0; i < SOCKET_KEY_SIZE / 4; i++) {
		uint64_t value = 0;

		for (unsigned digit = 0; digit < 5; digit++)
			value = value * 85 + (uint64_t)(strchr(z85, text[5 * i + digit]) - z85);
		if (value > UINT32_MAX)
			return false;
		for (unsigned byte = 0; byte < 4; byte++)
			out[4 * i + byte] = (uint8_t)(value >> (8 * (3 - byte)));
	}
	return true;
}

bool socket_key_public(const char *secret_key, char public_key[SOCKET_KEY_TEXT])
{
	uint8_t secret[SOCKET_KEY_SIZE], public[SOCKET_KEY_SIZE];

	if (!socket_key_decode(secret_key, secret) || crypto_scalarmult_base(public, secret) != 0)
		return false;
	socket_key_encode(public, public_key);
	return true;
}

void socket_key_pair(char public_key[SOCKET_KEY_TEXT], char secret_key[SOCKET_KEY_TEXT])
{
	uint8_t secret[SOCKET_KEY_SIZE];

	randombytes_buf(secret, sizeof(secret));
	socket_key_encode(secret, secret_key);
	REQUIRE(socket_key_public(secret_key, public_key));
}

bool socket_is_inproc(const char *endpoint)
{
	return strncmp(endpoint, "inproc://", 9) == 0;
}

/* ---- receiving ---- */

static bool is_ready(const struct connection *connection, unsigned end, const struct socket *socket)
{
	return connection->ends[end] == socket && connection->state != CONNECTION_ASKS
	    && connection->pipes[end].first != NULL
	    && connection->pipes[end].first->at <= moment_now() && !is_way_blocked(connection, end);
}

static size_t ready_connections(const struct socket *socket, struct connection *found[])
{
	unsigned end = socket->options.binds ? ANSWERS : DIALS;
	size_t count = 0;

	for (struct connection *at = connections; at != NULL && count < READY_MAX; at = at->next)
		if (is_ready(at, end, socket))
			found[count++] = at;
	return count;
}

static bool may_receive(const struct socket *socket)
{
	return !socket->is_closing && !socket->is_paused && !socket->sockets->network->is_cut;
}

bool socket_has_input(const struct socket *socket)
{
	struct connection *found[READY_MAX];

	return may_receive(socket) && ready_connections(socket, found) > 0;
}

/* A router's messages begin with the route that answers take. */
static void hand_over(struct socket *socket, struct connection *connection,
    const struct message *message)
{
	struct bytes parts[SOCKET_PARTS_MAX + 1];
	size_t count = 0;
	uint8_t route[5] = { 0 };

	memcpy(route + 1, &connection->id, sizeof(connection->id));
	if (socket->options.type == SOCKET_ROUTER)
		parts[count++] = BYTES_OF(route);
	for (size_t i = 0; i < message->count; i++)
		parts[count++] = message->parts[i];
	socket->source = connection->descriptor;
	if (count <= SOCKET_PARTS_MAX)
		socket->options.on_message(socket->options.data, parts, count,
		    socket->options.binds ? connection->user : "");
	socket->source = -1;
}

static bool receive_request(struct socket *socket)
{
	struct message *message = socket->requests.first;

	if (message == NULL || message->at > moment_now() || !may_receive(socket))
		return false;
	message = pipe_pop(&socket->requests);
	memcpy(&socket->answers, message->parts[1].data, sizeof(socket->answers));
	socket->options.on_message(socket->options.data, message->parts, message->count, "");
	free(message);
	return true;
}

static bool receive_one(struct socket *socket)
{
	struct connection *found[READY_MAX], *from;
	struct message *message;
	size_t count;

	if (socket->options.type == SOCKET_REP)
		return receive_request(socket);
	count = may_receive(socket) ? ready_connections(socket, found) : 0;
	if (count == 0)
		return false;
	from = found[chance_below(count)];
	message = pipe_pop(&from->pipes[socket->options.binds ? ANSWERS : DIALS]);
	counts.messages++;
	hand_over(socket, from, message);
	free(message);
	return true;
}

static void tell_news(struct socket *socket)
{
	enum socket_news news = socket->news;

	socket->news = NEWS_NONE;
	if (news != NEWS_NONE && !socket->is_closing && socket->options.on_connection != NULL)
		socket->options.on_connection(socket->options.data, news == NEWS_CONNECTED);
}

static bool any_input(const struct sockets *sockets)
{
	for (const struct socket *at = sockets->list; at != NULL; at = at->next)
		if (socket_has_input(at))
			return true;
	return false;
}

static void on_check(uv_check_t *check)
{
	struct sockets *sockets = check->data;

	for (struct socket *socket = sockets->list; socket != NULL; socket = socket->next) {
		tell_news(socket);
		for (int i = 0; i < MESSAGES_A_TURN && receive_one(socket); i++)
			;
	}
	if (sockets->on_round != NULL)
		sockets->on_round(sockets->data, any_input(sockets));
}

/* ---- the set of a loop ---- */

enum status sockets_new(struct socket_context *context, uv_loop_t *loop, sockets_on_round on_round,
    void *data, struct sockets **out)
{
	struct sockets *sockets = memory_new(sizeof(*sockets));

	(void)context;
	sockets->on_round = on_round;
	sockets->data = data;
	sockets->network = current;
	sockets->next = current->list;
	current->list = sockets;
	enlist(current);
	uv_check_init(loop, &sockets->check);
	sockets->check.data = sockets;
	sockets->open_handles = 1;
	uv_check_start(&sockets->check, on_check);
	*out = sockets;
	return STATUS_OK;
}

static void free_when_closed(struct sockets *sockets)
{
	struct sockets **at = &sockets->network->list;

	if (--sockets->open_handles > 0)
		return;
	while (*at != sockets)
		at = &(*at)->next;
	*at = sockets->next;
	if (sockets->network->list == NULL)
		delist(sockets->network);
	free(sockets);
}

static void on_check_closed(uv_handle_t *handle)
{
	free_when_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct socket *socket = handle->data;
	struct sockets *sockets = socket->sockets;
	struct socket **at = &sockets->list;

	while (*at != socket)
		at = &(*at)->next;
	*at = socket->next;
	pipe_cut(&socket->requests, 0);
	free(socket);
	free_when_closed(sockets);
}

void socket_close(struct socket *socket)
{
	if (socket == NULL || socket->is_closing)
		return;
	socket->is_closing = true;
	leave(socket);
	uv_close((uv_handle_t *)&socket->handle, on_socket_closed);
}

void sockets_free(struct sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (struct socket *socket = sockets->list; socket != NULL; socket = socket->next)
		socket_close(socket);
	sockets->on_round = NULL;
	uv_close((uv_handle_t *)&sockets->check, on_check_closed);
}

/* ---- sockets ---- */

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text == NULL ? "" : text);
}

enum status socket_open(struct sockets *sockets, const struct socket_options *options,
    struct socket **out)
{
	struct socket *socket;

	REQUIRE(options->on_message != NULL);
	if (options->binds && options->type == SOCKET_ROUTER && bound_at(options->endpoint) != NULL)
		return STATUS_BUSY;
	socket = memory_new(sizeof(*socket));
	socket->sockets = sockets;
	socket->options = *options;
	socket->source = -1;
	copy_text(socket->endpoint, sizeof(socket->endpoint), options->endpoint);
	copy_text(socket->server_key, sizeof(socket->server_key), options->server_key);
	copy_text(socket->own_key, sizeof(socket->own_key),
	    options->binds ? options->secret_key : options->public_key);
	copy_text(socket->domain, sizeof(socket->domain),
	    options->domain == NULL ? "fettle" : options->domain);
	socket->dial_at = options->binds ? MOMENT_NEVER : moment_now();
	pipe_init(&socket->requests);
	uv_timer_init(sockets->check.loop, &socket->handle);
	socket->handle.data = socket;
	socket->next = sockets->list;
	sockets->list = socket;
	sockets->open_handles++;
	*out = socket;
	return STATUS_OK;
}

void socket_pause(struct socket *socket, bool is_paused)
{
	socket->is_paused = is_paused;
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
	(void)socket;
	return "10.0.0.1";
}

void socket_disconnect(int source)
{
	for (struct connection *at = connections; at != NULL; at = at->next)
		if (at->descriptor == source && source >= 0)
			end_connection(at);
}

/* ---- sending ---- */

static size_t mark_of(const struct connection *connection)
{
	size_t sum = 0;

	for (unsigned end = 0; end < ENDS; end++)
		if (connection->ends[end] != NULL) {
			int mark = connection->ends[end]->options.high_water_mark;

			sum += mark == 0 ? HIGH_WATER_MARK : (size_t)mark;
		}
	return sum;
}

/* What is sent by a connection that has ended without the sender's knowing goes nowhere. */
static enum status send_by(struct connection *connection, unsigned to, const struct bytes *parts,
    size_t count)
{
	struct pipe *pipe = &connection->pipes[to];

	if (connection->state == CONNECTION_ENDED) {
		counts.lost++;
		return STATUS_OK;
	}
	if (pipe->count >= mark_of(connection))
		return STATUS_AGAIN;
	pipe_push(pipe, message_new(parts, count), moment_now() + travel(connection));
	return STATUS_OK;
}

static enum status send_routed(struct socket *socket, const struct bytes *parts, size_t count)
{
	uint32_t id;

	if (count < 2 || parts[0].size != 1 + sizeof(id))
		return STATUS_CLOSED;
	memcpy(&id, parts[0].data + 1, sizeof(id));
	for (struct connection *at = connections; at != NULL; at = at->next)
		if (at->id == id && at->ends[ANSWERS] == socket)
			return send_by(at, DIALS, parts + 1, count - 1);
	return STATUS_CLOSED;
}

static enum status send_dealt(struct socket *socket, const struct bytes *parts, size_t count)
{
	for (struct connection *at = connections; at != NULL; at = at->next)
		if (at->ends[DIALS] == socket && at->state != CONNECTION_ASKS)
			return send_by(at, ANSWERS, parts, count);
	return STATUS_AGAIN;
}

static enum status send_answer(struct socket *socket, const struct bytes *parts, size_t count)
{
	uint32_t id;

	if (count < 5 || parts[1].size != sizeof(id))
		return STATUS_INVALID;
	memcpy(&id, parts[1].data, sizeof(id));
	for (struct connection *at = connections; at != NULL; at = at->next) {
		if (at->id != id || at->state != CONNECTION_ASKS)
			continue;
		if (bytes_equal(parts[2], bytes_of_text("200")) && parts[4].size < USER_MAX) {
			memcpy(at->user, parts[4].data, parts[4].size);
			open_connection(at);
		} else {
			refuse_connection(at);
		}
		break;
	}
	socket->answers = 0;
	return STATUS_OK;
}

enum status socket_send(struct socket *socket, const struct bytes *parts, size_t count)
{
	REQUIRE(count > 0);
	if (socket->is_closing)
		return STATUS_CLOSED;
	if (socket->sockets->network->is_cut)
		return STATUS_OK;
	if (socket->options.type == SOCKET_REP)
		return send_answer(socket, parts, count);
	return socket->options.type == SOCKET_ROUTER ? send_routed(socket, parts, count)
	                                             : send_dealt(socket, parts, count);
}
