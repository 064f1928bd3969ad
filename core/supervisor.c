/* SPDX-License-Identifier: Apache-2.0 */
#include "core/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

enum {
	ROLES_MAX = 8,
	TICK_MS = 50,
	END_MS = 1800,
	RESTART_MS = 1000,
	RESTART_MAX_MS = 60 * 1000,
	STEADY_MS = 60 * 1000,
};

struct child {
	const struct role *role;
	struct role_thread *thread; /* NULL: it waits to be started again */
	uint64_t started_ms, restart_at_ms, restart_after_ms;
};

struct supervisor {
	struct supervisor_options options;
	struct socket_context *sockets;
	struct child children[ROLES_MAX];
	size_t count;
	uv_loop_t loop;
	uv_signal_t term, interrupt, hangup;
	uv_timer_t tick;
	uv_timer_t deadline;
	char gateway[256];
	bool is_ending;
	enum status result;
};

/* An agent of this process reaches a gateway that listens everywhere by the loopback. */
static void note_gateway(struct supervisor *supervisor, const char *announced)
{
	const char *port = strrchr(announced, ':');

	if (strncmp(announced, "tcp://0.0.0.0:", 14) == 0)
		snprintf(supervisor->gateway, sizeof(supervisor->gateway), "tcp://127.0.0.1%s",
		    port);
	else if (strncmp(announced, "tcp://[::]:", 11) == 0)
		snprintf(supervisor->gateway, sizeof(supervisor->gateway), "tcp://[::1]%s", port);
	else
		snprintf(supervisor->gateway, sizeof(supervisor->gateway), "%s", announced);
}

static enum status start_child(struct supervisor *supervisor, struct child *child)
{
	struct role_endpoints endpoints = supervisor->options.endpoints;
	bool is_gateway = strcmp(child->role->name, "gateway") == 0;
	enum status status;

	/* The gateway is told where to listen, the agent where it listens. */
	if (!is_gateway && supervisor->gateway[0] != '\0')
		endpoints.gateway = supervisor->gateway;
	status = role_start(child->role, supervisor->sockets, supervisor->options.data,
	    supervisor->options.settings, &endpoints, &child->thread);
	if (status != STATUS_OK) {
		child->thread = NULL;
		return status;
	}
	child->started_ms = clock_monotonic_ms();
	if (is_gateway)
		note_gateway(supervisor, role_announced(child->thread));
	return STATUS_OK;
}

/* ---- ending ---- */

static bool all_ended(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (supervisor->children[i].thread != NULL
		    && !role_has_ended(supervisor->children[i].thread))
			return false;
	return true;
}

static void on_deadline(uv_timer_t *timer)
{
	(void)timer;
	log_warn("ending-now", "a role did not end in time; nothing that was acknowledged is lost");
	_exit(0);
}

