/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting to a local socket is done at once or not at all, so it is a plain call; only then does
 * the loop read.
 */
#include "collectors/jobs/helper_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "collectors/helper/wire.h"
#include "core/log.h"

enum { READ_SIZE = 16 * 1024 };

struct helper_client {
	uv_loop_t *loop;
	const char *data_directory;
	const struct helper_client_events *events;
	void *data;
	uv_pipe_t *pipe; /* NULL: not connected; frees itself when it is closed */
	struct buffer in;
	char read_buffer[READ_SIZE];
};

struct helper_client *helper_client_new(uv_loop_t *loop, const char *data_directory,
    const struct helper_client_events *events, void *data)
{
	struct helper_client *client = memory_new(sizeof(*client));

	client->loop = loop;
	client->data_directory = data_directory;
	client->events = events;
	client->data = data;
	return client;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void disconnect(struct helper_client *client)
{
	if (client->pipe != NULL) {
		client->pipe->data = NULL;
		uv_close((uv_handle_t *)client->pipe, on_closed);
	}
	client->pipe = NULL;
	buffer_clear(&client->in);
}

void helper_client_free(struct helper_client *client)
{
	if (client == NULL)
		return;
	disconnect(client);
	buffer_fini(&client->in);
	free(client);
}

/* ---- connecting ---- */

static bool is_trusted(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	*pid = peer.pid;
	return peer.uid == 0 || peer.uid == geteuid();
}

/* By a descriptor of its directory, as the path may be too long for an address. */
static int connect_by(int socket, const char *data_directory)
{
	char *path = text_format("%s/helper", data_directory);
	int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error = errno;

	free(path);
	if (directory < 0)
		return error;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", directory);
	error = connect(socket, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0
	                                                                                 : errno;
	close(directory);
	return error;
}

/* A connected socket, or -errno. */
static int dial(const char *data_directory, pid_t *pid)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = fd < 0 ? errno : connect_by(fd, data_directory);

	if (error == 0 && !is_trusted(fd, pid))
		error = EPERM;
	if (error == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -error;
}

pid_t helper_client_find(const char *data_directory)
{
	pid_t pid = -1;
	int fd = dial(data_directory, &pid);

	if (fd < 0)
		return -1;
	close(fd);
	return pid;
}

/* ---- talking ---- */

static void lose(struct helper_client *client)
{
	if (client->pipe == NULL)
		return;
	disconnect(client);
	client->events->on_lost(client->data);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct helper_client *client = handle->data;

	(void)suggested;
	*out = uv_buf_init(client->read_buffer, READ_SIZE);
}

static void take_replies(struct helper_client *client)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK && client->pipe != NULL) {
		struct arena arena = { 0 };
		void *reply = NULL;

		status = wire_take(&client->in, &fettle__helper_reply__descriptor, &arena, &reply);
		if (status == STATUS_OK)
			client->events->on_reply(client->data, reply);
		arena_fini(&arena);
	}
	if (status != STATUS_REJECT)
		return;
	log_warn("helper-reply", "the helper answered what this version does not understand");
	lose(client);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *read)
{
	struct helper_client *client = stream->data;

	if (client == NULL)
		return;
	if (got < 0) {
		lose(client);
		return;
	}
	buffer_append(&client->in, BYTES(read->base, (size_t)got));
	take_replies(client);
}

int helper_client_open(struct helper_client *client)
{
	pid_t pid;
	int fd, error;

	if (client->pipe != NULL)
		return 0;
	fd = dial(client->data_directory, &pid);
	if (fd < 0)
		return -fd;
	client->pipe = memory_new(sizeof(*client->pipe));
	error = uv_pipe_init(client->loop, client->pipe, 0);
	client->pipe->data = client;
	if (error == 0)
		error = uv_pipe_open(client->pipe, fd);
	if (error != 0)
		close(fd);
	else
		error = uv_read_start((uv_stream_t *)client->pipe, on_room, on_read);
	if (error != 0)
		disconnect(client);
	return -error;
}

struct sending {
	uv_write_t write;
	struct buffer bytes;
};

static void on_sent(uv_write_t *write, int status)
{
	struct sending *sending = write->data;

	if (status < 0 && write->handle->data != NULL)
		lose(write->handle->data);
	buffer_fini(&sending->bytes);
	free(sending);
}

void helper_client_send(struct helper_client *client, const Fettle__HelperRequest *request)
{
	struct sending *sending = memory_new(sizeof(*sending));
	uv_buf_t bytes;

	wire_append(&sending->bytes, &request->base);
	sending->write.data = sending;
	bytes = uv_buf_init((char *)sending->bytes.data, (unsigned)sending->bytes.size);
	if (uv_write(&sending->write, (uv_stream_t *)client->pipe, &bytes, 1, on_sent) == 0)
		return;
	/* The end of the stream comes by itself, and with it on_lost. */
	buffer_fini(&sending->bytes);
	free(sending);
}
