/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local socket with a caller that does not do as it should, on a real loop.
 */
#include "brokers/log/control.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/record.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

enum { REQUESTS = 2000, QUEUED_MOST = 1000 };

struct fixture {
	void *directory;
	uv_loop_t loop;
	struct control *control;
	int caller;
	unsigned handled;
	size_t received; /* bytes */
	bool has_ended;
};

static void handle(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct fixture *at = host;

	(void)request;
	assert_true(principal->is_own);
	at->handled++;
	RECORD_SET(reply, status, STATUS_OK);
}

static void connect_caller(struct fixture *at, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	at->caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(at->caller >= 0);
	assert_int_equal(connect(at->caller, (const struct sockaddr *)&address, sizeof(address)),
	    0);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));
	const char *path;

	if (scratch_start(&at->directory) != 0)
		return -1;
	path = scratch_path(at->directory, "control.sock");
	assert_int_equal(uv_loop_init(&at->loop), 0);
	assert_int_equal(control_open(&at->loop, path, handle, at, &at->control), STATUS_OK);
	connect_caller(at, path);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	close(at->caller);
	control_close(at->control);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* Empty requests, which are whole ones: nothing but their sizes. */
static void send_requests(struct fixture *at)
{
	static const uint8_t bytes[REQUESTS][4];

	assert_int_equal(send(at->caller, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(shutdown(at->caller, SHUT_WR), 0);
}

static void read_replies(struct fixture *at)
{
	uint8_t bytes[4096];
	ssize_t got;

	while ((got = recv(at->caller, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		at->received += (size_t)got;
	at->has_ended |= got == 0;
}

static bool has_ended(void *data)
{
	struct fixture *at = data;

	read_replies(at);
	return at->has_ended;
}

static void a_caller_that_reads_late_gets_every_answer(void **test)
{
	struct fixture *at = *test;
	Fettle__ControlReply reply = FETTLE__CONTROL_REPLY__INIT;

	RECORD_SET(&reply, status, STATUS_OK);
	send_requests(at);
	for (int i = 0; i < 10; i++)
		(void)uv_run(&at->loop, UV_RUN_NOWAIT);
	assert_true(drive_until(&at->loop, has_ended, at));
	assert_int_equal(at->handled, REQUESTS);
	assert_int_equal(at->received,
	    REQUESTS * (4 + protobuf_c_message_get_packed_size(&reply.base)));
}

static void a_caller_that_reads_nothing_is_not_served_without_end(void **test)
{
	struct fixture *at = *test;

	send_requests(at);
	for (int i = 0; i < 100; i++)
		(void)uv_run(&at->loop, UV_RUN_NOWAIT);
	assert_true(at->handled > 0 && at->handled < QUEUED_MOST);
}

static void what_is_no_request_ends_the_connection(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(send(at->caller, "\xff\xff\xff\xff", 4, 0), 4);
	assert_true(drive_until(&at->loop, has_ended, at));
	assert_int_equal(at->handled, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_caller_that_reads_late_gets_every_answer),
		TEST(a_caller_that_reads_nothing_is_not_served_without_end),
		TEST(what_is_no_request_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
