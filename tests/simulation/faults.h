/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults.h - what goes wrong in a run: drawn from its seed, one after the other, and over one day.
 */
#ifndef TESTS_SIMULATION_FAULTS_H
#define TESTS_SIMULATION_FAULTS_H

#include "tests/simulation/fleet.h"

enum fault {
	FAULT_CRASH,
	FAULT_RESET,
	FAULT_PARTITION,
	FAULT_DELAY,
	FAULT_STALL,
	FAULT_DISK,
	FAULT_COMMIT,
	FAULT_CLOCK,
	FAULT_ROLLBACK,
	FAULTS,
};

struct faults {
	struct fleet *fleet;
	unsigned kinds; /* bits 1 << enum fault */
	uint64_t every; /* on average */
	uint64_t next_at;
	uint64_t counts[FAULTS];
	uint64_t approved; /* agents that were taken for clones, and are none */
};

/* "crash,reset" or "all"; 0: one of them is none. */
unsigned faults_parse(const char *text);
const char *fault_name(enum fault fault);

void faults_init(struct faults *faults, struct fleet *fleet, unsigned kinds, uint64_t every);
struct fleet_driver faults_driver(struct faults *faults);
/* Whatever was done is made good, and everything runs again. */
void faults_heal(struct faults *faults);

#endif
