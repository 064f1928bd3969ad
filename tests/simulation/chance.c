/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/chance.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

static uint64_t run_state, roles_state;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t step(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
	return mixed ^ (mixed >> 31);
}

uint64_t chance_next(void)
{
	return step(&run_state);
}

uint64_t chance_below(uint64_t below)
{
	return below == 0 ? 0 : chance_next() % below;
}

uint64_t chance_between(uint64_t low, uint64_t high)
{
	return low + chance_below(high - low + 1);
}

bool chance_once_in(uint64_t n)
{
	return chance_below(n) == 0;
}

uint64_t chance_wait(uint64_t mean)
{
	double uniform = ((double)(chance_next() >> 11) + 1) / 9007199254740993.0;

	return 1 + (uint64_t)(-log(uniform) * (double)mean);
}

/* ---- libsodium's generator ---- */

static const char *name(void)
{
	return "simulation";
}

static uint32_t number(void)
{
	return (uint32_t)step(&roles_state);
}

static void fill(void *const out, const size_t size)
{
	uint8_t *at = out;

	for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
		uint64_t drawn = step(&roles_state);
		size_t left = size - done;

		memcpy(at + done, &drawn, left < sizeof(drawn) ? left : sizeof(drawn));
	}
}

static struct randombytes_implementation implementation = {
	.implementation_name = name,
	.random = number,
	.buf = fill,
};

void chance_seed(uint64_t seed)
{
	run_state = seed;
	roles_state = seed ^ 0xd1b54a32d192ed03ULL;
	randombytes_set_implementation(&implementation);
}
