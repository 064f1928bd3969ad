/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is shown is text without anything that could move a cursor, break a line or turn the order
 * of letters, whatever it was made from; and what is harmless stays as it is.
 */
#include "core/log.h"

#include "tests/fuzz/fuzz.h"

static bool is_bidi(const uint8_t *at)
{
	return at[0] == 0xe2
	    && ((at[1] == 0x80
		    && ((at[2] >= 0xaa && at[2] <= 0xae) || at[2] == 0x8e || at[2] == 0x8f))
		|| (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

static bool is_safe(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
		if (text.data[i] == 0xc2 && i + 1 < text.size && text.data[i + 1] < 0xa0)
			return false;
		if (i + 2 < text.size && is_bidi(&text.data[i]))
			return false;
	}
	return bytes_is_utf8(text);
}

static bool is_printable_ascii(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out = { 0 };

	log_escape(&out, BYTES(data, size));
	FUZZ_HOLDS(is_safe(buffer_bytes(&out)));
	if (is_printable_ascii(BYTES(data, size)))
		FUZZ_HOLDS(bytes_equal(buffer_bytes(&out), BYTES(data, size)));
	buffer_fini(&out);
	return 0;
}
