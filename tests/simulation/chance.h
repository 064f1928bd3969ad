/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chance.h - where every choice of a run comes from: one seed.
 *
 * There are two streams, so that what a run does to the roles does not depend on how many random
 * bytes they ask for.  The roles get theirs through libsodium, whose generator is replaced.
 */
#ifndef TESTS_SIMULATION_CHANCE_H
#define TESTS_SIMULATION_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void chance_seed(uint64_t seed);
uint64_t chance_next(void);
/* Uniformly from [0, BELOW); 0 where BELOW is 0. */
uint64_t chance_below(uint64_t below);
/* Uniformly from [LOW, HIGH]. */
uint64_t chance_between(uint64_t low, uint64_t high);
/* Once in N times. */
bool chance_once_in(uint64_t n);
/* As long until the next of events that come every MEAN on average: never 0. */
uint64_t chance_wait(uint64_t mean);

#endif
