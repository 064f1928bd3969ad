/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding.h - the life of a finding: it opens, changes, closes, and may open again.
 *
 * Stages that find something wrong come here; what opened, changed or closed goes on as
 * EVENT_FINDING to the stage that says how soon, which keeps it.  One thing wrong with one asset
 * (kind and subject) has one id for ever.
 */
#ifndef PROCESSORS_STATE_FINDING_H
#define PROCESSORS_STATE_FINDING_H

#include "core/stage.h"
#include "proto/verdict.pb-c.h"

/*
 * SUBJECT of KIND is wrong with ASSET.  DRAFT holds what the stage knows (title, severity,
 * evidence, remediation, inputs for its priority, ...); id, state and times are filled in here.
 */
NODISCARD enum status finding_open(struct stage_io *io, const struct asset_ref *asset,
    Fettle__FindingKind kind, const char *subject, Fettle__FindingVerdict *draft);

/*
 * It is not wrong any more, for REASON; EVIDENCE (COUNT 0: what there was stays) shows it.  OK also
 * where there was no such finding, or it is closed already.
 */
NODISCARD enum status finding_close(struct stage_io *io, const struct asset_ref *asset,
    Fettle__FindingKind kind, const char *subject, const char *reason, Fettle__Evidence **evidence,
    size_t count);

#endif
