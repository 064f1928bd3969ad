/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log remembers of an agent's hellos: who steals a key is found however it says hello.
 */
#include "tests/unit/brokers/log/world.h"

static const uint8_t agent[AGENT_ID_SIZE] = "an agent's id .";

enum { SECOND_MS = 1000, MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * 60 * 1000 };

#define WHAT(name) FETTLE__NOTICE_WHAT__NOTICE_WHAT_##name

/* One side that speaks with the key. */
struct speaker {
	uint8_t spool, run; /* 0: it names none */
	uint64_t epoch, start;
};

static enum hello_verdict greet(struct world *at, struct speaker *who, uint64_t now_ms)
{
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	struct log_greeting greeting = { 0 };
	const uint8_t store[16] = { who->spool, 1 }, instance[16] = { who->run, 2 };

	RECORD_SET_BYTES(&hello, store, BYTES_OF(store));
	if (who->run != 0)
		RECORD_SET_BYTES(&hello, instance, BYTES_OF(instance));
	RECORD_SET(&hello, epoch, who->epoch);
	RECORD_SET(&hello, start, who->start);
	begin(at);
	assert_int_equal(log_store_hello(at->store, agent, &hello, now_ms, &greeting), STATUS_OK);
	commit(at);
	who->epoch = greeting.epoch;
	return greeting.verdict;
}

static void an_agent_that_names_its_runs_is_refused_without_and_it_is_noted(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };
	struct speaker thief = { .spool = 9, .start = 5 };
	uint64_t epoch;

	assert_int_equal(greet(at, &owner, NOW_MS), HELLO_NEW);
	epoch = owner.epoch;
	assert_int_equal(greet(at, &thief, NOW_MS + 1), HELLO_NAMELESS);
	assert_int_equal(world_notice(at)->what, WHAT(NAMELESS));
	assert_int_equal(greet(at, &owner, NOW_MS + 2), HELLO_RESUMED);
	assert_int_equal(owner.epoch, epoch);
}

static void one_that_never_named_a_run_is_taken_at_its_word(void **test)
{
	struct world *at = *test;
	struct speaker old = { .spool = 1, .start = 1 };

	assert_int_equal(greet(at, &old, NOW_MS), HELLO_NEW);
	assert_int_equal(greet(at, &old, NOW_MS), HELLO_RESUMED);
}

static void a_spool_made_anew_is_noted(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };
	struct speaker anew = { .spool = 2, .run = 2, .start = 1 };

	(void)greet(at, &owner, NOW_MS);
	assert_null(world_notice(at));
	assert_int_equal(greet(at, &anew, NOW_MS), HELLO_OTHER_SPOOL);
	assert_int_equal(world_notice(at)->what, WHAT(OTHER_SPOOL));
	assert_true(anew.epoch > owner.epoch);
}

/* A thief whose every hello is of another run and another spool: the owner's come back. */
static void a_thief_that_is_new_each_time_is_found_by_the_owners_spool(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };
	struct speaker thief = { .spool = 9, .run = 9, .start = 1 };

	assert_int_equal(greet(at, &owner, NOW_MS), HELLO_NEW);
	assert_int_equal(greet(at, &thief, NOW_MS), HELLO_OTHER_SPOOL);
	owner.run++; /* the owner was started again: its run is new, its spool is not */
	owner.start++;
	assert_int_equal(greet(at, &owner, NOW_MS), HELLO_RETURNED);
	assert_true(owner.epoch > thief.epoch);
	thief.spool++;
	thief.run++;
	assert_int_equal(greet(at, &thief, NOW_MS), HELLO_OTHER_SPOOL);
	owner.run++;
	owner.start++;
	assert_int_equal(greet(at, &owner, NOW_MS), HELLO_CLONE);
	assert_int_equal(world_notice(at)->what, WHAT(CLONE));
}

