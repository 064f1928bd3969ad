/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - protobuf in and out, bounded, and the record that every stream is made of.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "core/bytes.h"
#include "core/status.h"
#include "proto/record.pb-c.h"

enum { EVENT_ID_SIZE = 16, AGENT_ID_SIZE = 16 };

/* Borrowed, for the fields of a message that is to be packed. */
ProtobufCBinaryData record_binary(struct bytes bytes);
struct bytes record_bytes(ProtobufCBinaryData data);

/* The optional bytes field NAME of the message behind POINTER. */
#define RECORD_SET_BYTES(pointer, name, bytes_) \
	((pointer)->has_##name = 1, (pointer)->name = record_binary(bytes_))
#define RECORD_SET(pointer, name, value_) ((pointer)->has_##name = 1, (pointer)->name = (value_))

/* Text for a message that is only packed: protobuf-c's fields are not const. */
#define RECORD_TEXT(text_) ((char *)(uintptr_t)(text_))

/*
 * Decodes any message into ARENA; it needs no freeing.  NULL: not such a message, or beyond the
 * bounds: min(16 * size, 2 MiB) + 64 KiB of memory, 32 unknown fields a message, text that is
 * UTF-8.
 */
void *record_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
    struct arena *arena);
/* The same with BUDGET bytes of memory, for what an endpoint never sends. */
void *record_unpack_within(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
    struct arena *arena, size_t budget);

/* Appends the encoding of any message. */
void record_pack(struct buffer *out, const ProtobufCMessage *message);

/*
 * The envelope and body of an encoded record, in ARENA.  REJECT: not a record, no envelope, an id
 * that has not EVENT_ID_SIZE bytes, no kind.  A record without a body has an empty one.
 */
NODISCARD enum status record_decode(struct bytes bytes, struct arena *arena, Fettle__Record **out);

/*
 * True where BYTES are, to the last one, the encoding of an envelope that record_decode takes and
 * of a body, and nothing else: only then can what is appended neither be swallowed by them nor be
 * contradicted, and only then is what was appended found again.
 */
bool record_is_plain(struct bytes bytes);

/*
 * Appends the record RECORD with STAMP, by concatenation: see proto/record.proto.  What is not
 * plain becomes the body of a record of KIND_MALFORMED, for a processor to quarantine.
 */
void record_stamp(struct buffer *out, struct bytes record, const Fettle__Stamp *stamp);

#endif
