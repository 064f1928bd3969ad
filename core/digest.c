/* SPDX-License-Identifier: Apache-2.0 */
#include "core/digest.h"

void digest_told(const uint8_t content[HASH_SIZE], const char *reason, uint8_t out[HASH_SIZE])
{
	const struct bytes parts[] = { BYTES(content, HASH_SIZE), bytes_of_text(reason) };

	hash_parts(parts, 2, out);
}

uint8_t digest_bucket(struct bytes key)
{
	uint8_t hash[HASH_SIZE];

	hash_bytes(key, hash);
	return hash[0];
}

void digest_hash(struct bytes key, const uint8_t told[HASH_SIZE], uint8_t out[HASH_SIZE])
{
	const struct bytes parts[] = { key, BYTES(told, HASH_SIZE) };

	hash_parts(parts, 2, out);
}

void digest_toggle(struct digest *digest, struct bytes key, const uint8_t told[HASH_SIZE])
{
	uint8_t *bucket = digest->buckets[digest_bucket(key)];
	uint8_t hash[HASH_SIZE];

	digest_hash(key, told, hash);
	for (unsigned i = 0; i < HASH_SIZE; i++)
		bucket[i] ^= hash[i];
}

void digest_root(const struct digest *digest, uint8_t root[HASH_SIZE])
{
	hash_bytes(BYTES(digest->buckets, DIGEST_SIZE), root);
}

void digest_compare(const struct digest *a, const struct digest *b, struct digest_set *out)
{
	*out = (struct digest_set){ 0 };
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++) {
		out->has[i] = memcmp(a->buckets[i], b->buckets[i], HASH_SIZE) != 0;
		out->count += out->has[i];
	}
}

void digest_set_decode(struct bytes numbers, struct digest_set *out)
{
	*out = (struct digest_set){ 0 };
	for (size_t i = 0; i < numbers.size; i++) {
		out->count += !out->has[numbers.data[i]];
		out->has[numbers.data[i]] = true;
	}
}

void digest_set_encode(const struct digest_set *set, struct buffer *out)
{
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
		if (set->has[i])
			buffer_append_u8(out, (uint8_t)i);
}
