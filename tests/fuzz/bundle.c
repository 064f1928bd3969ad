/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle that is taken has facts in the order of their keys, each well-formed; put together again
 * they are the bundle that was taken, or one with its own hash that is taken as well.
 */
#include "core/bundle.h"

#include "tests/fuzz/fuzz.h"

static void encode_and_decode(const struct bundle_fact *facts, size_t count, struct arena *arena)
{
	struct buffer first = { 0 }, second = { 0 };
	struct bundle_fact *again = NULL;
	const char *reason;
	size_t again_count = 0;

	bundle_encode(&first, facts, count);
	FUZZ_HOLDS(
	    bundle_decode(buffer_bytes(&first), arena, &again, &again_count, &reason) == STATUS_OK);
	FUZZ_HOLDS(again_count == count);
	bundle_encode(&second, again, again_count);
	FUZZ_HOLDS(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	buffer_fini(&first);
	buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_fact *facts = NULL;
	struct arena arena = { 0 };
	const char *reason = NULL;
	size_t count = 0;

	if (bundle_decode(BYTES(data, size), &arena, &facts, &count, &reason) == STATUS_OK) {
		FUZZ_HOLDS(count > 0 && count <= BUNDLE_FACTS_MAX);
		for (size_t i = 1; i < count; i++)
			FUZZ_HOLDS(bytes_compare(facts[i - 1].key, facts[i].key) < 0);
		FUZZ_HOLDS(bundle_cut(facts, count) >= 1 && bundle_cut(facts, count) <= count);
		encode_and_decode(facts, count, &arena);
	} else {
		FUZZ_HOLDS(reason != NULL);
	}
	arena_fini(&arena);
	return 0;
}
