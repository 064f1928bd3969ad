/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialler.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"

enum {
	REOPEN_AFTER_MS = 180 * 1000,
	REOPEN_INPROC_MS = 2000,
	INNER_PING_MS = 500,
	/* How long one of several has to answer, or to come back: as much again is drawn. */
	NEXT_AFTER_MS = 3000,
	ROUNDS_DOUBLED = 5, /* by then it is a minute and a half */
};

struct dialler {
	struct sockets *sockets;
	struct socket_options socket_options;
	char **endpoints;
	size_t endpoints_count, at;
	unsigned tries;         /* since a session was open */
	uint64_t next_after_ms; /* as drawn for this one */
	uint64_t missing_ms;    /* since when it is not connected, or not open; 0: it is both */
	const struct peers_caller *caller;
	char server_key[SOCKET_KEY_TEXT]; /* of who is called, read last */
	struct socket *socket;            /* NULL: the key of who is called is not there yet */
	struct link *link;
	struct link_operations host_operations, operations;
	void *host;
	uv_timer_t timer;
	uint64_t opened_ms;
	uint64_t blocked_ms; /* since when nothing could be sent; 0: it can */
	bool was_reported;   /* that the other side does not answer */
};

static const char *endpoint(const struct dialler *dialler)
{
	return dialler->endpoints[dialler->at];
}

static enum status transmit(void *self, struct bytes frame)
{
	struct dialler *dialler = self;
	enum status status = dialler->socket == NULL ? STATUS_AGAIN
	                                             : socket_send(dialler->socket, &frame, 1);

	if (status == STATUS_OK)
		dialler->blocked_ms = 0;
	else if (dialler->blocked_ms == 0)
		dialler->blocked_ms = clock_monotonic_ms();
	return status;
}

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct dialler *dialler = self;

	return dialler->host_operations.read(dialler->host, flow, from, most, batch);
}

static void release(void *self)
{
	struct dialler *dialler = self;

	if (dialler->host_operations.release != NULL)
		dialler->host_operations.release(dialler->host);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct dialler *dialler = self;

	dialler->host_operations.on_acked(dialler->host, flow, committed);
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct dialler *dialler = self;

	dialler->host_operations.on_data(dialler->host, flow, first, records, count, chain);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct dialler *dialler = self;

	dialler->host_operations.on_hello(dialler->host, hello, arena);
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct dialler *dialler = self;

	return dialler->host_operations.on_welcome(dialler->host, welcome);
}

static void on_open(void *self)
{
	struct dialler *dialler = self;

	log_write(LOG_INFO, "link-open", LOG_FIELDS(LOG_TEXT("endpoint", endpoint(dialler))),
	    "connected");
	dialler->was_reported = false;
	dialler->tries = 0;
	dialler->missing_ms = 0;
	if (dialler->host_operations.on_open != NULL)
		dialler->host_operations.on_open(dialler->host);
}

static void on_closed(void *self, const char *reason)
{
	struct dialler *dialler = self;

	log_write(LOG_WARN, "link-lost", LOG_FIELDS(LOG_TEXT("endpoint", endpoint(dialler))),
	    "the connection is lost: %s; trying again", reason);
	dialler->missing_ms = clock_monotonic_ms();
	if (dialler->host_operations.on_closed != NULL)
		dialler->host_operations.on_closed(dialler->host, reason);
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct dialler *dialler = data;

	(void)user;
	if (count != 1 || link_frame(dialler->link, parts[0], clock_monotonic_ms()) != STATUS_OK)
		log_write(LOG_WARN, "link-frame",
		    LOG_FIELDS(LOG_TEXT("endpoint", endpoint(dialler))),
		    "dropped what is not a frame of the link protocol");
}

/*
 * libzmq 4.3.4 can stop reconnecting by tcp for good, and by inproc it never reconnects to a role
 * of this process that was started again; a fresh socket is the cure for both.
 */
