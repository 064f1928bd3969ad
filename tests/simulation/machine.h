/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - what an agent of the simulation observes: facts with versions, which change while it
 * looks and while it does not, and the one collector that there is.
 *
 * A fact's text follows from its number, its version and, but for those that all machines share,
 * from the machine, so that what anybody should know of it can be told at any time.
 */
#ifndef TESTS_SIMULATION_MACHINE_H
#define TESTS_SIMULATION_MACHINE_H

#include "core/collector.h"
#include "core/lane.h"

struct machine {
	unsigned number;
	size_t facts;
	uint32_t *versions;       /* even: it is not there */
	uint64_t change_every_ms; /* on average; 0: nothing changes */
	uint64_t burst_once_in;   /* changes; in a burst a quarter of all facts changes */
	size_t value_max;         /* bytes of the largest kind of value */
	uint64_t changes;
};

void machine_init(struct machine *machine, unsigned number, size_t facts);
void machine_fini(struct machine *machine);
/* False: fact NUMBER is not there.  KEY is told in any case. */
bool machine_fact(const struct machine *machine, size_t number, struct buffer *key,
    struct buffer *text);

#endif
