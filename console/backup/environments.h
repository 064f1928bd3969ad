/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environments.h - which environments a data directory holds, and the shape of their keys.
 */
#ifndef CONSOLE_BACKUP_ENVIRONMENTS_H
#define CONSOLE_BACKUP_ENVIRONMENTS_H

#include "core/bytes.h"
#include "core/status.h"

enum { ENVIRONMENTS_MAX = 64 };

/* Their paths below the data directory: whoever reads a stream comes before whoever writes it. */
struct environments {
	char *names[ENVIRONMENTS_MAX];
	size_t count;
};

/* OK, also where there is none; DENIED, IO; FULL: there are too many. */
NODISCARD enum status environments_find(const char *data, struct environments *out);
void environments_fini(struct environments *environments);

/* The agent's: its facts come anew from the endpoint, so that it is never backed up. */
bool environments_is_spool(const char *name);
/* The key in question is none of TABLE; NULL: it may be. */
const char *environments_shape(const char *name, const char *table, struct bytes key);

#endif
