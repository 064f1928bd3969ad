/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/checker/production.h"

#include <stdlib.h>

#include "proto/observation.pb-c.h"

enum { AGENTS_MAX = 256 };

/* The last entry about one subject. */
struct subject {
	UT_hash_handle hh;
	uint8_t name[HASH_SIZE];
	struct production_entry *last;
};

struct production {
	struct production_entry *entries;
	struct subject *subjects;
	unsigned lives[AGENTS_MAX];
	struct arena arena;
};

struct production *production_new(void)
{
	return memory_new(sizeof(struct production));
}

void production_free(struct production *production)
{
	struct production_entry *entry, *next_entry;
	struct subject *subject, *next_subject;

	if (production == NULL)
		return;
	HASH_ITER (hh, production->entries, entry, next_entry) {
		HASH_DELETE(hh, production->entries, entry);
		free(entry);
	}
	HASH_ITER (hh, production->subjects, subject, next_subject) {
		HASH_DELETE(hh, production->subjects, subject);
		free(subject);
	}
	arena_fini(&production->arena);
	free(production);
}

/* ---- what an entry is about ---- */

static struct bytes scope_of_pass(struct bytes body, struct arena *arena)
{
	const Fettle__Pass *pass = record_unpack(&fettle__pass__descriptor, body, arena);

	if (pass == NULL)
		return BYTES_NONE;
	return bytes_of_text(arena_format(arena, "%s %.*s", pass->collector, (int)pass->prefix.len,
	    (const char *)pass->prefix.data));
}

/* False: about nothing that a newer record could make good. */
static bool subject_of(const Fettle__Record *record, struct arena *arena, struct bytes *out)
{
	struct bytes body = record_bytes(record->body);
	const Fettle__Fact *fact;

	*out = BYTES_NONE;
	switch (record->envelope->kind) {
	case FETTLE__KIND__KIND_FACT_SET:
	case FETTLE__KIND__KIND_FACT_UNSET:
		fact = record_unpack(&fettle__fact__descriptor, body, arena);
		*out = fact == NULL ? BYTES_NONE : record_bytes(fact->key);
		return fact != NULL;
	case FETTLE__KIND__KIND_PASS:
		*out = scope_of_pass(body, arena);
		return true;
	case FETTLE__KIND__KIND_HEARTBEAT:
	case FETTLE__KIND__KIND_DIGEST:
		return true;
	default:
		return false;
	}
}

/* A fact is one whether it is set or unset. */
static void name_subject(const struct production_entry *entry, struct bytes subject,
    uint8_t out[HASH_SIZE])
{
	uint8_t owner[4] = { (uint8_t)entry->agent, (uint8_t)entry->life, (uint8_t)entry->lane,
		entry->kind == FETTLE__KIND__KIND_FACT_UNSET ? (uint8_t)FETTLE__KIND__KIND_FACT_SET
							     : (uint8_t)entry->kind };
	const struct bytes parts[] = { BYTES_OF(owner), subject };

	hash_parts(parts, 2, out);
}

static void link_subject(struct production *production, struct production_entry *entry,
    const Fettle__Record *record)
{
	struct subject *subject;
	struct bytes about;
	uint8_t name[HASH_SIZE];

	if (!subject_of(record, &production->arena, &about))
		return;
	name_subject(entry, about, name);
	HASH_FIND(hh, production->subjects, name, HASH_SIZE, subject);
	if (subject == NULL) {
		subject = memory_new(sizeof(*subject));
		memcpy(subject->name, name, HASH_SIZE);
		HASH_ADD(hh, production->subjects, name, HASH_SIZE, subject);
	} else {
		subject->last->later = entry;
	}
	subject->last = entry;
}

/* ---- entries ---- */

enum status production_add(struct production *production, unsigned agent, enum lane lane,
    uint64_t position, struct bytes bytes)
{
	struct production_entry *entry;
	Fettle__Record *record;

	arena_reset(&production->arena);
	if (record_decode(bytes, &production->arena, &record) != STATUS_OK)
		return STATUS_CORRUPT;
	if (production_find(production, record->envelope->event_id.data) != NULL)
		return STATUS_OK;
	entry = memory_new(sizeof(*entry));
	memcpy(entry->event_id, record->envelope->event_id.data, EVENT_ID_SIZE);
	entry->agent = agent;
	entry->life = production->lives[agent];
	entry->lane = lane;
	entry->position = position;
	entry->kind = record->envelope->kind;
	HASH_ADD(hh, production->entries, event_id, EVENT_ID_SIZE, entry);
	link_subject(production, entry, record);
	return STATUS_OK;
}

void production_begin_life(struct production *production, unsigned agent)
{
	unsigned life = production->lives[agent]++;

	for (struct production_entry *at = production->entries; at != NULL; at = at->hh.next)
		if (at->agent == agent && at->life == life)
			at->is_undone = true;
}

/* It goes on in the new life, as if it had been appended there. */
void production_keep(struct production *production, unsigned agent, struct bytes bytes)
{
	struct production_entry *entry;
	Fettle__Record *record;

	arena_reset(&production->arena);
	if (record_decode(bytes, &production->arena, &record) != STATUS_OK)
		return;
	entry = production_find(production, record->envelope->event_id.data);
	if (entry == NULL)
		return;
	entry->is_undone = false;
	entry->life = production->lives[agent];
	entry->later = NULL;
	link_subject(production, entry, record);
}

void production_logged(struct production *production, struct bytes bytes)
{
	struct production_entry *entry = NULL;
	Fettle__Record *record;

	arena_reset(&production->arena);
	if (record_decode(bytes, &production->arena, &record) == STATUS_OK)
		entry = production_find(production, record->envelope->event_id.data);
	if (entry != NULL)
		entry->was_logged++;
}

void production_forget_log(struct production *production)
{
	for (struct production_entry *at = production->entries; at != NULL; at = at->hh.next)
		at->was_logged = 0;
}

struct production_entry *production_find(struct production *production,
    const uint8_t event_id[EVENT_ID_SIZE])
{
	struct production_entry *entry;

	HASH_FIND(hh, production->entries, event_id, EVENT_ID_SIZE, entry);
	return entry;
}

struct production_entry *production_next(struct production *production,
    const struct production_entry *after)
{
	return after == NULL ? production->entries : after->hh.next;
}

size_t production_count(const struct production *production)
{
	return HASH_COUNT(production->entries);
}

unsigned production_life(const struct production *production, unsigned agent)
{
	return production->lives[agent];
}