static bool wants_fresh_socket(const struct dialler *dialler, uint64_t now_ms)
{
	if (dialler->socket == NULL)
		return true;
	if (socket_is_inproc(endpoint(dialler)))
		return dialler->blocked_ms > 0 && now_ms - dialler->blocked_ms >= REOPEN_INPROC_MS;
	return now_ms - link_heard_ms(dialler->link) >= REOPEN_AFTER_MS
	    && now_ms - dialler->opened_ms >= REOPEN_AFTER_MS;
}

/* NOT_FOUND: there is no key yet of who is called. */
static enum status open_socket(struct dialler *dialler, struct socket **out)
{
	const struct peers_caller *caller = dialler->caller;
	enum status status = STATUS_OK;

	if (caller != NULL)
		status = peers_server_key(caller->server_file, dialler->server_key);
	return status == STATUS_OK ? socket_open(dialler->sockets, &dialler->socket_options, out)
	                           : status;
}

static void reopen(struct dialler *dialler, uint64_t now_ms)
{
	struct socket *fresh;

	dialler->opened_ms = now_ms;
	dialler->blocked_ms = 0;
	if (open_socket(dialler, &fresh) != STATUS_OK)
		return;
	socket_close(dialler->socket);
	dialler->socket = fresh;
	link_restart(dialler->link, now_ms, "the other side does not take anything");
}

/* ---- one of several ---- */

/* Not all at once, and ever more slowly where none of them answers. */
static void draw_patience(struct dialler *dialler)
{
	size_t rounds = dialler->tries / dialler->endpoints_count;
	uint64_t most = (uint64_t)NEXT_AFTER_MS
	             << (rounds > ROUNDS_DOUBLED ? ROUNDS_DOUBLED : rounds);
	uint64_t random;

	hash_random((uint8_t *)&random, sizeof(random));
	dialler->next_after_ms = NEXT_AFTER_MS + random % most;
}

static bool wants_next(const struct dialler *dialler, uint64_t now_ms)
{
	return dialler->endpoints_count > 1 && dialler->missing_ms != 0
	    && now_ms - dialler->missing_ms >= dialler->next_after_ms;
}

static void go_on(struct dialler *dialler, uint64_t now_ms)
{
	log_write(LOG_WARN, "link-next",
	    LOG_FIELDS(LOG_TEXT("endpoint",
		dialler->endpoints[(dialler->at + 1) % dialler->endpoints_count])),
	    "%s does not answer; trying the next one", endpoint(dialler));
	dialler->at = (dialler->at + 1) % dialler->endpoints_count;
	dialler->tries++;
	dialler->missing_ms = now_ms;
	dialler->socket_options.endpoint = endpoint(dialler);
	draw_patience(dialler);
	reopen(dialler, now_ms);
}

/* By the key, so that each agent has an order of its own and keeps it. */
static void shuffle(struct dialler *dialler, const char *public_key)
{
	uint8_t drawn[HASH_SIZE];

	if (public_key == NULL)
		return;
	hash_bytes(bytes_of_text(public_key), drawn);
	for (size_t i = dialler->endpoints_count; i > 1; i--) {
		size_t other = (drawn[i % HASH_SIZE] * 256U + drawn[(i + 1) % HASH_SIZE]) % i;
		char *held = dialler->endpoints[i - 1];

		dialler->endpoints[i - 1] = dialler->endpoints[other];
		dialler->endpoints[other] = held;
	}
}

static void set_endpoints(struct dialler *dialler, const struct dialler_options *options)
{
	dialler->endpoints_count = options->endpoints_count > 0 ? options->endpoints_count : 1;
	dialler->endpoints = memory_new(dialler->endpoints_count * sizeof(char *));
	for (size_t i = 0; i < options->endpoints_count; i++)
		dialler->endpoints[i] = text_copy(options->endpoints[i]);
	if (options->endpoints_count == 0)
		dialler->endpoints[0] = text_copy(options->endpoint);
	shuffle(dialler, options->public_key);
}

static void free_endpoints(struct dialler *dialler)
{
	for (size_t i = 0; i < dialler->endpoints_count; i++)
		free(dialler->endpoints[i]);
	free(dialler->endpoints);
}

