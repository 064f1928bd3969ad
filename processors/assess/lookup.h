/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.h - all that an evaluator knows of the world: the facts of one asset, by key.
 *
 * Evaluators do not know where facts live, so `policy test` runs them on captured facts or on a
 * file tree, and the assess stage on its state.
 */
#ifndef PROCESSORS_ASSESS_LOOKUP_H
#define PROCESSORS_ASSESS_LOOKUP_H

#include "core/fact.h"
#include "core/status.h"

struct lookup {
	void *self;
	/*
	 * The fact under KEY, borrowed until the next call.  NOT_FOUND: never observed (the rule is
	 * "not run", as opposed to a fact whose status is absent).  CORRUPT, IO: as they are.
	 */
	enum status (*get)(void *self, struct bytes key, const struct fact **out);
};

#endif
