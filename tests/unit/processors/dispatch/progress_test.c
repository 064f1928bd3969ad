/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/processors/dispatch/world.h"

/* ---- step by step ---- */

static void each_step_of_the_agent_moves_the_job_along(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);
	const Fettle__JobVerdict *job;

	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_is(at, id, STATE(LEASED));
	world_says(at, web, id, STEP(STARTED), NULL);
	world_is(at, id, STATE(APPLYING));
	assert_int_equal(world_job(at, id)->started_ms, at->now_ms);
	world_ends(at, web, id, 100, "E: it did not work\n");
	job = world_job(at, id);
	assert_int_equal(job->state, STATE(VERIFYING));
	assert_int_equal(job->ended_ms, at->now_ms);
	assert_int_equal(job->exit_code, 100);
	assert_memory_equal(job->output.data, "E: it did not work\n", 19);
	assert_string_equal(job->history[5]->by, "agent");
	assert_string_equal(job->history[5]->note, "the package manager has ended with 100");
}

static void a_step_that_was_not_heard_holds_nothing_up(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_ends(at, web, id, 0, NULL);
	world_is(at, id, STATE(VERIFYING));
}

static void the_same_step_twice_is_one(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);
	uint64_t started_ms, ended_ms;

	for (int i = 0; i < 3; i++)
		world_says(at, web, id, STEP(ACCEPTED), NULL);
	for (int i = 0; i < 3; i++)
		world_says(at, web, id, STEP(STARTED), NULL);
	started_ms = world_job(at, id)->started_ms;
	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_says(at, web, id, STEP(REFUSED), "no");
	world_is(at, id, STATE(APPLYING));
	world_ends(at, web, id, 1, "first");
	ended_ms = world_job(at, id)->ended_ms;
	world_verdicts(at);
	world_ends(at, web, id, 2, "second");
	world_says(at, web, id, STEP(INTERRUPTED), NULL);
	world_says(at, web, id, STEP(STARTED), NULL);
	world_says(at, web, id, STEP(REFUSED), "no");
	assert_int_equal(world_verdicts(at), 0);
	assert_int_equal(world_job(at, id)->started_ms, started_ms);
	assert_int_equal(world_job(at, id)->ended_ms, ended_ms);
	assert_int_equal(world_job(at, id)->exit_code, 1);
	assert_int_equal(world_job(at, id)->n_history, 6);
}

static void of_a_long_output_the_end_is_kept(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);
	static char output[10 * 1000];

	memset(output, 'a', sizeof(output) - 1);
	output[sizeof(output) - 2] = 'z';
	world_ends(at, web, id, 0, output);
	assert_int_equal(world_job(at, id)->output.len, 4096);
	assert_int_equal(world_job(at, id)->output.data[4095], 'z');
}

static void an_interrupted_job_is_left_to_the_facts_and_not_run_again(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_lease(at, web);
	world_says(at, web, id, STEP(INTERRUPTED), "the machine was switched off");
	world_is(at, id, STATE(VERIFYING));
	assert_true(world_tells(at, id, "nobody saw how it ended: the machine was switched off"));
	assert_int_equal(world_job(at, id)->has_exit_code, 0);
	world_wait(at, 100 * 60 * (uint64_t)WORLD_MINUTE_MS);
	assert_null(world_command(at));
	world_looks(at, web);
	world_wait(at, WORLD_MINUTE_MS);
	world_is(at, id, STATE(FAILED));
	assert_null(world_command(at));
}

/* ---- refused ---- */

static void what_is_refused_is_offered_again_under_a_higher_token(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);
	const Fettle__JobLease *lease;

	world_lease(at, web);
	world_says(at, web, id, STEP(REFUSED), "the lease is over");
	world_is(at, id, STATE(SCHEDULED));
	assert_true(world_tells(at, id, "offered again: the lease is over"));
	lease = world_lease(at, web);
	assert_int_equal(lease->attempt, 2);
	assert_int_equal(lease->token, 2);
	assert_int_equal(lease->valid_until_ms, at->now_ms + 15 * (uint64_t)WORLD_MINUTE_MS);
}

