/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hash.h"

#include <isa-l/crc.h>
#include <sodium.h>
#include <stdlib.h>

#include "core/require.h"

static void start(crypto_generichash_state *state)
{
	/* sodium_init is idempotent and thread-safe; it fails only where there is no randomness. */
	REQUIRE(sodium_init() >= 0);
	crypto_generichash_init(state, NULL, 0, HASH_SIZE);
}

void hash_bytes(struct bytes bytes, uint8_t out[HASH_SIZE])
{
	crypto_generichash(out, HASH_SIZE, bytes.data, bytes.size, NULL, 0);
}

void hash_parts(const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE])
{
	crypto_generichash_state state;

	start(&state);
	for (size_t i = 0; i < count; i++) {
		uint8_t size[8];

		for (unsigned b = 0; b < 8; b++)
			size[b] = (uint8_t)((uint64_t)parts[i].size >> 8 * (7 - b));
		crypto_generichash_update(&state, size, sizeof(size));
		crypto_generichash_update(&state, parts[i].data, parts[i].size);
	}
	crypto_generichash_final(&state, out, HASH_SIZE);
}

void hash_chain(uint8_t chain[HASH_SIZE], struct bytes record)
{
	crypto_generichash_state state;

	start(&state);
	crypto_generichash_update(&state, chain, HASH_SIZE);
	crypto_generichash_update(&state, record.data, record.size);
	crypto_generichash_final(&state, chain, HASH_SIZE);
}

struct hash_stream {
	crypto_generichash_state state;
};

struct hash_stream *hash_stream_new(void)
{
	struct hash_stream *stream = aligned_alloc(_Alignof(struct hash_stream), sizeof(*stream));

	REQUIRE(stream != NULL);
	start(&stream->state);
	return stream;
}

void hash_stream_more(struct hash_stream *stream, struct bytes bytes)
{
	crypto_generichash_update(&stream->state, bytes.data, bytes.size);
}

void hash_stream_end(struct hash_stream **taken, uint8_t out[HASH_SIZE])
{
	crypto_generichash_final(&(*taken)->state, out, HASH_SIZE);
	free(*taken);
	*taken = NULL;
}

void hash_keyed(struct bytes key, struct bytes bytes, uint8_t out[HASH_KEYED_SIZE])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key.data, key.size);
	crypto_auth_hmacsha256_update(&state, bytes.data, bytes.size);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

void hash_long(struct bytes bytes, uint8_t out[HASH_LONG_SIZE])
{
	crypto_generichash(out, HASH_LONG_SIZE, bytes.data, bytes.size, NULL, 0);
}

void hash_sha256(struct bytes bytes, uint8_t out[HASH_SHA256_SIZE])
{
	crypto_hash_sha256(out, bytes.data, bytes.size);
}

bool hash_is_same_secret(const uint8_t *a, const uint8_t *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}

void hash_random(uint8_t *out, size_t size)
{
	REQUIRE(sodium_init() >= 0);
	randombytes_buf(out, size);
}

uint32_t hash_crc32c(struct bytes bytes)
{
	return hash_crc32c_more(0, bytes);
}

uint32_t hash_crc32c_more(uint32_t crc, struct bytes bytes)
{
	/* ISA-L takes the buffer as not const, and an int as length: both only by its prototype. */
	const uint8_t *at = bytes.data;

	crc = ~crc;
	for (size_t left = bytes.size; left > 0;) {
		int step = left > INT32_MAX ? INT32_MAX : (int)left;

		crc = crc32_iscsi((unsigned char *)(uintptr_t)at, step, crc);
		at += step;
		left -= (size_t)step;
	}
	return ~crc;
}
