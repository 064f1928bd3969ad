/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetched once and the context kept: for small files OpenSSL's look-up of the algorithm costs more
 * than the hash.
 */
#include "collectors/digest.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/require.h"

struct digest {
	EVP_MD *algorithm;
	EVP_MD_CTX *context;
};

static struct digest *new_of(EVP_MD *algorithm)
{
	struct digest *digest = memory_new(sizeof(*digest));

	digest->algorithm = algorithm;
	digest->context = EVP_MD_CTX_new();
	REQUIRE(digest->context != NULL);
	return digest;
}

struct digest *digest_new(void)
{
	EVP_MD *algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);

	REQUIRE(algorithm != NULL);
	return new_of(algorithm);
}

/* "-fips": it proves nothing to anybody, so it is not to be refused where only proof is allowed. */
struct digest *digest_new_md5(void)
{
	EVP_MD *algorithm = EVP_MD_fetch(NULL, "MD5", "-fips");

	return algorithm == NULL ? NULL : new_of(algorithm);
}

void digest_free(struct digest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->context);
	EVP_MD_free(digest->algorithm);
	free(digest);
}

void digest_start(struct digest *digest)
{
	REQUIRE(EVP_DigestInit_ex2(digest->context, digest->algorithm, NULL) == 1);
}

void digest_add(struct digest *digest, struct bytes bytes)
{
	REQUIRE(EVP_DigestUpdate(digest->context, bytes.data, bytes.size) == 1);
}

void digest_end(struct digest *digest, uint8_t out[DIGEST_SIZE])
{
	REQUIRE(EVP_DigestFinal_ex(digest->context, out, NULL) == 1);
}

void digest_keyed(struct bytes key, struct bytes bytes, uint8_t out[DIGEST_SIZE])
{
	REQUIRE(
	    HMAC(EVP_sha256(), key.data, (int)key.size, bytes.data, bytes.size, out, NULL) != NULL);
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
