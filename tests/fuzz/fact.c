/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value that is understood is, encoded again, understood as the same fields; that encoding is
 * canonical.  A key never gets longer than what a table takes.
 */
#include "core/fact.h"

#include "core/kv.h"
#include "tests/fuzz/fuzz.h"

static void encode_and_decode(const struct fact_field *fields, size_t count, struct arena *arena)
{
	struct buffer first = { 0 }, second = { 0 };
	struct fact_field *again = NULL;
	size_t again_count = 0;

	fact_value_encode(&first, fields, count);
	FUZZ_HOLDS(
	    fact_value_decode(buffer_bytes(&first), arena, &again, &again_count) == STATUS_OK);
	FUZZ_HOLDS(again_count == count);
	for (size_t i = 0; i < count; i++)
		FUZZ_HOLDS(fact_field_equal(&fields[i], &again[i]));
	fact_value_encode(&second, again, again_count);
	FUZZ_HOLDS(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	buffer_fini(&first);
	buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fact_field *fields = NULL;
	struct arena arena = { 0 };
	struct buffer key = { 0 };
	size_t count = 0;

	if (fact_value_decode(BYTES(data, size), &arena, &fields, &count) == STATUS_OK) {
		FUZZ_HOLDS(count <= FACT_FIELDS_MAX);
		encode_and_decode(fields, count, &arena);
	}
	fact_key(&key, "file", BYTES(data, size));
	FUZZ_HOLDS(key.size <= FACT_KEY_MAX && key.size < KV_KEY_MAX);
	buffer_fini(&key);
	arena_fini(&arena);
	return 0;
}
