/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/control.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/log.h"
#include "core/record.h"

enum { REQUEST_MAX = 16 * 1024 * 1024, CLIENTS_MAX = 64, BACKLOG = 16, READ_SIZE = 64 * 1024 };

struct client {
	uv_pipe_t pipe;
	struct control *control;
	struct buffer in;
	bool is_paused; /* nothing more is read until it has taken its replies */
	struct control_principal principal;
};

struct control {
	uv_pipe_t pipe;
	control_handler handler;
	void *host;
	unsigned clients;
	bool is_closing;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint8_t chunk[READ_SIZE];
};

struct reply {
	uv_write_t write;
	struct buffer bytes;
};

static void free_if_done(struct control *control)
{
	if (control->is_closing && control->clients == 0)
		free(control);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;
	struct control *control = client->control;

	buffer_fini(&client->in);
	free(client);
	control->clients--;
	free_if_done(control);
}

static void close_client(struct client *client)
{
	if (!uv_is_closing((uv_handle_t *)&client->pipe))
		uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

static void go_on(struct client *client);

static void on_written(uv_write_t *write, int status)
{
	struct reply *reply = (struct reply *)write;

	explicit_bzero(reply->bytes.data, reply->bytes.size); /* it may hold a secret */
	buffer_fini(&reply->bytes);
	if (status == 0) /* a caller that has gone needs no answer */
		go_on(write->handle->data);
	free(reply);
}

static void send_reply(struct client *client, const Fettle__ControlReply *message)
{
	struct reply *reply = memory_new(sizeof(*reply));
	uv_buf_t out;
	size_t size = protobuf_c_message_get_packed_size(&message->base);

	buffer_append_u32(&reply->bytes, (uint32_t)size);
	record_pack(&reply->bytes, &message->base);
	out = uv_buf_init((char *)reply->bytes.data, (unsigned)reply->bytes.size);
	if (uv_write(&reply->write, (uv_stream_t *)&client->pipe, &out, 1, on_written) != 0)
		on_written(&reply->write, UV_ECANCELED);
}

/* The first request, where it is whole.  False: it is not one of ours. */
static bool take_request(struct client *client, bool *is_whole)
{
	struct control *control = client->control;
	Fettle__ControlReply reply = FETTLE__CONTROL_REPLY__INIT;
	Fettle__ControlRequest *request;
	uint32_t size = bytes_u32(client->in.data);

	if (size > REQUEST_MAX)
		return false;
	*is_whole = client->in.size >= 4 + (size_t)size;
	if (!*is_whole)
		return true;
	/* From a local principal, and bounded above: the endpoint's budget would refuse policies.
	 */
	request = fettle__control_request__unpack(NULL, size, client->in.data + 4);
	if (request == NULL)
		return false;
	control->handler(control->host, request, &client->principal, &reply);
	fettle__control_request__free_unpacked(request, NULL);
	memmove(client->in.data, client->in.data + 4 + size, client->in.size - 4 - size);
	client->in.size -= 4 + (size_t)size;
	send_reply(client, &reply);
	return true;
}

static bool has_unsent(const struct client *client)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&client->pipe) > 0;
}

