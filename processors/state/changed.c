/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/changed.h"

#include "core/hash.h"
#include "core/link.h"
#include "core/require.h"

/* What a verdict has for both values: alerts say them too, and other things about them. */
enum { VALUES_MAX = LINK_VERDICT_MAX - 64 * 1024 };

/* ROOM shrinks by what is said of VALUE. */
static Fettle__FactState *side(const struct event_value *value, size_t *room, struct arena *arena)
{
	Fettle__FactState *state = arena_take(arena, sizeof(*state));

	fettle__fact_state__init(state);
	RECORD_SET(state, status, (uint32_t)value->status);
	state->reason = RECORD_TEXT(value->reason);
	if (value->value.size <= *room) {
		RECORD_SET_BYTES(state, value, value->value);
		*room -= value->value.size;
	} else {
		state->reason = RECORD_TEXT("the value is too large to be shown in a change");
	}
	return state;
}

/* Of what one record says of many facts, each change has an id of its own. */
static struct bytes id_of(const struct event *event, const struct event_change *change,
    struct arena *arena)
{
	const struct bytes parts[] = { record_bytes(event->envelope->event_id), change->key };
	uint8_t *id;

	if (event->envelope->kind != FETTLE__KIND__KIND_PASS)
		return parts[0];
	id = arena_take(arena, HASH_SIZE);
	hash_parts(parts, 2, id);
	return BYTES(id, HASH_SIZE);
}

Fettle__ChangeVerdict *changed_verdict(const struct event *event, struct arena *arena)
{
	const struct event_change *change = event_change(event);
	Fettle__ChangeVerdict *verdict = arena_take(arena, sizeof(*verdict));
	size_t room = VALUES_MAX;

	REQUIRE(change != NULL && event->envelope != NULL && event->stamp != NULL);
	fettle__change_verdict__init(verdict);
	RECORD_SET_BYTES(verdict, id, id_of(event, change, arena));
	RECORD_SET_BYTES(verdict, asset, BYTES_OF(change->asset->id));
	RECORD_SET_BYTES(verdict, key, change->key);
	verdict->after = side(&change->after, &room, arena);
	verdict->before = side(&change->before, &room, arena);
	RECORD_SET(verdict, observed_ms, event->envelope->wall_ms);
	RECORD_SET(verdict, received_ms, event->stamp->received_ms);
	verdict->collector = RECORD_TEXT(change->collector);
	return verdict;
}
