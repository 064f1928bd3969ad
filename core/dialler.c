/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dialler.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"

enum { REOPEN_AFTER_MS = 180 * 1000, REOPEN_INPROC_MS = 2000, INNER_PING_MS = 500 };

struct dialler {
	struct sockets *sockets;
	struct socket_options socket_options;
	char *endpoint;
	struct socket *socket;
	struct link *link;
	struct link_operations host_operations, operations;
	void *host;
	uv_timer_t timer;
	uint64_t opened_ms;
	uint64_t blocked_ms; /* since when nothing could be sent; 0: it can */
	bool was_reported;   /* that the other side does not answer */
};

static enum status transmit(void *self, struct bytes frame)
{
	struct dialler *dialler = self;
	enum status status = socket_send(dialler->socket, &frame, 1);

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

	log_write(LOG_INFO, "link-open", LOG_FIELDS(LOG_TEXT("endpoint", dialler->endpoint)),
	    "connected");
	dialler->was_reported = false;
	if (dialler->host_operations.on_open != NULL)
		dialler->host_operations.on_open(dialler->host);
}

static void on_closed(void *self, const char *reason)
{
	struct dialler *dialler = self;

	log_write(LOG_WARN, "link-lost", LOG_FIELDS(LOG_TEXT("endpoint", dialler->endpoint)),
	    "the connection is lost: %s; trying again", reason);
	if (dialler->host_operations.on_closed != NULL)
		dialler->host_operations.on_closed(dialler->host, reason);
}

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	struct dialler *dialler = data;

	(void)user;
	if (count != 1 || link_frame(dialler->link, parts[0], clock_monotonic_ms()) != STATUS_OK)
		log_write(LOG_WARN, "link-frame",
		    LOG_FIELDS(LOG_TEXT("endpoint", dialler->endpoint)),
		    "dropped what is not a frame of the link protocol");
}

/*
 * libzmq 4.3.4 can stop reconnecting by tcp for good, and by inproc it never reconnects to a role
 * of this process that was started again; a fresh socket is the cure for both.
 */
static bool wants_fresh_socket(const struct dialler *dialler, uint64_t now_ms)
{
	if (strncmp(dialler->endpoint, "inproc://", 9) == 0)
		return dialler->blocked_ms > 0 && now_ms - dialler->blocked_ms >= REOPEN_INPROC_MS;
	return now_ms - link_heard_ms(dialler->link) >= REOPEN_AFTER_MS
	    && now_ms - dialler->opened_ms >= REOPEN_AFTER_MS;
}

static void reopen(struct dialler *dialler, uint64_t now_ms)
{
	struct socket *fresh;

	dialler->opened_ms = now_ms;
	dialler->blocked_ms = 0;
	if (socket_open(dialler->sockets, &dialler->socket_options, &fresh) != STATUS_OK)
		return;
	socket_close(dialler->socket);
	dialler->socket = fresh;
	link_restart(dialler->link, now_ms, "the other side does not take anything");
}

static void report_silence(struct dialler *dialler, uint64_t now_ms)
{
	if (dialler->was_reported || link_is_open(dialler->link)
	    || now_ms - link_heard_ms(dialler->link) < 5000)
		return;
	dialler->was_reported = true;
	log_write(LOG_WARN, "link-waiting", LOG_FIELDS(LOG_TEXT("endpoint", dialler->endpoint)),
	    "no answer yet; everything is kept and will be sent once there is one");
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

	if (is_connected)
		link_nudge(dialler->link, clock_monotonic_ms());
	uv_timer_start(&dialler->timer, on_timer, 1, 0);
}

void dialler_pump(struct dialler *dialler)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t next_ms = link_tick(dialler->link, now_ms);

	link_pump(dialler->link, now_ms);
	if (wants_fresh_socket(dialler, now_ms))
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
	dialler->endpoint = text_copy(options->endpoint);
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
		.endpoint = dialler->endpoint,
		.server_key = options->server_key,
		.public_key = options->public_key,
		.secret_key = options->secret_key,
		.on_message = on_message,
		.on_connection = options->is_inner ? NULL : on_connection,
		.data = dialler };
	status = socket_open(options->sockets, &dialler->socket_options, &dialler->socket);
	if (status != STATUS_OK) {
		free(dialler->endpoint);
		free(dialler);
		return status;
	}
	hash_random((uint8_t *)&random, sizeof(random));
	dialler->opened_ms = clock_monotonic_ms();
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
	free(dialler->endpoint);
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
