/* SPDX-License-Identifier: Apache-2.0 */
#include "core/role.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "core/log.h"
#include "core/require.h"

struct role_thread {
	const struct role *role;
	struct role_host host;
	struct role_endpoints endpoints;
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t stop, reload;
	void *self;
	char announced[256];

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_started, has_ended; /* under the lock */
	enum status start_status, end_status;
};

static void begin_stop(struct role_thread *thread)
{
	if (uv_is_closing((uv_handle_t *)&thread->stop))
		return;
	uv_close((uv_handle_t *)&thread->stop, NULL);
	uv_close((uv_handle_t *)&thread->reload, NULL);
	if (thread->self != NULL)
		thread->role->stop(thread->self);
}

static void on_stop(uv_async_t *stop)
{
	begin_stop(stop->data);
}

static void on_reload(uv_async_t *reload)
{
	struct role_thread *thread = reload->data;

	if (thread->self != NULL && thread->role->reload != NULL
	    && !uv_is_closing((uv_handle_t *)&thread->stop))
		thread->role->reload(thread->self);
}

void role_fail(const struct role_host *host, enum status status)
{
	struct role_thread *thread = host->thread;

	if (thread->end_status == STATUS_OK)
		thread->end_status = status;
	/* Not from within the role's own callback, which may still use what stop frees. */
	uv_async_send(&thread->stop);
}

static void tell(struct role_thread *thread, bool *what)
{
	pthread_mutex_lock(&thread->lock);
	*what = true;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

static void *run(void *data)
{
	struct role_thread *thread = data;

	log_set_role(thread->role->name);
	thread->start_status = thread->role->start(&thread->host, &thread->endpoints,
	    &thread->self);
	if (thread->start_status != STATUS_OK) {
		thread->end_status = thread->start_status;
		begin_stop(thread);
	} else {
		tell(thread, &thread->is_started);
	}
	uv_run(&thread->loop, UV_RUN_DEFAULT);
	if (thread->self != NULL)
		thread->role->finish(thread->self);
	log_debug("role-ended", "%s", status_text(thread->end_status));
	tell(thread, &thread->has_ended);
	tell(thread, &thread->is_started);
	return NULL;
}

enum status role_start(const struct role *role, struct socket_context *sockets, const char *data,
    const struct settings *settings, const struct role_endpoints *endpoints,
    struct role_thread **out)
{
	struct role_thread *thread = memory_new(sizeof(*thread));

	thread->role = role;
	thread->endpoints = *endpoints;
	thread->host = (struct role_host){ .loop = &thread->loop,
		.sockets = sockets,
		.data = data,
		.settings = settings,
		.thread = thread };
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->changed, NULL);
	REQUIRE(uv_loop_init(&thread->loop) == 0);
	REQUIRE(uv_async_init(&thread->loop, &thread->stop, on_stop) == 0);
	REQUIRE(uv_async_init(&thread->loop, &thread->reload, on_reload) == 0);
	thread->stop.data = thread->reload.data = thread;
	if (pthread_create(&thread->thread, NULL, run, thread) != 0) {
		log_error("thread", "cannot start a thread for the role %s", role->name);
		free(thread);
		return STATUS_IO;
	}
	pthread_mutex_lock(&thread->lock);
	while (!thread->is_started)
		pthread_cond_wait(&thread->changed, &thread->lock);
	pthread_mutex_unlock(&thread->lock);
	if (thread->start_status != STATUS_OK)
		return role_join(thread);
	*out = thread;
	return STATUS_OK;
}

void role_stop(struct role_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	if (!thread->has_ended)
		uv_async_send(&thread->stop);
	pthread_mutex_unlock(&thread->lock);
}

void role_reload(struct role_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	if (!thread->has_ended)
		uv_async_send(&thread->reload);
	pthread_mutex_unlock(&thread->lock);
}

enum status role_join(struct role_thread *thread)
{
	enum status status;

	pthread_join(thread->thread, NULL);
	status = thread->end_status;
	uv_loop_close(&thread->loop);
	pthread_mutex_destroy(&thread->lock);
	pthread_cond_destroy(&thread->changed);
	free(thread);
	return status;
}

bool role_has_ended(struct role_thread *thread)
{
	bool has_ended;

	pthread_mutex_lock(&thread->lock);
	has_ended = thread->has_ended;
	pthread_mutex_unlock(&thread->lock);
	return has_ended;
}

void role_announce(const struct role_host *host, const char *endpoint)
{
	struct role_thread *thread = host->thread;

	strncpy(thread->announced, endpoint, sizeof(thread->announced) - 1);
}

const char *role_announced(const struct role_thread *thread)
{
	return thread->announced;
}
