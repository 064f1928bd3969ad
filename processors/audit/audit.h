/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - what people, agents and this server did, one line each, for the store to chain.
 *
 * The stage turns what the log noted into verdicts; what happens to a job other stages tell by
 * audit_job.  A verdict's id follows from what it is about, so that the same thing told twice,
 * after whatever break, is one entry.
 */
#ifndef PROCESSORS_AUDIT_AUDIT_H
#define PROCESSORS_AUDIT_AUDIT_H

#include "core/stage.h"

/* JOB came into its state, or where IS_STEP is false stays in it: because of what BY did. */
void audit_job(struct stage_io *io, const Fettle__JobVerdict *job, bool is_step, const char *by,
    const char *note);

extern const struct stage audit_stage;

#endif