void supervisor_end(struct supervisor *supervisor)
{
	if (supervisor->is_ending)
		return;
	supervisor->is_ending = true;
	for (size_t i = 0; i < supervisor->count; i++)
		if (supervisor->children[i].thread != NULL)
			role_stop(supervisor->children[i].thread);
	uv_timer_start(&supervisor->deadline, on_deadline, END_MS, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct supervisor *supervisor = handle->data;

	if (number == SIGHUP) {
		for (size_t i = 0; i < supervisor->count; i++)
			if (supervisor->children[i].thread != NULL)
				role_reload(supervisor->children[i].thread);
		if (supervisor->options.on_reload != NULL)
			supervisor->options.on_reload(supervisor->options.callback_data);
		return;
	}
	if (supervisor->is_ending)
		_exit(0); /* asked twice */
	supervisor_end(supervisor);
}

/* ---- watching ---- */

static void on_child_ended(struct supervisor *supervisor, struct child *child)
{
	uint64_t now_ms = clock_monotonic_ms();
	enum status status = role_join(child->thread);

	child->thread = NULL;
	if (!supervisor->options.restarts) {
		supervisor->result = status;
		supervisor_end(supervisor);
		return;
	}
	if (now_ms - child->started_ms > STEADY_MS || child->restart_after_ms == 0)
		child->restart_after_ms = RESTART_MS;
	child->restart_at_ms = now_ms + child->restart_after_ms;
	log_write(LOG_WARN, "role-restart", LOG_FIELDS(LOG_TEXT("part", child->role->name)),
	    "the role ended (%s); it is started again in %llu seconds", status_text(status),
	    (unsigned long long)(child->restart_after_ms + 999) / 1000);
	child->restart_after_ms = child->restart_after_ms * 2 > RESTART_MAX_MS
	                            ? RESTART_MAX_MS
	                            : child->restart_after_ms * 2;
}

static void watch(struct supervisor *supervisor, struct child *child)
{
	if (child->thread != NULL && role_has_ended(child->thread)) {
		on_child_ended(supervisor, child);
		return;
	}
	if (child->thread != NULL || clock_monotonic_ms() < child->restart_at_ms)
		return;
	if (start_child(supervisor, child) != STATUS_OK)
		child->restart_at_ms = clock_monotonic_ms() + child->restart_after_ms;
}

static void close_all(struct supervisor *supervisor)
{
	if (uv_is_closing((uv_handle_t *)&supervisor->tick))
		return;
	uv_close((uv_handle_t *)&supervisor->term, NULL);
	uv_close((uv_handle_t *)&supervisor->interrupt, NULL);
	uv_close((uv_handle_t *)&supervisor->hangup, NULL);
	uv_close((uv_handle_t *)&supervisor->tick, NULL);
	uv_close((uv_handle_t *)&supervisor->deadline, NULL);
}

static void on_tick(uv_timer_t *timer)
{
	struct supervisor *supervisor = timer->data;

	for (size_t i = 0; !supervisor->is_ending && i < supervisor->count; i++)
		watch(supervisor, &supervisor->children[i]);
	if (!supervisor->is_ending && supervisor->options.on_tick != NULL)
		supervisor->options.on_tick(supervisor->options.callback_data);
	if (supervisor->is_ending && all_ended(supervisor))
		close_all(supervisor);
}

/* ---- life ---- */

static void init_loop(struct supervisor *supervisor)
{
	REQUIRE(uv_loop_init(&supervisor->loop) == 0);
	uv_signal_init(&supervisor->loop, &supervisor->term);
	uv_signal_init(&supervisor->loop, &supervisor->interrupt);
	uv_signal_init(&supervisor->loop, &supervisor->hangup);
	uv_timer_init(&supervisor->loop, &supervisor->tick);
	uv_timer_init(&supervisor->loop, &supervisor->deadline);
	supervisor->term.data = supervisor->interrupt.data = supervisor;
	supervisor->hangup.data = supervisor->tick.data = supervisor;
	supervisor->deadline.data = supervisor;
	uv_signal_start(&supervisor->term, on_signal, SIGTERM);
	uv_signal_start(&supervisor->interrupt, on_signal, SIGINT);
	uv_signal_start(&supervisor->hangup, on_signal, SIGHUP);
	uv_timer_start(&supervisor->tick, on_tick, TICK_MS, TICK_MS);
	signal(SIGPIPE, SIG_IGN);
}

static void join_all(struct supervisor *supervisor)
{
	/* In the opposite order: who is last in the chain outlives who feeds it. */
	for (size_t i = supervisor->count; i-- > 0;) {
		if (supervisor->children[i].thread == NULL)
			continue;
		role_stop(supervisor->children[i].thread);
		(void)role_join(supervisor->children[i].thread);
		supervisor->children[i].thread = NULL;
	}
}

enum status supervisor_start(const struct supervisor_options *options, struct supervisor **out)
{
	struct supervisor *supervisor = memory_new(sizeof(*supervisor));
	enum status status = socket_context_new(&supervisor->sockets);

	supervisor->options = *options;
	init_loop(supervisor);
	for (; status == STATUS_OK && options->roles[supervisor->count] != NULL;
	     supervisor->count++) {
		REQUIRE(supervisor->count < ROLES_MAX);
		supervisor->children[supervisor->count].role = options->roles[supervisor->count];
		status = start_child(supervisor, &supervisor->children[supervisor->count]);
	}
	if (status != STATUS_OK) {
		supervisor_free(supervisor);
		return status;
	}
	*out = supervisor;
	return STATUS_OK;
}

enum status supervisor_run(struct supervisor *supervisor)
{
	uv_run(&supervisor->loop, UV_RUN_DEFAULT);
	return supervisor->result;
}

const char *supervisor_gateway(const struct supervisor *supervisor)
{
	return supervisor->gateway;
}

void supervisor_free(struct supervisor *supervisor)
{
	if (supervisor == NULL)
		return;
	join_all(supervisor);
	/* Where it never ran, or ran and was not ended, the loop would watch and start roles again.
	 */
	close_all(supervisor);
	uv_run(&supervisor->loop, UV_RUN_DEFAULT);
	uv_loop_close(&supervisor->loop);
	socket_context_free(supervisor->sockets);
	free(supervisor);
}
