/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/processors/dispatch/world.h"

static void a_proposal_stands_with_what_is_installed_now_and_who_made_it(void **test)
{
	struct world *at = *test;
	const Fettle__JobVerdict *job;
	const uint8_t *id;

	world_has(at, web, "openssl:amd64", "1.0-1");
	id = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	job = world_job(at, id);
	assert_int_equal(job->state, STATE(PROPOSED));
	assert_string_equal(job->proposed_by, "anna");
	assert_int_equal(job->n_packages, 1);
	assert_string_equal(job->packages[0]->name, "openssl:amd64");
	assert_string_equal(job->packages[0]->before, "1.0-1");
	assert_string_equal(job->packages[0]->target, "1.1-1");
	assert_int_equal(job->n_history, 1);
	assert_string_equal(job->history[0]->by, "anna");
	assert_int_equal(world_verdicts(at), 1);
	assert_null(world_command(at));
}

static void the_findings_that_it_would_cure_stand_with_it(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft;
	uint8_t finding[HASH_SIZE] = "a finding";
	ProtobufCBinaryData findings[] = { record_binary(BYTES_OF(finding)) };

	world_has(at, web, "openssl:amd64", "1.0-1");
	draft = world_draft(at, web);
	world_add_package(draft, "openssl:amd64", "1.1-1");
	world_set_id(draft);
	draft->proposal.findings = findings;
	draft->proposal.n_findings = 1;
	world_send(at, "anna", draft);
	assert_int_equal(world_job(at, draft->id)->n_findings, 1);
	assert_memory_equal(world_job(at, draft->id)->findings[0].data, finding, HASH_SIZE);
}

static void the_same_proposal_again_changes_nothing(void **test)
{
	struct world *at = *test;
	const uint8_t *id;

	world_has(at, web, "openssl:amd64", "1.0-1");
	id = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	world_decide(at, "bert", id, REJECT, NULL);
	assert_int_equal(world_verdicts(at), 2);
	world_propose(at, "carl", web, "openssl:amd64", "1.1-1");
	assert_int_equal(world_verdicts(at), 0);
	assert_string_equal(world_job(at, id)->proposed_by, "anna");
	world_is(at, id, STATE(REJECTED));
	assert_int_equal(world_count(at, STATE_JOB), 1);
	assert_int_equal(world_count(at, HOST_QUARANTINE), 0);
}

static void another_generation_of_what_is_over_is_a_job_of_its_own(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft;
	const uint8_t *id;

	world_has(at, web, "openssl:amd64", "1.0-1");
	id = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	world_decide(at, "bert", id, REJECT, NULL);
	draft = world_draft(at, web);
	world_add_package(draft, "openssl:amd64", "1.1-1");
	RECORD_SET(&draft->proposal, generation, 1);
	world_set_id(draft);
	world_send(at, "anna", draft);
	world_is(at, draft->id, STATE(PROPOSED));
	world_is(at, id, STATE(REJECTED));
}

/* Sends DRAFT as it is, which must be refused. */
static void rejects(struct world *at, const struct world_proposal *draft)
{
	uint64_t before = world_count(at, HOST_QUARANTINE);

	world_send(at, "anna", draft);
	assert_int_equal(world_count(at, HOST_QUARANTINE), before + 1);
	assert_int_equal(world_count(at, STATE_JOB), 0);
	assert_int_equal(world_count(at, STATE_ASSET_JOBS), 0);
}

static struct world_proposal *draft_of(struct world *at, const char *name, const char *version)
{
	struct world_proposal *draft = world_draft(at, web);

	world_add_package(draft, name, version);
	world_set_id(draft);
	return draft;
}

static void a_proposal_for_an_asset_that_is_not_known_is_rejected(void **test)
{
	struct world *at = *test;

	rejects(at, draft_of(at, "openssl:amd64", "1.1-1"));
	world_has(at, mail, "openssl:amd64", "1.0-1");
	rejects(at, draft_of(at, "openssl:amd64", "1.1-1"));
}

