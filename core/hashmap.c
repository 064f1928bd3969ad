/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hashmap.h"

#include <pthread.h>

#include "core/hash.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t seed;

static void choose_seed(void)
{
	hash_random((uint8_t *)&seed, sizeof(seed));
}

uint64_t hashmap_seed(void)
{
	pthread_once(&once, choose_seed);
	return seed;
}
