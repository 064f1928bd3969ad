/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - the jobs of a state: what is to be done on assets, is being done, and was done.
 */
#ifndef PROCESSORS_STATE_JOB_H
#define PROCESSORS_STATE_JOB_H

#include "core/event.h"
#include "core/job_id.h"
#include "core/txn.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"

enum { JOB_GRACE_MS = 15 * 1000 };

/*
 * Whether a job was at work on ASSET when something was received at RECEIVED_MS, or had ended less
 * than JOB_GRACE_MS before: what it may have changed is expected.  *out is "job 1a2b3c4d5e6f", in
 * ARENA.  NOT_FOUND: none; CORRUPT, IO.
 */
NODISCARD enum status job_explains(struct txn *txn, const struct asset_ref *asset,
    uint64_t received_ms, struct arena *arena, const char **out);

/* "job 1a2b3c4d5e6f", in ARENA: how a job is named to a person. */
const char *job_name(struct arena *arena, struct bytes id);

/* The job of that id and whose it is, in ARENA.  NOT_FOUND, CORRUPT, IO. */
NODISCARD enum status job_get(struct txn *txn, struct bytes id, struct arena *arena,
    struct asset_ref *asset, Fettle__JobVerdict **out);
void job_put(struct txn *txn, const struct asset_ref *asset, const Fettle__JobVerdict *job);
void job_delete(struct txn *txn, const struct asset_ref *asset, struct bytes id);

/* What the jobs of ASSET have in common, in ARENA; empty where it never had one.  CORRUPT, IO. */
NODISCARD enum status job_get_common(struct txn *txn, const struct asset_ref *asset,
    struct arena *arena, Fettle__StateJobs **out);
void job_put_common(struct txn *txn, const struct asset_ref *asset, const Fettle__StateJobs *jobs);

#endif
