/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/processors/dispatch/world.h"

static const uint8_t *proposed(struct world *at)
{
	world_has(at, web, "openssl:amd64", "1.0-1");
	return world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
}

/* ---- approving ---- */

static void what_is_approved_is_leased_to_the_agent_of_its_asset(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);
	const Fettle__JobLease *lease;
	const Fettle__JobVerdict *job;

	world_decide(at, "bert", id, APPROVE, "it is urgent");
	job = world_job(at, id);
	assert_string_equal(world_history(at, id), "proposed approved scheduled");
	assert_string_equal(job->decided_by, "bert");
	assert_true(world_tells(at, id, "approved: it is urgent"));
	assert_int_equal(job->attempt, 1);
	assert_int_equal(job->token, 1);
	lease = world_lease(at, web);
	assert_memory_equal(lease->job.data, id, JOB_ID_SIZE);
	assert_int_equal(lease->attempt, 1);
	assert_int_equal(lease->token, 1);
	assert_int_equal(lease->valid_until_ms, at->now_ms + 15 * (uint64_t)WORLD_MINUTE_MS);
	assert_string_equal(lease->action->packages[0]->version, "1.1-1");
	assert_null(world_command(at));
	assert_int_equal(world_verdicts(at), 3); /* one a step */
}

static void a_lease_is_a_command_under_the_key_of_its_job(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);
	char hex[2 * JOB_ID_SIZE + 1];
	const Fettle__Record *record;

	bytes_to_hex(BYTES(id, JOB_ID_SIZE), hex);
	world_decide(at, "bert", id, APPROVE, NULL);
	record = world_command(at);
	assert_int_equal(record->envelope->key.len, 4 + 64);
	assert_memory_equal(record->envelope->key.data, "job/", 4);
	assert_memory_equal(record->envelope->key.data + 4, hex, 64);
}

static void approving_once_more_changes_nothing(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "bert", id, APPROVE, NULL);
	world_lease(at, web);
	world_verdicts(at);
	world_decide(at, "bert", id, APPROVE, NULL);
	world_decide(at, "carl", id, APPROVE, NULL);
	assert_null(world_command(at));
	assert_int_equal(world_verdicts(at), 0);
	assert_string_equal(world_job(at, id)->decided_by, "bert");
}

static void who_proposed_it_may_approve_it_unless_that_takes_two(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
}

static void where_it_takes_two_who_proposed_it_may_not_approve_it(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(PROPOSED));
	assert_non_null(strstr(world_job(at, id)->reason, "somebody else"));
	assert_true(world_tells(at, id, "who proposed it may not approve it"));
	assert_int_equal(world_job(at, id)->decided_ms, 0);
	assert_int_equal(world_count(at, HOST_QUARANTINE), 0);
	assert_null(world_command(at));
	world_restart(at); /* nor after it */
	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(PROPOSED));
	world_decide(at, "bert", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
}

static void where_it_takes_two_who_proposed_it_may_still_call_it_off(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "anna", id, CANCEL, NULL);
	world_is(at, id, STATE(CANCELLED));
}

/* Everybody of NAMES (ends with NULL) may approve. */
static void may_approve(struct world *at, const char *const *names, uint64_t revoked_ms)
{
	Fettle__Operators list = FETTLE__OPERATORS__INIT;
	Fettle__Operator people[4], *pointers[4];
	Fettle__Role role = FETTLE__ROLE__ROLE_APPROVER;
	uint8_t ids[4][HASH_SIZE];

	list.operators = pointers;
	for (size_t i = 0; names[i] != NULL; i++) {
		fettle__operator__init(&people[i]);
		hash_bytes(bytes_of_text(names[i]), ids[i]);
		people[i].name = RECORD_TEXT(names[i]);
		people[i].roles = &role;
		people[i].n_roles = 1;
		RECORD_SET_BYTES(&people[i], principal, BYTES_OF(ids[i]));
		RECORD_SET(&people[i], revoked_ms, revoked_ms);
		pointers[list.n_operators++] = &people[i];
	}
	world_give(at, &(struct world_record){ .who = "root",
			   .kind = FETTLE__KIND__KIND_OPERATORS,
			   .message = &list.base });
}

static void where_somebody_else_may_approve_it_takes_them(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	may_approve(at, (const char *const[]){ "anna", "bert", NULL }, 0);
	id = proposed(at);
	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(PROPOSED));
	world_restart(at);
	world_decide(at, "bert", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
}

static void where_nobody_else_may_approve_who_proposed_it_may(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	may_approve(at, (const char *const[]){ "anna", NULL }, 0);
	id = proposed(at);
	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
}

