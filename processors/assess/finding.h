/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding.h - opens, changes and closes the findings of failed checks.
 */
#ifndef PROCESSORS_ASSESS_FINDING_H
#define PROCESSORS_ASSESS_FINDING_H

#include "core/stage.h"
#include "processors/assess/policy.h"
#include "proto/verdict.pb-c.h"

/*
 * The outcome of CHECK on ASSET.  A failure opens or keeps a finding, a pass or "not applicable"
 * closes one; "not run" leaves it as it is, because nobody has seen it fixed.
 */
NODISCARD enum status finding_update(struct stage_io *io, const struct asset_ref *asset,
    const struct policy *policy, const struct check *check,
    const Fettle__CheckOutcome *outcome);

/* The check is no longer asked: its finding, if open, closes for REASON. */
NODISCARD enum status finding_withdraw(struct stage_io *io, const struct asset_ref *asset,
    const char *policy_id, const char *check_id, const char *reason);

#endif
