/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network.h - the simulated network behind core/socket.h, as the run sees it.
 *
 * A connection is like one of ZeroMQ over TCP: in order and without loss while it lasts, a bounded
 * number of messages under way, and when it ends each side keeps what had come and does not know
 * how much that was.  Between connections there is no order.
 */
#ifndef TESTS_SIMULATION_NETWORK_H
#define TESTS_SIMULATION_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/socket.h"

struct node;
struct node_network; /* what a node has of it */

/* Whose sockets are opened from now on. */
void network_enter(struct node_network **network);
void network_free(struct node_network **network);

enum network_way { NETWORK_OUT = 1, NETWORK_IN = 2 };

/* Nothing passes these ways of a node any more; 0: everything does. */
void network_block(struct node_network **network, unsigned ways);
/* Everything from and to it takes so much longer. */
void network_set_lag(struct node_network **network, uint64_t lag_ns);
/* One of its connections ends, as if a middlebox had forgotten it. */
void network_reset_one(struct node_network **network);
/* The node is dead: what it sends from now on goes nowhere, and nothing reaches it. */
void network_cut(struct node_network **network);

/* What is due by itself: connections made, and their ends noticed. */
void network_turn(void);
/* When it is next. */
uint64_t network_next(void);
/* When something is next there for a node to take. */
uint64_t network_input(struct node_network *const *network);

struct network_counts {
	uint64_t messages, lost, connections, ended, refused;
};
struct network_counts network_counts(void);
void network_end_all(void);

#endif
