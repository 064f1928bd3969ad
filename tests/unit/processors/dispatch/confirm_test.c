/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/processors/dispatch/world.h"

static void facts_that_come_after_it_has_ended_confirm_it(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);
	const Fettle__JobVerdict *job;

	world_ends(at, web, id, 0, NULL);
	world_is(at, id, STATE(VERIFYING)); /* an exit code of 0 closes nothing */
	world_has(at, web, "openssl:amd64", "1.1-1");
	job = world_job(at, id);
	assert_int_equal(job->state, STATE(CONFIRMED));
	assert_string_equal(job->history[job->n_history - 1]->by, "facts");
	assert_string_equal(job->packages[0]->before, "1.0-1");
	assert_string_equal(job->packages[0]->observed, "1.1-1");
	assert_string_equal(world_history(at, id),
	    "proposed approved scheduled leased applying verifying confirmed");
	assert_int_equal(world_verdicts(at), 7); /* one a step */
}

static void facts_that_came_while_it_was_at_work_confirm_it_when_it_has_ended(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(APPLYING)); /* it is still at work */
	world_ends(at, web, id, 0, NULL);
	world_is(at, id, STATE(CONFIRMED));
}

static void a_newer_version_than_the_target_confirms_it_too(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_ends(at, web, id, 0, NULL);
	world_has(at, web, "openssl:amd64", "1.1-1~rc1");
	world_is(at, id, STATE(VERIFYING));
	world_has(at, web, "openssl:amd64", "1:0.1");
	world_is(at, id, STATE(CONFIRMED));
}

static void facts_decide_against_the_exit_code(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_ends(at, web, id, 100, NULL);
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
	assert_non_null(strstr(world_job(at, id)->reason, "ended with 100"));
}

static void every_package_must_be_there(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft = world_draft(at, web);

	world_has(at, web, "openssl:amd64", "1.0-1");
	world_has(at, web, "libssl3:amd64", "1.0-1");
	world_add_package(draft, "openssl:amd64", "1.1-1");
	world_add_package(draft, "libssl3:amd64", "1.1-1");
	world_set_id(draft);
	world_send(at, "anna", draft);
	world_decide(at, "bert", draft->id, APPROVE, NULL);
	world_says(at, web, draft->id, STEP(STARTED), NULL);
	world_ends(at, web, draft->id, 0, NULL);
	world_has(at, web, "libssl3:amd64", "1.1-1");
	world_is(at, draft->id, STATE(VERIFYING));
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, draft->id, STATE(CONFIRMED));
}

static void what_is_not_completely_installed_confirms_nothing(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_ends(at, web, id, 100, NULL);
	world_observe(at, web, "openssl:amd64", "1.1-1", "iF");
	world_is(at, id, STATE(VERIFYING));
	world_looks(at, web);
	world_wait(at, WORLD_MINUTE_MS);
	world_is(at, id, STATE(FAILED));
	assert_non_null(strstr(world_job(at, id)->reason, "not completely installed"));
}

/* Somebody else did it, and the agent was the first to know. */
static void what_was_there_before_it_began_is_confirmed_only_by_looking_again(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(SUPERSEDED));
	world_says(at, web, id, STEP(STARTED), NULL);
	world_ends(at, web, id, 0, NULL);
	world_is(at, id, STATE(VERIFYING));
	world_pass(at, web, "files", "package/");
	world_pass(at, web, "packages", "update/dpkg/");
	world_is(at, id, STATE(VERIFYING));
	world_looks(at, web);
	world_is(at, id, STATE(CONFIRMED));
}

static void a_pass_over_all_that_is_below_package_is_one_over_dpkgs_too(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_has(at, web, "openssl:amd64", "1.1-1");
	world_says(at, web, id, STEP(STARTED), NULL);
	world_ends(at, web, id, 0, NULL);
	world_pass(at, web, "packages", "package/");
	world_is(at, id, STATE(CONFIRMED));
}

static void it_has_failed_when_somebody_looked_and_it_is_not_there(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);
	const Fettle__JobVerdict *job;

	world_ends(at, web, id, 100, "E: unmet dependencies");
	world_wait(at, 60 * WORLD_MINUTE_MS);
	world_is(at, id, STATE(VERIFYING)); /* nobody has looked */
	world_looks(at, web);
	world_wait(at, 30 * 1000 - 2);
	world_is(at, id, STATE(VERIFYING));
	world_looks(at, web); /* looking again puts nothing off */
	world_wait(at, 1);
	job = world_job(at, id);
	assert_int_equal(job->state, STATE(FAILED));
	assert_string_equal(job->reason,
	    "openssl:amd64 is at 1.0-1, not 1.1-1; the package manager ended with 100");
	assert_string_equal(job->history[job->n_history - 1]->by, "facts");
	assert_string_equal(job->packages[0]->observed, "1.0-1");
}

static void facts_that_come_a_little_after_the_pass_still_confirm_it(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_ends(at, web, id, 0, NULL);
	world_looks(at, web);
	world_wait(at, 20 * 1000);
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
	world_wait(at, WORLD_MINUTE_MS);
	world_is(at, id, STATE(CONFIRMED));
}

static void facts_that_waited_while_the_processor_was_away_still_confirm_it(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_ends(at, web, id, 0, NULL);
	world_looks(at, web);
	world_sleep(at, 60 * WORLD_MINUTE_MS);
	world_restart(at);
	world_settle(at);
	world_is(at, id, STATE(VERIFYING));
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(CONFIRMED));
}

static void a_package_that_went_away_is_told_of(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_has(at, web, "openssl:amd64", NULL);
	world_ends(at, web, id, 0, NULL);
	world_looks(at, web);
	world_wait(at, WORLD_MINUTE_MS);
	assert_string_equal(world_job(at, id)->reason, "openssl:amd64 is not installed");
}

