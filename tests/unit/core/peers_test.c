/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service with a door, on the loopback, and those who call it: with a key that is listed, with
 * one that is not, and without any.
 */
#include "core/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/acceptor.h"
#include "core/dialler.h"
#include "core/record.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

enum { CALLERS_MAX = 3 };

/* Who calls, and what became of it. */
struct call {
	struct peers_caller caller;
	struct dialler *dialler;
	const char *name; /* as its hello has it */
	unsigned welcomes, ends;
};

struct fixture {
	void *directory;
	struct socket_context *context;
	uv_loop_t loop;
	struct sockets *sockets;
	struct peers *peers;
	const struct peers_door *door;
	struct acceptor *acceptor;
	unsigned hellos;
	struct call calls[CALLERS_MAX];
};

static const char *const roles[] = { "processor", "sink", NULL };

static enum status on_hello(void *host, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct fixture *at = host;

	(void)identity;
	(void)hello;
	(void)welcome;
	(void)arena;
	(void)data;
	(void)reason;
	at->hellos++;
	return STATUS_OK;
}

static void say_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	const struct call *call = self;

	(void)arena;
	hello->name = RECORD_TEXT(call->name);
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct call *call = self;

	(void)welcome;
	call->welcomes++;
	return STATUS_OK;
}

static void on_closed(void *self, const char *reason)
{
	struct call *call = self;

	(void)reason;
	call->ends++;
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	(void)self;
	(void)flow;
	(void)committed;
}

static void on_round(void *data, bool has_more)
{
	struct fixture *at = data;

	(void)has_more;
	acceptor_pump(at->acceptor);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		if (at->calls[i].dialler != NULL)
			dialler_pump(at->calls[i].dialler);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));
	struct acceptor_options options = { .loop = &at->loop,
		.endpoint = "tcp://127.0.0.1:*",
		.on_hello = on_hello,
		.operations = { .on_acked = on_acked },
		.host = at };

	*test = at;
	assert_int_equal(scratch_start(&at->directory), 0);
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(socket_context_new(&at->context), STATUS_OK);
	assert_int_equal(sockets_new(at->context, &at->loop, NULL, NULL, &at->sockets), STATUS_OK);
	assert_int_equal(
	    peers_open(scratch_path(at->directory, "data"), "log", at->sockets, &at->peers),
	    STATUS_OK);
	options.sockets = at->sockets;
	options.door = at->door = peers_add_door(at->peers, "test", roles);
	assert_int_equal(acceptor_new(&options, &at->acceptor), STATUS_OK);
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	for (size_t i = 0; i < CALLERS_MAX; i++)
		dialler_free(at->calls[i].dialler);
	acceptor_free(at->acceptor);
	peers_close(at->peers);
	sockets_free(at->sockets);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	socket_context_free(at->context);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		peers_caller_fini(&at->calls[i].caller);
	scratch_stop(&at->directory);
	free(at);
	return 0;
}

/* ROLE of the data directory DATA calls under NAME; where it has no keys, in the clear. */
static struct call *dial(struct fixture *at, const char *data, const char *role, const char *name)
{
	size_t i = 0;
	struct call *call;
	struct dialler_options options = { .loop = &at->loop,
		.sockets = at->sockets,
		.endpoint = acceptor_endpoint(at->acceptor),
		.operations = { .on_acked = on_acked,
		    .on_hello = say_hello,
		    .on_welcome = on_welcome,
		    .on_closed = on_closed },
		.is_inner = true };

	while (at->calls[i].dialler != NULL)
		i++;
	call = &at->calls[i];
	call->name = name;
	options.self = call;
	if (role != NULL) {
		assert_int_equal(peers_call(scratch_path(at->directory, data), role, "log",
				     scratch_path(at->directory, "data/keys/log.pub"),
				     &call->caller),
		    STATUS_OK);
		options.caller = &call->caller;
	}
	assert_int_equal(dialler_new(&options, &call->dialler), STATUS_OK);
	return call;
}

static bool turn(struct fixture *at)
{
	on_round(at, false);
	return true;
}

struct wait {
	struct fixture *at;
	const struct call *call;
	uint64_t refused;
};

static bool is_welcome(void *data)
{
	struct wait *wait = data;

	return turn(wait->at) && link_is_open(dialler_link(wait->call->dialler))
	    && peers_refused(wait->at->peers) >= wait->refused;
}

static bool has_been_refused(void *data)
{
	struct wait *wait = data;

	return turn(wait->at) && peers_refused(wait->at->peers) >= wait->refused;
}

static bool has_ended(void *data)
{
	struct wait *wait = data;

	return turn(wait->at) && wait->call->ends > 0;
}

static bool comes_in(struct fixture *at, const struct call *call)
{
	struct wait wait = { .at = at, .call = call };

	return drive_until(&at->loop, is_welcome, &wait);
}

static bool is_refused(struct fixture *at)
{
	struct wait wait = { .at = at, .refused = peers_refused(at->peers) + 1 };

	return drive_until(&at->loop, has_been_refused, &wait);
}

/* What the service DATA's key of ROLE looks like in the list of the same role, as NAME. */
static void list_key(struct fixture *at, const char *data, const char *role, const char *name)
{
	struct key_pair pair;
	char *keys = text_format("%s/%s/keys", (const char *)at->directory, data);

	assert_int_equal(keys_load(keys, role, &pair), STATUS_OK);
	scratch_write(at->directory, name, pair.public_key);
	free(keys);
}

