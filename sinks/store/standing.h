/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing.h - how an alert and a job stand: what they are sorted, filtered and counted by.
 *
 * An alert's state says what became of the change, and apart from that somebody has seen it or not:
 * that it was undone does not mean that anybody knows of it.
 */
#ifndef SINKS_STORE_STANDING_H
#define SINKS_STORE_STANDING_H

#include <stdbool.h>

#include "proto/verdict.pb-c.h"

/* The numbers are part of stored keys: never renumber them. */
enum standing_alert {
	STANDING_OPEN = 1,            /* nobody has seen it yet */
	STANDING_ACKNOWLEDGED,        /* it is as it became, and somebody knows */
	STANDING_UNDONE,              /* it is as it was before, and nobody has seen it */
	STANDING_UNDONE_ACKNOWLEDGED, /* the same, and somebody has */
	STANDINGS_END,
};

/* False where it has no state that is known here. */
bool standing_of_alert(const Fettle__AlertVerdict *alert, enum standing_alert *out);
/* "open", "acknowledged", "undone", "undone". */
const char *standing_text(enum standing_alert standing);

enum { STANDING_JOB_STATES_END = FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED + 1 };

/* Nothing will ever become of it any more. */
bool standing_job_is_over(unsigned state);

#endif
