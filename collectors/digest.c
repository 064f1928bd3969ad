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

struct digest *digest_new(void)
{
	struct digest *digest = memory_new(sizeof(*digest));

	digest->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	digest->context = EVP_MD_CTX_new();
	REQUIRE(digest->algorithm != NULL && digest->context != NULL);
	return digest;
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
	REQUIRE(HMAC(EVP_sha256(), key.data, (int)key.size, bytes.data, bytes.size, out, NULL)
	        != NULL);
}
