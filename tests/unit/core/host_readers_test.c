/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host.h"

#include <stdio.h>

#include "tests/support/scratch.h"

#include "proto/verdict.pb-c.h"

/* A stage that says something at every tick. */
static enum status on_tick(struct stage_io *io)
{
	Fettle__LossVerdict loss = FETTLE__LOSS_VERDICT__INIT;

	stage_verdict(io, FETTLE__KIND__KIND_LOSS, &loss.base);
	return STATUS_OK;
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	(void)io;
	(void)event;
	return STATUS_OK;
}

static const struct stage talker = { .name = "talker",
	.summary = "talks",
	.consumes = (const enum event_kind[]){ EVENT_NONE },
	.tick_ms = 1,
	.on_event = on_event,
	.on_tick = on_tick };
static const struct stage *const stages[] = { &talker, NULL };
static const char *const tables[] = { HOST_TABLE_NAMES, NULL };

struct world {
	const char *directory;
	struct kv *kv;
	struct host *host;
	uint64_t now_ms;
};

static void begin(struct world *world, const char *directory)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };

	world->directory = directory;
	assert_int_equal(kv_open(directory, &options, &world->kv), STATUS_OK);
	assert_int_equal(host_new(world->kv, stages, NULL, &world->host), STATUS_OK);
	world->now_ms = world->now_ms == 0 ? 1000 : world->now_ms;
}

static void end(struct world *world)
{
	host_free(world->host);
	kv_close(world->kv);
}

static void say(struct world *world, uint64_t verdicts)
{
	uint64_t wanted = host_verdict_head(world->host) + verdicts;

	while (host_verdict_head(world->host) < wanted)
		assert_int_equal(host_step(world->host, ++world->now_ms), STATUS_OK);
}

static void adds_reader(struct world *world, const char *name, uint64_t offset, uint64_t lag_max)
{
	assert_int_equal(host_verdicts_reader(world->host, name, offset, lag_max), STATUS_OK);
}

static void verdicts_are_kept_for_a_reader_that_is_away(void **test)
{
	struct world world = { 0 };

	begin(&world, *test);
	adds_reader(&world, "sink/store", 0, 0);
	adds_reader(&world, "sink/soc", 0, 1000);
	say(&world, 20);
	host_verdicts_read(world.host, "sink/store", 20);
	host_verdicts_read(world.host, "sink/soc", 5);
	say(&world, 1);
	assert_int_equal(host_verdicts_kept(world.host, "sink/soc"), 6);
	end(&world);

	begin(&world, *test); /* and remembered over a restart */
	say(&world, 1);
	assert_int_equal(host_verdicts_kept(world.host, "sink/soc"), 6);
	assert_false(host_verdicts_overrun(world.host, "sink/soc"));
	end(&world);
}

static void one_too_far_behind_holds_nothing_up_and_is_given_room(void **test)
{
	struct world world = { 0 };

	begin(&world, *test);
	adds_reader(&world, "sink/store", 0, 0);
	adds_reader(&world, "sink/soc", 0, 10);
	say(&world, 10);
	assert_false(host_verdicts_overrun(world.host, "sink/soc"));
	say(&world, 1);
	assert_true(host_verdicts_overrun(world.host, "sink/soc"));
	assert_int_equal(host_verdicts_kept(world.host, "sink/soc"), 6);
	host_verdicts_read(world.host, "sink/store", 11);
	say(&world, 2);
	assert_int_equal(host_verdicts_kept(world.host, "sink/store"), 12);
	end(&world);
}

static void nothing_is_deleted_before_the_store_has_come(void **test)
{
	struct world world = { 0 };

	begin(&world, *test);
	adds_reader(&world, "sink/soc", 0, 10);
	say(&world, 30);
	host_verdicts_read(world.host, "sink/soc", 30);
	say(&world, 2);
	assert_int_equal(host_verdicts_kept(world.host, "sink/store"), 1);
	end(&world);
}

static void one_that_is_gone_for_good_makes_room_for_another(void **test)
{
	struct world world = { 0 };
	char name[32];

	begin(&world, *test);
	adds_reader(&world, "sink/store", 0, 0);
	for (unsigned i = 1; i < 16; i++) {
		snprintf(name, sizeof(name), "sink/%u", i);
		adds_reader(&world, name, 0, 10);
	}
	assert_int_equal(host_verdicts_reader(world.host, "sink/new", 0, 10), STATUS_FULL);
	say(&world, 11);
	adds_reader(&world, "sink/new", 11, 10);
	assert_false(host_verdicts_overrun(world.host, "sink/new"));
	end(&world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(verdicts_are_kept_for_a_reader_that_is_away),
		TEST(one_too_far_behind_holds_nothing_up_and_is_given_room),
		TEST(nothing_is_deleted_before_the_store_has_come),
		TEST(one_that_is_gone_for_good_makes_room_for_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
