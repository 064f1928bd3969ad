/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - ed25519 (RFC 8032, by libsodium), each signature for one purpose.
 *
 * What is signed is "fettle ", the purpose, a zero byte, and the message: a signature that was made
 * for one purpose is worth nothing for another.
 */
#ifndef CORE_SIGN_H
#define CORE_SIGN_H

#include "core/bytes.h"
#include "core/status.h"

enum { SIGN_PUBLIC_SIZE = 32, SIGN_SEED_SIZE = 32, SIGN_SECRET_SIZE = 64, SIGN_SIZE = 64 };

struct sign_pair {
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	uint8_t secret_key[SIGN_SECRET_SIZE];
};

/* A new one, or the one that follows from SEED. */
void sign_pair_new(struct sign_pair *out);
void sign_pair_of_seed(const uint8_t seed[SIGN_SEED_SIZE], struct sign_pair *out);
/* That it follows from. */
void sign_seed_of(const struct sign_pair *pair, uint8_t out[SIGN_SEED_SIZE]);
/* Wipes it. */
void sign_pair_fini(struct sign_pair *pair);

void sign_message(const struct sign_pair *pair, const char *purpose, struct bytes message,
    uint8_t out[SIGN_SIZE]);
bool sign_is_valid(const uint8_t public_key[SIGN_PUBLIC_SIZE], const char *purpose,
    struct bytes message, struct bytes signature);

/* ---- a person's key, as text that can be kept in a file ---- */

/*
 * Appends the pair's seed, encrypted with PASSPHRASE (Argon2id, then XSalsa20-Poly1305), as lines
 * of words.  NO_MEMORY: 64 MiB could not be had for it.
 */
NODISCARD enum status sign_lock(const struct sign_pair *pair, struct bytes passphrase,
    struct buffer *out);
/* Back again.  INVALID: it is no such text; DENIED: the passphrase is another; NO_MEMORY. */
NODISCARD enum status sign_unlock(const char *text, struct bytes passphrase, struct sign_pair *out);

#endif