static void of_many_that_failed_the_first_are_named(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft = world_draft(at, web);

	world_has(at, web, "openssl:amd64", "1.0-1");
	for (int i = 0; i < 10; i++)
		world_add_package(draft, arena_format(&at->arena, "package%d", i), "1.1-1");
	world_set_id(draft);
	world_send(at, "anna", draft);
	world_decide(at, "bert", draft->id, APPROVE, NULL);
	world_ends(at, web, draft->id, 1, NULL);
	world_looks(at, web);
	world_wait(at, WORLD_MINUTE_MS);
	assert_string_equal(world_job(at, draft->id)->reason,
	    "package0 is not installed; package1 is not installed; package2 is not installed; "
	    "and 7 more; the package manager ended with 1");
}

/* ---- done before it was begun ---- */

static void what_is_done_by_somebody_else_is_superseded(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	world_has(at, web, "openssl:amd64", "1.0-1");
	id = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(SUPERSEDED));
	assert_null(world_command(at)); /* nobody was given it */
}

static void what_is_superseded_while_it_is_out_is_taken_back(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_lease(at, web);
	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(SUPERSEDED));
	assert_int_equal(world_command(at)->envelope->kind, FETTLE__KIND__KIND_JOB_CANCEL);
}

static void what_waits_is_superseded_too_and_leaves_its_place(void **test)
{
	struct world *at = *test;
	const uint8_t *first = world_scheduled(at), *second, *third;

	world_has(at, web, "curl:amd64", "1.0-1");
	second = world_propose(at, "anna", web, "curl:amd64", "1.1-1");
	third = world_propose(at, "anna", web, "jq:amd64", "1.1-1");
	world_decide(at, "bert", second, APPROVE, NULL);
	world_decide(at, "bert", third, APPROVE, NULL);
	world_has(at, web, "curl:amd64", "1.1-1");
	world_is(at, second, STATE(SUPERSEDED));
	world_is(at, third, STATE(APPROVED));
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, first, STATE(SUPERSEDED));
	world_is(at, third, STATE(SCHEDULED));
}

static void one_fact_may_end_two_jobs(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft = world_draft(at, web);
	const uint8_t *id;

	world_has(at, web, "openssl:amd64", "1.0-1");
	world_has(at, web, "curl:amd64", "2.0-1");
	id = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	world_add_package(draft, "curl:amd64", "2.0-1");
	world_add_package(draft, "openssl:amd64", "1.1-1");
	world_set_id(draft);
	world_send(at, "anna", draft);
	world_is(at, draft->id, STATE(PROPOSED));
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, id, STATE(SUPERSEDED));
	world_is(at, draft->id, STATE(SUPERSEDED));
}

/* ---- a life in trouble ---- */

/* Everything that can happen to two jobs, in turn; how they went, in words. */
static const char *live(struct world *at)
{
	const uint8_t *first = world_scheduled(at), *second;

	world_has(at, web, "curl:amd64", "1.0-1");
	second = world_propose(at, "anna", web, "curl:amd64", "1.1-1");
	world_decide(at, "bert", second, APPROVE, NULL);
	world_says(at, web, first, STEP(REFUSED), "busy");
	world_wait(at, 15 * WORLD_MINUTE_MS);
	world_says(at, web, first, STEP(STARTED), NULL);
	world_says(at, web, first, STEP(STARTED), NULL);
	world_ends(at, web, first, 0, "done");
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_says(at, web, second, STEP(STARTED), NULL);
	world_says(at, web, second, STEP(INTERRUPTED), NULL);
	world_looks(at, web);
	world_wait(at, WORLD_MINUTE_MS);
	return arena_format(&at->arena, "%s / %s / token %d, %d steps, %d commands, %d verdicts",
	    world_history(at, first), world_history(at, second), (int)world_job(at, second)->token,
	    (int)world_job(at, second)->n_history, (int)host_outbox_head(at->host),
	    (int)world_verdicts(at));
}

static void batches_that_are_undone_and_restarts_in_between_change_nothing(void **test)
{
	struct world *at = *test;
	void *other;
	const char *here, *there;

	here = live(at);
	assert_non_null(
	    strstr(here, "proposed approved scheduled lost applying verifying confirmed / "
			 "proposed approved scheduled applying verifying failed / token 3"));
	assert_int_equal(world_start(&other), 0);
	((struct world *)other)->is_troubled = true;
	there = live(other);
	assert_string_equal(here, there);
	assert_int_equal(world_stop(&other), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(facts_that_come_after_it_has_ended_confirm_it),
		TEST(facts_that_came_while_it_was_at_work_confirm_it_when_it_has_ended),
		TEST(a_newer_version_than_the_target_confirms_it_too),
		TEST(facts_decide_against_the_exit_code),
		TEST(every_package_must_be_there),
		TEST(what_is_not_completely_installed_confirms_nothing),
		TEST(what_was_there_before_it_began_is_confirmed_only_by_looking_again),
		TEST(a_pass_over_all_that_is_below_package_is_one_over_dpkgs_too),
		TEST(it_has_failed_when_somebody_looked_and_it_is_not_there),
		TEST(facts_that_come_a_little_after_the_pass_still_confirm_it),
		TEST(facts_that_waited_while_the_processor_was_away_still_confirm_it),
		TEST(a_package_that_went_away_is_told_of),
		TEST(of_many_that_failed_the_first_are_named),
		TEST(what_is_done_by_somebody_else_is_superseded),
		TEST(what_is_superseded_while_it_is_out_is_taken_back),
		TEST(what_waits_is_superseded_too_and_leaves_its_place),
		TEST(one_fact_may_end_two_jobs),
		TEST(batches_that_are_undone_and_restarts_in_between_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
