/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/collecting.h"

#include <stdlib.h>

#include "tests/support/drive.h"
#include "tests/support/scratch.h"

struct wanted {
	struct observer *observer;
	unsigned passes;
	const char *key;
	enum fact_status status;
	const char *field, *text;
};

int collecting_setup(void **test)
{
	struct collecting *at = memory_new(sizeof(*at));

	if (scratch_start(&at->scratch) != 0 || uv_loop_init(&at->loop) != 0)
		return -1;
	at->observer = observer_fake_new();
	at->context.loop = &at->loop;
	at->context.observer = at->observer;
	at->context.root = at->scratch;
	at->context.secret = at->secret;
	*test = at;
	return 0;
}

int collecting_teardown(void **test)
{
	struct collecting *at = *test;
	bool is_clean;

	if (at->self != NULL)
		collecting_stop(at);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	is_clean = uv_loop_close(&at->loop) == 0 && observer_fake_open(at->observer) == 0;
	observer_fake_free(at->observer);
	is_clean = scratch_stop(&at->scratch) == 0 && is_clean;
	free(at);
	return is_clean ? 0 : -1;
}

void collecting_start(struct collecting *at, const struct collector *collector,
    const void *settings)
{
	at->collector = collector;
	at->is_stopped = false;
	assert_int_equal(collector->start(&at->context, settings, &at->self), STATUS_OK);
}

static void on_stopped(void *data)
{
	((struct collecting *)data)->is_stopped = true;
}

static bool is_stopped(void *data)
{
	return ((struct collecting *)data)->is_stopped;
}

void collecting_stop(struct collecting *at)
{
	at->collector->stop(at->self, on_stopped, at);
	at->self = NULL;
	assert_true(drive_until(&at->loop, is_stopped, at));
}

void collecting_turn(struct collecting *at)
{
	assert_int_not_equal(uv_run(&at->loop, UV_RUN_ONCE), 0);
}

static bool has_passed(void *data)
{
	struct wanted *wanted = data;

	return observer_fake_passes(wanted->observer) >= wanted->passes;
}

static bool has_status(void *data)
{
	struct wanted *wanted = data;

	return observer_fake_status(wanted->observer, wanted->key) == wanted->status;
}

static bool has_text(void *data)
{
	struct wanted *wanted = data;

	return strcmp(observer_fake_text(wanted->observer, wanted->key, wanted->field),
		   wanted->text)
	    == 0;
}

void collecting_await_passes(struct collecting *at, unsigned passes)
{
	struct wanted wanted = { .observer = at->observer, .passes = passes };

	assert_true(drive_until(&at->loop, has_passed, &wanted));
}

void collecting_await_status(struct collecting *at, const char *key, enum fact_status status)
{
	struct wanted wanted = { .observer = at->observer, .key = key, .status = status };

	assert_true(drive_until(&at->loop, has_status, &wanted));
}

void collecting_await_text(struct collecting *at, const char *key, const char *field,
    const char *text)
{
	struct wanted wanted = { .observer = at->observer,
		.key = key,
		.field = field,
		.text = text };

	assert_true(drive_until(&at->loop, has_text, &wanted));
}
