/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/record.h"
#include "tests/support/scratch.h"

enum { NOBODY = 65534, LARGE = 1024 * 1024, LONG_REPLY = 32 * 1024, MANY = 2000 };

struct world {
	void *directory;
	uv_loop_t loop;
	struct control *control;
	char *path;
	unsigned asked;
	size_t intent;     /* of the last request */
	bool may_be_large; /* what is said when that is asked */
	char *answer;
};

static bool may_send_large(void *host, const struct control_principal *principal,
    Fettle__ControlReply *reply)
{
	const struct world *at = host;

	assert_int_equal(principal->uid, geteuid());
	RECORD_SET(reply, status, STATUS_DENIED);
	return at->may_be_large;
}

static void take(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct world *at = host;

	assert_int_equal(principal->uid, geteuid());
	at->asked++;
	at->intent = request->n_intent;
	reply->message = at->answer;
	RECORD_SET(reply, status, STATUS_OK);
}

static int start(void **test)
{
	struct world *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	at->path = text_format("%s/control.sock", (const char *)at->directory);
	assert_int_equal(uv_loop_init(&at->loop), 0);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct world *at = *test;
	int result;

	control_close(at->control);
	uv_run(&at->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&at->loop), 0);
	result = scratch_stop(&at->directory);
	free(at->path);
	free(at->answer);
	free(at);
	return result;
}

static void listen_with(struct world *at, struct control_limits limits)
{
	const struct control_options options = { .loop = &at->loop,
		.path = at->path,
		.may_send_large = may_send_large,
		.handler = take,
		.host = at,
		.limits = limits };

	assert_int_equal(control_open(&options, &at->control), STATUS_OK);
}

static void turn(struct world *at, unsigned times)
{
	while (times-- > 0)
		uv_run(&at->loop, UV_RUN_NOWAIT);
}

/* A connection that has been seen. */
static int dial(struct world *at)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, at->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	turn(at, 2);
	return fd;
}

/* As much as there is room for. */
static size_t say(int fd, struct bytes bytes)
{
	ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

	assert_true(sent >= 0 || errno == EAGAIN);
	return sent < 0 ? 0 : (size_t)sent;
}

static void announce(struct world *at, int fd, uint32_t size)
{
	struct buffer header = { 0 };

	buffer_append_u32(&header, size);
	assert_int_equal(say(fd, buffer_bytes(&header)), 4);
	buffer_fini(&header);
	turn(at, 2);
}

static void ask(struct world *at, int fd, struct bytes request)
{
	announce(at, fd, (uint32_t)request.size);
	while (request.size > 0) {
		size_t sent = say(fd, request);

		request = BYTES(request.data + sent, request.size - sent);
		turn(at, 2);
	}
}

/* False: there is nothing more, for the other side has ended it. */
static bool hear(struct world *at, int fd, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t got = recv(fd, out, size, 0);

		if (got < 0 && errno == EAGAIN) {
			uv_run(&at->loop, UV_RUN_ONCE);
			continue;
		}
		if (got <= 0)
			return false;
		out += got;
		size -= (size_t)got;
	}
	return true;
}

static enum status hear_reply(struct world *at, int fd)
{
	struct arena arena = { 0 };
	uint8_t header[4], *body;
	const Fettle__ControlReply *reply;
	enum status status;

	assert_true(hear(at, fd, header, sizeof(header)));
	body = arena_take(&arena, bytes_u32(header));
	assert_true(hear(at, fd, body, bytes_u32(header)));
	reply = record_unpack(&fettle__control_reply__descriptor, BYTES(body, bytes_u32(header)),
	    &arena);
	assert_non_null(reply);
	status = (enum status)reply->status;
	arena_fini(&arena);
	return status;
}

static bool has_ended(struct world *at, int fd)
{
	uint8_t byte;

	return !hear(at, fd, &byte, 1);
}

/* COUNT records without anything in them: two bytes each. */
static void pack_empty_records(struct buffer *out, size_t count)
{
	static const uint8_t empty[] = { 0x0a, 0x00 };

	for (size_t i = 0; i < count; i++)
		buffer_append(out, BYTES_OF(empty));
}

/* One record with a body of SIZE. */
static void pack_large(struct buffer *out, size_t size)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT, *records = &record;
	uint8_t *body = memory_new(size);

	RECORD_SET_BYTES(&record, body, BYTES(body, size));
	request.intent = &records;
	request.n_intent = 1;
	record_pack(out, &request.base);
	free(body);
}

/* ---- what is asked ---- */

static void each_request_is_answered(void **test)
{
	struct world *at = *test;
	int fd;

	listen_with(at, (struct control_limits){ 0 });
	fd = dial(at);
	for (unsigned i = 1; i <= 3; i++) {
		ask(at, fd, BYTES_NONE);
		assert_int_equal(hear_reply(at, fd), STATUS_OK);
		assert_int_equal(at->asked, i);
	}
	close(fd);
}

