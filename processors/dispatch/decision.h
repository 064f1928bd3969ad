/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision.h - somebody approves a job, rejects it, or calls it off.
 */
#ifndef PROCESSORS_DISPATCH_DECISION_H
#define PROCESSORS_DISPATCH_DECISION_H

#include "core/stage.h"

/*
 * REJECT: there is no such job, or it is no decision.  One that cannot be followed any more stands
 * in the job's history, with the reason.
 */
NODISCARD enum status decision_take(struct stage_io *io, const struct event *event);

#endif
