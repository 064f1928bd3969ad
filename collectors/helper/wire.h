/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - messages on the helper's socket: each with its size before it, four bytes, big-endian.
 */
#ifndef COLLECTORS_HELPER_WIRE_H
#define COLLECTORS_HELPER_WIRE_H

#include "core/record.h"

/* Of one message, without its size. */
enum { WIRE_MESSAGE_MAX = 256 * 1024, WIRE_HEAD = 4 };

/* Appends MESSAGE with its size. */
void wire_append(struct buffer *out, const ProtobufCMessage *message);

/*
 * Takes the first message off the front of IN; *OUT is in ARENA.  AGAIN: it is not all there yet.
 * REJECT: it is too large, or no DESCRIPTOR; nothing that follows can be understood either.
 */
NODISCARD enum status wire_take(struct buffer *in, const ProtobufCMessageDescriptor *descriptor,
    struct arena *arena, void **out);

#endif
