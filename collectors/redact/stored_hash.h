/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored_hash.h - hashes of passwords in the forms that say their own algorithm.
 */
#ifndef COLLECTORS_REDACT_STORED_HASH_H
#define COLLECTORS_REDACT_STORED_HASH_H

#include "core/bytes.h"

/*
 * The size of the hash that TEXT begins with, 0 if it does not.  *KEEP becomes the size of the part
 * that names the algorithm: "$6$", "{SSHA}", "grub.pbkdf2.sha512.", "SCRAM-SHA-256$".
 */
size_t stored_hash_at(struct bytes text, size_t *keep);

/*
 * The size of the part that names the algorithm, 0 if there is none, of what is known to be a
 * password's field: any "$id$" will do, and nothing need follow.
 */
size_t stored_hash_algorithm(struct bytes field);

#endif
