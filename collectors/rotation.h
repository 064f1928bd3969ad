/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rotation.h - the agent's key pair, and how it is exchanged for a new one within a session.
 *
 * The next pair is on disk (keys/agent.next.key) before it is offered; once the server has admitted
 * it, it takes the place of the one in use, which is kept (keys/agent.previous.key) until a session
 * has opened with the new one.  The server takes both for a day, so a process that dies between any
 * two steps comes back with a key that is let in, and goes on from there.
 */
#ifndef COLLECTORS_ROTATION_H
#define COLLECTORS_ROTATION_H

#include "core/keys.h"
#include "proto/link.pb-c.h"

struct rotation;

/* The pair of the directory KEYS, made where there is none.  As keys_load. */
NODISCARD enum status rotation_open(const char *keys, struct rotation **out);
void rotation_free(struct rotation *rotation); /* NULL is fine */

/* The pair to dial with, from now on: what is heard next is heard under it. */
const struct key_pair *rotation_dial(struct rotation *rotation);

/* Makes the next pair, or takes that which waits; to be offered in a hello.  As keys_load. */
NODISCARD enum status rotation_begin(struct rotation *rotation);
/* Offers it, where there is one, with a proof by the server's last challenge.  In ARENA. */
void rotation_hello(const struct rotation *rotation, Fettle__Hello *hello, struct arena *arena);
/*
 * Takes the challenge of WELCOME.  True where what was offered could not be proven by it and was
 * not admitted: say hello again.
 */
bool rotation_challenged(struct rotation *rotation, const Fettle__Welcome *welcome);
/* True where the server has admitted what was offered: dial again. */
bool rotation_welcome(struct rotation *rotation, const Fettle__Welcome *welcome);
/* A session has opened. */
void rotation_opened(struct rotation *rotation);
/*
 * Nothing has been heard for long.  True where another pair may be let in instead, such as after
 * the server was restored to a time before the exchange: dial again.
 */
bool rotation_silent(struct rotation *rotation);

#endif
