/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - how much each authenticated agent may send, and who has lost its turn.
 *
 * A budget refills by the second and holds a few seconds' worth.  Whoever spends it, or sends what
 * no agent sends, is cut off: what it sends meanwhile is dropped, for a time that doubles each time
 * and is forgotten after good behaviour.  An honest agent loses nothing: it sends again.
 */
#ifndef BROKERS_FRONT_PEERS_H
#define BROKERS_FRONT_PEERS_H

#include "core/bytes.h"

enum { PEERS_AGENT = 16, PEERS_FIRST_CUT_MS = 1000, PEERS_LONGEST_CUT_MS = 60 * 1000 };

struct peers_limits {
	uint64_t bytes_per_second, messages_per_second;
};

struct peers;

struct peers *peers_new(const struct peers_limits *limits);
void peers_free(struct peers *peers); /* NULL is fine */

/* False: SIZE bytes are not to be passed on, and the connection that they came by is to end. */
bool peers_may_pass(struct peers *peers, const uint8_t agent[PEERS_AGENT], size_t size,
    uint64_t now_ms);
/* It sent what no agent sends. */
void peers_cut_off(struct peers *peers, const uint8_t agent[PEERS_AGENT], uint64_t now_ms);
/* Forgets those of whom nothing is left to remember; call it every few minutes. */
void peers_sweep(struct peers *peers, uint64_t now_ms);

size_t peers_count(const struct peers *peers);

#endif