static void who_was_revoked_is_nobody_to_wait_for(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	may_approve(at, (const char *const[]){ "bert", NULL }, 5);
	id = proposed(at);
	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
}

static void where_it_is_off_who_proposed_it_may_whoever_else_there_is(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	may_approve(at, (const char *const[]){ "bert", NULL }, 0);
	id = proposed(at);
	world_decide(at, "anna", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
}

/* ---- the audit ---- */

/* The next audit verdict after number *SEEN, in AT's arena. */
static const Fettle__AuditVerdict *next_audit(struct world *at, uint64_t *seen)
{
	const Fettle__AuditVerdict *audit = NULL;

	while (audit == NULL) {
		struct link_batch batch = { .count = 0 };
		Fettle__Record *record;

		assert_true(*seen < host_verdict_head(at->host));
		assert_int_equal(host_read_verdicts(at->host, ++*seen, 1, &batch), STATUS_OK);
		assert_int_equal(
		    record_decode(arena_bytes(&at->arena, batch.records[0]), &at->arena, &record),
		    STATUS_OK);
		host_release(at->host);
		if (record->envelope->kind == FETTLE__KIND__KIND_AUDIT)
			audit = record_unpack(&fettle__audit_verdict__descriptor,
			    record_bytes(record->body), &at->arena);
	}
	return audit;
}

static void every_step_is_told_to_the_audit(void **test)
{
	static const char *const steps[] = { "job proposed", "job approved", "job scheduled" };
	static const char *const people[] = { "anna", "bert", "dispatch" };
	struct world *at = *test;
	const uint8_t *id = proposed(at);
	uint64_t seen = 0;

	world_decide(at, "bert", id, APPROVE, NULL);
	for (unsigned i = 0; i < 3; i++) {
		const Fettle__AuditVerdict *audit = next_audit(at, &seen);

		assert_string_equal(audit->action, steps[i]);
		assert_string_equal(audit->principal, people[i]);
		assert_int_equal(audit->subject.len, JOB_ID_SIZE);
		assert_memory_equal(audit->subject.data, id, JOB_ID_SIZE);
		assert_int_equal(audit->id.len, EVENT_ID_SIZE);
	}
}

/* ---- rejecting ---- */

static void what_is_rejected_is_over(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "bert", id, REJECT, "not in December");
	world_is(at, id, STATE(REJECTED));
	assert_string_equal(world_job(at, id)->reason, "rejected: not in December");
	world_decide(at, "bert", id, APPROVE, NULL);
	world_is(at, id, STATE(REJECTED));
	assert_true(world_tells(at, id, "not approved: it is over already"));
	assert_null(world_command(at));
}

static void what_is_approved_is_cancelled_and_not_rejected(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_decide(at, "bert", id, REJECT, NULL);
	world_is(at, id, STATE(SCHEDULED));
	assert_true(world_tells(at, id, "cancel it"));
}

/* ---- cancelling ---- */

static void the_next_command_takes_back(struct world *at, const uint8_t *id)
{
	const Fettle__Record *record = world_command(at);
	const Fettle__JobCancel *cancel;

	assert_non_null(record);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_JOB_CANCEL);
	assert_memory_equal(record->envelope->key.data, "job/", 4);
	assert_memory_equal(record->envelope->target.data, web, AGENT_ID_SIZE);
	cancel = record_unpack(&fettle__job_cancel__descriptor, record_bytes(record->body),
	    &at->arena);
	assert_memory_equal(cancel->job.data, id, JOB_ID_SIZE);
	assert_int_equal(cancel->token, world_job(at, id)->token);
}

static void a_job_that_nobody_has_been_given_is_cancelled_without_a_word_to_the_agent(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "anna", id, CANCEL, NULL);
	world_is(at, id, STATE(CANCELLED));
	assert_null(world_command(at));
	world_verdicts(at);
	world_decide(at, "anna", id, CANCEL, NULL);
	assert_int_equal(world_verdicts(at), 0);
}

static void a_lease_that_is_not_begun_is_taken_back(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_lease(at, web);
	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_decide(at, "carl", id, CANCEL, "wait");
	world_is(at, id, STATE(CANCELLED));
	the_next_command_takes_back(at, id);
}

static void what_has_begun_is_not_interrupted(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	world_lease(at, web);
	world_decide(at, "carl", id, CANCEL, NULL);
	world_is(at, id, STATE(APPLYING));
	assert_true(world_tells(at, id, "not cancelled: it has begun"));
	world_ends(at, web, id, 0, NULL);
	world_decide(at, "carl", id, CANCEL, NULL);
	world_is(at, id, STATE(VERIFYING));
	assert_null(world_command(at));
}

