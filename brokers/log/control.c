/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection may cost is bounded before anything of it is believed: its place by who it is,
 * its bytes by the length that it announces, their decoding by a budget, its reply by being the
 * only one.  One that neither asks nor listens is ended.
 */
#include "brokers/log/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"
#include "core/record.h"

enum { BACKLOG = 16, READ_SIZE = 64 * 1024, IDLE_TICKS = 4, HEADER_SIZE = 4 };
/* A request is little else than bytes, which are copied once. */
enum { BUDGET_FACTOR = 4, BUDGET_BASE = 256 * 1024 };

static const struct control_limits defaults = {
	.connections = 64,
	.kept_for_root = 8,
	.of_uid = 16,
	.idle_ms = 30 * 1000,
	.large_bytes = 64 * 1024 * 1024,
};

struct client {
	LIST_ENTRY(client) link;
	uv_pipe_t pipe;
	struct control *control;
	struct control_principal principal;
	struct buffer in;
	size_t large_bytes; /* of the large request that comes; else 0 */
	unsigned ticks;     /* since the last reply was taken */
	uv_write_t write;
	struct buffer reply;
	bool is_replying, is_last; /* no request is taken after that reply */
};

struct control {
	uv_pipe_t pipe;
	uv_timer_t tick;
	struct control_options options;
	LIST_HEAD(, client) clients;
	unsigned handles; /* of the loop */
	size_t large_bytes;
	bool is_busy; /* that somebody was refused has been said */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint8_t chunk[READ_SIZE];
};

/* ---- ends ---- */

static void free_if_done(struct control *control)
{
	if (--control->handles == 0)
		free(control);
}

static void forget_large(struct client *client)
{
	client->control->large_bytes -= client->large_bytes;
	client->large_bytes = 0;
}

static void on_client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	buffer_fini(&client->in);
	buffer_fini(&client->reply);
	free_if_done(client->control);
	free(client);
}

static void close_client(struct client *client)
{
	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	forget_large(client);
	LIST_REMOVE(client, link);
	uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* ---- replies ---- */

static void take_requests(struct client *client);

static void on_written(uv_write_t *write, int status)
{
	struct client *client = write->data;

	explicit_bzero(client->reply.data, client->reply.size); /* it may hold a secret */
	buffer_clear(&client->reply);
	client->is_replying = false;
	client->ticks = 0;
	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	if (status != 0 || client->is_last)
		close_client(client);
	else
		take_requests(client);
}

static void send_reply(struct client *client, const Fettle__ControlReply *message)
{
	uv_buf_t out;

	buffer_append_u32(&client->reply,
	    (uint32_t)protobuf_c_message_get_packed_size(&message->base));
	record_pack(&client->reply, &message->base);
	out = uv_buf_init((char *)client->reply.data, (unsigned)client->reply.size);
	client->write.data = client;
	client->is_replying = true;
	uv_read_stop((uv_stream_t *)&client->pipe);
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &out, 1, on_written) != 0) {
		client->is_replying = false;
		close_client(client);
	}
}

/* The last that is said to CLIENT: what else it has sent is not read. */
static void refuse(struct client *client, enum status status, const char *message)
{
	Fettle__ControlReply reply = FETTLE__CONTROL_REPLY__INIT;

	RECORD_SET(&reply, status, (uint32_t)status);
	reply.message = RECORD_TEXT(message);
	client->is_last = true;
	send_reply(client, &reply);
}

/* ---- requests ---- */

/* Whether SIZE bytes may come; it is asked once they are announced. */
static bool may_come(struct client *client, size_t size)
{
	struct control *control = client->control;
	Fettle__ControlReply reply = FETTLE__CONTROL_REPLY__INIT;

	if (size <= CONTROL_SMALL_MAX || client->large_bytes > 0)
		return true;
	if (size > CONTROL_REQUEST_MAX) {
		refuse(client, STATUS_INVALID, "a request may have 16 MiB");
		return false;
	}
	if (!control->options.may_send_large(control->options.host, &client->principal, &reply)) {
		client->is_last = true;
		send_reply(client, &reply);
		return false;
	}
	if (control->large_bytes + size > control->options.limits.large_bytes) {
		refuse(client, STATUS_BUSY, "too many large requests at once; try again");
		return false;
	}
	control->large_bytes += client->large_bytes = size;
	return true;
}

static void drop_request(struct client *client, size_t size)
{
	forget_large(client);
	memmove(client->in.data, client->in.data + size, client->in.size - size);
	client->in.size -= size;
	if (client->in.size == 0)
		buffer_fini(&client->in);
}

