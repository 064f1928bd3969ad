/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes are a frame or not.  A frame that was understood is understood in the same way once what it
 * means has been written again, and what decoding takes is bounded by what came.
 */
#include "core/link.h"
#include "core/record.h"
#include "tests/fuzz/fuzz.h"

enum { MEMORY_FACTOR = 16, MEMORY_FIXED = 64 * 1024 };

static void forget_unknown(ProtobufCMessage *message);

static void forget_unknown_in(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	void *member = (uint8_t *)message + field->offset;
	size_t count = 1;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return;
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&count, (uint8_t *)message + field->quantifier_offset, sizeof(count));
		member = *(void **)member;
	}
	for (size_t i = 0; i < count; i++)
		if (((ProtobufCMessage **)member)[i] != NULL)
			forget_unknown(((ProtobufCMessage **)member)[i]);
}

/* protobuf-c reads field number 0 where it is not written shortly, and writes what it cannot read.
 */
static void forget_unknown(ProtobufCMessage *message)
{
	message->n_unknown_fields = 0;
	for (unsigned i = 0; i < message->descriptor->n_fields; i++)
		forget_unknown_in(message, &message->descriptor->fields[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer first = { 0 }, second = { 0 };
	struct arena arena = { 0 };
	Fettle__Frame *frame = link_decode(BYTES(data, size), &arena);

	FUZZ_HOLDS(arena.used <= MEMORY_FACTOR * size + MEMORY_FIXED);
	if (frame != NULL) {
		forget_unknown(&frame->base);
		record_pack(&first, &frame->base);
		frame = link_decode(buffer_bytes(&first), &arena);
		FUZZ_HOLDS(frame != NULL);
		record_pack(&second, &frame->base);
		FUZZ_HOLDS(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	}
	buffer_fini(&first);
	buffer_fini(&second);
	arena_fini(&arena);
	return 0;
}
