/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge.h - one policy on one asset: results, findings, and their memo.
 */
#ifndef PROCESSORS_ASSESS_JUDGE_H
#define PROCESSORS_ASSESS_JUDGE_H

#include "core/stage.h"
#include "processors/assess/policy.h"

/*
 * Judges the checks of POLICY whose flag in SELECTED is set (NULL: all), keeps the results of the
 * others, and says what became different: result set, findings, the asset's score.
 */
NODISCARD enum status judge(struct stage_io *io, const struct asset_ref *asset,
    const struct policy *policy, const bool *selected);

/* POLICY_ID no longer applies to the asset: its results go, and its findings close. */
NODISCARD enum status judge_withdraw(struct stage_io *io, const struct asset_ref *asset,
    const char *policy_id);

#endif
