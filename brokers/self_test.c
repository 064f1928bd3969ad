/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/self_test.h"

#include "core/clock.h"
#include "core/log.h"

/* Milliseconds suffice; the patience is for a machine that is starting everything at once. */
enum { PATIENCE_MS = 10 * 1000, AFTERWARDS_MS = 50, TURN_MS = 5 };

static void on_message(void *data, const struct bytes *parts, size_t count, const char *user)
{
	(void)data;
	(void)parts;
	(void)count;
	(void)user;
}

static void on_turn(uv_timer_t *timer)
{
	(void)timer; /* the loop comes round, that is all */
}

/* A client's socket takes a message once its handshake has succeeded, and not before. */
static bool gets_in(struct socket *stranger)
{
	const struct bytes message = bytes_of_text("?");

	return socket_send(stranger, &message, 1) == STATUS_OK;
}

/* Until it was refused and has had time to get in nevertheless, or got in, or patience ends. */
static bool is_let_in(uv_loop_t *loop, struct socket *stranger, const struct admission *admission)
{
	uint64_t started_ms = clock_monotonic_ms(), refused_ms = 0, now_ms = started_ms;
	bool is_in = false;

	while (!is_in && now_ms - started_ms < PATIENCE_MS
	       && (refused_ms == 0 || now_ms - refused_ms < AFTERWARDS_MS)) {
		uv_run(loop, UV_RUN_ONCE);
		now_ms = clock_monotonic_ms();
		if (refused_ms == 0 && admission_has_refused_probe(admission))
			refused_ms = now_ms;
		is_in = gets_in(stranger);
	}
	return is_in;
}

static enum status judge(bool is_in, const struct admission *admission)
{
	if (is_in)
		log_error("self-test", "a key that nobody has admitted was let in: this build of "
				       "libzmq does not refuse strangers; nothing is served");
	else if (!admission_has_refused_probe(admission))
		log_error("self-test", "a stranger dialled and nobody asked who it is: strangers "
				       "may not be refused; nothing is served");
	else
		return STATUS_OK;
	return STATUS_DENIED;
}

static void on_timer_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

enum status self_test(uv_loop_t *loop, struct sockets *sockets, struct admission *admission,
    const char *front, const char *server_key)
{
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT];
	uint8_t key[SOCKET_KEY_SIZE];
	const struct socket_options options = { .type = SOCKET_DEALER,
		.endpoint = front,
		.server_key = server_key,
		.public_key = public_key,
		.secret_key = secret_key,
		.on_message = on_message };
	struct socket *stranger;
	uv_timer_t turns;
	bool is_closed = false, is_in;
	enum status status;

	socket_key_pair(public_key, secret_key);
	if (!socket_key_decode(public_key, key))
		return STATUS_DENIED;
	admission_probe(admission, key);
	status = socket_open(sockets, &options, &stranger);
	if (status != STATUS_OK)
		return status;
	uv_timer_init(loop, &turns);
	turns.data = &is_closed;
	uv_timer_start(&turns, on_turn, TURN_MS, TURN_MS);
	is_in = is_let_in(loop, stranger, admission);
	status = judge(is_in, admission);
	socket_close(stranger);
	uv_close((uv_handle_t *)&turns, on_timer_closed);
	while (!is_closed)
		uv_run(loop, UV_RUN_NOWAIT);
	return status;
}
