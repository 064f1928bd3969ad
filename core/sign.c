/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sign.h"

#include <sodium.h>
#include <stdio.h>

#include "core/require.h"

_Static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "ed25519");
_Static_assert(SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "ed25519");
_Static_assert(SIGN_SEED_SIZE == crypto_sign_SEEDBYTES, "ed25519");
_Static_assert(SIGN_SIZE == crypto_sign_BYTES, "ed25519");

void sign_pair_new(struct sign_pair *out)
{
	REQUIRE(sodium_init() >= 0);
	REQUIRE(crypto_sign_keypair(out->public_key, out->secret_key) == 0);
}

void sign_pair_of_seed(const uint8_t seed[SIGN_SEED_SIZE], struct sign_pair *out)
{
	REQUIRE(sodium_init() >= 0);
	REQUIRE(crypto_sign_seed_keypair(out->public_key, out->secret_key, seed) == 0);
}

void sign_seed_of(const struct sign_pair *pair, uint8_t out[SIGN_SEED_SIZE])
{
	REQUIRE(crypto_sign_ed25519_sk_to_seed(out, pair->secret_key) == 0);
}

void sign_pair_fini(struct sign_pair *pair)
{
	sodium_memzero(pair, sizeof(*pair));
}

static void compose(struct buffer *out, const char *purpose, struct bytes message)
{
	buffer_append_text(out, "fettle ");
	buffer_append_text(out, purpose);
	buffer_append_u8(out, 0);
	buffer_append(out, message);
}

void sign_message(const struct sign_pair *pair, const char *purpose, struct bytes message,
    uint8_t out[SIGN_SIZE])
{
	struct buffer whole = { 0 };

	compose(&whole, purpose, message);
	REQUIRE(crypto_sign_detached(out, NULL, whole.data, whole.size, pair->secret_key) == 0);
	buffer_fini(&whole);
}

bool sign_is_valid(const uint8_t public_key[SIGN_PUBLIC_SIZE], const char *purpose,
    struct bytes message, struct bytes signature)
{
	struct buffer whole = { 0 };
	bool is_valid;

	compose(&whole, purpose, message);
	is_valid = signature.size == SIGN_SIZE
	        && crypto_sign_verify_detached(signature.data, whole.data, whole.size, public_key)
	               == 0;
	buffer_fini(&whole);
	return is_valid;
}

/* ---- a person's key ---- */

enum {
	SALT_SIZE = crypto_pwhash_SALTBYTES,
	NONCE_SIZE = crypto_secretbox_NONCEBYTES,
	BOX_SIZE = SIGN_SEED_SIZE + crypto_secretbox_MACBYTES,
};

static const char lock_format[] = "fettle-key 1\npublic %64[0-9a-f]\nsalt %32[0-9a-f]\n"
				  "nonce %48[0-9a-f]\nsecret %96[0-9a-f]\n";

static enum status derive(struct bytes passphrase, const uint8_t salt[SALT_SIZE],
    uint8_t key[crypto_secretbox_KEYBYTES])
{
	REQUIRE(sodium_init() >= 0);
	return crypto_pwhash(key, crypto_secretbox_KEYBYTES, (const char *)passphrase.data,
		   passphrase.size, salt, crypto_pwhash_OPSLIMIT_INTERACTIVE,
		   crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13)
	            == 0
	         ? STATUS_OK
	         : STATUS_NO_MEMORY;
}

static void append_line(struct buffer *out, const char *word, struct bytes bytes)
{
	char hex[2 * SIGN_SECRET_SIZE + 1];

	bytes_to_hex(bytes, hex);
	buffer_append_format(out, "%s %s\n", word, hex);
}

enum status sign_lock(const struct sign_pair *pair, struct bytes passphrase, struct buffer *out)
{
	uint8_t salt[SALT_SIZE], nonce[NONCE_SIZE], box[BOX_SIZE], seed[SIGN_SEED_SIZE];
	uint8_t key[crypto_secretbox_KEYBYTES];
	enum status status;

	REQUIRE(sodium_init() >= 0);
	randombytes_buf(salt, sizeof(salt));
	randombytes_buf(nonce, sizeof(nonce));
	status = derive(passphrase, salt, key);
	if (status == STATUS_OK) {
		sign_seed_of(pair, seed);
		REQUIRE(crypto_secretbox_easy(box, seed, sizeof(seed), nonce, key) == 0);
		buffer_append_text(out, "fettle-key 1\n");
		append_line(out, "public", BYTES_OF(pair->public_key));
		append_line(out, "salt", BYTES_OF(salt));
		append_line(out, "nonce", BYTES_OF(nonce));
		append_line(out, "secret", BYTES_OF(box));
	}
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(key, sizeof(key));
	return status;
}

enum status sign_unlock(const char *text, struct bytes passphrase, struct sign_pair *out)
{
	char public_hex[65] = "", salt_hex[33] = "", nonce_hex[49] = "", box_hex[97] = "";
	uint8_t public_key[SIGN_PUBLIC_SIZE], salt[SALT_SIZE], nonce[NONCE_SIZE], box[BOX_SIZE];
	uint8_t key[crypto_secretbox_KEYBYTES], seed[SIGN_SEED_SIZE];
	enum status status;

	if (sscanf(text, lock_format, public_hex, salt_hex, nonce_hex, box_hex) != 4
	    || !bytes_from_hex(public_hex, public_key, sizeof(public_key))
	    || !bytes_from_hex(salt_hex, salt, sizeof(salt))
	    || !bytes_from_hex(nonce_hex, nonce, sizeof(nonce))
	    || !bytes_from_hex(box_hex, box, sizeof(box)))
		return STATUS_INVALID;
	status = derive(passphrase, salt, key);
	if (status == STATUS_OK
	    && crypto_secretbox_open_easy(seed, box, sizeof(box), nonce, key) != 0)
		status = STATUS_DENIED;
	if (status == STATUS_OK) {
		sign_pair_of_seed(seed, out);
		if (!bytes_equal(BYTES_OF(public_key), BYTES_OF(out->public_key)))
			status = STATUS_INVALID;
	}
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(key, sizeof(key));
	return status;
}
