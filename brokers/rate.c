/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/rate.h"

#include <stdbool.h>
#include <stdlib.h>

#include "brokers/network.h"
#include "core/bytes.h"
#include "core/hashmap.h"

enum { KNOWN_MAX = 4096, MILLI = 1000 };

/* In thousandths, so that a millisecond fills it by `per_second`. */
struct bucket {
	uint64_t level, since_ms;
};

struct known {
	uint8_t key[RATE_KEY_SIZE];
	struct bucket bucket;
	UT_hash_handle hh;
};

_Static_assert((int)RATE_KEY_SIZE == (int)NETWORK_ADDRESS_SIZE, "an address is a key");

struct rate {
	struct rate_options options;
	struct bucket overall;
	struct known *known;
	size_t sweep_at; /* so many are known: those that are idle are looked for */
};

struct rate *rate_new(const struct rate_options *options)
{
	struct rate *rate = memory_new(sizeof(*rate));

	rate->options = *options;
	if (options->most == 0)
		rate->options.most = KNOWN_MAX;
	rate->sweep_at = rate->options.most < KNOWN_MAX ? rate->options.most : KNOWN_MAX;
	rate->overall.level = (uint64_t)options->burst * MILLI;
	return rate;
}

static void forget(struct rate *rate, struct known *known)
{
	HASH_DEL(rate->known, known);
	free(known);
}

void rate_free(struct rate *rate)
{
	struct known *known, *next;

	if (rate == NULL)
		return;
	HASH_ITER (hh, rate->known, known, next)
		forget(rate, known);
	free(rate);
}

static void fill(struct bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_ms)
{
	uint64_t most = (uint64_t)burst * MILLI;
	uint64_t passed_ms = now_ms > bucket->since_ms ? now_ms - bucket->since_ms : 0;

	/* Longer than it takes to fill from empty need not be multiplied. */
	if (passed_ms > most)
		passed_ms = most;
	bucket->level += passed_ms * per_second;
	if (bucket->level > most)
		bucket->level = most;
	bucket->since_ms = now_ms;
}

static uint64_t wait_of(const struct bucket *bucket, uint32_t per_second)
{
	return bucket->level >= MILLI ? 0 : (MILLI - bucket->level) / per_second + 1;
}

/* Those whose bucket is full again say no more than one that is not known. */
static void forget_idle(struct rate *rate, uint64_t now_ms)
{
	const struct rate_options *options = &rate->options;
	struct known *known, *next;

	HASH_ITER (hh, rate->known, known, next) {
		fill(&known->bucket, options->address_per_second, options->address_burst, now_ms);
		if (known->bucket.level == (uint64_t)options->address_burst * MILLI)
			forget(rate, known);
	}
}

/* Less and less often as there are more of them, so that a great many cost little each. */
static bool has_room(struct rate *rate, uint64_t now_ms)
{
	size_t most = rate->options.most;

	if (HASH_COUNT(rate->known) < rate->sweep_at)
		return true;
	forget_idle(rate, now_ms);
	rate->sweep_at = 2 * (size_t)HASH_COUNT(rate->known);
	if (rate->sweep_at < KNOWN_MAX)
		rate->sweep_at = KNOWN_MAX;
	if (rate->sweep_at > most)
		rate->sweep_at = most;
	return HASH_COUNT(rate->known) < most;
}

/* NULL: there is no room for it. */
static struct known *find(struct rate *rate, const uint8_t key[RATE_KEY_SIZE], uint64_t now_ms)
{
	struct known *known;

	HASH_FIND(hh, rate->known, key, RATE_KEY_SIZE, known);
	if (known != NULL)
		return known;
	if (!has_room(rate, now_ms))
		return NULL;
	known = memory_new(sizeof(*known));
	memcpy(known->key, key, RATE_KEY_SIZE);
	known->bucket = (struct bucket){ (uint64_t)rate->options.address_burst * MILLI, now_ms };
	HASH_ADD(hh, rate->known, key, RATE_KEY_SIZE, known);
	return known;
}

/* What is no address shares one bucket. */
static void key_of(const char *address, uint8_t key[RATE_KEY_SIZE])
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };

	memset(key, 0, RATE_KEY_SIZE);
	if (network_address(address, key) && memcmp(key, v4, sizeof(v4)) != 0)
		memset(key + 8, 0, 8);
}

uint64_t rate_take(struct rate *rate, const char *address, uint64_t now_ms)
{
	uint8_t key[RATE_KEY_SIZE];

	key_of(address, key);
	return rate_take_key(rate, key, now_ms);
}

uint64_t rate_take_key(struct rate *rate, const uint8_t key[RATE_KEY_SIZE], uint64_t now_ms)
{
	const struct rate_options *options = &rate->options;
	struct known *known = find(rate, key, now_ms);
	uint64_t wait_ms = 0, overall_ms;

	fill(&rate->overall, options->per_second, options->burst, now_ms);
	overall_ms = wait_of(&rate->overall, options->per_second);
	if (known != NULL) {
		fill(&known->bucket, options->address_per_second, options->address_burst, now_ms);
		wait_ms = wait_of(&known->bucket, options->address_per_second);
	}
	if (wait_ms > 0 || overall_ms > 0)
		return wait_ms > overall_ms ? wait_ms : overall_ms;
	rate->overall.level -= MILLI;
	if (known != NULL)
		known->bucket.level -= MILLI;
	return 0;
}

uint64_t rate_wait_of(struct rate *rate, const char *address, uint64_t now_ms)
{
	const struct rate_options *options = &rate->options;
	uint8_t key[RATE_KEY_SIZE];
	struct known *known;

	key_of(address, key);
	known = find(rate, key, now_ms);
	if (known == NULL)
		return 0;
	fill(&known->bucket, options->address_per_second, options->address_burst, now_ms);
	return wait_of(&known->bucket, options->address_per_second);
}
