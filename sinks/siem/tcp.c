/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way by TCP, which acknowledges nothing that a program could see but this: how many bytes the
 * other side's kernel has not acknowledged yet (SIOCOUTQ).  Bytes have arrived once its kernel has
 * them and the connection has held for a while after that: a program that ends with bytes unread
 * resets the connection, and then they are sent again to the next one.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "core/clock.h"
#include "sinks/siem/carrier.h"

enum {
	CONNECT_MS = 10 * 1000,
	SILENCE_MS = 30 * 1000, /* unacknowledged for so long: the other side is gone */
	ROOM = 256 * 1024,
	MARKS = 8,
	LOOKS_A_CONFIRMATION = 4,
	LOOK_LEAST_MS = 20,
};

/* So many bytes had been acknowledged then. */
struct mark {
	uint64_t end, at_ms;
};

struct tcp {
	struct carrier_options options;
	uv_getaddrinfo_t lookup;
	uv_tcp_t socket;
	uv_connect_t connect;
	uv_timer_t timer; /* at first for the connection, then to look what has arrived */
	struct addrinfo *addresses, *address;
	unsigned open_handles;
	bool has_socket, is_looking_up, is_connected, has_held, is_closing, is_broken;
	uint64_t written, arrived, connected_ms;
	struct mark marks[MARKS];
	size_t marks_count;
	char reason[512];
	char discarded[512];
};

struct write {
	uv_write_t request;
	uint8_t bytes[];
};

static void on_timer(uv_timer_t *timer);

/* ---- ending ---- */

static void free_if_done(struct tcp *tcp)
{
	if (!tcp->is_closing || tcp->open_handles > 0 || tcp->is_looking_up)
		return;
	uv_freeaddrinfo(tcp->addresses);
	free(tcp);
}

static void on_closed(uv_handle_t *handle)
{
	struct tcp *tcp = handle->data;

	tcp->open_handles--;
	free_if_done(tcp);
}

static void close_socket(struct tcp *tcp)
{
	if (tcp->has_socket && !uv_is_closing((uv_handle_t *)&tcp->socket))
		uv_close((uv_handle_t *)&tcp->socket, on_closed);
	tcp->has_socket = false;
	tcp->is_connected = false;
}

static void tcp_close(void *self)
{
	struct tcp *tcp = self;

	tcp->is_closing = true;
	if (tcp->is_looking_up)
		uv_cancel((uv_req_t *)&tcp->lookup);
	close_socket(tcp);
	uv_close((uv_handle_t *)&tcp->timer, on_closed);
}

/* Told from the loop, so that nobody is told within a call of his own. */
static void break_off(struct tcp *tcp, const char *doing, const char *why)
{
	if (tcp->is_broken || tcp->is_closing)
		return;
	tcp->is_broken = true;
	tcp->is_connected = false;
	snprintf(tcp->reason, sizeof(tcp->reason), "%s: %s", doing, why);
	uv_timer_start(&tcp->timer, on_timer, 0, 0);
}

/* ---- what has arrived ---- */

static void add_mark(struct tcp *tcp, uint64_t end, uint64_t now_ms)
{
	uint64_t known = tcp->marks_count == 0 ? tcp->arrived
	                                       : tcp->marks[tcp->marks_count - 1].end;

	if (end > known && tcp->marks_count < MARKS)
		tcp->marks[tcp->marks_count++] = (struct mark){ .end = end, .at_ms = now_ms };
}

static void take_mark(struct tcp *tcp, uint64_t now_ms)
{
	size_t old = 0;

	while (old < tcp->marks_count && now_ms - tcp->marks[old].at_ms >= tcp->options.confirm_ms)
		tcp->arrived = tcp->marks[old++].end;
	memmove(tcp->marks, tcp->marks + old, (tcp->marks_count - old) * sizeof(tcp->marks[0]));
	tcp->marks_count -= old;
	if (old > 0 || (!tcp->has_held && now_ms - tcp->connected_ms >= tcp->options.confirm_ms)) {
		tcp->has_held = true;
		tcp->options.on_arrived(tcp->options.self, tcp->arrived);
	}
}

static void look(struct tcp *tcp)
{
	uint64_t now_ms = clock_monotonic_ms();
	size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&tcp->socket);
	int unacknowledged = 0;
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&tcp->socket, &fd) != 0
	    || ioctl(fd, SIOCOUTQ, &unacknowledged) != 0 || unacknowledged < 0) {
		break_off(tcp, "the connection cannot be looked at", strerror(errno));
		return;
	}
	if (queued + (size_t)unacknowledged <= tcp->written)
		add_mark(tcp, tcp->written - queued - (size_t)unacknowledged, now_ms);
	take_mark(tcp, now_ms);
}

/* ---- connecting ---- */

static void try_next_address(struct tcp *tcp, const char *why);

static void on_timer(uv_timer_t *timer)
{
	struct tcp *tcp = timer->data;

	if (tcp->is_broken)
		tcp->options.on_broken(tcp->options.self, tcp->reason);
	else if (tcp->is_connected)
		look(tcp);
	else
		break_off(tcp, "connecting", "no answer");
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct tcp *tcp = handle->data;

	(void)suggested;
	*out = uv_buf_init(tcp->discarded, sizeof(tcp->discarded));
}

