/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proposal.h - a job is proposed.
 */
#ifndef PROCESSORS_DISPATCH_PROPOSAL_H
#define PROCESSORS_DISPATCH_PROPOSAL_H

#include "core/stage.h"

enum { PROPOSAL_FINDINGS_MAX = 2000 };

/*
 * REJECT: it is no proposal that anybody could decide on.  One that is known already changes
 * nothing.
 */
NODISCARD enum status proposal_take(struct stage_io *io, const struct event *event);

#endif
