/* SPDX-License-Identifier: Apache-2.0 */
#include "console/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/record.h"

enum { PATIENCE_SECONDS = 10, REPLY_MAX = 64 * 1024 };

static enum status report(const char *path, int error)
{
	if (error == ENOENT || error == ECONNREFUSED) {
		fprintf(stderr,
		    "fettle: nothing is running on %s; start `fettle serve` (or `fettle "
		    "log`) with this data directory first\n",
		    path);
		return STATUS_CLOSED;
	}
	fprintf(stderr, "fettle: cannot reach the log by %s: %s%s\n", path, strerror(error),
	    error == EACCES ? "; its group may: docs/people.md says how you join it" : "");
	return error == EAGAIN ? STATUS_AGAIN : status_of_errno(error);
}

/* A signal, such as that to end, is the supervisor's to act on once this is done. */
static bool was_interrupted(ssize_t result)
{
	return result < 0 && errno == EINTR;
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	if (fd < 0)
		return -1;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	do
		result = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	while (was_interrupted(result));
	if (result == 0)
		return fd;
	close(fd);
	return -1;
}

static bool send_all(int fd, struct bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

		if (was_interrupted(sent))
			continue;
		if (sent <= 0)
			return false;
		bytes = BYTES(bytes.data + sent, bytes.size - (size_t)sent);
	}
	return true;
}

static bool receive_all(int fd, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t got = recv(fd, out, size, 0);

		if (was_interrupted(got))
			continue;
		if (got <= 0) {
			errno = got == 0 ? ECONNRESET : errno;
			return false;
		}
		out += got;
		size -= (size_t)got;
	}
	return true;
}

static Fettle__ControlReply *receive_reply(int fd, struct arena *arena)
{
	uint8_t header[4], *body;
	uint32_t size;

	if (!receive_all(fd, header, sizeof(header)))
		return NULL;
	size = bytes_u32(header);
	errno = EPROTO;
	if (size > REPLY_MAX)
		return NULL;
	body = arena_take(arena, size);
	return receive_all(fd, body, size)
	         ? record_unpack(&fettle__control_reply__descriptor, BYTES(body, size), arena)
	         : NULL;
}

enum status control_ask(const char *data, const Fettle__ControlRequest *request,
    struct arena *arena, Fettle__ControlReply **out)
{
	char *path = text_format("%s/control.sock", data);
	size_t size = protobuf_c_message_get_packed_size(&request->base);
	struct buffer message = { 0 };
	Fettle__ControlReply *reply = NULL;
	enum status status;
	bool is_sent = false;
	int fd = dial(path), error = errno;

	buffer_append_u32(&message, (uint32_t)size);
	record_pack(&message, &request->base);
	/* Whoever is refused is told so before all was sent, and what is sent then fails. */
	if (fd >= 0) {
		is_sent = send_all(fd, buffer_bytes(&message));
		error = errno;
		reply = receive_reply(fd, arena);
	}
	if (is_sent)
		error = errno;
	status = reply == NULL ? report(path, error) : (enum status)reply->status;
	if (reply != NULL && status != STATUS_OK)
		fprintf(stderr, "fettle: the log refused: %s\n",
		    reply->message == NULL ? status_text(status) : reply->message);
	if (fd >= 0)
		close(fd);
	buffer_fini(&message);
	free(path);
	*out = reply;
	return status;
}

enum status control_send(const char *data, const Fettle__ControlRequest *request, uint64_t *written)
{
	struct arena arena = { 0 };
	Fettle__ControlReply *reply;
	enum status status = control_ask(data, request, &arena, &reply);

	if (reply != NULL)
		*written = reply->written;
	arena_fini(&arena);
	return status;
}

bool control_is_running(const char *data)
{
	char *path = text_format("%s/control.sock", data);
	int fd = dial(path);

	if (fd >= 0)
		close(fd);
	free(path);
	return fd >= 0;
}
