/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id_prefix.h - which one is meant by a name, an id, or the beginning of an id.
 */
#ifndef CONSOLE_ID_PREFIX_H
#define CONSOLE_ID_PREFIX_H

#include "console/console.h"
#include "core/hash.h"

struct id_prefix {
	const char *text; /* as it was typed */
	const char *what; /* "agent", for messages */

	/* What was found, once id_prefix_end is 0. */
	uint8_t id[HASH_SIZE];

	/* For id_prefix.c. */
	bool has_name;      /* a name beats the beginning of an id */
	unsigned found;     /* ids that differ */
	struct buffer list; /* of those, for a person */
};

/* One that there is; NAME may be NULL.  Each id comes once. */
void id_prefix_consider(struct id_prefix *prefix, struct bytes id, const char *name);
/* 0, or the exit code of a failure that a message told: none, or which are meant. */
NODISCARD int id_prefix_end(struct id_prefix *prefix);
void id_prefix_fini(struct id_prefix *prefix);

#endif
