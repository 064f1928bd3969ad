/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network.h - addresses and networks (CIDR) of both kinds of IP.
 *
 * Both have 16 bytes here, IPv4 as ::ffff:a.b.c.d, so that a client that comes by a socket for
 * both is the same as by one of its own.
 */
#ifndef BROKERS_NETWORK_H
#define BROKERS_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

enum { NETWORK_ADDRESS_SIZE = 16, NETWORK_TEXT_MAX = 64 };

struct network {
	uint8_t address[NETWORK_ADDRESS_SIZE];
	unsigned bits; /* that count, of 128 */
};

/* "192.0.2.7", "2001:db8::1", "fe80::1%eth0" (its zone is left out); false if it is none. */
bool network_address(const char *text, uint8_t out[NETWORK_ADDRESS_SIZE]);
/* Its text, as inet_ntop writes it. */
void network_address_text(const uint8_t address[NETWORK_ADDRESS_SIZE], char out[NETWORK_TEXT_MAX]);
/* "192.0.2.0/24", "2001:db8::/32", or an address alone; false if it is none. */
bool network_parse(const char *text, struct network *out);
bool network_has(const struct network *network, const uint8_t address[NETWORK_ADDRESS_SIZE]);

#endif
