/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of stages, in its order: a stage sees what those before it made of a record.
 */
#include "processors/assess/assess.h"
#include "processors/dispatch/dispatch.h"
#include "processors/detect/detect.h"
#include "processors/health/health.h"
#include "processors/inventory/inventory.h"
#include "processors/match/match.h"
#include "processors/plan/plan.h"
#include "processors/prioritize/prioritize.h"
#include "processors/roles.h"

const struct stage *const processor_stages[] = {
	&inventory_stage,
	&assess_stage,
	&match_stage,
	&detect_stage,
	&prioritize_stage,
	&plan_stage,
	&dispatch_stage,
	&health_stage,
	NULL,
};
