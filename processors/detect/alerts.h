/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts.h - the life of an alert: opened, acknowledged by a person, undone.
 */
#ifndef PROCESSORS_DETECT_ALERTS_H
#define PROCESSORS_DETECT_ALERTS_H

#include "core/event.h"
#include "core/stage.h"
#include "proto/verdict.pb-c.h"

/*
 * CHANGE gives rise to DRAFT, which holds what the rule says (rule, title, severity, techniques,
 * …); the rest is filled in here.  OK also where it did so already.
 */
NODISCARD enum status alerts_open(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ChangeVerdict *change, Fettle__AlertVerdict *draft);

/* The fact KEY has AFTER now: alerts about it that this makes undone are said to be so. */
NODISCARD enum status alerts_on_change(struct stage_io *io, const struct asset_ref *asset,
    struct bytes key, const struct event_value *after);

/* REJECT: there is no such alert. */
NODISCARD enum status alerts_acknowledge(struct stage_io *io, const Fettle__AlertAck *ack,
    const Fettle__Stamp *stamp);

#endif
