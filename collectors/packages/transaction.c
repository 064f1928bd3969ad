/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lock file is opened a moment before it is locked, and closed when it is let go: the first is a
 * reason to look a few times, the second to look at once.  In between it is looked at again and
 * again, as a holder may be killed.
 */
#include "collectors/packages/transaction.h"

#include <stdlib.h>

#include "collectors/packages/lock.h"
#include "collectors/watch.h"
#include "core/log.h"
#include "core/require.h"

#define WATCHED ((uint32_t)(IN_OPEN | IN_CLOSE_WRITE))

enum { RUNNING_MS = 250, BLIND_MS = 2000, RETRY_MS = 60 * 1000, JUST_MS = 100 };

/* After a lock file was opened. */
static const unsigned again_ms[] = { 5, 15, 50, 200, 500 };
enum { AGAIN = sizeof(again_ms) / sizeof(again_ms[0]) };

struct transaction {
	const struct collector_context *context;
	char *directory;
	struct watch *watch; /* or NULL */
	bool is_watched;
	uv_timer_t timer;
	size_t looked;     /* since one was opened */
	uint64_t ended_ms; /* the last one; 0: none has */
	enum transaction_state state;
	void (*on_state)(void *data, enum transaction_state state, const char *detail);
	unsigned open_handles;
	void (*on_closed)(void *data);
	void *data;
};

static void say(struct transaction *transaction, enum transaction_state state, const char *detail)
{
	if (state == transaction->state)
		return;
	if (transaction->state == TRANSACTION_RUNNING)
		transaction->ended_ms = uv_now(transaction->context->loop);
	transaction->state = state;
	transaction->on_state(transaction->data, state, detail);
}

static void look(struct transaction *transaction)
{
	struct lock_holder holder;
	enum status status = lock_look(transaction->context->root, &holder);

	if (status != STATUS_OK)
		say(transaction, TRANSACTION_UNKNOWN, "/proc/locks cannot be read");
	else if (holder.is_held)
		say(transaction, TRANSACTION_RUNNING,
		    holder.program[0] == '\0' ? NULL : holder.program);
	else
		say(transaction, TRANSACTION_IDLE, NULL);
}

/* Again, as the directory may have come since. */
static void watch_database(struct transaction *transaction)
{
	int directory;

	if (transaction->watch != NULL)
		transaction->is_watched = watch_add(transaction->watch, transaction->directory,
					      WATCHED, &directory)
		                       == STATUS_OK;
}

static uint64_t next_look_ms(const struct transaction *transaction)
{
	if (transaction->state == TRANSACTION_RUNNING)
		return RUNNING_MS;
	if (transaction->looked < AGAIN)
		return again_ms[transaction->looked];
	return transaction->watch == NULL ? BLIND_MS : RETRY_MS;
}

static bool has_database(const struct transaction *transaction)
{
	uv_fs_t request;
	int got = uv_fs_access(NULL, &request, transaction->directory, 0, NULL);

	uv_fs_req_cleanup(&request);
	return got == 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct transaction *transaction = timer->data;

	if (!transaction->is_watched)
		watch_database(transaction);
	if (has_database(transaction))
		look(transaction);
	uv_timer_start(timer, on_timer, next_look_ms(transaction), 0);
	transaction->looked += transaction->looked < AGAIN;
}

static bool is_lock(const char *name)
{
	return strcmp(name, "lock") == 0 || strcmp(name, "lock-frontend") == 0;
}

/* Both locks are let go at its end, and each is told of. */
static bool has_just_ended(const struct transaction *transaction)
{
	return transaction->ended_ms != 0
	    && uv_now(transaction->context->loop) - transaction->ended_ms < JUST_MS;
}

static void on_event(void *data, const struct watch_event *event)
{
	struct transaction *transaction = data;

	if (!event->is_lost && !is_lock(event->name))
		return;
	look(transaction);
	/* Whoever has closed it had it for writing, and was faster than this. */
	if (event->is_written && transaction->state == TRANSACTION_IDLE
	    && !has_just_ended(transaction))
		say(transaction, TRANSACTION_RUNNING, NULL);
	transaction->looked = 0;
	uv_timer_start(&transaction->timer, on_timer, again_ms[0], 0);
}

struct transaction *transaction_new(const struct collector_context *context,
    void (*on_state)(void *data, enum transaction_state state, const char *detail), void *data)
{
	struct transaction *transaction = memory_new(sizeof(*transaction));

	transaction->context = context;
	transaction->on_state = on_state;
	transaction->data = data;
	transaction->directory = text_format("%s/var/lib/dpkg", context->root);
	transaction->watch = watch_new(context->loop, on_event, transaction);
	transaction->looked = AGAIN;
	REQUIRE(uv_timer_init(context->loop, &transaction->timer) == 0);
	transaction->timer.data = transaction;
	uv_timer_start(&transaction->timer, on_timer, 0, 0);
	return transaction;
}

static void on_part_closed(void *data)
{
	struct transaction *transaction = data;
	void (*on_closed)(void *data) = transaction->on_closed;
	void *closed_data = transaction->data;

	if (--transaction->open_handles > 0)
		return;
	free(transaction->directory);
	free(transaction);
	on_closed(closed_data);
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_part_closed(handle->data);
}

void transaction_close(struct transaction **transaction, void (*on_closed)(void *data), void *data)
{
	struct transaction *closing = *transaction;

	*transaction = NULL;
	closing->on_closed = on_closed;
	closing->data = data;
	closing->open_handles = 1U + (closing->watch != NULL);
	if (closing->watch != NULL)
		watch_close(&closing->watch, on_part_closed, closing);
	uv_close((uv_handle_t *)&closing->timer, on_timer_closed);
}
