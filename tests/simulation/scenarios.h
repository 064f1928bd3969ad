/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenarios.h - runs that tell one story each, and what every liveness run ends with.
 */
#ifndef TESTS_SIMULATION_SCENARIOS_H
#define TESTS_SIMULATION_SCENARIOS_H

#include "tests/simulation/faults.h"

/*
 * Heals everything and lets no machine change any more: all must be delivered, counted, and agreed
 * upon.  False: something was complained of.  FAULTS may be NULL.
 */
bool scenario_come_to_rest(struct fleet *fleet, struct faults *faults);

/* The scenario NAME, or all of them by `all`; `list` only names them.  Prints its counts. */
bool scenario_run(const char *name, uint64_t seed);

#endif