static void an_id_that_is_of_something_else_is_rejected(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft;

	world_has(at, web, "openssl:amd64", "1.0-1");
	draft = draft_of(at, "openssl:amd64", "1.1-1");
	draft->id[31] ^= 1;
	rejects(at, draft);
	draft = draft_of(at, "openssl:amd64", "1.1-1");
	RECORD_SET(&draft->proposal, generation, 1);
	rejects(at, draft);
	draft = draft_of(at, "openssl:amd64", "1.1-1");
	draft->proposal.job.len = 16;
	rejects(at, draft);
	draft = draft_of(at, "openssl:amd64", "1.1-1");
	draft->proposal.has_job = 0;
	draft->proposal.job = (ProtobufCBinaryData){ .len = 0 };
	rejects(at, draft);
}

static void an_action_that_is_malformed_is_rejected(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft;

	world_has(at, web, "openssl:amd64", "1.0-1");
	rejects(at, draft_of(at, "--purge", "1.1-1"));
	rejects(at, draft_of(at, "openssl", "1.1; reboot"));
	draft = world_draft(at, web);
	world_set_id(draft);
	rejects(at, draft); /* no package */
	for (int i = 0; i < 501; i++)
		world_add_package(draft, arena_format(&at->arena, "package%d", i), "1.0");
	world_set_id(draft);
	rejects(at, draft);
	draft = draft_of(at, "openssl", "1.1-1");
	draft->proposal.action = NULL;
	rejects(at, draft);
}

static void findings_that_are_none_are_rejected(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft;
	static ProtobufCBinaryData findings[2001];
	static uint8_t id[HASH_SIZE];

	world_has(at, web, "openssl:amd64", "1.0-1");
	for (size_t i = 0; i < 2001; i++)
		findings[i] = record_binary(BYTES_OF(id));
	draft = draft_of(at, "openssl:amd64", "1.1-1");
	draft->proposal.findings = findings;
	draft->proposal.n_findings = 2001;
	rejects(at, draft);
	findings[0].len = 3;
	draft->proposal.n_findings = 1;
	rejects(at, draft);
}

static void five_hundred_packages_fit_into_a_verdict_and_a_lease(void **test)
{
	struct world *at = *test;
	struct world_proposal *draft;

	world_has(at, web, "openssl:amd64", "1.0-1");
	draft = world_draft(at, web);
	for (int i = 0; i < 500; i++)
		world_add_package(draft, arena_format(&at->arena, "package-%060d:amd64", i),
		    "1:2.3.4+dfsg-5+deb12u6");
	world_set_id(draft);
	world_send(at, "anna", draft);
	assert_int_equal(world_verdicts(at), 1);
	world_decide(at, "bert", draft->id, APPROVE, NULL);
	assert_int_equal(world_lease(at, web)->action->n_packages, 500);
}

static void what_is_done_already_is_superseded_at_once_and_says_why(void **test)
{
	struct world *at = *test;
	const uint8_t *same, *newer;

	world_has(at, web, "openssl:amd64", "1.1-1");
	same = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	newer = world_propose(at, "anna", web, "openssl:amd64", "1.0-1");
	world_is(at, same, STATE(SUPERSEDED));
	world_is(at, newer, STATE(SUPERSEDED));
	assert_non_null(strstr(world_job(at, same)->reason, "already"));
	assert_string_equal(world_job(at, same)->packages[0]->observed, "1.1-1");
	assert_string_equal(world_history(at, same), "proposed superseded");
	assert_int_equal(world_verdicts(at), 4);
	assert_null(world_command(at));
}

static void what_is_unpacked_or_removed_only_is_not_done(void **test)
{
	struct world *at = *test;

	world_observe(at, web, "openssl:amd64", "1.1-1", "iU");
	world_observe(at, web, "curl:amd64", "1.1-1", "rc");
	world_is(at, world_propose(at, "anna", web, "openssl:amd64", "1.1-1"), STATE(PROPOSED));
	world_is(at, world_propose(at, "anna", web, "curl:amd64", "1.1-1"), STATE(PROPOSED));
}

static void a_version_that_is_none_is_not_reached(void **test)
{
	struct world *at = *test;

	world_has(at, web, "openssl:amd64", "\x1b[31m9");
	world_is(at, world_propose(at, "anna", web, "openssl:amd64", "1.1-1"), STATE(PROPOSED));
}

static void of_two_for_the_same_packages_the_later_stays_while_none_is_approved(void **test)
{
	struct world *at = *test;
	const uint8_t *first, *second;

	world_has(at, web, "openssl:amd64", "1.0-1");
	first = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	second = world_propose(at, "anna", web, "openssl:amd64", "1.2-1");
	world_is(at, first, STATE(SUPERSEDED));
	assert_non_null(strstr(world_job(at, first)->reason, "proposed later"));
	world_is(at, second, STATE(PROPOSED));
}