static void answer(struct client *client, size_t size)
{
	struct control *control = client->control;
	Fettle__ControlReply reply = FETTLE__CONTROL_REPLY__INIT;
	struct arena arena = { 0 };
	const Fettle__ControlRequest *request = record_unpack_within(
	    &fettle__control_request__descriptor, BYTES(client->in.data + HEADER_SIZE, size),
	    &arena, BUDGET_FACTOR * size + BUDGET_BASE);

	if (request == NULL) {
		log_write(LOG_WARN, "control-request",
		    LOG_FIELDS(LOG_TEXT("who", client->principal.name)),
		    "dropped a local connection that does not speak the control protocol");
		refuse(client, STATUS_REJECT, "this is no request of the control protocol");
	} else {
		control->options.handler(control->options.host, request, &client->principal,
		    &reply);
		send_reply(client, &reply);
	}
	arena_fini(&arena);
	drop_request(client, HEADER_SIZE + size);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct client *client = handle->data;

	(void)suggested;
	*out = uv_buf_init((char *)client->control->chunk, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *chunk)
{
	struct client *client = stream->data;

	if (got < 0) {
		close_client(client);
		return;
	}
	buffer_append(&client->in, BYTES(chunk->base, (size_t)got));
	take_requests(client);
}

/* One, where it is whole: the next is taken once its reply is. */
static void take_requests(struct client *client)
{
	size_t size = client->in.size < HEADER_SIZE ? 0 : bytes_u32(client->in.data);
	int result;

	if (client->in.size >= HEADER_SIZE) {
		if (!may_come(client, size))
			return;
		if (client->in.size - HEADER_SIZE >= size) {
			answer(client, size);
			return;
		}
	}
	result = uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
	if (result != 0 && result != UV_EALREADY)
		close_client(client);
}

/* ---- connections ---- */

/* Ticks and not times: where the log itself was held up, nobody has been idle. */
static void on_tick(uv_timer_t *timer)
{
	struct control *control = timer->data;
	struct client *client = LIST_FIRST(&control->clients);

	control->is_busy = false;
	while (client != NULL) {
		struct client *next = LIST_NEXT(client, link);

		if (++client->ticks > IDLE_TICKS) {
			log_write(LOG_INFO, "control-idle",
			    LOG_FIELDS(LOG_TEXT("who", client->principal.name)),
			    "ended a local connection that asked for nothing");
			close_client(client);
		}
		client = next;
	}
}

/* NULL: CLIENT may stay. */
static const char *reason_against(const struct client *client)
{
	const struct control_limits *limits = &client->control->options.limits;
	const struct client *other;
	unsigned all = 0, of_uid = 0, most = limits->connections;

	LIST_FOREACH(other, &client->control->clients, link)
	{
		all++;
		of_uid += other->principal.uid == client->principal.uid;
	}
	if (client->principal.uid != 0)
		most -= limits->kept_for_root;
	if (of_uid > limits->of_uid)
		return "too many connections of this user at once; try again";
	return all > most ? "too many connections at once; try again" : NULL;
}

static void admit(struct client *client)
{
	struct control *control = client->control;
	const char *reason = reason_against(client);

	if (reason == NULL) {
		take_requests(client);
		return;
	}
	if (!control->is_busy)
		log_write(LOG_WARN, "control-busy",
		    LOG_FIELDS(LOG_TEXT("who", client->principal.name)),
		    "refused a local connection: %s", reason);
	control->is_busy = true;
	refuse(client, STATUS_BUSY, reason);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct control *control = server->data;
	struct client *client;
	uv_os_fd_t fd;

	if (status != 0)
		return;
	client = memory_new(sizeof(*client));
	client->control = control;
	uv_pipe_init(server->loop, &client->pipe, 0);
	client->pipe.data = client;
	control->handles++;
	LIST_INSERT_HEAD(&control->clients, client, link);
	if (uv_accept(server, (uv_stream_t *)&client->pipe) != 0
	    || uv_fileno((uv_handle_t *)&client->pipe, &fd) != 0
	    || !control_principal_of(fd, &client->principal))
		close_client(client);
	else
		admit(client);
}

/* ---- opening and closing ---- */

static void on_closed(uv_handle_t *handle)
{
	free_if_done(handle->data);
}

void control_close(struct control *control)
{
	if (control == NULL)
		return;
	while (!LIST_EMPTY(&control->clients))
		close_client(LIST_FIRST(&control->clients));
	uv_close((uv_handle_t *)&control->tick, on_closed);
	uv_close((uv_handle_t *)&control->pipe, on_closed);
}

static enum status report(const char *path, int error)
{
	log_write(LOG_ERROR, "control-socket", LOG_FIELDS(LOG_TEXT("path", path)),
	    "cannot listen on the local socket: %s", uv_strerror(error));
	return status_of_errno(-error);
}

static void set_limits(struct control_limits *limits)
{
	if (limits->connections == 0)
		limits->connections = defaults.connections;
	if (limits->kept_for_root == 0)
		limits->kept_for_root = defaults.kept_for_root;
	if (limits->of_uid == 0)
		limits->of_uid = defaults.of_uid;
	if (limits->idle_ms == 0)
		limits->idle_ms = defaults.idle_ms;
	if (limits->large_bytes == 0)
		limits->large_bytes = defaults.large_bytes;
}

static int listen_at(struct control *control)
{
	mode_t mask;
	int result;

	/* Whoever holds the log's lock owns the path: what is there is left over from a crash. */
	unlink(control->path);
	mask = umask(0117);
	result = uv_pipe_bind(&control->pipe, control->path);
	umask(mask);
	return result == 0 ? uv_listen((uv_stream_t *)&control->pipe, BACKLOG, on_connection)
	                   : result;
}

enum status control_open(const struct control_options *options, struct control **out)
{
	struct control *control;
	uint64_t tick_ms;
	int result;

	if (strlen(options->path) >= sizeof(control->path)) {
		log_write(LOG_ERROR, "control-socket", LOG_FIELDS(LOG_TEXT("path", options->path)),
		    "this path is too long for a local socket (107 characters); choose a shorter "
		    "data directory");
		return STATUS_INVALID;
	}
	control = memory_new(sizeof(*control));
	strcpy(control->path, options->path);
	control->options = *options;
	set_limits(&control->options.limits);
	control->handles = 2;
	uv_pipe_init(options->loop, &control->pipe, 0);
	uv_timer_init(options->loop, &control->tick);
	control->pipe.data = control->tick.data = control;
	result = listen_at(control);
	if (result != 0) {
		control_close(control);
		return report(options->path, result);
	}
	tick_ms = (control->options.limits.idle_ms + IDLE_TICKS - 1) / IDLE_TICKS;
	uv_timer_start(&control->tick, on_tick, tick_ms, tick_ms);
	*out = control;
	return STATUS_OK;
}
