/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - SHA-256 of what is read piece by piece, and base64 (RFC 4648): the only file that
 * knows OpenSSL.
 *
 * MD5 is there for one purpose: to compare a file with what its package says of it, which is all
 * that dpkg keeps.  Whoever can forge one may as well write the other; nothing else relies on it.
 */
#ifndef COLLECTORS_DIGEST_H
#define COLLECTORS_DIGEST_H

#include "core/bytes.h"

enum { DIGEST_MD5_SIZE = 16, DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 2 * DIGEST_SIZE + 1 };

/* Used again and again, by one thread at a time. */
struct digest;

struct digest *digest_new(void);
/* The same for MD5. */
struct digest *digest_new_md5(void);
void digest_free(struct digest *digest); /* NULL is fine */
void digest_start(struct digest *digest);
void digest_add(struct digest *digest, struct bytes bytes);
void digest_end(struct digest *digest, uint8_t out[DIGEST_SIZE]); /* MD5: the first 16 bytes */

/* HMAC-SHA-256. */
void digest_keyed(struct bytes key, struct bytes bytes, uint8_t out[DIGEST_SIZE]);

/* Appends TEXT decoded.  False where it is not base64 as an encoder writes it, padding included. */
bool digest_base64_decode(struct bytes text, struct buffer *out);
/* Appends BYTES encoded, without padding. */
void digest_base64_encode(struct bytes bytes, struct buffer *out);

#endif
