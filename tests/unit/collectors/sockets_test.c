/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/sockets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static const struct sockets_settings rarely = { .reread = 600 * 1000 };

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
#define TAIL " 00000000:00000000 00:00000000 00000000 "

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

/* A process of the tree: its name, and its descriptor 3. */
static void add_process(struct collecting *at, const char *pid, const char *name,
    const char *descriptor)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%s/comm", pid);
	scratch_write(at->scratch, path, name);
	snprintf(path, sizeof(path), "proc/%s/fd", pid);
	mkdir(scratch_path(at->scratch, path), 0755);
	snprintf(path, sizeof(path), "proc/%s/fd/3", pid);
	assert_int_equal(symlink(descriptor, scratch_path(at->scratch, path)), 0);
}

static void begin(struct collecting *at, const char *tcp, const char *tcp6, const char *udp)
{
	scratch_write(at->scratch, "proc/net/tcp", tcp);
	scratch_write(at->scratch, "proc/net/tcp6", tcp6);
	scratch_write(at->scratch, "proc/net/udp", udp);
	collecting_start(at, &sockets_collector, &rarely);
	collecting_await_passes(at, 1);
}

static void what_listens_is_told_with_its_programs(void **test)
{
	struct collecting *at = *test;

	add_process(at, "17", "nginx\n", "socket:[501]");
	add_process(at, "18", "nginx\n", "socket:[501]");
	add_process(at, "19", "haproxy\n", "socket:[501]");
	add_process(at, "20", "sshd\n", "socket:[502]");
	add_process(at, "21", "other\n", "/dev/null");
	begin(at,
	    HEAD "   0: 00000000:0050 00000000:0000 0A" TAIL " 33        0 501 1 0 100\n"
		 "   1: 0100007F:1BCD 0100007F:CC14 01" TAIL "  0        0 600 1 0 100\n",
	    HEAD "   0: 00000000000000000000000001000000:0016 "
		 "00000000000000000000000000000000:0000 0A" TAIL "  0        0 502 1 0\n"
		 "   1: 00000000000000000000000000000000:0050 "
		 "00000000000000000000000000000000:0000 0A" TAIL "  0        0 503 1 0\n",
	    HEAD " 9: 00000000:0044 00000000:0000 07" TAIL " 101 0 700 2 0 0\n");
	assert_int_equal(observer_fake_count(at->observer, "listen/"), 4);
	assert_string_equal(text(at, "listen/tcp/0.0.0.0:80", "process"), "haproxy,nginx");
	assert_int_equal(observer_fake_number(at->observer, "listen/tcp/0.0.0.0:80", "uid"), 33);
	assert_string_equal(text(at, "listen/tcp/[::1]:22", "process"), "sshd");
	assert_string_equal(text(at, "listen/tcp/[::]:80", "process"), "");
	assert_int_equal(observer_fake_number(at->observer, "listen/udp/0.0.0.0:68", "uid"), 101);
}

static void a_udp_port_that_was_taken_at_random_is_that_of_a_client(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/sys/net/ipv4/ip_local_port_range", "40000\t50000\n");
	begin(at, HEAD, HEAD,
	    HEAD " 1: 00000000:9C40 00000000:0000 07" TAIL "0 0 1 2 0 0\n"
		 " 2: 00000000:C350 00000000:0000 07" TAIL "0 0 2 2 0 0\n"
		 " 3: 00000000:9C3F 00000000:0000 07" TAIL "0 0 3 2 0 0\n"
		 " 4: 00000000:0035 0100007F:0035 01" TAIL "0 0 4 2 0 0\n");
	assert_int_equal(observer_fake_count(at->observer, "listen/"), 1);
	assert_int_equal(observer_fake_status(at->observer, "listen/udp/0.0.0.0:39999"),
	    FACT_PRESENT);
}

