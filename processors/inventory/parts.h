/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of this folder share, and nobody else sees.
 */
#ifndef PROCESSORS_INVENTORY_PARTS_H
#define PROCESSORS_INVENTORY_PARTS_H

#include "core/stage.h"
#include "proto/state.pb-c.h"

struct inventory_settings {
	uint64_t announce_after;
	uint64_t resync_pause;
	uint64_t bundles_size;
	uint64_t bundles_keep;
	uint64_t ask_again;
};
enum { INVENTORY_BUNDLES_SIZE = 256 << 20, INVENTORY_ASK_AGAIN_MS = 60 * 1000 };
#define INVENTORY_BUNDLES_KEEP_MS (7ULL * 24 * 3600 * 1000)

/* The asset that EVENT's record is about, made if need be, and its epoch noted. */
NODISCARD enum status inventory_find_asset(struct stage_io *io, const struct event *event,
    struct asset_ref *asset, Fettle__StateAsset **record);
/* Puts RECORD back, as heard of by EVENT. */
NODISCARD enum status inventory_touch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record);

/* What EVENT's record says of one fact; its revision is that of the envelope. */
struct inventory_fact {
	const struct event *event;
	const struct asset_ref *asset;
	Fettle__StateAsset *record;
	struct bytes key;
	struct event_value after;
	const char *collector;
	bool is_baseline;
};
/* As if it had come alone. */
NODISCARD enum status inventory_apply(struct stage_io *io, const struct inventory_fact *fact);

bool inventory_is_collector(const char *collector);
/* A pass, or the mark of a digest, that was held, once nothing it covers is awaited. */
NODISCARD enum status inventory_take_held(struct stage_io *io, const struct event *event);

#endif
