/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/node.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/require.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/moment.h"

enum {
	TURN_LEAST_NS = 20 * 1000,
	TURN_MOST_NS = 400 * 1000,
	LAST_TURNS_MAX = 1000,
};

static struct node *current;

/* ---- core/role.h ---- */

void role_fail(const struct role_host *host, enum status status)
{
	(void)status;
	host->thread->has_failed = true;
}

void role_announce(const struct role_host *host, const char *endpoint)
{
	(void)host;
	(void)endpoint;
}

/* ---- life ---- */

void node_init(struct node *node, const char *name, const struct role *role, const char *data,
    const struct settings *settings, const struct role_endpoints *endpoints)
{
	struct role_thread *own = &node->role;

	*own = (struct role_thread){ .name = name,
		.role = role,
		.endpoints = *endpoints,
		.due = MOMENT_NEVER };
	own->host = (struct role_host){ .loop = &own->loop,
		.data = data,
		.settings = settings,
		.thread = own };
	REQUIRE(socket_context_new(&own->host.sockets) == STATUS_OK);
}

void node_own_disk(struct node *node, const char *directory)
{
	struct disk *disk = disk_of(directory);

	for (unsigned i = 0; i < NODE_DISKS; i++)
		if (node->role.disks[i] == NULL) {
			node->role.disks[i] = disk;
			disk_set_owner(disk, node);
			return;
		}
	REQUIRE(!"room for another disk");
}

void node_fini(struct node *node)
{
	socket_context_free(node->role.host.sockets);
}

struct node *node_current(void)
{
	return current;
}

static void enter(struct node *node)
{
	struct role_thread *own = &node->role;

	current = node;
	network_enter(&own->network);
	moment_set_skew_ms(own->skew_ms);
	log_set_role(own->name);
}

static void plan(struct node *node)
{
	struct role_thread *own = &node->role;
	int wait_ms = uv_backend_timeout(&own->loop);

	own->turns++;
	own->busy_until = moment_now() + chance_between(TURN_LEAST_NS, TURN_MOST_NS);
	own->due = MOMENT_NEVER;
	if (wait_ms >= 0)
		own->due = moment_now() + (uint64_t)wait_ms * MOMENT_MS;
}

/* Until every handle is closed. */
static void run_out(struct node *node)
{
	struct role_thread *own = &node->role;

	for (unsigned turns = 0; uv_run(&own->loop, UV_RUN_NOWAIT) != 0; turns++)
		REQUIRE(turns < LAST_TURNS_MAX);
	if (own->self != NULL)
		own->role->finish(own->self);
	own->self = NULL;
	REQUIRE(uv_loop_close(&own->loop) == 0);
	network_cut(&own->network);
	network_free(&own->network);
	own->is_running = false;
	own->due = MOMENT_NEVER;
}

bool node_start(struct node *node)
{
	struct role_thread *own = &node->role;
	enum status status;

	REQUIRE(!own->is_running);
	own->has_failed = own->is_dying = false;
	enter(node);
	network_block(&own->network, own->ways_blocked);
	network_set_lag(&own->network, own->lag);
	REQUIRE(uv_loop_init(&own->loop) == 0);
	status = own->role->start(&own->host, &own->endpoints, &own->self);
	own->is_running = true;
	own->has_failed = status != STATUS_OK;
	if (own->is_dying)
		node_bury(node);
	else if (own->has_failed)
		node_stop(node);
	else
		plan(node);
	current = NULL;
	return own->is_running;
}

void node_stop(struct node *node)
{
	enter(node);
	if (node->role.self != NULL)
		node->role.role->stop(node->role.self);
	run_out(node);
	current = NULL;
}

void node_die(struct node *node)
{
	struct role_thread *own = &node->role;

	if (own->is_dying)
		return;
	own->is_dying = true;
	own->crashes++;
	network_cut(&own->network);
	for (unsigned i = 0; i < NODE_DISKS && own->disks[i] != NULL; i++)
		own->images[i] = disk_image_take(own->disks[i]);
}

void node_bury(struct node *node)
{
	struct role_thread *own = &node->role;
	struct node *before = current;

	enter(node);
	if (own->self != NULL)
		own->role->stop(own->self);
	run_out(node);
	for (unsigned i = 0; i < NODE_DISKS && own->disks[i] != NULL; i++) {
		disk_image_put(own->disks[i], own->images[i]);
		disk_image_free(own->images[i]);
		own->images[i] = NULL;
	}
	current = before;
}

void node_turn(struct node *node)
{
	struct role_thread *own = &node->role;

	enter(node);
	uv_run(&own->loop, UV_RUN_NOWAIT);
	if (own->is_dying) {
		node_bury(node);
	} else if (own->has_failed) {
		own->failures++;
		node_stop(node);
	} else {
		plan(node);
	}
	current = NULL;
}

uint64_t node_due(const struct node *node)
{
	const struct role_thread *own = &node->role;
	uint64_t input, due = own->due;

	if (!own->is_running)
		return MOMENT_NEVER;
	input = network_input(&own->network);
	if (input < due)
		due = input;
	if (due == MOMENT_NEVER)
		return due;
	return due > own->busy_until ? due : own->busy_until;
}

void node_block(struct node *node, unsigned ways)
{
	node->role.ways_blocked = ways;
	network_block(&node->role.network, ways);
}

void node_set_lag(struct node *node, uint64_t lag)
{
	node->role.lag = lag;
	network_set_lag(&node->role.network, lag);
}
