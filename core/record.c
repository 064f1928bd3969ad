/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf-c bounds nothing: a megabyte of hostile wire becomes 80 of heap.  So every decoding runs
 * on an arena with a budget, and what it accepted is checked for UTF-8 and unknown fields after.
 */
#include "core/record.h"

#include "core/hash.h"
#include "core/require.h"

enum { BUDGET_FACTOR = 16, BUDGET_BASE = 64 * 1024, UNKNOWN_FIELDS_MAX = 32 };
static const size_t budget_max = 2 * 1024 * 1024;

ProtobufCBinaryData record_binary(struct bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data };
}

struct bytes record_bytes(ProtobufCBinaryData data)
{
	return BYTES(data.data, data.len);
}

struct budget {
	struct arena *arena;
	size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *budget = data;

	if (size > budget->left)
		return NULL;
	budget->left -= size;
	return arena_take(budget->arena, size);
}

static void budget_free(void *data, void *pointer)
{
	(void)data;
	(void)pointer; /* the arena frees all at once */
}

static bool is_sound(const ProtobufCMessage *message);

static bool is_sound_value(const ProtobufCFieldDescriptor *field, const void *member)
{
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		const char *text = *(char *const *)member;

		return text == NULL || bytes_is_utf8(bytes_of_text(text));
	}
	if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		const ProtobufCMessage *child = *(ProtobufCMessage *const *)member;

		return child == NULL || is_sound(child);
	}
	return true;
}

static bool is_sound_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	const uint8_t *base = (const uint8_t *)message;
	const void *member = base + field->offset;
	const void *const *items;
	size_t count;

	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return is_sound_value(field, member);
	if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
		return true;
	memcpy(&count, base + field->quantifier_offset, sizeof(count));
	memcpy(&items, member, sizeof(items));
	for (size_t i = 0; i < count; i++)
		if (!is_sound_value(field, &items[i]))
			return false;
	return true;
}

/* No message of ours contains itself, so this ends. */
static bool is_sound(const ProtobufCMessage *message)
{
	if (message->n_unknown_fields > UNKNOWN_FIELDS_MAX)
		return false;
	for (unsigned i = 0; i < message->descriptor->n_fields; i++)
		if (!is_sound_field(message, &message->descriptor->fields[i]))
			return false;
	return true;
}

void *record_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
    struct arena *arena)
{
	size_t scaled = bytes.size * BUDGET_FACTOR;

	return record_unpack_within(descriptor, bytes, arena,
	    (scaled < budget_max ? scaled : budget_max) + BUDGET_BASE);
}

void *record_unpack_within(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
    struct arena *arena, size_t budget_bytes)
{
	struct budget budget = { .arena = arena, .left = budget_bytes };
	ProtobufCAllocator allocator = { .alloc = budget_alloc,
		.free = budget_free,
		.allocator_data = &budget };
	ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size,
	    bytes.size == 0 ? (const uint8_t *)"" : bytes.data);

	return message != NULL && is_sound(message) ? message : NULL;
}

void record_pack(struct buffer *out, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	protobuf_c_message_pack(message, buffer_extend(out, size));
}

enum status record_decode(struct bytes bytes, struct arena *arena, Fettle__Record **out)
{
	Fettle__Record *record = record_unpack(&fettle__record__descriptor, bytes, arena);

	if (record == NULL || record->envelope == NULL
	    || record->envelope->event_id.len != EVENT_ID_SIZE || record->envelope->kind == 0)
		return STATUS_REJECT;
	*out = record;
	return STATUS_OK;
}

/*
 * One length; false where protobuf-c would not take it, which reads five bytes at most, or where it
 * is not written as any encoder writes it.
 */
static bool take_size(struct bytes *rest, size_t *out)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < 5 && i < rest->size; i++) {
		uint8_t byte = rest->data[i];

		size |= (uint64_t)(byte & 0x7f) << 7 * i;
		if ((byte & 0x80) != 0)
			continue;
		*rest = BYTES(rest->data + i + 1, rest->size - i - 1);
		*out = (size_t)size;
		return size <= rest->size && (byte != 0 || i == 0);
	}
	return false;
}

static bool is_sound_envelope(struct bytes bytes)
{
	struct arena arena = { 0 };
	const Fettle__Envelope *envelope = record_unpack(&fettle__envelope__descriptor, bytes,
	    &arena);
	bool is_sound = envelope != NULL && envelope->event_id.len == EVENT_ID_SIZE
	             && envelope->kind != 0;

	arena_fini(&arena);
	return is_sound;
}

bool record_is_plain(struct bytes bytes)
{
	/* Tags of the two fields: number * 8 + 2, length-delimited; one byte each. */
	enum { ENVELOPE_TAG = 1 * 8 + 2, BODY_TAG = 2 * 8 + 2 };
	struct bytes envelope = BYTES_NONE;
	unsigned envelopes = 0, bodies = 0;

	while (bytes.size > 0) {
		uint8_t tag = *bytes.data;
		size_t size;

		bytes = BYTES(bytes.data + 1, bytes.size - 1);
		if ((tag != ENVELOPE_TAG && tag != BODY_TAG) || !take_size(&bytes, &size))
			return false;
		envelopes += tag == ENVELOPE_TAG;
		bodies += tag == BODY_TAG;
		if (tag == ENVELOPE_TAG)
			envelope = BYTES(bytes.data, size);
		bytes = BYTES(bytes.data + size, bytes.size - size);
	}
	return envelopes == 1 && bodies <= 1 && is_sound_envelope(envelope);
}

static void append_malformed(struct buffer *out, struct bytes bytes)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	uint8_t event_id[EVENT_ID_SIZE];

	hash_bytes(bytes, event_id);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_MALFORMED);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, bytes);
	record_pack(out, &record.base);
}

void record_stamp(struct buffer *out, struct bytes record, const Fettle__Stamp *stamp)
{
	Fettle__Record only_stamp = FETTLE__RECORD__INIT;

	only_stamp.stamp = (Fettle__Stamp *)(uintptr_t)stamp;
	if (record_is_plain(record))
		buffer_append(out, record);
	else
		append_malformed(out, record);
	record_pack(out, &only_stamp.base);
}
