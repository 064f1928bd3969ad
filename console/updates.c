/* SPDX-License-Identifier: Apache-2.0 */
#include "console/updates.h"

#include <stdlib.h>

#include "core/log.h"

static const char prefix[] = "update/";

static int by_subject(const void *a, const void *b)
{
	const struct update *one = a, *other = b;

	return strcmp(one->subject, other->subject);
}

/* The subject of a finding is escaped, as it is text for people. */
static const char *subject_of(struct arena *arena, struct bytes key)
{
	struct buffer clean = { 0 };
	const char *subject;

	log_escape(&clean, BYTES(key.data + strlen(prefix), key.size - strlen(prefix)));
	subject = arena_text(arena, buffer_text(&clean));
	buffer_fini(&clean);
	return subject;
}

static const char *text_field(struct arena *arena, const struct fact *fact, const char *name)
{
	const struct fact_field *field = fact_find(fact->fields, fact->fields_count, name);

	if (field == NULL || field->type != FACT_TEXT || field->bytes.size == 0)
		return NULL;
	return arena_format(arena, "%.*s", (int)field->bytes.size, (const char *)field->bytes.data);
}

static bool says_yes(struct arena *arena, const struct fact *fact, const char *name)
{
	const char *text = text_field(arena, fact, name);

	return text != NULL && strcmp(text, "yes") == 0;
}

static enum status add(void *data, const struct state_fact *fact)
{
	struct updates *updates = data;
	struct arena *arena = &updates->arena;

	if (fact->fact.status != FACT_PRESENT)
		return STATUS_OK;
	if (updates->count == updates->room) {
		updates->room = updates->room * 2 + 64;
		updates->items = memory_grow(updates->items,
		    updates->room * sizeof(*updates->items));
	}
	updates->items[updates->count++] =
	    (struct update){ .subject = subject_of(arena, fact->fact.key),
		    .candidate = text_field(arena, &fact->fact, "candidate"),
		    .is_security = says_yes(arena, &fact->fact, "security"),
		    .is_held = says_yes(arena, &fact->fact, "held") };
	return STATUS_OK;
}

enum status updates_load(struct updates *updates, struct state_reader *reader, struct bytes asset)
{
	enum status status = STATUS_NOT_FOUND;

	arena_reset(&updates->arena);
	updates->count = 0;
	if (asset.size == ASSET_ID_SIZE)
		status = state_reader_facts(reader, asset.data, bytes_of_text(prefix), add,
		    updates);
	if (updates->count > 0)
		qsort(updates->items, updates->count, sizeof(*updates->items), by_subject);
	return status;
}

void updates_fini(struct updates *updates)
{
	free(updates->items);
	arena_fini(&updates->arena);
	*updates = (struct updates){ 0 };
}

const struct update *updates_find(const struct updates *updates, const char *subject)
{
	struct update wanted = { .subject = subject };

	if (updates->count == 0)
		return NULL;
	return bsearch(&wanted, updates->items, updates->count, sizeof(wanted), by_subject);
}