/* Nothing is expected; but this is how the other side's end is noticed at once. */
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct tcp *tcp = stream->data;

	(void)buffer;
	if (size == UV_EOF)
		break_off(tcp, "connected", "the other side closed the connection");
	else if (size < 0)
		break_off(tcp, "connected", uv_strerror((int)size));
}

static void set_silence_limit(struct tcp *tcp)
{
	unsigned silence_ms = SILENCE_MS;
	uv_os_fd_t fd;

	uv_tcp_keepalive(&tcp->socket, 1, SILENCE_MS / 1000);
	if (uv_fileno((uv_handle_t *)&tcp->socket, &fd) == 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms,
		    sizeof(silence_ms));
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct tcp *tcp = connect->data;
	uint64_t look_ms = tcp->options.confirm_ms / LOOKS_A_CONFIRMATION;

	if (tcp->is_closing || tcp->is_broken)
		return;
	if (status != 0) {
		try_next_address(tcp, uv_strerror(status));
		return;
	}
	tcp->is_connected = true;
	tcp->connected_ms = clock_monotonic_ms();
	set_silence_limit(tcp);
	uv_read_start((uv_stream_t *)&tcp->socket, on_allocate, on_read);
	look_ms = look_ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : look_ms;
	uv_timer_start(&tcp->timer, on_timer, look_ms, look_ms);
	tcp->options.on_room(tcp->options.self);
}

static void on_socket_gone(uv_handle_t *handle)
{
	struct tcp *tcp = handle->data;

	tcp->open_handles--;
	if (tcp->is_closing)
		free_if_done(tcp);
	else
		try_next_address(tcp, NULL);
}

/* WHY the one before failed; NULL: its socket is closed, and the next address has its turn. */
static void try_next_address(struct tcp *tcp, const char *why)
{
	int error;

	if (why != NULL && tcp->address->ai_next == NULL) {
		break_off(tcp, "connecting", why);
		return;
	}
	if (why != NULL) {
		tcp->has_socket = false;
		uv_close((uv_handle_t *)&tcp->socket, on_socket_gone);
		return;
	}
	tcp->address = tcp->address == NULL ? tcp->addresses : tcp->address->ai_next;
	uv_tcp_init(tcp->options.loop, &tcp->socket);
	tcp->socket.data = tcp->connect.data = tcp;
	tcp->has_socket = true;
	tcp->open_handles++;
	error = uv_tcp_connect(&tcp->connect, &tcp->socket, tcp->address->ai_addr, on_connected);
	if (error != 0)
		break_off(tcp, "connecting", uv_strerror(error));
}

static void on_found(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
	struct tcp *tcp = lookup->data;

	tcp->is_looking_up = false;
	tcp->addresses = addresses;
	if (tcp->is_closing)
		free_if_done(tcp);
	else if (status != 0)
		break_off(tcp, tcp->options.place->host, uv_strerror(status));
	else if (!tcp->is_broken)
		try_next_address(tcp, NULL);
}

static void *tcp_open(const struct carrier_options *options)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct tcp *tcp = memory_new(sizeof(*tcp));
	int error;

	tcp->options = *options;
	uv_timer_init(options->loop, &tcp->timer);
	tcp->timer.data = tcp->lookup.data = tcp;
	tcp->open_handles = 1;
	uv_timer_start(&tcp->timer, on_timer, CONNECT_MS, 0);
	error = uv_getaddrinfo(options->loop, &tcp->lookup, on_found, options->place->host,
	    options->place->port, &hints);
	tcp->is_looking_up = error == 0;
	if (error != 0)
		break_off(tcp, options->place->host, uv_strerror(error));
	return tcp;
}

/* ---- writing ---- */

static bool tcp_has_room(const void *self)
{
	const struct tcp *tcp = self;

	return tcp->is_connected
	    && uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->socket) < ROOM;
}

static void on_written(uv_write_t *request, int status)
{
	struct tcp *tcp = request->data;

	free(request);
	if (status != 0)
		break_off(tcp, "writing", uv_strerror(status));
	else if (tcp_has_room(tcp) && !tcp->is_closing)
		tcp->options.on_room(tcp->options.self);
}

static uint64_t tcp_write(void *self, struct bytes bytes)
{
	struct tcp *tcp = self;
	struct write *write = memory_new(sizeof(*write) + bytes.size);
	uv_buf_t buffer = uv_buf_init((char *)write->bytes, (unsigned)bytes.size);
	int error;

	memcpy(write->bytes, bytes.data, bytes.size);
	write->request.data = tcp;
	tcp->written += bytes.size;
	error = uv_write(&write->request, (uv_stream_t *)&tcp->socket, &buffer, 1, on_written);
	if (error != 0) {
		free(write);
		break_off(tcp, "writing", uv_strerror(error));
	}
	return tcp->written;
}

const struct carrier_way tcp_carrier = {
	.open = tcp_open,
	.has_room = tcp_has_room,
	.write = tcp_write,
	.close = tcp_close,
};