static void report_silence(struct dialler *dialler, uint64_t now_ms)
{
	if (dialler->was_reported || link_is_open(dialler->link)
	    || now_ms - link_heard_ms(dialler->link) < 5000)
		return;
	dialler->was_reported = true;
	log_write(LOG_WARN, "link-waiting", LOG_FIELDS(LOG_TEXT("endpoint", endpoint(dialler))),
	    dialler->socket == NULL
		? "its public key is not here yet; everything is kept until it has one"
		: "no answer yet; everything is kept and will be sent once there is one");
}

static void on_timer(uv_timer_t *timer)
{
	struct dialler *dialler = timer->data;

	dialler_pump(dialler);
}

/* A gateway that is back knows no way to this agent until it hears of it. */
static void on_connection(void *data, bool is_connected)
{
	struct dialler *dialler = data;

	uint64_t now_ms = clock_monotonic_ms();

	if (is_connected)
		link_nudge(dialler->link, now_ms);
	if (is_connected && link_is_open(dialler->link))
		dialler->missing_ms = 0;
	else if (!is_connected && dialler->missing_ms == 0)
		dialler->missing_ms = now_ms;
	uv_timer_start(&dialler->timer, on_timer, 1, 0);
}

void dialler_pump(struct dialler *dialler)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t next_ms = link_tick(dialler->link, now_ms);

	link_pump(dialler->link, now_ms);
	if (wants_next(dialler, now_ms))
		go_on(dialler, now_ms);
	else if (wants_fresh_socket(dialler, now_ms))
		reopen(dialler, now_ms);
	report_silence(dialler, now_ms);
	next_ms = next_ms > now_ms + 1000 ? now_ms + 1000 : next_ms;
	uv_timer_start(&dialler->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

enum status dialler_new(const struct dialler_options *options, struct dialler **out)
{
	struct dialler *dialler = memory_new(sizeof(*dialler));
	uint64_t random;
	enum status status;

	dialler->sockets = options->sockets;
	set_endpoints(dialler, options);
	draw_patience(dialler);
	dialler->host_operations = options->operations;
	dialler->host = options->self;
	dialler->operations = (struct link_operations){ .transmit = transmit,
		.read = read_records,
		.release = release,
		.on_acked = on_acked,
		.on_data = on_data,
		.on_hello = on_hello,
		.on_welcome = on_welcome,
		.on_open = on_open,
		.on_closed = on_closed };
	dialler->socket_options = (struct socket_options){ .type = SOCKET_DEALER,
		.endpoint = endpoint(dialler),
		.server_key = options->server_key,
		.public_key = options->public_key,
		.secret_key = options->secret_key,
		.on_message = on_message,
		.on_connection = options->is_inner ? NULL : on_connection,
		.data = dialler };
	if (options->caller != NULL && !socket_is_inproc(endpoint(dialler))) {
		dialler->caller = options->caller;
		dialler->socket_options.server_key = dialler->server_key;
		dialler->socket_options.public_key = options->caller->own.public_key;
		dialler->socket_options.secret_key = options->caller->own.secret_key;
	}
	status = open_socket(dialler, &dialler->socket);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
		free_endpoints(dialler);
		free(dialler);
		return status;
	}
	hash_random((uint8_t *)&random, sizeof(random));
	dialler->opened_ms = dialler->missing_ms = clock_monotonic_ms();
	dialler->link = link_new_dialler(&dialler->operations, dialler, random, dialler->opened_ms);
	if (!options->is_inner)
		link_set_frame_max(dialler->link, LINK_FRAME_MAX);
	if (options->is_inner)
		link_set_ping(dialler->link, INNER_PING_MS);
	uv_timer_init(options->loop, &dialler->timer);
	dialler->timer.data = dialler;
	uv_timer_start(&dialler->timer, on_timer, 0, 0);
	*out = dialler;
	return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct dialler *dialler = handle->data;

	link_free(dialler->link);
	free_endpoints(dialler);
	free(dialler);
}

void dialler_free(struct dialler *dialler)
{
	if (dialler == NULL)
		return;
	socket_close(dialler->socket);
	uv_close((uv_handle_t *)&dialler->timer, on_timer_closed);
}

struct link *dialler_link(struct dialler *dialler)
{
	return dialler->link;
}