static void what_is_refused_three_times_has_failed_for_the_agents_reason(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	for (int i = 0; i < 3; i++) {
		world_lease(at, web);
		world_says(at, web, id, STEP(ACCEPTED), NULL);
		world_says(at, web, id, STEP(REFUSED), "jobs are not allowed here\x1b");
	}
	world_is(at, id, STATE(FAILED));
	assert_non_null(strstr(world_job(at, id)->reason, "jobs are not allowed here"));
	assert_null(strchr(world_job(at, id)->reason, '\x1b'));
	assert_null(world_command(at));
	world_says(at, web, id, STEP(REFUSED), "no");
	world_is(at, id, STATE(FAILED));
}

static void what_would_always_be_refused_fails_at_once(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_lease(at, web);
	world_word(at, web,
	    &(struct world_word){ .job = id,
		.step = STEP(REFUSED),
		.attempt = 1,
		.token = 1,
		.reason = "agent.helper is off; set it to on",
		.is_final = true });
	world_is(at, id, STATE(FAILED));
	assert_string_equal(world_job(at, id)->reason,
	    "refused: agent.helper is off; set it to on");
	assert_null(world_command(at));
}

static void what_begins_although_it_was_refused_is_applying(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	for (int i = 0; i < 3; i++)
		world_says(at, web, id, STEP(REFUSED), "no");
	world_says(at, web, id, STEP(STARTED), NULL);
	world_is(at, id, STATE(APPLYING));
	assert_true(world_tells(at, id, "although it was refused"));
}

/* ---- whose word counts ---- */

static void word(struct world *at, const uint8_t *agent, const uint8_t *id, Fettle__JobStep step,
    uint64_t attempt, uint64_t token)
{
	world_word(at, agent,
	    &(struct world_word){ .job = id, .step = step, .attempt = attempt, .token = token });
}

static void an_older_token_or_attempt_moves_nothing_and_is_noted_once(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_says(at, web, id, STEP(REFUSED), "busy");
	word(at, web, id, STEP(STARTED), 1, 1);
	world_is(at, id, STATE(SCHEDULED));
	assert_true(world_tells(at, id, "passed over"));
	world_verdicts(at);
	word(at, web, id, STEP(ENDED), 1, 1);
	word(at, web, id, STEP(STARTED), 1, 2);
	word(at, web, id, STEP(STARTED), 2, 1);
	word(at, web, id, STEP(STARTED), 2, 99);
	world_is(at, id, STATE(SCHEDULED));
	assert_int_equal(world_verdicts(at), 0);
	assert_int_equal(world_job(at, id)->started_ms, 0);
	word(at, web, id, STEP(STARTED), 2, 2);
	world_is(at, id, STATE(APPLYING));
}

static void an_agent_cannot_begin_what_it_was_not_given(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	world_has(at, web, "openssl:amd64", "1.0-1");
	id = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	word(at, web, id, STEP(STARTED), 0, 0);
	word(at, web, id, STEP(STARTED), 1, 1);
	word(at, web, id, STEP(ENDED), 0, 0);
	world_is(at, id, STATE(PROPOSED));
	assert_int_equal(world_job(at, id)->n_history, 1);
}

static void the_agent_of_another_asset_is_not_believed(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_has(at, mail, "openssl:amd64", "1.0-1");
	world_says(at, mail, id, STEP(ACCEPTED), NULL);
	world_says(at, mail, id, STEP(STARTED), NULL);
	world_ends(at, mail, id, 0, NULL);
	world_is(at, id, STATE(SCHEDULED));
	assert_int_equal(world_count(at, HOST_QUARANTINE), 3);
	world_has(at, mail, "openssl:amd64", "1.1-1");
	world_looks(at, mail);
	world_is(at, id, STATE(SCHEDULED));
}

