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
enum {
	INVENTORY_ANNOUNCE_AFTER_MS = 2000,
	INVENTORY_RESYNC_PAUSE_MS = 600 * 1000,
	INVENTORY_BUNDLES_SIZE = 256 << 20,
	INVENTORY_ASK_AGAIN_MS = 60 * 1000,
};
#define INVENTORY_BUNDLES_KEEP_MS (7ULL * 24 * 3600 * 1000)

/*
 * An asset's row is written again with every record, and every pass on it is looked through for
 * what is new: what an endpoint may put into them is bounded, or a few records would cost the host
 * a gigabyte and a minute.
 */
enum { INVENTORY_TEXT_MAX = 255 };

/* ---- assets.c ---- */

/* The asset that EVENT's record is about, made if need be, and its epoch noted. */
NODISCARD enum status inventory_find_asset(struct stage_io *io, const struct event *event,
    struct asset_ref *asset, Fettle__StateAsset **record);
/* Puts RECORD back, as heard of by EVENT. */
NODISCARD enum status inventory_touch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record);
/* Says at once what RECORD is. */
void inventory_announce(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__StateAsset *record);

/* ---- facts.c ---- */

/* What one record makes of one fact. */
struct inventory_update {
	const struct event *event;
	const struct asset_ref *asset;
	Fettle__StateAsset *record;
	struct bytes key;
	struct event_value after;
	uint64_t epoch, revision;
	const char *collector;
	bool is_baseline;
	bool is_agents_word; /* that it is */
};

/* Does nothing where what is known is newer. */
NODISCARD enum status inventory_update(struct stage_io *io, const struct inventory_update *update);
NODISCARD enum status inventory_on_fact(struct stage_io *io, const struct event *event);

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

/* NULL is fine. */
bool inventory_is_collector(const char *collector);

/* ---- passes.c ---- */

/* Of the row of `pass`; an empty PREFIX: what the keys of all of COLLECTOR begin with. */
void inventory_pass_key(struct buffer *key, const struct asset_ref *asset, const char *collector,
    struct bytes prefix);
NODISCARD enum status inventory_on_pass(struct stage_io *io, const struct event *event);

/* ---- digests.c ---- */

NODISCARD enum status inventory_on_digest(struct stage_io *io, const struct event *event);

/* ---- inventory.c ---- */

/* A pass, or the mark of a digest, that was held, once nothing it covers is awaited. */
NODISCARD enum status inventory_take_held(struct stage_io *io, const struct event *event);

#endif
