/* SPDX-License-Identifier: Apache-2.0 */
/* Each in a process of its own, because there is no way back. */
#include "console/confinement.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/scratch.h"

enum { NOT_CONFINED = 200 };

/* What TRY says in a confined process. */
static int confined(int (*try)(void))
{
	pid_t child = fork();
	int result;

	if (child == 0)
		_exit(confinement_begin() == STATUS_OK ? try() : NOT_CONFINED);
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_true(WIFEXITED(result));
	return WEXITSTATUS(result);
}

static int start_program(void)
{
	char *const arguments[] = { "true", NULL };

	execv("/bin/true", arguments);
	return errno;
}

/* Which any process may do that is not confined. */
static int leave_what_is_shared(void)
{
	return unshare(CLONE_FILES) == 0 ? 0 : errno;
}

static int open_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 0 : errno;
}

static int open_other_sockets(void)
{
	static const int families[] = { AF_BLUETOOTH, AF_VSOCK, AF_ALG, AF_KEY };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (socket(families[i], SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT)
			return NOT_CONFINED;
	return EAFNOSUPPORT;
}

static int open_needed_sockets(void)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (socket(families[i], SOCK_STREAM, 0) < 0 && errno != EAFNOSUPPORT)
			return errno;
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}

static void it_starts_no_program(void **test)
{
	(void)test;
	assert_int_equal(confined(start_program), EPERM);
}

static void it_leaves_nothing_that_it_shares(void **test)
{
	(void)test;
	assert_int_equal(confined(leave_what_is_shared), EPERM);
}

static void it_has_the_sockets_that_it_needs_and_no_others(void **test)
{
	(void)test;
	assert_int_equal(confined(open_packet_socket), EAFNOSUPPORT);
	assert_int_equal(confined(open_other_sockets), EAFNOSUPPORT);
	assert_int_equal(confined(open_needed_sockets), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_starts_no_program),
		cmocka_unit_test(it_leaves_nothing_that_it_shares),
		cmocka_unit_test(it_has_the_sockets_that_it_needs_and_no_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
