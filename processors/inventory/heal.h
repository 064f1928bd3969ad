/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heal.h - what is done where an agent's digest and the one kept here differ.
 *
 * An agent puts a mark into every lane; once all of one digest are applied, so is every fact that
 * it covers, and the two can be compared.  Where the roots differ the agent is asked for its
 * buckets, where buckets differ for their facts.  In the digest that follows it says which buckets
 * it has told anew, and what was not told since is gone here, too.
 */
#ifndef PROCESSORS_INVENTORY_HEAL_H
#define PROCESSORS_INVENTORY_HEAL_H

#include "core/digest.h"
#include "core/stage.h"
#include "proto/state.pb-c.h"

struct heal {
	struct stage_io *io;
	const struct event *event; /* an EVENT_DIGEST */
	const struct asset_ref *asset;
	Fettle__StateAsset *record;
	uint64_t pause_ms; /* between asking an agent for facts again */
	/* What was told of BUCKETS up to the revision FLOOR and not since is gone. */
	enum status (*unset_untold)(const struct heal *heal, const struct digest_set *buckets,
	    uint64_t floor);
};

/* REJECT: it is not well-formed. */
NODISCARD enum status heal_on_digest(const struct heal *heal);

#endif
