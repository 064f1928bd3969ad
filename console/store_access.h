/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_access.h - the store with its assets, as nearly every command needs them.
 */
#ifndef CONSOLE_STORE_ACCESS_H
#define CONSOLE_STORE_ACCESS_H

#include "console/asset_table.h"

struct store_access {
	struct query *query;
	struct asset_table assets;
};

/* 0, or the exit code of a failure that a message told. */
NODISCARD int store_access_open(struct store_access *access, const struct console *console);
void store_access_fini(struct store_access *access);

/*
 * The id of the asset that the option --asset names, borrowed; NONE where it was not given.  False:
 * there is no such asset, and a message said so.
 */
bool store_access_asset(const struct store_access *access, const struct console *console,
    struct bytes *out);

/*
 * The alert or job whose id begins with ID, in ARENA.  0, or the exit code of a failure that a
 * message told.
 */
NODISCARD int store_access_alert(const struct store_access *access, const struct console *console,
    const char *id, struct arena *arena, Fettle__AlertVerdict **out);
NODISCARD int store_access_job(const struct store_access *access, const struct console *console,
    const char *id, struct arena *arena, Fettle__JobVerdict **out);

#endif