static void words_of_an_unknown_job_leave_nothing_behind(void **test)
{
	struct world *at = *test;
	uint8_t id[JOB_ID_SIZE] = { 0 };

	world_has(at, web, "openssl:amd64", "1.0-1");
	for (uint8_t i = 0; i < 100; i++) {
		id[0] = i;
		word(at, web, id, STEP(STARTED), 1, 1);
	}
	assert_int_equal(world_count(at, STATE_JOB), 0);
	assert_int_equal(world_count(at, STATE_ASSET_JOBS), 0);
	assert_int_equal(world_count(at, HOST_QUARANTINE), 0);
	assert_int_equal(world_verdicts(at), 0);
}

static void a_step_that_is_none_is_quarantined(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	word(at, web, id, STEP(NONE), 1, 1);
	word(at, web, id, (Fettle__JobStep)17, 1, 1);
	word(at, web, id, (Fettle__JobStep)-1, 1, 1);
	world_is(at, id, STATE(SCHEDULED));
	assert_int_equal(world_count(at, HOST_QUARANTINE), 3);
}

static void an_endpoint_cannot_make_a_job_grow(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	for (int i = 0; i < 300; i++) {
		world_wait(at, 2 * WORLD_MINUTE_MS);
		word(at, web, id, (Fettle__JobStep)(1 + i % 5), (uint64_t)(i % 4),
		    (uint64_t)(i % 3));
		world_says(at, web, id, (Fettle__JobStep)(1 + i / 7 % 5),
		    arena_format(&at->arena, "reason %d", i));
	}
	assert_true(world_job(at, id)->n_history <= 20);
	assert_true(world_verdicts(at) <= 20);
	assert_int_equal(world_count(at, STATE_JOB), 1);
}

/* ---- lost, and back ---- */

static void what_is_not_heard_of_until_its_lease_is_over_is_lost_and_not_given_again(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_lease(at, web);
	world_wait(at, 15 * WORLD_MINUTE_MS - 1);
	world_is(at, id, STATE(SCHEDULED));
	world_wait(at, 1);
	world_is(at, id, STATE(LOST));
	assert_non_null(strstr(world_job(at, id)->reason, "whether it ran is not known"));
	assert_string_equal(world_job(at, id)->history[3]->by, "time");
	world_wait(at, 1000 * (uint64_t)WORLD_MINUTE_MS);
	world_looks(at, web);
	world_is(at, id, STATE(LOST));
	assert_null(world_command(at));
}

static void what_is_accepted_and_not_begun_in_time_is_lost_too(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_wait(at, 15 * WORLD_MINUTE_MS);
	world_is(at, id, STATE(LOST));
}

static void what_has_begun_is_lost_only_after_the_limit(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_wait(at, 120 * WORLD_MINUTE_MS - 1);
	world_is(at, id, STATE(APPLYING));
	world_wait(at, 1);
	world_is(at, id, STATE(LOST));
	assert_non_null(strstr(world_job(at, id)->reason, "how it ended is not known"));
}

static void what_has_ended_and_is_not_looked_at_is_lost_until_it_is(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_ends(at, web, id, 100, NULL);
	world_wait(at, 120 * WORLD_MINUTE_MS);
	world_is(at, id, STATE(LOST));
	world_looks(at, web);
	world_is(at, id, STATE(VERIFYING));
	world_wait(at, WORLD_MINUTE_MS);
	world_is(at, id, STATE(FAILED));
	assert_non_null(strstr(world_job(at, id)->reason, "ended with 100"));
}

static const uint8_t *lost(struct world *at)
{
	const uint8_t *id = world_scheduled(at);

	world_lease(at, web);
	world_wait(at, 15 * WORLD_MINUTE_MS);
	world_is(at, id, STATE(LOST));
	return id;
}

