/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - the jobs of a state: what is to be done on assets, is being done, and was done.
 */
#ifndef PROCESSORS_STATE_JOB_H
#define PROCESSORS_STATE_JOB_H

#include "core/event.h"
#include "core/job_id.h"
#include "core/txn.h"
#include "proto/verdict.pb-c.h"

enum { JOB_GRACE_MS = 60 * 1000 };

/*
 * Whether a job was at work on ASSET when something was received at RECEIVED_MS, or had ended less
 * than JOB_GRACE_MS before: what it may have changed is expected.  *out is "job 1a2b3c4d5e6f", in
 * ARENA.  NOT_FOUND: none; CORRUPT, IO.
 */
NODISCARD enum status job_explains(struct txn *txn, const struct asset_ref *asset,
    uint64_t received_ms, struct arena *arena, const char **out);

#endif
