/* SPDX-License-Identifier: Apache-2.0 */
#include "console/intent.h"

#include <stdlib.h>
#include <time.h>

#include "console/control_client.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/record.h"

enum { LOOK_AGAIN_MS = 50 };

void intent_init(struct intent *intent)
{
	*intent = (struct intent){ .request = FETTLE__CONTROL_REQUEST__INIT };
}

void intent_fini(struct intent *intent)
{
	free(intent->request.intent);
	arena_fini(&intent->arena);
	intent_init(intent);
}

static Fettle__Envelope *new_envelope(struct arena *arena, uint32_t kind, const char *key)
{
	Fettle__Envelope *envelope = arena_take(arena, sizeof(*envelope));
	uint8_t *event_id = arena_take(arena, EVENT_ID_SIZE);

	fettle__envelope__init(envelope);
	hash_random(event_id, EVENT_ID_SIZE);
	RECORD_SET_BYTES(envelope, event_id, BYTES(event_id, EVENT_ID_SIZE));
	RECORD_SET(envelope, kind, kind);
	RECORD_SET(envelope, schema, 1);
	RECORD_SET(envelope, wall_ms, clock_wall_ms());
	RECORD_SET_BYTES(envelope, key, arena_bytes(arena, bytes_of_text(key)));
	return envelope;
}

void intent_add(struct intent *intent, uint32_t kind, const char *key, const ProtobufCMessage *body)
{
	Fettle__Record *record = arena_take(&intent->arena, sizeof(*record));
	struct buffer packed = { 0 };

	fettle__record__init(record);
	record_pack(&packed, body);
	record->envelope = new_envelope(&intent->arena, kind, key);
	RECORD_SET_BYTES(record, body, arena_bytes(&intent->arena, buffer_bytes(&packed)));
	buffer_fini(&packed);
	if (intent->request.n_intent == intent->room) {
		intent->room = intent->room * 2 + 16;
		intent->request.intent = memory_grow(intent->request.intent,
		    intent->room * sizeof(*intent->request.intent));
	}
	intent->request.intent[intent->request.n_intent++] = record;
}

enum status intent_send(struct intent *intent, const char *data, uint64_t *written)
{
	*written = 0;
	return intent->request.n_intent == 0 ? STATUS_OK
	                                     : control_send(data, &intent->request, written);
}

bool intent_wait(bool (*is_done)(void *data), void *data, uint64_t patience_ms)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000 * 1000 };
	uint64_t end_ms = clock_monotonic_ms() + patience_ms;

	while (!is_done(data)) {
		if (clock_monotonic_ms() >= end_ms)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}