static void a_lost_job_that_turns_out_to_run_is_applying(void **test)
{
	struct world *at = *test;
	const uint8_t *id = lost(at);

	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_is(at, id, STATE(LOST)); /* its lease is over: whether it began is not known */
	world_says(at, web, id, STEP(ACCEPTED), NULL);
	assert_int_equal(world_job(at, id)->n_history, 5);
	world_says(at, web, id, STEP(STARTED), NULL);
	world_is(at, id, STATE(APPLYING));
	assert_true(world_tells(at, id, "heard again"));
	world_ends(at, web, id, 0, NULL);
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
	assert_null(world_command(at));
}

static void a_lost_job_that_turns_out_to_have_ended_is_verified(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_wait(at, 120 * WORLD_MINUTE_MS);
	world_is(at, id, STATE(LOST));
	world_says(at, web, id, STEP(STARTED), NULL); /* known already */
	world_is(at, id, STATE(LOST));
	world_ends(at, web, id, 0, NULL);
	world_is(at, id, STATE(VERIFYING));
}

static void a_lost_job_that_its_agent_has_not_begun_is_offered_again(void **test)
{
	struct world *at = *test;
	const uint8_t *id = lost(at);

	world_says(at, web, id, STEP(REFUSED), "the lease was over when it came");
	world_is(at, id, STATE(SCHEDULED));
	assert_int_equal(world_lease(at, web)->attempt, 2);
}

static void a_lost_job_that_is_done_by_the_facts_is_confirmed_without_a_word_of_its_agent(
    void **test)
{
	struct world *at = *test;
	const uint8_t *id = lost(at);

	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
	world_says(at, web, id, STEP(STARTED), NULL);
	world_ends(at, web, id, 0, "done");
	world_is(at, id, STATE(CONFIRMED));
	assert_memory_equal(world_job(at, id)->output.data, "done", 4);
}

static void what_was_said_while_the_processor_was_away_comes_before_the_end_of_the_lease(
    void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_sleep(at, 60 * WORLD_MINUTE_MS);
	world_restart(at);
	world_settle(at); /* its timer is long due */
	world_is(at, id, STATE(SCHEDULED));
	world_says(at, web, id, STEP(STARTED), NULL);
	world_is(at, id, STATE(APPLYING));
	world_wait(at, WORLD_MINUTE_MS);
	world_is(at, id, STATE(APPLYING));
}

static void what_was_not_said_while_the_processor_was_away_is_missed_a_little_later(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_sleep(at, 60 * WORLD_MINUTE_MS);
	world_wait(at, 30 * 1000 - 1);
	world_is(at, id, STATE(SCHEDULED));
	world_wait(at, 1);
	world_is(at, id, STATE(LOST));
}

static void timers_hold_over_a_restart(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_restart(at);
	world_wait(at, 15 * WORLD_MINUTE_MS);
	world_is(at, id, STATE(LOST));
}

/* ---- what a job explains ---- */

static const char *explained(struct world *at, uint64_t received_ms)
{
	struct asset_ref asset;
	const char *out = NULL;
	struct txn *txn;
	enum status status;

	assert_int_equal(txn_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(asset_of_agent(txn, web, &asset), STATUS_OK);
	status = job_explains(txn, &asset, received_ms, &at->arena, &out);
	txn_abort(&txn);
	assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
	return out;
}

static void a_job_explains_what_changes_while_it_is_at_work_and_a_little_longer(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);
	const char *name = job_name(&at->arena, BYTES(id, JOB_ID_SIZE));
	uint64_t started_ms = at->now_ms;

	assert_int_equal(strlen(name), 4 + 12);
	assert_null(explained(at, started_ms - 1));
	assert_string_equal(explained(at, started_ms), name);
	assert_string_equal(explained(at, started_ms + 1000 * 1000), name);
	world_wait(at, 5 * WORLD_MINUTE_MS);
	world_ends(at, web, id, 0, NULL);
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
	assert_string_equal(explained(at, world_job(at, id)->ended_ms + JOB_GRACE_MS - 1), name);
	assert_null(explained(at, world_job(at, id)->ended_ms + JOB_GRACE_MS));
}

