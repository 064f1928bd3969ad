/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/names.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/hashmap.h"
#include "sinks/store/query.h"

enum { KNOWN_MAX = 64 * 1024, OPEN_AGAIN_MS = 10 * 1000 };

struct name {
	uint8_t id[HASH_SIZE];
	char *text;
	UT_hash_handle hh;
};

struct names {
	char *data;
	struct name *known;
	struct query *store; /* NULL: not there, or not tried yet */
	uint64_t open_at_ms;
	struct arena arena;
};

struct names *names_new(const char *data)
{
	struct names *names = memory_new(sizeof(*names));

	names->data = text_copy(data);
	return names;
}

static void forget_all(struct names *names)
{
	struct name *name, *next;

	HASH_ITER (hh, names->known, name, next) {
		HASH_DELETE(hh, names->known, name);
		free(name->text);
		free(name);
	}
}

void names_free(struct names *names)
{
	if (names == NULL)
		return;
	forget_all(names);
	query_close(names->store);
	arena_fini(&names->arena);
	free(names->data);
	free(names);
}

static struct name *find(struct names *names, struct bytes id)
{
	struct name *name = NULL;

	if (id.size == HASH_SIZE)
		HASH_FIND(hh, names->known, id.data, HASH_SIZE, name);
	return name;
}

void names_learn(struct names *names, struct bytes id, const char *text)
{
	struct name *name = find(names, id);

	if (id.size != HASH_SIZE || text == NULL || text[0] == '\0')
		return;
	if (name == NULL) {
		if (HASH_COUNT(names->known) >= KNOWN_MAX)
			forget_all(names);
		name = memory_new(sizeof(*name));
		memcpy(name->id, id.data, HASH_SIZE);
		HASH_ADD(hh, names->known, id, HASH_SIZE, name);
	}
	free(name->text);
	name->text = text_copy(text);
}

/* The store may begin after this sink does, so a failure is no more than "not yet". */
static struct query *store_of(struct names *names)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (names->store == NULL && now_ms >= names->open_at_ms) {
		names->open_at_ms = now_ms + OPEN_AGAIN_MS;
		if (query_open(names->data, &names->store) != STATUS_OK)
			names->store = NULL;
	}
	return names->store;
}

const char *names_find(struct names *names, struct bytes id)
{
	Fettle__AssetVerdict *asset = NULL;
	struct name *name = find(names, id);

	if (name == NULL && id.size == HASH_SIZE && store_of(names) != NULL) {
		arena_reset(&names->arena);
		if (query_asset(names->store, id, &names->arena, &asset) == STATUS_OK)
			names_learn(names, id, asset->name);
		name = find(names, id);
	}
	return name == NULL ? NULL : name->text;
}
