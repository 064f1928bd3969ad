/* SPDX-License-Identifier: Apache-2.0 */
#include "console/backup/environments.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char sinks[] = "sinks";

static enum status add(struct environments *out, const char *data, char *name)
{
	char *file = text_format("%s/%s/data.mdb", data, name);
	int error = access(file, F_OK) == 0 ? 0 : errno;

	free(file);
	if (error == 0 && out->count < ENVIRONMENTS_MAX) {
		out->names[out->count++] = name;
		return STATUS_OK;
	}
	free(name);
	if (error == ENOENT || error == ENOTDIR)
		return STATUS_OK;
	return error == 0 ? STATUS_FULL : status_of_errno(error);
}

static enum status add_sinks(struct environments *out, const char *data)
{
	char *path = text_format("%s/%s", data, sinks);
	DIR *listing = opendir(path);
	enum status status = listing != NULL || errno == ENOENT ? STATUS_OK
	                                                        : status_of_errno(errno);
	const struct dirent *entry;

	while (listing != NULL && status == STATUS_OK && (entry = readdir(listing)) != NULL)
		if (entry->d_name[0] != '.')
			status = add(out, data, text_format("%s/%s", sinks, entry->d_name));
	if (listing != NULL)
		closedir(listing);
	free(path);
	return status;
}

enum status environments_find(const char *data, struct environments *out)
{
	static const char *const others[] = { "store", "state", "log", "spool" };
	enum status status;

	*out = (struct environments){ .count = 0 };
	status = add_sinks(out, data);
	for (size_t i = 0; status == STATUS_OK && i < sizeof(others) / sizeof(others[0]); i++)
		status = add(out, data, text_copy(others[i]));
	if (status != STATUS_OK)
		environments_fini(out);
	return status;
}

void environments_fini(struct environments *environments)
{
	while (environments->count > 0)
		free(environments->names[--environments->count]);
}

bool environments_is_spool(const char *name)
{
	return strcmp(name, "spool") == 0;
}

enum { ID = 16, ASSET = 1 + ID, U32 = 4, U64 = 8, ANY = 511 };

/* The sizes of keys, where one is known: brokers/log/tables.h and processors/state/tables.h. */
static const struct shape {
	const char *name, *table;
	size_t least, most;
} shapes[] = {
	{ "log", "record", U32 + U64, U32 + U64 },
	{ "log", "head", U32, U32 },
	{ "log", "cursor", ID + U32, ID + U32 },
	{ "log", "agent", ID, ID },
	{ "log", "command", ID + U64, ID + U64 },
	{ "log", "command_key", ID + 1, ANY },
	{ "log", "reader", U32 + 1, ANY },
	{ "log", "reader_key", 1, ANY },
	{ "log", "operator", 1, 64 },
	{ "state", "input", U64, U64 },
	{ "state", "batch", U64, U64 },
	{ "state", "verdict", U64, U64 },
	{ "state", "outbox", U64, U64 },
	{ "state", "agent", ID, ID },
	{ "state", "asset", ASSET, ASSET },
	{ "state", "fact", ASSET + 1, ANY },
	{ "state", "value", ID, ID },
	{ "state", "posting", ID, ANY },
	{ "state", "pass", ASSET + 1, ANY },
	{ "state", "assessed", ASSET, ASSET },
	{ "state", "planned", ASSET, ASSET },
	{ "state", "asset_jobs", ASSET, ASSET },
	{ "state", "digest", ASSET, ASSET + 1 },
	{ "state", "health", ASSET, ASSET },
	{ "store", "assets", ID, ID },
	{ "store", "findings", ID, ID },
	{ "store", "audit", U64, U64 },
	{ "store", "audit_by_id", ID, ID },
	{ "store", "checkpoints", U64, U64 },
	{ "store", "health", ID + 1 + U64, ID + 1 + U64 },
};

const char *environments_shape(const char *name, const char *table, struct bytes key)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *at = &shapes[i];

		if (strcmp(at->name, name) == 0 && strcmp(at->table, table) == 0)
			return key.size < at->least || key.size > at->most
			         ? "the key has not the size of this table's keys"
			         : NULL;
	}
	return NULL;
}