static void a_job_that_was_not_begun_explains_nothing(void **test)
{
	struct world *at = *test;

	world_scheduled(at);
	assert_null(explained(at, at->now_ms));
}

static void a_job_that_is_lost_explains_nothing_more(void **test)
{
	struct world *at = *test;

	world_applying(at);
	world_wait(at, 120 * WORLD_MINUTE_MS);
	assert_null(explained(at, at->now_ms + 60 * 1000));
}

static void what_begins_after_its_job_was_confirmed_explains_a_little_and_no_more(void **test)
{
	struct world *at = *test;
	const uint8_t *id = lost(at);

	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
	world_says(at, web, id, STEP(STARTED), NULL);
	assert_non_null(explained(at, at->now_ms));
	assert_null(explained(at, at->now_ms + 60 * 1000));
}

static void the_job_before_still_explains_what_came_late_of_it(void **test)
{
	struct world *at = *test;
	const uint8_t *first = world_applying(at), *second;
	uint64_t ended_ms;

	world_has(at, web, "curl:amd64", "1.0-1");
	second = world_propose(at, "anna", web, "curl:amd64", "1.1-1");
	world_decide(at, "bert", second, APPROVE, NULL);
	world_ends(at, web, first, 0, NULL);
	ended_ms = at->now_ms;
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_says(at, web, second, STEP(STARTED), NULL);
	assert_string_equal(explained(at, ended_ms), job_name(&at->arena, BYTES(first, 32)));
	assert_string_equal(explained(at, at->now_ms), job_name(&at->arena, BYTES(second, 32)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_step_of_the_agent_moves_the_job_along),
		TEST(a_step_that_was_not_heard_holds_nothing_up),
		TEST(the_same_step_twice_is_one),
		TEST(of_a_long_output_the_end_is_kept),
		TEST(an_interrupted_job_is_left_to_the_facts_and_not_run_again),
		TEST(what_is_refused_is_offered_again_under_a_higher_token),
		TEST(what_is_refused_three_times_has_failed_for_the_agents_reason),
		TEST(what_would_always_be_refused_fails_at_once),
		TEST(what_begins_although_it_was_refused_is_applying),
		TEST(an_older_token_or_attempt_moves_nothing_and_is_noted_once),
		TEST(an_agent_cannot_begin_what_it_was_not_given),
		TEST(the_agent_of_another_asset_is_not_believed),
		TEST(words_of_an_unknown_job_leave_nothing_behind),
		TEST(a_step_that_is_none_is_quarantined),
		TEST(an_endpoint_cannot_make_a_job_grow),
		TEST(what_is_not_heard_of_until_its_lease_is_over_is_lost_and_not_given_again),
		TEST(what_is_accepted_and_not_begun_in_time_is_lost_too),
		TEST(what_has_begun_is_lost_only_after_the_limit),
		TEST(what_has_ended_and_is_not_looked_at_is_lost_until_it_is),
		TEST(a_lost_job_that_turns_out_to_run_is_applying),
		TEST(a_lost_job_that_turns_out_to_have_ended_is_verified),
		TEST(a_lost_job_that_its_agent_has_not_begun_is_offered_again),
		TEST(a_lost_job_that_is_done_by_the_facts_is_confirmed_without_a_word_of_its_agent),
		TEST(what_was_said_while_the_processor_was_away_comes_before_the_end_of_the_lease),
		TEST(what_was_not_said_while_the_processor_was_away_is_missed_a_little_later),
		TEST(timers_hold_over_a_restart),
		TEST(a_job_explains_what_changes_while_it_is_at_work_and_a_little_longer),
		TEST(a_job_that_was_not_begun_explains_nothing),
		TEST(a_job_that_is_lost_explains_nothing_more),
		TEST(what_begins_after_its_job_was_confirmed_explains_a_little_and_no_more),
		TEST(the_job_before_still_explains_what_came_late_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
