/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h - how urgent a record is on its way, and the flows that they become on a link.
 */
#ifndef CORE_LANE_H
#define CORE_LANE_H

enum lane {
	LANE_CRITICAL = 1, /* security-relevant changes */
	LANE_DELTA = 2,    /* other changes */
	LANE_BULK = 3,     /* snapshots */
	LANE_END,          /* one more than the last */
};

enum { LANES = 3 };

#endif
