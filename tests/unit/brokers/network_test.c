/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/network.h"

#include "core/bytes.h"
#include "tests/support/scratch.h"

static bool has(const char *network_text, const char *address_text)
{
	struct network network;
	uint8_t address[NETWORK_ADDRESS_SIZE];

	assert_true(network_parse(network_text, &network));
	assert_true(network_address(address_text, address));
	return network_has(&network, address);
}

static void a_network_has_the_addresses_whose_first_bits_are_its_own(void **test)
{
	(void)test;
	assert_true(has("192.0.2.0/24", "192.0.2.0"));
	assert_true(has("192.0.2.0/24", "192.0.2.255"));
	assert_false(has("192.0.2.0/24", "192.0.3.0"));
	assert_true(has("10.0.0.0/9", "10.127.255.255"));
	assert_false(has("10.0.0.0/9", "10.128.0.0"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
}

static void bits_behind_the_prefix_do_not_matter(void **test)
{
	(void)test;
	assert_true(has("192.0.2.77/24", "192.0.2.1"));
}

static void no_bits_are_every_address_of_that_kind(void **test)
{
	(void)test;
	assert_true(has("0.0.0.0/0", "203.0.113.9"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("::/0", "2001:db8::1"));
}

static void an_address_alone_is_a_network_of_one(void **test)
{
	(void)test;
	assert_true(has("192.0.2.7", "192.0.2.7"));
	assert_false(has("192.0.2.7", "192.0.2.6"));
	assert_true(has("::1", "::1"));
	assert_false(has("::1", "::2"));
}

static void ipv4_by_a_socket_for_both_is_ipv4(void **test)
{
	(void)test;
	assert_true(has("192.0.2.0/24", "::ffff:192.0.2.9"));
	assert_true(has("::ffff:192.0.2.0/120", "192.0.2.9"));
}

static void the_zone_of_a_link_local_address_is_left_out(void **test)
{
	(void)test;
	assert_true(has("fe80::/10", "fe80::1%eth0"));
}

static void what_is_no_network_is_refused(void **test)
{
	static const char *const wrong[] = { "", "/", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1",
		"192.0.2.0/ 8", "192.0.2.0/8 ", "192.0.2.0/24/8", "192.0.2/24", "2001:db8::/129",
		"2001:db8::/0x10", "localhost", "192.0.2.0/0000000008", "fe80::1%eth0/10",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0000:1",
		NULL };
	struct network network;

	(void)test;
	for (size_t i = 0; wrong[i] != NULL; i++)
		assert_false(network_parse(wrong[i], &network));
}

static void what_is_no_address_is_refused(void **test)
{
	static const char *const wrong[] = { "", "x", "192.0.2", "192.0.2.256", "::1/128", "%eth0",
		NULL };
	uint8_t address[NETWORK_ADDRESS_SIZE];

	(void)test;
	for (size_t i = 0; wrong[i] != NULL; i++)
		assert_false(network_address(wrong[i], address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_has_the_addresses_whose_first_bits_are_its_own),
		cmocka_unit_test(bits_behind_the_prefix_do_not_matter),
		cmocka_unit_test(no_bits_are_every_address_of_that_kind),
		cmocka_unit_test(an_address_alone_is_a_network_of_one),
		cmocka_unit_test(ipv4_by_a_socket_for_both_is_ipv4),
		cmocka_unit_test(the_zone_of_a_link_local_address_is_left_out),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(what_is_no_address_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
