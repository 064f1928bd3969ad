/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - CURVE key pairs on disk: NAME.key (secret, 0600) and NAME.pub beside it, Z85 text.
 */
#ifndef CORE_KEYS_H
#define CORE_KEYS_H

#include "core/hash.h"
#include "core/socket.h"
#include "core/status.h"

struct key_pair {
	char public_key[SOCKET_KEY_TEXT];
	char secret_key[SOCKET_KEY_TEXT];
};

/*
 * Reads DIRECTORY/NAME.key and .pub, or makes both, or the second where only that is missing.
 * DENIED, NO_SPACE, IO; CORRUPT: a file is there and is not a key, or the two are no pair, which is
 * never overwritten.  Logged.
 */
NODISCARD enum status keys_load(const char *directory, const char *name, struct key_pair *out);
/* Only a public key, from the file PATH.  NOT_FOUND, DENIED, CORRUPT, IO; logged. */
NODISCARD enum status keys_load_public(const char *path, char out[SOCKET_KEY_TEXT]);

/* An agent's id: BLAKE2b-128 of the 32 bytes of its public key. */
void keys_agent_id(const uint8_t public_key[SOCKET_KEY_SIZE], uint8_t out[HASH_SIZE]);

/* 32 random bytes kept in DIRECTORY/NAME.secret (0600), made at the first call.  As keys_load. */
NODISCARD enum status keys_secret(const char *directory, const char *name, uint8_t out[32]);

/*
 * One line of text, for what stands beside keys: read without its end, "" where it has no room in
 * OUT (NOT_FOUND is not logged, all else is); written whole and synced under its name, or not at
 * all, making directories on the way.
 */
NODISCARD enum status keys_read_line(const char *path, char *out, size_t size);
NODISCARD enum status keys_write_line(const char *path, unsigned mode, const char *line);
/* A name that was made, moved or removed is so on the disk. */
NODISCARD enum status keys_sync_directory(const char *path_in_it);

#endif
