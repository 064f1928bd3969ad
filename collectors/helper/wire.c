/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/helper/wire.h"

#include "core/require.h"

void wire_append(struct buffer *out, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	REQUIRE(size <= WIRE_MESSAGE_MAX);
	buffer_append_u32(out, (uint32_t)size);
	record_pack(out, message);
}

enum status wire_take(struct buffer *in, const ProtobufCMessageDescriptor *descriptor,
    struct arena *arena, void **out)
{
	size_t size;

	if (in->size < WIRE_HEAD)
		return STATUS_AGAIN;
	size = bytes_u32(in->data);
	if (size > WIRE_MESSAGE_MAX)
		return STATUS_REJECT;
	if (in->size - WIRE_HEAD < size)
		return STATUS_AGAIN;
	*out = record_unpack(descriptor, BYTES(in->data + WIRE_HEAD, size), arena);
	in->size -= WIRE_HEAD + size;
	memmove(in->data, in->data + WIRE_HEAD + size, in->size);
	return *out == NULL ? STATUS_REJECT : STATUS_OK;
}
