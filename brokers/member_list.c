/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/member_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/hashmap.h"

enum { PLACE_TEXT = 8, USER_TEXT = 2 * AGENT_ID_SIZE + 2 * PLACE_TEXT };

struct entry {
	struct member member;
	uint32_t pass; /* in which it was last seen */
	UT_hash_handle hh;
};

struct member_list {
	member_list_on_end on_end;
	void *data;
	struct entry *by_key;
	struct entry **places; /* NULL: free */
	uint32_t places_count, places_room;
	uint32_t free_from; /* no free place before it */
	uint32_t generation, pass;
	uint64_t whole_at; /* the record with which this pass is whole */
	uint64_t ends_ms;  /* no key ends before that, or 0: none that has an end is known */
	bool is_reading;   /* this pass is not whole yet */
	bool is_whole;
	struct arena arena;
};

struct member_list *member_list_new(member_list_on_end on_end, void *data)
{
	struct member_list *list = memory_new(sizeof(*list));

	list->on_end = on_end;
	list->data = data;
	return list;
}

static void end(struct member_list *list, struct entry *entry)
{
	uint32_t place = entry->member.place;

	HASH_DEL(list->by_key, entry);
	list->places[place] = NULL;
	if (place < list->free_from)
		list->free_from = place;
	free(entry);
	list->on_end(list->data, place);
}

static void end_quietly(void *data, uint32_t place)
{
	(void)data;
	(void)place;
}

void member_list_free(struct member_list *list)
{
	struct entry *entry, *next;

	if (list == NULL)
		return;
	list->on_end = end_quietly;
	HASH_ITER (hh, list->by_key, entry, next)
		end(list, entry);
	free(list->places);
	arena_fini(&list->arena);
	free(list);
}

/* ---- reading ---- */

/* Whoever was not named in a whole pass is no member of this log any more: it was restored. */
static void finish_pass(struct member_list *list)
{
	struct entry *entry, *next;

	HASH_ITER (hh, list->by_key, entry, next)
		if (entry->pass != list->pass)
			end(list, entry);
	list->is_reading = false;
	list->is_whole = true;
}

void member_list_begin(struct member_list *list, uint64_t count)
{
	list->pass++;
	list->whole_at = count;
	list->is_reading = true;
	if (count == 0)
		finish_pass(list);
}

static uint32_t take_place(struct member_list *list, struct entry *entry)
{
	uint32_t place = list->free_from;

	while (place < list->places_count && list->places[place] != NULL)
		place++;
	if (place == list->places_room) {
		list->places_room = list->places_room * 2 + 64;
		list->places = memory_grow(list->places, list->places_room * sizeof(*list->places));
	}
	if (place == list->places_count)
		list->places_count++;
	list->places[place] = entry;
	list->free_from = place + 1;
	return place;
}

static struct entry *add(struct member_list *list, struct bytes key)
{
	struct entry *entry = memory_new(sizeof(*entry));

	memcpy(entry->member.key, key.data, SOCKET_KEY_SIZE);
	entry->member.place = take_place(list, entry);
	entry->member.generation = ++list->generation;
	HASH_ADD(hh, list->by_key, member.key, SOCKET_KEY_SIZE, entry);
	return entry;
}

static void note_end(struct member_list *list, uint64_t valid_until_ms)
{
	if (valid_until_ms != 0 && (list->ends_ms == 0 || valid_until_ms < list->ends_ms))
		list->ends_ms = valid_until_ms;
}

/* A key that was offered opens nothing until its secret was proven. */
static bool opens(const Fettle__Member *member)
{
	return member->state == FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED
	    && (!member->is_awaited || member->is_proven);
}

static void take_member(struct member_list *list, const Fettle__Member *member)
{
	struct entry *entry;

	if (member->key.len != SOCKET_KEY_SIZE || member->agent.len != AGENT_ID_SIZE)
		return;
	HASH_FIND(hh, list->by_key, member->key.data, SOCKET_KEY_SIZE, entry);
	if (!opens(member)) {
		if (entry != NULL)
			end(list, entry);
		return;
	}
	if (entry == NULL)
		entry = add(list, record_bytes(member->key));
	memcpy(entry->member.agent, member->agent.data, AGENT_ID_SIZE);
	entry->member.valid_until_ms = member->valid_until_ms;
	entry->member.is_awaited = member->is_awaited;
	entry->pass = list->pass;
	note_end(list, member->valid_until_ms);
}

void member_list_take(struct member_list *list, uint64_t number, struct bytes record)
{
	Fettle__Record *decoded;
	Fettle__Member *member = NULL;

	arena_reset(&list->arena);
	if (record.size > 0 && record_decode(record, &list->arena, &decoded) == STATUS_OK
	    && decoded->envelope->kind == FETTLE__KIND__KIND_MEMBER)
		member = record_unpack(&fettle__member__descriptor, record_bytes(decoded->body),
		    &list->arena);
	if (member != NULL)
		take_member(list, member);
	if (list->is_reading && number >= list->whole_at)
		finish_pass(list);
}

void member_list_sweep(struct member_list *list, uint64_t now_ms)
{
	struct entry *entry, *next;

	if (list->ends_ms == 0 || now_ms < list->ends_ms)
		return;
	list->ends_ms = 0;
	HASH_ITER (hh, list->by_key, entry, next) {
		if (entry->member.valid_until_ms != 0 && now_ms >= entry->member.valid_until_ms)
			end(list, entry);
		else
			note_end(list, entry->member.valid_until_ms);
	}
}

bool member_list_is_whole(const struct member_list *list)
{
	return list->is_whole;
}

size_t member_list_count(const struct member_list *list)
{
	return HASH_COUNT(list->by_key);
}

/* ---- asking ---- */

static const struct member *if_valid(const struct member_list *list, const struct entry *entry,
    uint64_t now_ms)
{
	if (entry == NULL || !list->is_whole
	    || (entry->member.valid_until_ms != 0 && now_ms >= entry->member.valid_until_ms))
		return NULL;
	return &entry->member;
}

const struct member *member_list_find(const struct member_list *list,
    const uint8_t key[SOCKET_KEY_SIZE], uint64_t now_ms)
{
	struct entry *entry;

	HASH_FIND(hh, list->by_key, key, SOCKET_KEY_SIZE, entry);
	return if_valid(list, entry, now_ms);
}

void member_list_user(const struct member *member, char user[ZAP_USER_MAX])
{
	char agent[2 * AGENT_ID_SIZE + 1];

	bytes_to_hex(BYTES_OF(member->agent), agent);
	snprintf(user, ZAP_USER_MAX, "%s%08x%08x", agent, member->place, member->generation);
}

const struct member *member_list_of_user(const struct member_list *list, const char *user,
    uint64_t now_ms)
{
	uint8_t parsed[USER_TEXT / 2];
	const struct entry *entry;
	uint32_t place;

	if (!bytes_from_hex(user, parsed, sizeof(parsed)))
		return NULL;
	place = bytes_u32(parsed + AGENT_ID_SIZE);
	entry = place < list->places_count ? list->places[place] : NULL;
	if (entry == NULL || entry->member.generation != bytes_u32(parsed + AGENT_ID_SIZE + 4)
	    || memcmp(entry->member.agent, parsed, AGENT_ID_SIZE) != 0)
		return NULL;
	return if_valid(list, entry, now_ms);
}

void member_list_told(struct member_list *list, const struct member *member)
{
	list->places[member->place]->member.is_awaited = false;
}
