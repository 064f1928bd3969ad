/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - an agent says how far it is with a job.
 */
#ifndef PROCESSORS_DISPATCH_PROGRESS_H
#define PROCESSORS_DISPATCH_PROGRESS_H

#include "core/stage.h"

enum { PROGRESS_OUTPUT_MAX = 4096 };

/*
 * REJECT: it is not well-formed, or the agent is not that of the job's asset.  What concerns a
 * lease that is over, and what was said before, changes nothing.
 */
NODISCARD enum status progress_take(struct stage_io *io, const struct event *event);

#endif
