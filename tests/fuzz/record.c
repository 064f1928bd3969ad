/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever an endpoint sends, the stamp that a processor reads is the log's own; and what can be
 * understood before it was stamped is the same afterwards.
 */
#include "core/record.h"

#include "core/event.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t writer[AGENT_ID_SIZE] = "the true writer";
enum { SEQUENCE = 4711 };

static void stamp(struct buffer *out, struct bytes bytes)
{
	Fettle__Stamp message = FETTLE__STAMP__INIT;

	RECORD_SET_BYTES(&message, writer, BYTES_OF(writer));
	RECORD_SET(&message, sequence, SEQUENCE);
	record_stamp(out, bytes, &message);
}

static void is_the_logs_own(const Fettle__Stamp *found)
{
	FUZZ_HOLDS(bytes_equal(record_bytes(found->writer), BYTES_OF(writer)));
	FUZZ_HOLDS(found->sequence == SEQUENCE && !found->has_epoch);
}

/* A plain record means the same with its stamp. */
static void is_kept(struct bytes plain, const Fettle__Record *stamped, struct arena *arena)
{
	Fettle__Record *record = NULL;

	FUZZ_HOLDS(record_decode(plain, arena, &record) == STATUS_OK);
	FUZZ_HOLDS(record->stamp == NULL);
	FUZZ_HOLDS(record->envelope->kind == stamped->envelope->kind);
	FUZZ_HOLDS(bytes_equal(record_bytes(record->envelope->event_id),
	    record_bytes(stamped->envelope->event_id)));
	FUZZ_HOLDS(bytes_equal(record_bytes(record->body), record_bytes(stamped->body)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = BYTES(data, size);
	struct buffer stamped = { 0 };
	struct arena arena = { 0 };
	Fettle__Record *record = NULL;
	struct event event;
	const char *reason = NULL;

	stamp(&stamped, bytes);
	FUZZ_HOLDS(record_decode(buffer_bytes(&stamped), &arena, &record) == STATUS_OK);
	is_the_logs_own(record->stamp);
	if (record_is_plain(bytes))
		is_kept(bytes, record, &arena);
	else
		FUZZ_HOLDS(record->envelope->kind == FETTLE__KIND__KIND_MALFORMED
			   && bytes_equal(record_bytes(record->body), bytes));
	if (event_decode(buffer_bytes(&stamped), &arena, &event, &reason) == STATUS_OK) {
		is_the_logs_own(event.stamp);
		FUZZ_HOLDS(event.body != NULL && event.kind != EVENT_NONE);
	} else {
		FUZZ_HOLDS(reason != NULL);
	}
	buffer_fini(&stamped);
	arena_fini(&arena);
	return 0;
}
