/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - the observation plan as it comes down the command stream, checked before anything is
 * done with it: what it names is the server's word, and only paths and sizes of a sane kind pass.
 */
#ifndef COLLECTORS_PLAN_H
#define COLLECTORS_PLAN_H

#include "core/collector.h"

/* A plan in ARENA, from an encoded Plan.  REJECT, and nothing is observed by it: see the log. */
NODISCARD enum status plan_decode(struct bytes body, struct arena *arena, struct plan **out);

#endif
