/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's own SHA-256 and MD5 and no more of OpenSSL: its look-up of algorithms costs more than
 * the hash of a small file, and 2 MB of memory for as long as the agent runs.
 */
#define OPENSSL_API_COMPAT 0x10100000L /* later ones know that look-up alone */

#include "collectors/digest.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "core/hash.h"
#include "core/require.h"

struct digest {
	bool is_md5;
	union {
		SHA256_CTX sha256;
		MD5_CTX md5;
	} context;
};

struct digest *digest_new(void)
{
	return memory_new(sizeof(struct digest));
}

struct digest *digest_new_md5(void)
{
	struct digest *digest = digest_new();

	digest->is_md5 = true;
	return digest;
}

void digest_free(struct digest *digest)
{
	free(digest);
}

void digest_start(struct digest *digest)
{
	REQUIRE(
	    (digest->is_md5 ? MD5_Init(&digest->context.md5) : SHA256_Init(&digest->context.sha256))
	    == 1);
}

void digest_add(struct digest *digest, struct bytes bytes)
{
	REQUIRE((digest->is_md5 ? MD5_Update(&digest->context.md5, bytes.data, bytes.size)
				: SHA256_Update(&digest->context.sha256, bytes.data, bytes.size))
		== 1);
}

void digest_end(struct digest *digest, uint8_t out[DIGEST_SIZE])
{
	REQUIRE((digest->is_md5 ? MD5_Final(out, &digest->context.md5)
				: SHA256_Final(out, &digest->context.sha256))
		== 1);
}

void digest_keyed(struct bytes key, struct bytes bytes, uint8_t out[DIGEST_SIZE])
{
	hash_keyed(key, bytes, out);
}

/* With padding, where BYTES are few enough for an int. */
static void encode(struct bytes bytes, struct buffer *out)
{
	size_t size = (bytes.size + 2) / 3 * 4;
	uint8_t *at = buffer_extend(out, size + 1);

	REQUIRE(bytes.size < INT32_MAX / 2);
	REQUIRE(EVP_EncodeBlock(at, bytes.data, (int)bytes.size) == (int)size);
	out->size--; /* the NUL */
}

/* OpenSSL is lenient; what does not come out again as it went in is refused. */
bool digest_base64_decode(struct bytes text, struct buffer *out)
{
	size_t start = out->size, padding = 0;
	struct buffer again = { 0 };
	bool is_same = false;
	int got;

	if (text.size == 0 || text.size % 4 != 0 || text.size > INT32_MAX / 2)
		return false;
	while (padding < 2 && text.data[text.size - 1 - padding] == '=')
		padding++;
	got = EVP_DecodeBlock(buffer_extend(out, text.size / 4 * 3), text.data, (int)text.size);
	if (got == (int)(text.size / 4 * 3)) {
		out->size -= padding;
		encode(BYTES(out->data + start, out->size - start), &again);
		is_same = bytes_equal(buffer_bytes(&again), text);
	}
	if (!is_same)
		out->size = start;
	buffer_fini(&again);
	return is_same;
}

void digest_base64_encode(struct bytes bytes, struct buffer *out)
{
	encode(bytes, out);
	while (out->size > 0 && out->data[out->size - 1] == '=')
		out->size--;
}