static bool take_requests(struct client *client)
{
	bool is_ours = true, is_whole = true;

	while (is_ours && is_whole && client->in.size >= 4 && !has_unsent(client))
		is_ours = take_request(client, &is_whole);
	return is_ours;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct client *client = handle->data;

	(void)suggested;
	*out = uv_buf_init((char *)client->control->chunk, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *chunk);

/*
 * Replies that the caller does not read hold up its requests, and neither fill the memory of the
 * log nor get lost when the caller has said all that it had to say.
 */
static void take_what_came(struct client *client)
{
	bool was_paused = client->is_paused;

	if (!take_requests(client)) {
		log_warn("control-request", "dropped a local connection that does not speak the "
					    "control protocol");
		close_client(client);
		return;
	}
	client->is_paused = has_unsent(client);
	if (client->is_paused)
		uv_read_stop((uv_stream_t *)&client->pipe);
	else if (was_paused && uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
		close_client(client);
}

static void go_on(struct client *client)
{
	if (client->is_paused && !has_unsent(client)
	    && !uv_is_closing((uv_handle_t *)&client->pipe))
		take_what_came(client);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *chunk)
{
	struct client *client = stream->data;

	if (got < 0) {
		close_client(client);
		return;
	}
	buffer_append(&client->in, BYTES(chunk->base, (size_t)got));
	take_what_came(client);
}

static void name_principal(struct control_principal *principal, uid_t uid)
{
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found != NULL
	    && bytes_is_utf8(bytes_of_text(found->pw_name)))
		snprintf(principal->name, sizeof(principal->name), "%.64s (uid %u)", found->pw_name,
		    (unsigned)uid);
	else
		snprintf(principal->name, sizeof(principal->name), "uid %u", (unsigned)uid);
}

void control_principal_id(uint64_t uid, uint8_t out[16])
{
	char text[32];

	snprintf(text, sizeof(text), "uid:%llu", (unsigned long long)uid);
	hash_bytes(bytes_of_text(text), out);
}

static bool identify(struct client *client)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&client->pipe, &fd) != 0
	    || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	client->principal.uid = peer.uid;
	client->principal.is_own = peer.pid == getpid();
	control_principal_id(peer.uid, client->principal.id);
	name_principal(&client->principal, peer.uid);
	return true;
}

static void on_connection(uv_stream_t *server, int status)
{
	struct control *control = server->data;
	struct client *client;

	if (status != 0)
		return;
	client = memory_new(sizeof(*client));
	client->control = control;
	uv_pipe_init(server->loop, &client->pipe, 0);
	client->pipe.data = client;
	control->clients++;
	if (uv_accept(server, (uv_stream_t *)&client->pipe) != 0 || control->clients > CLIENTS_MAX
	    || !identify(client)
	    || uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
		close_client(client);
}

static void on_closed(uv_handle_t *handle)
{
	free_if_done(handle->data);
}

static void close_each_client(uv_handle_t *handle, void *data)
{
	/* Every pipe of this loop but the server's own is a client. */
	if (handle->type == UV_NAMED_PIPE && handle->data != data)
		close_client(handle->data);
}

void control_close(struct control *control)
{
	if (control == NULL || control->is_closing)
		return;
	control->is_closing = true;
	uv_walk(control->pipe.loop, close_each_client, control);
	uv_close((uv_handle_t *)&control->pipe, on_closed);
}

static enum status report(const char *path, int error)
{
	log_write(LOG_ERROR, "control-socket", LOG_FIELDS(LOG_TEXT("path", path)),
	    "cannot listen on the local socket: %s", uv_strerror(error));
	return status_of_errno(-error);
}

enum status control_open(uv_loop_t *loop, const char *path, control_handler handler, void *host,
    struct control **out)
{
	struct control *control;
	mode_t mask;
	int result;

	if (strlen(path) >= sizeof(control->path)) {
		log_write(LOG_ERROR, "control-socket", LOG_FIELDS(LOG_TEXT("path", path)),
		    "this path is too long for a local socket (107 characters); choose a shorter "
		    "data directory");
		return STATUS_INVALID;
	}
	control = memory_new(sizeof(*control));
	strcpy(control->path, path);
	control->handler = handler;
	control->host = host;
	uv_pipe_init(loop, &control->pipe, 0);
	control->pipe.data = control;
	/* Whoever holds the log's lock owns the path: what is there is left over from a crash. */
	unlink(path);
	mask = umask(0117);
	result = uv_pipe_bind(&control->pipe, path);
	umask(mask);
	if (result == 0)
		result = uv_listen((uv_stream_t *)&control->pipe, BACKLOG, on_connection);
	if (result != 0) {
		control_close(control);
		return report(path, result);
	}
	*out = control;
	return STATUS_OK;
}
