/* SPDX-License-Identifier: Apache-2.0 */
#include "core/key_proof.h"

#include <sodium.h>

#include "core/require.h"

_Static_assert(SOCKET_KEY_SIZE == crypto_box_PUBLICKEYBYTES, "X25519");
_Static_assert(SOCKET_KEY_SIZE == crypto_box_SECRETKEYBYTES, "X25519");

void key_proof_verifier_init(struct key_proof_verifier *verifier)
{
	REQUIRE(sodium_init() >= 0);
	REQUIRE(crypto_box_keypair(verifier->challenge, verifier->secret) == 0);
}

void key_proof_verifier_fini(struct key_proof_verifier *verifier)
{
	sodium_memzero(verifier, sizeof(*verifier));
}

/* False: PEER is a point with which every secret has the same in common. */
static bool make(const uint8_t *peer, const uint8_t *secret, const uint8_t *challenge,
    const uint8_t *key, const uint8_t *agent, uint8_t out[KEY_PROOF_SIZE])
{
	static const char purpose[] = "fettle next key";
	uint8_t shared[crypto_box_BEFORENMBYTES];
	crypto_generichash_state state;
	bool is_sound = crypto_box_beforenm(shared, peer, secret) == 0;

	if (is_sound) {
		crypto_generichash_init(&state, shared, sizeof(shared), KEY_PROOF_SIZE);
		crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof(purpose));
		crypto_generichash_update(&state, challenge, SOCKET_KEY_SIZE);
		crypto_generichash_update(&state, key, SOCKET_KEY_SIZE);
		crypto_generichash_update(&state, agent, HASH_SIZE);
		crypto_generichash_final(&state, out, KEY_PROOF_SIZE);
	}
	sodium_memzero(shared, sizeof(shared));
	return is_sound;
}

bool key_proof_make(const uint8_t challenge[SOCKET_KEY_SIZE], const uint8_t secret[SOCKET_KEY_SIZE],
    const uint8_t agent[HASH_SIZE], uint8_t out[KEY_PROOF_SIZE])
{
	uint8_t key[SOCKET_KEY_SIZE];

	REQUIRE(sodium_init() >= 0);
	return crypto_scalarmult_base(key, secret) == 0
	    && make(challenge, secret, challenge, key, agent, out);
}

bool key_proof_is_valid(const struct key_proof_verifier *verifier,
    const uint8_t key[SOCKET_KEY_SIZE], const uint8_t agent[HASH_SIZE], struct bytes proof)
{
	uint8_t expected[KEY_PROOF_SIZE];

	return proof.size == sizeof(expected)
	    && make(key, verifier->secret, verifier->challenge, key, agent, expected)
	    && hash_is_same_secret(proof.data, expected, sizeof(expected));
}