static void a_tcp_port_taken_at_random_counts_where_others_can_reach_it(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, "proc/sys/net/ipv4/ip_local_port_range", "40000\t50000\n");
	begin(at,
	    HEAD " 1: 0100007F:9C40 00000000:0000 0A" TAIL "0 0 1 1\n"
		 " 2: 0100007F:9C3F 00000000:0000 0A" TAIL "0 0 2 1\n"
		 " 3: 00000000:9C40 00000000:0000 0A" TAIL "0 0 3 1\n",
	    HEAD " 1: 00000000000000000000000001000000:9C40 "
		 "00000000000000000000000000000000:0000 0A" TAIL "0 0 4 1\n",
	    HEAD);
	assert_int_equal(observer_fake_count(at->observer, "listen/"), 2);
	assert_int_equal(observer_fake_status(at->observer, "listen/tcp/127.0.0.1:39999"),
	    FACT_PRESENT);
	assert_int_equal(observer_fake_status(at->observer, "listen/tcp/0.0.0.0:40000"),
	    FACT_PRESENT);
}

static void a_shared_port_is_one_fact_whatever_the_order(void **test)
{
	struct collecting *at = *test;

	begin(at,
	    HEAD " 0: 00000000:0050 00000000:0000 0A" TAIL "33 0 501 1\n"
		 " 1: 00000000:0050 00000000:0000 0A" TAIL "7 0 502 1\n"
		 " 2: 00000000:0050 00000000:0000 0A" TAIL "33 0 503 1\n",
	    HEAD, HEAD);
	assert_int_equal(observer_fake_count(at->observer, "listen/"), 1);
	assert_int_equal(observer_fake_number(at->observer, "listen/tcp/0.0.0.0:80", "uid"), 7);
}

static void broken_rows_are_passed_over(void **test)
{
	struct collecting *at = *test;

	begin(at,
	    HEAD "\n\xff\xfe\n 0: 0000:0050 00000000:0000 0A" TAIL "0 0 1 1\n"
		 " 1: 00000000:FFFFF 00000000:0000 0A" TAIL "0 0 2 1\n"
		 " 2: 00000000:0051\n"
		 " 3: 00000000000000000000000000000000000000000000000000:0050 0:0 0A" TAIL "0 0 3\n"
		 " 4: 00000000:0052 00000000:0000 0A" TAIL "0 0 4",
	    HEAD, "");
	assert_int_equal(observer_fake_count(at->observer, "listen/"), 1);
	assert_int_equal(observer_fake_status(at->observer, "listen/tcp/0.0.0.0:82"), FACT_PRESENT);
}

static void without_a_table_nothing_is_taken_back(void **test)
{
	struct collecting *at = *test;

	begin(at, HEAD " 0: 00000000:0050 00000000:0000 0A" TAIL "33 0 501 1\n", HEAD, HEAD);
	unlink(scratch_path(at->scratch, "proc/net/udp"));
	sockets_collector.refresh(at->self);
	collecting_await_status(at, "listen", FACT_FAILED);
	assert_int_equal(observer_fake_count(at->observer, "listen/"), 1);
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void a_socket_of_this_very_process_is_found_with_its_name(void **test)
{
	struct collecting *at = *test;
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_ANY) };
	socklen_t size = sizeof(address);
	char key[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	prctl(PR_SET_NAME, "fettle, a test");
	snprintf(key, sizeof(key), "listen/tcp/0.0.0.0:%u", ntohs(address.sin_port));
	at->context.root = "";
	collecting_start(at, &sockets_collector, &rarely);
	collecting_await_text(at, key, "process", "fettle, a test");
	assert_int_equal(observer_fake_number(at->observer, key, "uid"), (int64_t)geteuid());
	close(fd);
	sockets_collector.refresh(at->self);
	collecting_await_status(at, key, FACT_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_listens_is_told_with_its_programs),
		TEST(a_udp_port_that_was_taken_at_random_is_that_of_a_client),
		TEST(a_tcp_port_taken_at_random_counts_where_others_can_reach_it),
		TEST(a_shared_port_is_one_fact_whatever_the_order),
		TEST(broken_rows_are_passed_over),
		TEST(without_a_table_nothing_is_taken_back),
		TEST(a_socket_of_this_very_process_is_found_with_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
