/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - what the agent is told: that a job may be begun now, or that it may not any more.
 *
 * One job of an asset is out at a time, from its lease until its outcome is known.  Another attempt
 * is made only where the agent has said that the one before was not begun.
 */
#ifndef PROCESSORS_DISPATCH_LEASE_H
#define PROCESSORS_DISPATCH_LEASE_H

#include "processors/dispatch/life.h"

enum { LEASE_ATTEMPTS_MAX = 3 };

/*
 * Gives the job out (once more), because of what BY did.  A higher attempt and token fence off what
 * was before.
 */
NODISCARD enum status lease_give(struct life *life, const char *by, const char *note);
/* Takes it back, where it was ever given out.  Keep the job's new state first. */
NODISCARD enum status lease_take_back(struct life *life);
/*
 * If none of ASSET is out, gives out the one that was approved first; says of those that wait for
 * which.
 */
NODISCARD enum status lease_next(struct stage_io *io, const struct asset_ref *asset);

#endif