static void no_number_of_new_runs_and_spools_drives_out_those_that_lasted(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };
	struct speaker thief = { .spool = 50, .run = 50, .start = 1 };
	uint64_t now_ms = NOW_MS + MINUTE_MS;

	assert_int_equal(greet(at, &owner, NOW_MS), HELLO_NEW);
	for (unsigned i = 0; i < 40; i++, now_ms += SECOND_MS) {
		assert_int_equal(greet(at, &thief, now_ms), HELLO_OTHER_SPOOL);
		thief.spool++;
		thief.run++;
	}
	assert_int_equal(greet(at, &owner, now_ms), HELLO_RETURNED);
	assert_int_equal(greet(at, &thief, now_ms), HELLO_OTHER_SPOOL);
	assert_int_equal(greet(at, &owner, now_ms), HELLO_CLONE);
}

/* The owner's run comes back after another one's; what it is judged from then on. */
static void return_once(struct world *at, struct speaker *owner, uint64_t now_ms)
{
	struct speaker other = { .spool = 9, .run = 90, .start = 1 };

	assert_int_equal(greet(at, owner, now_ms), HELLO_NEW);
	assert_int_equal(greet(at, &other, now_ms), HELLO_OTHER_SPOOL);
	assert_int_equal(greet(at, owner, now_ms), HELLO_RETURNED);
}

static enum hello_verdict return_again(struct world *at, struct speaker *owner, uint64_t now_ms)
{
	struct speaker other = { .spool = 8, .run = 80, .start = 1 };

	assert_int_equal(greet(at, &other, now_ms), HELLO_OTHER_SPOOL);
	return greet(at, owner, now_ms);
}

static void a_return_is_forgotten_once_its_run_has_lasted_for_a_day(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };

	return_once(at, &owner, NOW_MS);
	assert_int_equal(greet(at, &owner, NOW_MS + DAY_MS), HELLO_RESUMED);
	assert_int_equal(return_again(at, &owner, NOW_MS + DAY_MS), HELLO_RETURNED);
}

static void a_return_is_forgotten_when_the_next_run_follows_a_day_later(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };

	return_once(at, &owner, NOW_MS);
	owner.run++;
	owner.start++;
	assert_int_equal(greet(at, &owner, NOW_MS + DAY_MS), HELLO_SUPERSEDED);
	assert_int_equal(return_again(at, &owner, NOW_MS + DAY_MS), HELLO_RETURNED);
}

static void a_return_is_not_forgotten_before_a_day(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };

	return_once(at, &owner, NOW_MS);
	assert_int_equal(greet(at, &owner, NOW_MS + DAY_MS - 1), HELLO_RESUMED);
	assert_int_equal(return_again(at, &owner, NOW_MS + DAY_MS), HELLO_CLONE);
}

/* Years may pass between the turns of two machines. */
static void silence_alone_forgets_no_return(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };

	return_once(at, &owner, NOW_MS);
	assert_int_equal(return_again(at, &owner, NOW_MS + 1000ULL * DAY_MS), HELLO_CLONE);
}

static void a_spool_that_keeps_rolling_back_is_noted_once_a_minute(void **test)
{
	struct world *at = *test;
	struct speaker owner = { .spool = 1, .run = 1, .start = 1 };
	uint64_t notices;

	(void)greet(at, &owner, NOW_MS);
	notices = log_store_head(at->store, SUBLOG_NOTICE);
	for (unsigned i = 0; i < 30; i++) {
		owner.run++; /* another run, but never a later start */
		assert_int_equal(greet(at, &owner, NOW_MS + i), HELLO_ROLLED_BACK);
	}
	assert_int_equal(log_store_head(at->store, SUBLOG_NOTICE), notices + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_agent_that_names_its_runs_is_refused_without_and_it_is_noted),
		TEST(one_that_never_named_a_run_is_taken_at_its_word),
		TEST(a_spool_made_anew_is_noted),
		TEST(a_thief_that_is_new_each_time_is_found_by_the_owners_spool),
		TEST(no_number_of_new_runs_and_spools_drives_out_those_that_lasted),
		TEST(a_return_is_forgotten_once_its_run_has_lasted_for_a_day),
		TEST(a_return_is_forgotten_when_the_next_run_follows_a_day_later),
		TEST(a_return_is_not_forgotten_before_a_day),
		TEST(silence_alone_forgets_no_return),
		TEST(a_spool_that_keeps_rolling_back_is_noted_once_a_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