static void who_shares_the_data_directory_comes_in_though_its_key_is_younger(void **test)
{
	struct fixture *at = *test;

	assert_true(comes_in(at, dial(at, "data", "sink", "sink/store")));
	assert_int_equal(at->hellos, 1);
}

static void a_listed_key_of_another_machine_comes_in(void **test)
{
	struct fixture *at = *test;

	list_key(at, "other", "sink", "data/keys/peers/sink/other.pub");
	peers_reload(at->peers);
	assert_true(comes_in(at, dial(at, "other", "sink", "sink")));
}

static void a_stranger_gets_nothing(void **test)
{
	struct fixture *at = *test;
	struct call *stranger = dial(at, "other", "sink", "sink");

	assert_true(is_refused(at));
	assert_true(comes_in(at, dial(at, "data", "sink", "sink")));
	assert_int_equal(stranger->welcomes, 0);
	assert_int_equal(at->hellos, 1);
}

static void without_curve_nobody_gets_anything(void **test)
{
	struct fixture *at = *test;
	struct call *plain = dial(at, NULL, NULL, "sink");

	for (int i = 0; i < 100; i++)
		uv_run(&at->loop, UV_RUN_NOWAIT);
	assert_true(comes_in(at, dial(at, "data", "sink", "sink")));
	assert_int_equal(plain->welcomes, 0);
	assert_int_equal(at->hellos, 1);
}

static void a_key_does_not_speak_for_another_role(void **test)
{
	struct fixture *at = *test;
	struct call *liar = dial(at, "data", "sink", "processor");

	assert_true(comes_in(at, dial(at, "data", "processor", "processor")));
	assert_true(comes_in(at, dial(at, "data", "sink", "sink")));
	assert_int_equal(liar->welcomes, 0);
	assert_int_equal(at->hellos, 2);
}

static void a_name_is_the_role_or_begins_with_it(void **test)
{
	(void)test;
	assert_true(peers_may_be("sink:00", bytes_of_text("sink")));
	assert_true(peers_may_be("sink:00", bytes_of_text("sink/store")));
	assert_false(peers_may_be("sink:00", bytes_of_text("sinks")));
	assert_false(peers_may_be("sink:00", bytes_of_text("sin")));
	assert_false(peers_may_be("sink:00", bytes_of_text("processor")));
	assert_false(peers_may_be("", bytes_of_text("sink")));
	assert_false(peers_may_be(":00", bytes_of_text("/sink")));
}

static void who_is_taken_out_of_the_list_is_out(void **test)
{
	struct fixture *at = *test;
	struct call *call;
	struct wait wait = { .at = at };

	list_key(at, "other", "sink", "data/keys/peers/sink/other.pub");
	peers_reload(at->peers);
	call = dial(at, "other", "sink", "sink");
	assert_true(comes_in(at, call));
	assert_int_equal(unlink(scratch_path(at->directory, "data/keys/peers/sink/other.pub")), 0);
	peers_reload(at->peers);
	acceptor_recheck(at->acceptor);
	assert_int_equal(acceptor_count(at->acceptor), 0);
	wait.call = call;
	assert_true(drive_until(&at->loop, has_ended, &wait));
	/* The connection is still there, and hellos by it are not heard. */
	assert_true(comes_in(at, dial(at, "data", "processor", "processor")));
	assert_int_equal(call->welcomes, 1);
}

static void a_damaged_file_in_the_list_hides_no_other(void **test)
{
	struct fixture *at = *test;

	list_key(at, "other", "sink", "data/keys/peers/sink/b.pub");
	scratch_write(at->directory, "data/keys/peers/sink/a.pub", "this is not a key\n");
	scratch_write(at->directory, "data/keys/peers/sink/notes.txt", "nor is this\n");
	peers_reload(at->peers);
	assert_true(comes_in(at, dial(at, "other", "sink", "sink")));
}

static void a_key_that_is_named_and_not_there_refuses_to_start(void **test)
{
	struct fixture *at = *test;
	struct peers_caller caller;

	assert_int_equal(peers_call(at->directory, "sink", "log",
			     scratch_path(at->directory, "nowhere.pub"), &caller),
	    STATUS_NOT_FOUND);
	peers_caller_fini(&caller);
	/* By default it is where who is called will have made it. */
	assert_int_equal(peers_call(at->directory, "sink", "log", "", &caller), STATUS_OK);
	assert_string_equal(caller.server_file, scratch_path(at->directory, "keys/log.pub"));
	peers_caller_fini(&caller);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_shares_the_data_directory_comes_in_though_its_key_is_younger),
		TEST(a_listed_key_of_another_machine_comes_in),
		TEST(a_stranger_gets_nothing),
		TEST(without_curve_nobody_gets_anything),
		TEST(a_key_does_not_speak_for_another_role),
		TEST(a_name_is_the_role_or_begins_with_it),
		TEST(who_is_taken_out_of_the_list_is_out),
		TEST(a_damaged_file_in_the_list_hides_no_other),
		TEST(a_key_that_is_named_and_not_there_refuses_to_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
