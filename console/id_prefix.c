/* SPDX-License-Identifier: Apache-2.0 */
#include "console/id_prefix.h"

#include <strings.h>

enum { LEAST = 4, SHOWN = 12, LISTED = 10 };

static bool begins(const struct id_prefix *prefix, const char *hex)
{
	size_t size = strlen(prefix->text);

	return size >= LEAST && size <= 2 * HASH_SIZE && strncasecmp(hex, prefix->text, size) == 0;
}

static void note(struct id_prefix *prefix, struct bytes id, const char *hex, const char *name)
{
	memcpy(prefix->id, id.data, HASH_SIZE);
	if (prefix->found++ < LISTED)
		buffer_append_format(&prefix->list, "%s%.*s (%s)", prefix->found > 1 ? ", " : "",
		    SHOWN, hex, name == NULL || name[0] == '\0' ? "no name" : name);
}

void id_prefix_consider(struct id_prefix *prefix, struct bytes id, const char *name)
{
	bool is_name = name != NULL && strcmp(name, prefix->text) == 0;
	char hex[2 * HASH_SIZE + 1];

	if (id.size != HASH_SIZE)
		return;
	bytes_to_hex(id, hex);
	if (is_name && !prefix->has_name) {
		prefix->has_name = true;
		prefix->found = 0;
		buffer_clear(&prefix->list);
	}
	if (is_name || (!prefix->has_name && begins(prefix, hex)))
		note(prefix, id, hex, name);
}

int id_prefix_end(struct id_prefix *prefix)
{
	if (prefix->found == 1)
		return 0;
	if (prefix->found == 0)
		return console_fail(STATUS_NOT_FOUND, "there is no %s `%s`", prefix->what,
		    prefix->text);
	return console_fail(STATUS_NOT_FOUND, "`%s` may be any of %u: %s; say more of its id",
	    prefix->text, prefix->found, buffer_text(&prefix->list));
}

void id_prefix_fini(struct id_prefix *prefix)
{
	buffer_fini(&prefix->list);
}
