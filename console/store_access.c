/* SPDX-License-Identifier: Apache-2.0 */
#include "console/store_access.h"

static int fail(enum status status, const struct console *console)
{
	if (status == STATUS_NOT_FOUND)
		return console_fail(status,
		    "nothing was stored in %s yet; `fettle serve` does, or name it by --data",
		    console->paths.data);
	return console_fail(status, "the store in %s cannot be read: %s", console->paths.data,
	    status_text(status));
}

int store_access_open(struct store_access *access, const struct console *console)
{
	enum status status;

	*access = (struct store_access){ 0 };
	status = query_open(console->paths.data, &access->query);
	if (status == STATUS_OK)
		status = asset_table_load(&access->assets, access->query);
	if (status == STATUS_OK)
		return 0;
	store_access_fini(access);
	return fail(status, console);
}

void store_access_fini(struct store_access *access)
{
	query_close(access->query);
	asset_table_fini(&access->assets);
}

bool store_access_asset(const struct store_access *access, const struct console *console,
    struct bytes *out)
{
	const char *name = console_option(console, "asset");
	const struct asset_row *row;

	*out = BYTES_NONE;
	if (name == NULL)
		return true;
	row = asset_table_resolve(&access->assets, name);
	if (row != NULL)
		*out = BYTES_OF(row->id);
	return row != NULL;
}

/* What is acknowledged or approved cannot be taken back: a slip of the finger is to name nothing.
 */
enum { DIGITS_LEAST = 4 };

static int explain(const struct console *console, const char *what, const char *id,
    enum status status)
{
	if (strlen(id) < DIGITS_LEAST)
		return console_usage(console,
		    "`%s` is too short for the id of one %s; give %d digits or more", id, what,
		    DIGITS_LEAST);
	if (status == STATUS_OK)
		return 0;
	if (status == STATUS_EXISTS)
		return console_fail(status,
		    "the ids of several %ss begin with `%s`; give more digits", what, id);
	if (status == STATUS_INVALID)
		return console_usage(console, "an id is hexadecimal digits, not `%s`", id);
	if (status == STATUS_NOT_FOUND)
		return console_fail(status, "there is no %s `%s`; `fettle %ss` lists them", what,
		    id, what);
	return console_fail(status, "%s `%s`: %s", what, id, status_text(status));
}

int store_access_alert(const struct store_access *access, const struct console *console,
    const char *id, struct arena *arena, Fettle__AlertVerdict **out)
{
	return explain(console, "alert", id, query_alert(access->query, id, arena, out));
}

int store_access_job(const struct store_access *access, const struct console *console,
    const char *id, struct arena *arena, Fettle__JobVerdict **out)
{
	return explain(console, "job", id, query_job(access->query, id, arena, out));
}
