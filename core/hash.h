/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - the one hash by which content is addressed: BLAKE2b, 128 bits (RFC 7693, by libsodium).
 * Strong enough that an endpoint cannot make one value pass for another (2^64 work for a collision
 * that only it would suffer from), short enough for keys.
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include "core/bytes.h"

enum { HASH_SIZE = 16 };

void hash_bytes(struct bytes bytes, uint8_t out[HASH_SIZE]);
/* Each part is hashed with its length, so that ("ab","c") and ("a","bc") differ. */
void hash_parts(const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE]);
/* chain = hash(chain, record): the running hash of a flow. */
void hash_chain(uint8_t chain[HASH_SIZE], struct bytes record);

/* The same of what comes in pieces, such as a file: `b2sum -l 128` gives it too. */
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_more(struct hash_stream *stream, struct bytes bytes);
void hash_stream_end(struct hash_stream **stream, uint8_t out[HASH_SIZE]); /* takes it */

enum { HASH_KEYED_SIZE = 32 };

/* HMAC-SHA-256 (RFC 2104) by libsodium, at a quarter of the speed that others have. */
void hash_keyed(struct bytes key, struct bytes bytes, uint8_t out[HASH_KEYED_SIZE]);

enum { HASH_LONG_SIZE = 32 };

/* BLAKE2b-256, where what one party hashes stands for what others hold. */
void hash_long(struct bytes bytes, uint8_t out[HASH_LONG_SIZE]);

enum { HASH_SHA256_SIZE = 32 };
/* SHA-256 (FIPS 180-4): only where a format outside of here asks for it. */
void hash_sha256(struct bytes bytes, uint8_t out[HASH_SHA256_SIZE]);

/* Whether two secrets of SIZE bytes are the same, in a time that does not tell where they differ.
 */
bool hash_is_same_secret(const uint8_t *a, const uint8_t *b, size_t size);

/* Random bytes for identifiers and challenges. */
void hash_random(uint8_t *out, size_t size);

/* CRC-32C (Castagnoli), as iSCSI and ext4 use it. */
uint32_t hash_crc32c(struct bytes bytes);
/* That of what CRC covers (0: nothing yet) followed by BYTES. */
uint32_t hash_crc32c_more(uint32_t crc, struct bytes bytes);

#endif
