/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quantity that is read and written is read as the same number again.
 */
#include "core/quantity.h"

#include "tests/fuzz/fuzz.h"

static void is_read_again(enum quantity quantity, uint64_t value)
{
	struct buffer text = { 0 };
	uint64_t again = ~value;

	quantity_format(&text, quantity, value);
	FUZZ_HOLDS(quantity_parse(quantity, buffer_text(&text), &again) && again == value);
	buffer_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	enum quantity quantity = (enum quantity)(fuzz_u8(&input) % 3);
	struct arena arena = { 0 };
	const char *text = fuzz_text(&input, &arena);
	uint64_t value;

	if (quantity_parse(quantity, text, &value))
		is_read_again(quantity, value);
	is_read_again(quantity, fuzz_number(&input));
	arena_fini(&arena);
	return 0;
}