static void what_is_over_is_not_cancelled(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);

	world_decide(at, "bert", id, REJECT, NULL);
	world_decide(at, "bert", id, CANCEL, NULL);
	world_is(at, id, STATE(REJECTED));
	assert_true(world_tells(at, id, "not cancelled: it is over already"));
}

static void what_begins_although_it_was_cancelled_is_applying(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_decide(at, "carl", id, CANCEL, NULL);
	world_says(at, web, id, STEP(STARTED), NULL);
	world_is(at, id, STATE(APPLYING));
	assert_true(world_tells(at, id, "although it was cancelled"));
	world_ends(at, web, id, 0, NULL);
	world_has(at, web, "openssl:amd64", "1.1-1");
	assert_string_equal(world_history(at, id),
	    "proposed approved scheduled cancelled applying verifying confirmed");
}

static void what_came_back_is_not_forgotten_with_those_that_are_over(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_has(at, web, "curl:amd64", "2.0-1");
	world_decide(at, "carl", id, CANCEL, NULL);
	world_says(at, web, id, STEP(STARTED), NULL);
	for (int i = 0; i < 70; i++)
		world_propose(at, "anna", web, "curl:amd64", arena_format(&at->arena, "1.%d", i));
	world_is(at, id, STATE(APPLYING));
	assert_int_equal(world_count(at, STATE_JOB), 1 + 64);
}

static void a_cancelled_job_that_its_agent_then_refuses_stays_cancelled(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_scheduled(at);

	world_decide(at, "carl", id, CANCEL, NULL);
	world_says(at, web, id, STEP(ACCEPTED), NULL);
	world_says(at, web, id, STEP(REFUSED), "cancelled");
	world_is(at, id, STATE(CANCELLED));
	assert_int_equal(world_job(at, id)->attempt, 1);
}

/* ---- one at a time ---- */

static const uint8_t *second_job(struct world *at)
{
	const uint8_t *id;

	world_has(at, web, "curl:amd64", "1.0-1");
	id = world_propose(at, "anna", web, "curl:amd64", "1.1-1");
	world_decide(at, "bert", id, APPROVE, NULL);
	return id;
}

static void the_second_of_an_asset_waits_and_says_for_which(void **test)
{
	struct world *at = *test;
	const uint8_t *first = world_scheduled(at), *second;

	world_lease(at, web);
	second = second_job(at);
	world_is(at, second, STATE(APPROVED));
	assert_non_null(strstr(world_job(at, second)->reason, "waits for job "));
	assert_null(world_command(at));
	world_says(at, web, first, STEP(STARTED), NULL);
	world_ends(at, web, first, 0, NULL);
	world_is(at, second, STATE(APPROVED)); /* how the first went is not known yet */
	world_has(at, web, "openssl:amd64", "1.1-1");
	world_is(at, first, STATE(CONFIRMED));
	world_is(at, second, STATE(SCHEDULED));
	assert_int_equal(world_lease(at, web)->token, 2);
}

static void those_that_wait_go_in_the_order_of_their_approval(void **test)
{
	struct world *at = *test;
	const uint8_t *first = world_scheduled(at), *second, *third;

	world_has(at, web, "curl:amd64", "1.0-1");
	world_has(at, web, "jq:amd64", "1.0-1");
	third = world_propose(at, "anna", web, "jq:amd64", "1.1-1");
	second = world_propose(at, "anna", web, "curl:amd64", "1.1-1");
	world_decide(at, "bert", second, APPROVE, NULL);
	world_decide(at, "bert", third, APPROVE, NULL);
	world_decide(at, "bert", first, CANCEL, NULL);
	world_is(at, second, STATE(SCHEDULED));
	world_is(at, third, STATE(APPROVED));
	assert_string_equal(world_job(at, third)->reason,
	    arena_format(&at->arena, "waits for %s",
		job_name(&at->arena, BYTES(second, JOB_ID_SIZE))));
}

static void other_assets_do_not_wait(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	world_scheduled(at);
	world_has(at, mail, "openssl:amd64", "1.0-1");
	id = world_propose(at, "anna", mail, "openssl:amd64", "1.1-1");
	world_decide(at, "bert", id, APPROVE, NULL);
	world_is(at, id, STATE(SCHEDULED));
	world_lease(at, web);
	assert_int_equal(world_lease(at, mail)->token, 1); /* each asset counts its own */
}

