/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet.h - a whole system in one thread: log, gateway, processor, store, and agents on machines of
 * their own, each a node; the scheduler that lets them run; and the checker's view of it.
 */
#ifndef TESTS_SIMULATION_FLEET_H
#define TESTS_SIMULATION_FLEET_H

#include "tests/checker/checker.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/node.h"

enum { FLEET_LOG, FLEET_GATEWAY, FLEET_PROCESSOR, FLEET_STORE, FLEET_SERVERS };
enum { FLEET_AGENTS_MAX = 64 };

/* A node, and what is about to be done to it. */
struct member {
	struct node node; /* the first, so that a node is found to be one */
	char name[24];
	char *directory; /* an agent's data; NULL: a server's */
	struct settings *settings;
	struct machine machine;
	unsigned number; /* of an agent, as the checker counts */
	/* Dies at its so-manyth commit from now, before or after it counts; 0: not. */
	unsigned dies_at_commit;
	bool dies_after;
	enum disk_fate next_fate;
	uint64_t heals_at;         /* when what was done to it ends; MOMENT_NEVER: nothing was */
	bool is_off;               /* to be started by nobody but the run */
	struct disk_image *backup; /* of its spool, some time ago */
};

struct fleet_options {
	uint64_t seed;
	unsigned agents;
	size_t facts;        /* of each machine */
	uint64_t spool_size; /* bytes */
	bool has_bundles;
	uint64_t digest_minutes;
};

struct fleet {
	struct fleet_options options;
	char *root, *data;
	struct settings *settings;
	struct member *servers[FLEET_SERVERS];
	struct member *agents[FLEET_AGENTS_MAX];
	unsigned agents_count;
	struct checker checker;
	struct checker_agent judged[FLEET_AGENTS_MAX];
	uint64_t steps;
};

struct fleet *fleet_new(const struct fleet_options *options);
void fleet_free(struct fleet *fleet);

/* Everything is started, one after the other. */
void fleet_start(struct fleet *fleet);
/* One more agent, admitted; not started. */
struct member *fleet_add_agent(struct fleet *fleet);

/* Servers first. */
unsigned fleet_count(const struct fleet *fleet);
struct member *fleet_member(struct fleet *fleet, unsigned index);

/*
 * Runs until UNTIL, or until something was complained of: then false.  ON_STEP (or NULL) is asked
 * before each step when it next wants to be, and called then.
 */
struct fleet_driver {
	uint64_t (*next)(void *data);
	void (*act)(void *data);
	void *data;
};
bool fleet_run(struct fleet *fleet, uint64_t until, const struct fleet_driver *driver);

/* MEMBER dies now, and comes back after WAIT. */
void fleet_kill(struct fleet *fleet, struct member *member, uint64_t wait);
/* Everything that is to be delivered is. */
bool fleet_is_quiet(const struct fleet *fleet);
/* It is not, and has had the time: who waits for what. */
void fleet_complain_of_unrest(struct fleet *fleet);
/*
 * An operator lets in again whoever was shut out as a clone; the log stands still meanwhile.
 * Returns how many there were.
 */
unsigned fleet_approve(struct fleet *fleet);
/* The spool of MEMBER is what IMAGE says; the agent must not run. */
void fleet_put_back_spool(struct fleet *fleet, struct member *member,
    const struct disk_image *image);
struct disk *fleet_disk(const struct fleet *fleet, const char *name); /* of the servers */

#endif
