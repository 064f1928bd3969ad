/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - a role as a node of the simulation: its own loop, disks and network, on one thread with
 * all others.
 *
 * A node that crashes is gone from the moment that was drawn, be it between two commits of one
 * turn: nothing that it does afterwards is sent or kept.  Its code then still runs to its orderly
 * end, so that its memory is freed and not leaked; its disks are put back to that moment.
 */
#ifndef TESTS_SIMULATION_NODE_H
#define TESTS_SIMULATION_NODE_H

#include "core/role.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/network.h"

enum { NODE_DISKS = 2 };

struct role_thread {
	const char *name;
	const struct role *role;
	struct role_endpoints endpoints;
	struct role_host host;
	uv_loop_t loop;
	void *self;
	struct node_network *network;
	struct disk *disks[NODE_DISKS]; /* NULL ends them */
	struct disk_image *images[NODE_DISKS];
	unsigned ways_blocked;
	uint64_t lag;
	int64_t skew_ms;
	uint64_t due, busy_until, restart_at;
	bool is_running, is_dying, has_failed;
	uint64_t crashes, failures, turns;
	void *data; /* the run's own */
};
/* core/role.h calls it a thread; here it is a node. */
struct node {
	struct role_thread role;
};

/* DATA is its data directory, which lives on, as SETTINGS do. */
void node_init(struct node *node, const char *name, const struct role *role, const char *data,
    const struct settings *settings, const struct role_endpoints *endpoints);
void node_own_disk(struct node *node, const char *directory);
void node_fini(struct node *node);

/* False: it could not start; it is to be tried again. */
bool node_start(struct node *node);
/* In good order: what it flushes at its end counts. */
void node_stop(struct node *node);
/* It is gone from now on; its last steps follow, from within its turn or not, by node_bury. */
void node_die(struct node *node);
void node_bury(struct node *node);

/* One turn of its loop, or its end where it has failed. */
void node_turn(struct node *node);
/* When it next wants one. */
uint64_t node_due(const struct node *node);

/* Who runs now; NULL: nobody. */
struct node *node_current(void);
void node_block(struct node *node, unsigned ways);
void node_set_lag(struct node *node, uint64_t lag);

#endif
