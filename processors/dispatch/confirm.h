/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm.h - what the facts say about a job: the only thing that ends one.
 *
 * A package is as it should be where its fact is present, its version is the target or newer, and
 * dpkg calls it installed.  Before a job has begun that supersedes it; after, it confirms it, but
 * only by what was looked at since: a fact that came later, or a whole pass over all packages.
 */
#ifndef PROCESSORS_DISPATCH_CONFIRM_H
#define PROCESSORS_DISPATCH_CONFIRM_H

#include "processors/dispatch/life.h"

/* Fills in what is observed; *is_reached: every package is as it should be. */
NODISCARD enum status confirm_observe(struct life *life, bool *is_reached);
/* Whether VALUE, of a fact that is present, is at VERSION or newer. */
bool confirm_has_reached(struct arena *arena, struct bytes value, const char *version);

/* Ends the job if the facts allow it; leaves it as it is if they do not. */
NODISCARD enum status confirm_judge(struct life *life);
/* Somebody has looked, and time enough has passed: it is confirmed now, or it has failed. */
NODISCARD enum status confirm_settle(struct life *life);

#endif
