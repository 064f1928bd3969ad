/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundled.h - facts that come as the hash of a bundle (core/bundle.h).
 *
 * What some agent has sent already is applied at once.  For the rest one agent is asked, and the
 * next if it does not answer in time; what it sends is applied to all assets that await it.  A pass
 * is complete when nothing of it is awaited.
 */
#ifndef PROCESSORS_INVENTORY_BUNDLED_H
#define PROCESSORS_INVENTORY_BUNDLED_H

#include "core/bundle.h"
#include "core/stage.h"
#include "proto/state.pb-c.h"

NODISCARD enum status bundled_on_have(struct stage_io *io, const struct event *event);
NODISCARD enum status bundled_on_bundle(struct stage_io *io, const struct event *event);
/* Whoever was asked for HASH has had its time. */
NODISCARD enum status bundled_on_timer(struct stage_io *io, const uint8_t hash[BUNDLE_HASH_SIZE]);
NODISCARD enum status bundled_on_work(struct stage_io *io, struct stage_work *work);
NODISCARD enum status bundled_on_tick(struct stage_io *io);

/* Keeps the pass back where some of what its collector saw is awaited. */
NODISCARD enum status bundled_hold_pass(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, const Fettle__StateAsset *record, bool *is_held);
/* Keeps the mark of a digest back, which covers all that is awaited. */
NODISCARD enum status bundled_hold_digest(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, const Fettle__StateAsset *record, bool *is_held);

#endif