static void a_request_that_takes_far_more_memory_than_bytes_is_refused(void **test)
{
	struct world *at = *test;
	struct buffer request = { 0 };
	int fd;

	listen_with(at, (struct control_limits){ 0 });
	fd = dial(at);
	pack_empty_records(&request, CONTROL_SMALL_MAX / 2);
	ask(at, fd, buffer_bytes(&request));
	assert_int_equal(hear_reply(at, fd), STATUS_REJECT);
	assert_true(has_ended(at, fd));
	assert_int_equal(at->asked, 0);
	buffer_fini(&request);
	close(fd);
}

static void who_may_not_send_much_is_refused_by_the_length_alone(void **test)
{
	struct world *at = *test;
	int fd;

	listen_with(at, (struct control_limits){ 0 });
	fd = dial(at);
	announce(at, fd, CONTROL_SMALL_MAX + 1);
	assert_int_equal(hear_reply(at, fd), STATUS_DENIED);
	assert_true(has_ended(at, fd));
	close(fd);
}

static void who_may_can_send_much_but_not_without_end(void **test)
{
	struct world *at = *test;
	struct buffer request = { 0 };
	int fd;

	at->may_be_large = true;
	listen_with(at, (struct control_limits){ 0 });
	fd = dial(at);
	pack_large(&request, LARGE);
	ask(at, fd, buffer_bytes(&request));
	assert_int_equal(hear_reply(at, fd), STATUS_OK);
	assert_int_equal(at->intent, 1);
	announce(at, fd, CONTROL_REQUEST_MAX + 1);
	assert_int_equal(hear_reply(at, fd), STATUS_INVALID);
	assert_true(has_ended(at, fd));
	buffer_fini(&request);
	close(fd);
}

static void large_requests_share_one_budget(void **test)
{
	struct world *at = *test;
	int first, second, third;

	at->may_be_large = true;
	listen_with(at, (struct control_limits){ .large_bytes = LARGE + LARGE / 2 });
	first = dial(at);
	announce(at, first, LARGE);
	second = dial(at);
	announce(at, second, LARGE);
	assert_int_equal(hear_reply(at, second), STATUS_BUSY);
	close(first);
	turn(at, 4);
	third = dial(at);
	announce(at, third, LARGE);
	turn(at, 4);
	assert_int_equal(recv(third, &(uint8_t){ 0 }, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(second);
	close(third);
}

static void while_replies_are_not_taken_nothing_more_is_read(void **test)
{
	struct world *at = *test;
	struct buffer requests = { 0 };
	int fd;

	at->answer = memory_new(LONG_REPLY + 1);
	memset(at->answer, 'a', LONG_REPLY);
	listen_with(at, (struct control_limits){ 0 });
	fd = dial(at);
	for (unsigned i = 0; i < MANY; i++)
		buffer_append_u32(&requests, 0);
	assert_int_equal(say(fd, buffer_bytes(&requests)), requests.size);
	turn(at, MANY);
	/* What the socket itself holds, and one more. */
	assert_in_range(at->asked, 1, MANY / 10);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(hear_reply(at, fd), STATUS_OK);
	assert_int_equal(at->asked, MANY);
	buffer_fini(&requests);
	close(fd);
}

/* ---- who is there ---- */

static void a_user_has_so_many_connections(void **test)
{
	struct world *at = *test;
	int fds[3], next;

	listen_with(at, (struct control_limits){ .of_uid = 2 });
	for (unsigned i = 0; i < 3; i++)
		fds[i] = dial(at);
	assert_int_equal(hear_reply(at, fds[2]), STATUS_BUSY);
	assert_true(has_ended(at, fds[2]));
	close(fds[0]);
	turn(at, 4);
	next = dial(at);
	ask(at, next, BYTES_NONE);
	assert_int_equal(hear_reply(at, next), STATUS_OK);
	close(fds[1]);
	close(fds[2]);
	close(next);
}

static void room_is_kept_for_root(void **test)
{
	struct world *at = *test;
	int fds[3], root;

	if (geteuid() != 0)
		skip(); /* nobody else may become another */
	listen_with(at, (struct control_limits){ .connections = 3, .kept_for_root = 1 });
	assert_int_equal(chmod(at->directory, 0755), 0);
	assert_int_equal(chmod(at->path, 0666), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = dial(at);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(hear_reply(at, fds[2]), STATUS_BUSY);
	close(fds[2]);
	turn(at, 4);
	root = dial(at);
	ask(at, root, BYTES_NONE);
	assert_int_equal(hear_reply(at, root), STATUS_OK);
	close(fds[0]);
	close(fds[1]);
	close(root);
}

static void who_asks_for_nothing_is_ended(void **test)
{
	struct world *at = *test;
	int silent, halting;

	listen_with(at, (struct control_limits){ .idle_ms = 4 });
	silent = dial(at);
	halting = dial(at);
	announce(at, halting, 100);
	assert_true(has_ended(at, silent));
	assert_true(has_ended(at, halting));
	close(silent);
	close(halting);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_request_is_answered),
		TEST(a_request_that_takes_far_more_memory_than_bytes_is_refused),
		TEST(who_may_not_send_much_is_refused_by_the_length_alone),
		TEST(who_may_can_send_much_but_not_without_end),
		TEST(large_requests_share_one_budget),
		TEST(while_replies_are_not_taken_nothing_more_is_read),
		TEST(a_user_has_so_many_connections),
		TEST(room_is_kept_for_root),
		TEST(who_asks_for_nothing_is_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
