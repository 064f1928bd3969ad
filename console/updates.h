/* SPDX-License-Identifier: Apache-2.0 */
/*
 * updates.h - what the package manager of one asset would upgrade, by its facts: the finding says
 * that a patch is missing, the fact which version it is.
 */
#ifndef CONSOLE_UPDATES_H
#define CONSOLE_UPDATES_H

#include "core/bytes.h"
#include "core/status.h"
#include "processors/state/reader.h"

struct update {
	const char *subject;   /* "dpkg/openssl:amd64", as the finding has it */
	const char *candidate; /* its version; NULL: not told */
	bool is_security;      /* the update comes from where security updates come from */
	bool is_held;          /* somebody on the machine wants it to stay as it is */
};

/* All zeroes is an empty one. */
struct updates {
	struct update *items; /* by subject */
	size_t count, room;
	struct arena arena;
};

/* Replaces what was loaded.  NOT_FOUND where the asset is not known; as state_reader_facts. */
NODISCARD enum status updates_load(struct updates *updates, struct state_reader *reader,
    struct bytes asset);
void updates_fini(struct updates *updates);

/* NULL: it is not pending any more. */
const struct update *updates_find(const struct updates *updates, const char *subject);

#endif
