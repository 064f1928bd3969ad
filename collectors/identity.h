/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - whose key this is: an agent's key belongs to the machine on which it was made.
 *
 * Beside the key stands what that machine was (keys/agent.machine: keyed hashes of its machine id
 * and of its product's uuid).  Where the two differ, the data directory is a copy, such as that of
 * a golden image: what is in it is put aside, never deleted, and the machine becomes another agent.
 */
#ifndef COLLECTORS_IDENTITY_H
#define COLLECTORS_IDENTITY_H

#include "core/hash.h"
#include "core/status.h"

/* What a machine is, as far as it can be read; a part that cannot be is not compared. */
struct identity_machine {
	bool has_id, has_product;
	uint8_t id[HASH_SIZE], product[HASH_SIZE];
};

/* ROOT is "" or, in tests, a directory that stands for "/". */
void identity_machine(const char *root, struct identity_machine *out);
/* Both in one, for the server, which so tells copies apart. */
void identity_fingerprint(const struct identity_machine *machine, uint8_t out[HASH_SIZE]);

/*
 * To be called before a key of DATA is used.  OK: what is there is this machine's, or nothing is.
 * Where it is another's, *was_copied: it was put aside to DATA/aside-TIME, and a mark is left that
 * this machine has not been let in (identity_awaits).  DENIED, NO_SPACE, IO, CORRUPT; logged.
 */
NODISCARD enum status identity_settle(const char *data, const char *root, bool *was_copied);
/* The same for a key that the server knows as another machine's, whatever is written beside it. */
NODISCARD enum status identity_put_aside(const char *data, const char *root);

/* Whether this machine's key replaced a copied one, and has not been let in since. */
bool identity_awaits(const char *data);
/* This machine was let in, or it waits for nothing but a word: enrolment is over. */
NODISCARD enum status identity_enrolled(const char *data);
/* Whether that has happened to the key that is here. */
bool identity_is_enrolled(const char *data);

/*
 * The id by which the server knows the agent of the directory KEYS, whose key in use is PUBLIC_KEY
 * (Z85): that of its first key, however often it was rotated.  As keys_load.
 */
NODISCARD enum status identity_agent_id(const char *keys, const char *public_key,
    uint8_t out[HASH_SIZE]);

#endif
