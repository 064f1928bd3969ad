/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/scenarios.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/log.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/moment.h"
#include "tests/simulation/trace.h"

enum { REST_HOURS = 4, LOOKS_A_SECOND = 2 };

/* ---- coming to rest ---- */

static void freeze(struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->agents_count; i++)
		fleet->agents[i]->machine.change_every_ms = 0;
}

/* Judged apart: until the last hour it may only not be there yet. */
static bool is_at_rest(struct fleet *fleet, bool is_last_look)
{
	struct checker look = fleet->checker;
	bool is_well;

	look.complaints = (struct buffer){ 0 };
	look.complained = 0;
	look.is_quiet = true;
	if (!fleet_is_quiet(fleet)) {
		if (is_last_look)
			fleet_complain_of_unrest(fleet);
		return false;
	}
	is_well = checker_run(&look) == STATUS_OK && look.complained == 0;
	if (is_well || is_last_look) {
		buffer_fini(&fleet->checker.complaints);
		fleet->checker = look;
	} else {
		checker_fini(&look);
	}
	return is_well;
}

bool scenario_come_to_rest(struct fleet *fleet, struct faults *faults)
{
	uint64_t end = moment_now() + REST_HOURS * MOMENT_HOUR, look_at = moment_now();
	uint64_t step = MOMENT_S / LOOKS_A_SECOND;

	if (faults != NULL)
		faults_heal(faults);
	freeze(fleet);
	while (moment_now() < end) {
		if (!fleet_run(fleet, moment_now() + step, NULL))
			return false;
		/* A look at everything costs more than a second of the run. */
		if (moment_now() < look_at || !fleet_is_quiet(fleet))
			continue;
		if (is_at_rest(fleet, false))
			return true;
		look_at = moment_now() + 2 * MOMENT_MINUTE;
	}
	return is_at_rest(fleet, true);
}

bool scenario_run(const char *name, uint64_t seed)
{
	(void)name;
	(void)seed;
	return false;
}