static void a_job_whose_outcome_is_unknown_holds_the_others_until_it_is_given_up(void **test)
{
	struct world *at = *test;
	const uint8_t *first = world_scheduled(at), *second = second_job(at);

	world_lease(at, web);
	world_wait(at, 16 * WORLD_MINUTE_MS);
	world_is(at, first, STATE(LOST));
	world_is(at, second, STATE(APPROVED));
	assert_non_null(strstr(world_job(at, second)->reason, "nothing was heard"));
	world_decide(at, "bert", first, CANCEL, NULL);
	assert_true(world_tells(at, first, "whether it ran is not known"));
	the_next_command_takes_back(at, first);
	world_is(at, second, STATE(SCHEDULED));
	assert_int_equal(world_lease(at, web)->token, 2);
}

/* ---- nonsense ---- */

static void a_decision_that_is_none_is_quarantined(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);
	static const uint8_t unknown[JOB_ID_SIZE] = "unknown";

	world_decide(at, "bert", unknown, APPROVE, NULL);
	world_decide(at, "bert", id, FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_NONE, NULL);
	world_decide(at, "bert", id, (Fettle__JobDecisionKind)9, NULL);
	assert_int_equal(world_count(at, HOST_QUARANTINE), 3);
	world_is(at, id, STATE(PROPOSED));
}

static void words_are_kept_short_and_harmless(void **test)
{
	struct world *at = *test;
	const uint8_t *id = proposed(at);
	char words[2000];

	memset(words, 'x', sizeof(words) - 1);
	words[0] = '\x1b';
	words[sizeof(words) - 1] = '\0';
	world_decide(at, "bert", id, REJECT, words);
	assert_true(strlen(world_job(at, id)->reason) < 300);
	assert_null(strchr(world_job(at, id)->reason, '\x1b'));
}

static void a_history_keeps_its_newest_sixty_four_steps(void **test)
{
	struct world *at = *test;
	const uint8_t *id = world_applying(at);

	for (int i = 0; i < 100; i++)
		world_decide(at, "bert", id, CANCEL, NULL);
	assert_int_equal(world_job(at, id)->n_history, 64);
	assert_non_null(strstr(world_job(at, id)->history[0]->note, "not cancelled"));
}

static int start_with_two(void **test)
{
	return world_start_with(test, "dispatch.two_people=on");
}

static int start_with_one(void **test)
{
	return world_start_with(test, "dispatch.two_people=off");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)
#define TEST_ONE(name) cmocka_unit_test_setup_teardown(name, start_with_one, world_stop)
#define TEST_TWO(name) cmocka_unit_test_setup_teardown(name, start_with_two, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_approved_is_leased_to_the_agent_of_its_asset),
		TEST(a_lease_is_a_command_under_the_key_of_its_job),
		TEST(approving_once_more_changes_nothing),
		TEST(who_proposed_it_may_approve_it_unless_that_takes_two),
		TEST_TWO(where_it_takes_two_who_proposed_it_may_not_approve_it),
		TEST_TWO(where_it_takes_two_who_proposed_it_may_still_call_it_off),
		TEST(where_somebody_else_may_approve_it_takes_them),
		TEST(where_nobody_else_may_approve_who_proposed_it_may),
		TEST(who_was_revoked_is_nobody_to_wait_for),
		TEST_ONE(where_it_is_off_who_proposed_it_may_whoever_else_there_is),
		TEST(every_step_is_told_to_the_audit),
		TEST(what_is_rejected_is_over),
		TEST(what_is_approved_is_cancelled_and_not_rejected),
		TEST(a_job_that_nobody_has_been_given_is_cancelled_without_a_word_to_the_agent),
		TEST(a_lease_that_is_not_begun_is_taken_back),
		TEST(what_has_begun_is_not_interrupted),
		TEST(what_is_over_is_not_cancelled),
		TEST(what_begins_although_it_was_cancelled_is_applying),
		TEST(what_came_back_is_not_forgotten_with_those_that_are_over),
		TEST(a_cancelled_job_that_its_agent_then_refuses_stays_cancelled),
		TEST(the_second_of_an_asset_waits_and_says_for_which),
		TEST(those_that_wait_go_in_the_order_of_their_approval),
		TEST(other_assets_do_not_wait),
		TEST(a_job_whose_outcome_is_unknown_holds_the_others_until_it_is_given_up),
		TEST(a_decision_that_is_none_is_quarantined),
		TEST(words_are_kept_short_and_harmless),
		TEST(a_history_keeps_its_newest_sixty_four_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
