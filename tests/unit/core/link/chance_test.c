/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the channel and both hosts do, by a seed.
 */
#include "tests/unit/core/link/world.h"

/* ---- by chance ---- */

static void restart_something(struct world *world)
{
	switch (world_draw(world, 3)) {
	case 0: /* the broker: it forgets sessions, and what it had not committed */
		link_free(world->acceptor.link);
		world->acceptor.link = NULL;
		world->sink.taken = world->sink.committed;
		break;
	case 1: /* the dialler's process */
		link_free(world->dialler.link);
		world->dialler.link = link_new_dialler(&world_dialler_operations, &world->dialler,
		    world_draw(world, UINT64_MAX), world->now_ms);
		link_set_frame_max(world->dialler.link, LINK_FRAME_MAX);
		break;
	default: /* the connection, with all that is under way */
		world_clear(&world->to_acceptor);
		world_clear(&world->to_dialler);
	}
}

static void change_window(struct world *world)
{
	bool is_shut = world_draw(world, 2) == 0;

	world->sink.window_records = is_shut ? 0 : (uint32_t)world_draw(world, 500) + 1;
	world->sink.window_bytes = is_shut ? 0 : (uint32_t)world_draw(world, 100000) + 1;
}

static void change_grant(struct world *world)
{
	bool is_shut = world_draw(world, 2) == 0;

	if (world->sink.has_credit)
		world_grant(world, is_shut ? 0 : world_draw(world, 500),
		    is_shut ? 0 : world_draw(world, 100000));
}

static void lose_uncommitted(struct world *world)
{
	if (world->acceptor.link == NULL)
		return;
	world->sink.taken = world->sink.committed;
	link_rewind(world->acceptor.link, FLOW, world->sink.committed);
}

/* Whatever is lost or comes late on the way, an honest sender is never blamed for it. */
static void blames_nobody(struct world *world)
{
	const char *offence = world->acceptor.link == NULL ? NULL
	                                                   : link_offence(world->acceptor.link);

	if (offence != NULL)
		fail_msg("%s", offence);
}

/* Other sessions take from the pool, and give back. */
static void use_pool(struct world *world, uint64_t *others)
{
	world->pool->used -= *others;
	*others = world_draw(world, world->pool->budget);
	world->pool->used += *others;
}

static void step_by_chance(struct world *world, uint64_t *others)
{
	uint64_t chance = world_draw(world, 100);

	world->now_ms += world_draw(world, 500);
	world->dialler.head += world_draw(world, 40);
	world->to_acceptor.is_full = world_draw(world, 10) == 0;
	world->to_dialler.is_full = world_draw(world, 10) == 0;
	if (chance < 2)
		restart_something(world);
	else if (chance < 5)
		change_window(world);
	else if (chance < 7)
		lose_uncommitted(world);
	else if (chance < 10)
		change_grant(world);
	else if (chance < 20)
		use_pool(world, others);
	world_pump(world);
	world_deliver_due(world, &world->to_acceptor);
	if (world_draw(world, 2) == 0)
		world_commit(world);
	world_deliver_due(world, &world->to_dialler);
	blames_nobody(world);
}

static void heal(struct world *world)
{
	world->loss = world->repeat = world->delay_ms = 0;
	world->to_acceptor.is_full = world->to_dialler.is_full = false;
	world->sink.window_records = 500;
	world->sink.window_bytes = 100000;
	if (world->sink.has_credit)
		world_grant(world, 500, 100000);
}

static void one_seed(uint64_t seed, unsigned steps)
{
	struct credit_pool pool = { .budget = 1000 * 1000 };
	struct world *world = world_new(seed);
	uint64_t others = 0;
	unsigned turns = 0;

	world->pool = &pool;
	world->loss = (unsigned)world_draw(world, 30);
	world->repeat = (unsigned)world_draw(world, 30);
	world->delay_ms = world_draw(world, 2) == 0 ? 0 : (unsigned)world_draw(world, 2000);
	world->dialler.has_record_sizes = true;
	if (seed % 2 == 0)
		world_grant(world, 300, 50000);
	for (unsigned i = 0; i < steps; i++)
		step_by_chance(world, &others);
	heal(world);
	pool.used -= others;
	/* Ten minutes are enough for whatever was going on: the longest wait is twice 60 seconds.
	 */
	while (world->dialler.acked < world->dialler.head && turns++ < 600) {
		world_pass(world, 1000);
		world_turn(world);
		blames_nobody(world);
	}
	if (world->dialler.acked < world->dialler.head)
		fail_msg("seed %llu: %llu of %llu records after ten minutes without a fault",
		    (unsigned long long)seed, (unsigned long long)world->dialler.acked,
		    (unsigned long long)world->dialler.head);
	assert_int_equal(world->sink.taken, world->dialler.head);
	world_free(world);
	assert_int_equal(pool.used, 0);
}

static void whatever_happens_everything_arrives_once_and_in_order(void **test)
{
	const char *wanted = getenv("FETTLE_SEEDS");
	uint64_t seeds = wanted == NULL ? 500 : strtoull(wanted, NULL, 10);

	(void)test;
	for (uint64_t seed = 1; seed <= seeds; seed++)
		one_seed(seed, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_everything_arrives_once_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
