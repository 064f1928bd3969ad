/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host whom the same peer calls twice, within the process.
 */
#include "core/acceptor.h"

#include <stdlib.h>

#include "core/dialler.h"
#include "core/record.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

enum { CALLS_MAX = 2 };

struct fixture {
	struct socket_context *context;
	uv_loop_t loop;
	struct sockets *sockets;
	struct acceptor *acceptor;
	struct dialler *calls[CALLS_MAX];
	unsigned hellos, refused, gone;
	bool refuses, ends_older; /* what on_hello does */
	bool found_older;         /* what it saw */
	uint64_t gone_session;
};

/* ---- the host ---- */

static enum status on_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct fixture *at = host;
	struct acceptor_peer *older = acceptor_find(at->acceptor, identity);

	(void)hello;
	(void)welcome;
	(void)arena;
	at->hellos++;
	at->found_older = older != NULL;
	if (older != NULL && at->ends_older)
		acceptor_drop(older, "its host says so");
	if (at->refuses) {
		at->refused++;
		*reason = "not today";
		return STATUS_DENIED;
	}
	*data = memory_new(1);
	return STATUS_OK;
}

static void on_gone(void *host, struct acceptor_peer *peer)
{
	struct fixture *at = host;

	at->gone++;
	at->gone_session = link_session(peer->link);
	free(peer->data);
}

/* ---- the peer ---- */

static void say_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	(void)self;
	(void)arena;
	hello->name = RECORD_TEXT("peer");
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	(void)self;
	(void)welcome;
	return STATUS_OK;
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	(void)self;
	(void)flow;
	(void)committed;
}

static struct dialler *dial(struct fixture *at)
{
	struct dialler_options options = { .loop = &at->loop,
		.sockets = at->sockets,
		.endpoint = "inproc://accepted",
		.operations = { .on_acked = on_acked,
		    .on_hello = say_hello,
		    .on_welcome = on_welcome },
		.self = at };
	size_t i = at->calls[0] == NULL ? 0 : 1;

	assert_int_equal(dialler_new(&options, &at->calls[i]), STATUS_OK);
	return at->calls[i];
}

/* ---- both ---- */

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));
	struct acceptor_options options = { .loop = &at->loop,
		.endpoint = "inproc://accepted",
		.on_hello = on_hello,
		.on_gone = on_gone,
		.operations = { .on_acked = on_acked },
		.host = at };

	*test = at;
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	options.sockets = at->sockets;
	assert_int_equal(acceptor_new(&options, &at->acceptor), STATUS_OK);
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	for (size_t i = 0; i < CALLS_MAX; i++)
		dialler_free(at->calls[i]);
	acceptor_free(at->acceptor);
	sockets_free(at->sockets);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	socket_context_free(at->context);
	free(at);
	return 0;
}

static void turn(struct fixture *at)
{
	acceptor_pump(at->acceptor);
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (at->calls[i] != NULL)
			dialler_pump(at->calls[i]);
}

struct wait {
	struct fixture *at;
	struct dialler *call; /* until it is welcome; NULL: until one was refused */
};

static bool is_over(void *data)
{
	struct wait *wait = data;

	turn(wait->at);
	return wait->call == NULL ? wait->at->refused > 0 : link_is_open(dialler_link(wait->call));
}

static bool comes_in(struct fixture *at, struct dialler *call)
{
	struct wait wait = { .at = at, .call = call };

	return drive_until(&at->loop, is_over, &wait);
}

static bool is_refused(struct fixture *at)
{
	struct wait wait = { .at = at };

	return drive_until(&at->loop, is_over, &wait);
}

static uint64_t session_here(struct fixture *at)
{
	struct acceptor_peer *peer = acceptor_find(at->acceptor, bytes_of_text("peer"));

	return peer == NULL ? 0 : link_session(peer->link);
}

/* ---- tests ---- */

static void who_calls_again_replaces_its_older_session(void **test)
{
	struct fixture *at = *test;
	uint64_t older;

	assert_true(comes_in(at, dial(at)));
	older = session_here(at);
	assert_true(comes_in(at, dial(at)));
	assert_int_equal(acceptor_count(at->acceptor), 1);
	assert_int_equal(at->gone, 1);
	assert_int_equal(at->gone_session, older);
	assert_int_equal(session_here(at), link_session(dialler_link(at->calls[1])));
}

static void the_host_is_asked_while_the_older_session_is_open(void **test)
{
	struct fixture *at = *test;

	assert_true(comes_in(at, dial(at)));
	assert_false(at->found_older);
	assert_true(comes_in(at, dial(at)));
	assert_true(at->found_older);
}

static void who_is_refused_ends_no_session(void **test)
{
	struct fixture *at = *test;
	uint64_t older;

	assert_true(comes_in(at, dial(at)));
	older = session_here(at);
	at->refuses = true;
	(void)dial(at);
	assert_true(is_refused(at));
	assert_int_equal(at->gone, 0);
	assert_int_equal(session_here(at), older);
	assert_true(link_is_open(dialler_link(at->calls[0])));
}

static void a_host_may_end_the_older_session_itself(void **test)
{
	struct fixture *at = *test;

	assert_true(comes_in(at, dial(at)));
	at->ends_older = true;
	assert_true(comes_in(at, dial(at)));
	assert_int_equal(at->gone, at->hellos - 1);
	assert_int_equal(acceptor_count(at->acceptor), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_calls_again_replaces_its_older_session),
		TEST(the_host_is_asked_while_the_older_session_is_open),
		TEST(who_is_refused_ends_no_session),
		TEST(a_host_may_end_the_older_session_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
