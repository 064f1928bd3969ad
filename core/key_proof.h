/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_proof.h - proof that whoever names a public CURVE key as their next one has its secret, too.
 *
 * The verifier makes a pair and tells its public half, which is the challenge.  The answer is a MAC
 * (BLAKE2b-256, by libsodium) under the secret that both pairs have in common (X25519): only who
 * has one of the two secrets can make it, and it is good for one agent, one key and one challenge.
 */
#ifndef CORE_KEY_PROOF_H
#define CORE_KEY_PROOF_H

#include "core/hash.h"
#include "core/socket.h"

enum { KEY_PROOF_SIZE = 32 };

struct key_proof_verifier {
	uint8_t challenge[SOCKET_KEY_SIZE], secret[SOCKET_KEY_SIZE];
};

void key_proof_verifier_init(struct key_proof_verifier *verifier);
void key_proof_verifier_fini(struct key_proof_verifier *verifier); /* wipes it */

/* That AGENT has SECRET, the secret key of what it offers.  False: CHALLENGE is no public key. */
NODISCARD bool key_proof_make(const uint8_t challenge[SOCKET_KEY_SIZE],
    const uint8_t secret[SOCKET_KEY_SIZE], const uint8_t agent[HASH_SIZE],
    uint8_t out[KEY_PROOF_SIZE]);
/* Whether PROOF says that AGENT has the secret of the public KEY. */
bool key_proof_is_valid(const struct key_proof_verifier *verifier,
    const uint8_t key[SOCKET_KEY_SIZE], const uint8_t agent[HASH_SIZE], struct bytes proof);

#endif
