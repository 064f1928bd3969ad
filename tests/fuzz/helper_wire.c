/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the helper, which runs as root: however the stream is cut, the same messages are
 * taken off it, and after one that is none nothing more is.
 */
#include "collectors/helper/wire.h"

#include "proto/job.pb-c.h"
#include "tests/fuzz/fuzz.h"

/* Takes all there is; appends each message, encoded again. */
static enum status take_all(struct buffer *in, struct buffer *out)
{
	struct arena arena = { 0 };
	enum status status;
	void *message;

	while ((status = wire_take(in, &fettle__job_action__descriptor, &arena, &message))
	       == STATUS_OK)
		wire_append(out, message);
	FUZZ_HOLDS(status == STATUS_AGAIN || status == STATUS_REJECT);
	arena_fini(&arena);
	return status;
}

static enum status take_at_once(struct bytes stream, struct buffer *out)
{
	struct buffer in = { 0 };
	enum status status;

	buffer_append(&in, stream);
	status = take_all(&in, out);
	buffer_fini(&in);
	return status;
}

static enum status take_in_pieces(struct bytes stream, size_t piece, struct buffer *out)
{
	enum status status = STATUS_AGAIN;
	struct buffer in = { 0 };

	for (size_t at = 0; at < stream.size && status == STATUS_AGAIN; at += piece) {
		size_t left = stream.size - at;

		buffer_append(&in, BYTES(stream.data + at, left < piece ? left : piece));
		status = take_all(&in, out);
	}
	buffer_fini(&in);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	size_t piece = fuzz_u8(&input) + 1U;
	struct buffer whole = { 0 }, pieces = { 0 };
	struct bytes stream = input.left;

	FUZZ_HOLDS(take_at_once(stream, &whole) == take_in_pieces(stream, piece, &pieces));
	FUZZ_HOLDS(bytes_equal(buffer_bytes(&whole), buffer_bytes(&pieces)));
	buffer_fini(&whole);
	buffer_fini(&pieces);
	return 0;
}
