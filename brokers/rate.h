/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.h - how often something may happen: overall, and by each address.
 *
 * Buckets that fill steadily (so many a second, up to a burst).  An IPv6 address counts by its
 * first 64 bits, which one machine has for itself.  It remembers a bounded number of addresses;
 * beyond these only the overall bucket counts.
 */
#ifndef BROKERS_RATE_H
#define BROKERS_RATE_H

#include <stdint.h>

enum { RATE_KEY_SIZE = 16 };

struct rate;

struct rate_options {
	uint32_t per_second, burst; /* overall */
	uint32_t address_per_second, address_burst;
	uint32_t most; /* addresses, or keys, that it remembers; 0: 4096 */
};

struct rate *rate_new(const struct rate_options *options);
void rate_free(struct rate *rate); /* NULL is fine */

/* 0: it may, and was counted.  Else in how many milliseconds to try again. */
uint64_t rate_take(struct rate *rate, const char *address, uint64_t now_ms);
/* The same by a key, such as an agent's id, in place of an address; of one rate only either. */
uint64_t rate_take_key(struct rate *rate, const uint8_t key[RATE_KEY_SIZE], uint64_t now_ms);

/* The same of ADDRESS alone, whatever the others have taken, and without counting it. */
uint64_t rate_wait_of(struct rate *rate, const char *address, uint64_t now_ms);

#endif