static void one_that_is_done_already_does_not_displace_another(void **test)
{
	struct world *at = *test;
	const uint8_t *first, *second;

	world_has(at, web, "openssl:amd64", "1.0-1");
	first = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	second = world_propose(at, "anna", web, "openssl:amd64", "0.9-1");
	world_is(at, first, STATE(PROPOSED));
	world_is(at, second, STATE(SUPERSEDED));
}

static void of_two_for_the_same_packages_the_one_that_is_approved_stays(void **test)
{
	struct world *at = *test;
	const uint8_t *first = world_applying(at), *second;

	second = world_propose(at, "anna", web, "openssl:amd64", "1.2-1");
	world_is(at, first, STATE(APPLYING));
	world_is(at, second, STATE(SUPERSEDED));
	assert_non_null(strstr(world_job(at, second)->reason, "propose this again"));
}

static void jobs_for_other_packages_or_assets_do_not_disturb_each_other(void **test)
{
	struct world *at = *test;
	const uint8_t *first, *second, *third;

	world_has(at, web, "openssl:amd64", "1.0-1");
	world_has(at, web, "curl:amd64", "1.0-1");
	world_has(at, mail, "openssl:amd64", "1.0-1");
	first = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	second = world_propose(at, "anna", web, "curl:amd64", "1.1-1");
	third = world_propose(at, "anna", mail, "openssl:amd64", "1.1-1");
	world_is(at, first, STATE(PROPOSED));
	world_is(at, second, STATE(PROPOSED));
	world_is(at, third, STATE(PROPOSED));
}

static void an_asset_has_sixteen_open_jobs_at_most(void **test)
{
	struct world *at = *test;
	const uint8_t *first = NULL;

	world_has(at, web, "openssl:amd64", "1.0-1");
	for (int i = 0; i < 17; i++) {
		const uint8_t *id = world_propose(at, "anna", web,
		    arena_format(&at->arena, "package%d", i), "1.1-1");

		first = first == NULL ? id : first;
	}
	assert_int_equal(world_count(at, STATE_JOB), 16);
	assert_int_equal(world_count(at, HOST_QUARANTINE), 1);
	world_decide(at, "bert", first, REJECT, NULL);
	world_propose(at, "anna", web, "package17", "1.1-1");
	assert_int_equal(world_count(at, STATE_JOB), 17);
}

static void the_state_forgets_the_oldest_of_those_that_are_over(void **test)
{
	struct world *at = *test;

	world_has(at, web, "openssl:amd64", "2.0-1");
	for (int i = 0; i < 70; i++)
		world_propose(at, "anna", web, "openssl:amd64",
		    arena_format(&at->arena, "1.%d", i));
	assert_int_equal(world_count(at, STATE_JOB), 64);
	assert_int_equal(world_count(at, STATE_JOB_OF), 64);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_proposal_stands_with_what_is_installed_now_and_who_made_it),
		TEST(the_findings_that_it_would_cure_stand_with_it),
		TEST(the_same_proposal_again_changes_nothing),
		TEST(another_generation_of_what_is_over_is_a_job_of_its_own),
		TEST(a_proposal_for_an_asset_that_is_not_known_is_rejected),
		TEST(an_id_that_is_of_something_else_is_rejected),
		TEST(an_action_that_is_malformed_is_rejected),
		TEST(findings_that_are_none_are_rejected),
		TEST(five_hundred_packages_fit_into_a_verdict_and_a_lease),
		TEST(what_is_done_already_is_superseded_at_once_and_says_why),
		TEST(what_is_unpacked_or_removed_only_is_not_done),
		TEST(a_version_that_is_none_is_not_reached),
		TEST(of_two_for_the_same_packages_the_later_stays_while_none_is_approved),
		TEST(one_that_is_done_already_does_not_displace_another),
		TEST(of_two_for_the_same_packages_the_one_that_is_approved_stays),
		TEST(jobs_for_other_packages_or_assets_do_not_disturb_each_other),
		TEST(an_asset_has_sixteen_open_jobs_at_most),
		TEST(the_state_forgets_the_oldest_of_those_that_are_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
