/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps over a real spool and a helper of which each test says what it answers.
 */
#include "collectors/jobs/job_steps.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/job_id.h"
#include "proto/command.pb-c.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { SPOOL_SIZE = 64 << 20, NOW = 1000, VALID = 2000 };

enum asked { NOTHING, A_QUERY, A_RUN };

struct fixture {
	char *directory;
	struct spool *spool;
	struct job_steps *steps;
	enum job_helper helper;
	enum asked asked; /* last */
	unsigned runs, applied;
	uint64_t attempt_asked;
	uint64_t heard; /* records of progress that were looked at */
};

/* ---- the helper ---- */

static enum job_helper find_helper(void *self, const char **why)
{
	struct fixture *fixture = self;

	*why = "nobody here";
	return fixture->helper;
}

static void on_query(void *self, const Fettle__SpoolJob *job)
{
	struct fixture *fixture = self;

	fixture->asked = A_QUERY;
	fixture->attempt_asked = job->attempt;
}

static void on_run(void *self, const Fettle__SpoolJob *job)
{
	struct fixture *fixture = self;

	fixture->asked = A_RUN;
	fixture->attempt_asked = job->attempt;
	fixture->runs++;
}

static void on_applied(void *self)
{
	((struct fixture *)self)->applied++;
}

static const struct job_steps_operations operations = {
	.helper = find_helper,
	.query = on_query,
	.run = on_run,
	.on_applied = on_applied,
};

/* ---- the agent ---- */

static void open_agent(struct fixture *fixture)
{
	assert_int_equal(
	    spool_open(scratch_path(fixture->directory, "spool"), SPOOL_SIZE, &fixture->spool),
	    STATUS_OK);
	fixture->steps = job_steps_new(fixture->spool, &operations, fixture);
	fixture->asked = NOTHING;
}

static void close_agent(struct fixture *fixture)
{
	job_steps_free(fixture->steps);
	spool_close(fixture->spool);
}

/* What was not committed is lost. */
static void crash(struct fixture *fixture)
{
	close_agent(fixture);
	open_agent(fixture);
}

static int start(void **test)
{
	void *directory = NULL;
	struct fixture *fixture = memory_new(sizeof(*fixture));

	assert_int_equal(scratch_start(&directory), 0);
	fixture->directory = directory;
	fixture->helper = JOB_HELPER_READY;
	open_agent(fixture);
	*test = fixture;
	return 0;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;
	void *directory = fixture->directory;

	close_agent(fixture);
	free(fixture);
	return scratch_stop(&directory);
}

static void commit(struct fixture *fixture)
{
	assert_int_equal(spool_commit(fixture->spool), STATUS_OK);
	job_steps_committed(fixture->steps);
}

static void turn_at(struct fixture *fixture, uint64_t now_ms)
{
	job_steps_turn(fixture->steps, now_ms);
	commit(fixture);
}

static void turn(struct fixture *fixture)
{
	turn_at(fixture, NOW);
}

/* ---- commands ---- */

struct lease {
	char name; /* of the job */
	uint64_t attempt, token;
	const char *package;     /* NULL: a good one */
	uint64_t valid_until_ms; /* 0: long enough */
};

static void pack_lease(const struct lease *wanted, struct buffer *out)
{
	Fettle__JobLease lease = FETTLE__JOB_LEASE__INIT;
	Fettle__JobAction action = FETTLE__JOB_ACTION__INIT;
	Fettle__JobPackage package = FETTLE__JOB_PACKAGE__INIT, *packages[] = { &package };
	uint8_t job[JOB_ID_SIZE];

	memset(job, wanted->name, sizeof(job));
	package.name = RECORD_TEXT(wanted->package == NULL ? "bash" : wanted->package);
	package.version = RECORD_TEXT("2");
	RECORD_SET(&action, kind, FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES);
	action.manager = RECORD_TEXT("dpkg");
	action.packages = packages;
	action.n_packages = 1;
	RECORD_SET_BYTES(&lease, job, BYTES_OF(job));
	RECORD_SET(&lease, attempt, wanted->attempt);
	RECORD_SET(&lease, token, wanted->token);
	RECORD_SET(&lease, valid_until_ms,
	    wanted->valid_until_ms == 0 ? VALID : wanted->valid_until_ms);
	lease.action = &action;
	record_pack(out, &lease.base);
}

static void give(struct fixture *fixture, struct lease lease)
{
	struct buffer body = { 0 };

	pack_lease(&lease, &body);
	assert_int_equal(job_steps_lease(fixture->steps, buffer_bytes(&body), NOW), STATUS_OK);
	buffer_fini(&body);
	commit(fixture);
}

static void take_back(struct fixture *fixture, char name, uint64_t token)
{
	Fettle__JobCancel order = FETTLE__JOB_CANCEL__INIT;
	struct buffer body = { 0 };
	uint8_t job[JOB_ID_SIZE];

	memset(job, name, sizeof(job));
	RECORD_SET_BYTES(&order, job, BYTES_OF(job));
	RECORD_SET(&order, token, token);
	record_pack(&body, &order.base);
	assert_int_equal(job_steps_cancel(fixture->steps, buffer_bytes(&body)), STATUS_OK);
	buffer_fini(&body);
	commit(fixture);
}

/* Not yet committed. */
static void say(struct fixture *fixture, char name, uint64_t attempt, int state, uint64_t now_ms)
{
	static uint8_t output[3 * JOB_OUTPUT_MAX];
	Fettle__HelperReply reply = FETTLE__HELPER_REPLY__INIT;
	uint8_t job[JOB_ID_SIZE];

	memset(job, name, sizeof(job));
	output[sizeof(output) - 1] = 'Z';
	RECORD_SET_BYTES(&reply, job, BYTES_OF(job));
	RECORD_SET(&reply, attempt, attempt);
	RECORD_SET(&reply, state, (Fettle__HelperState)state);
	RECORD_SET(&reply, exit_code, 100);
	reply.reason = RECORD_TEXT("says the helper");
	RECORD_SET_BYTES(&reply, output, BYTES_OF(output));
	job_steps_answer(fixture->steps, &reply, now_ms);
}

static void answer_at(struct fixture *fixture, char name, uint64_t attempt, int state,
    uint64_t now_ms)
{
	say(fixture, name, attempt, state, now_ms);
	commit(fixture);
}

#define SAY(state) FETTLE__HELPER_STATE__HELPER_STATE_##state

static void answer(struct fixture *fixture, char name, uint64_t attempt, int state)
{
	answer_at(fixture, name, attempt, state, NOW);
}

/* ---- what the server hears ---- */

struct heard {
	char text[256];   /* "a1 ACCEPTED, a1 STARTED" */
	char reason[128]; /* of the last, as what follows */
	bool is_final;
	int64_t exit_code;
	size_t output_size;
	uint8_t output_end;
};

static void hear_one(struct heard *heard, struct bytes record)
{
	static const char *const steps[] = { "-", "ACCEPTED", "REFUSED", "STARTED", "ENDED",
		"INTERRUPTED" };
	struct arena arena = { 0 };
	Fettle__Record *decoded;
	const Fettle__JobProgress *progress;
	size_t size = strlen(heard->text);

	assert_int_equal(record_decode(record, &arena, &decoded), STATUS_OK);
	assert_int_equal(decoded->envelope->kind, FETTLE__KIND__KIND_JOB_PROGRESS);
	progress = record_unpack(&fettle__job_progress__descriptor, record_bytes(decoded->body),
	    &arena);
	assert_non_null(progress);
	snprintf(heard->text + size, sizeof(heard->text) - size, "%s%c%u %s", size > 0 ? ", " : "",
	    progress->job.data[0], (unsigned)progress->attempt, steps[progress->step]);
	snprintf(heard->reason, sizeof(heard->reason), "%s",
	    progress->reason == NULL ? "" : progress->reason);
	heard->is_final = progress->is_final;
	heard->exit_code = progress->exit_code;
	heard->output_size = progress->output.len;
	heard->output_end = progress->output.len == 0
	                      ? 0
	                      : progress->output.data[progress->output.len - 1];
	arena_fini(&arena);
}

/* All that is new since it was last asked, as the link would read it. */
static const struct heard *hear(struct fixture *fixture)
{
	static struct heard heard;
	static struct link_batch batch;

	heard = (struct heard){ 0 };
	assert_int_equal(spool_number(fixture->spool), STATUS_OK);
	assert_int_equal(spool_commit(fixture->spool), STATUS_OK);
	batch.count = batch.size = 0;
	assert_int_equal(spool_read(fixture->spool, LANE_DELTA, fixture->heard + 1, 100, &batch),
	    STATUS_OK);
	for (size_t i = 0; i < batch.count; i++)
		hear_one(&heard, batch.records[i]);
	fixture->heard += batch.count;
	spool_release(fixture->spool);
	return &heard;
}

#define HEARD(fixture, expected) assert_string_equal(hear(fixture)->text, expected)

/* ---- the way of a job ---- */

static void begin(struct fixture *fixture)
{
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	turn(fixture);
	assert_int_equal(fixture->asked, A_QUERY);
	HEARD(fixture, "a1 ACCEPTED, a1 STARTED");
}

static void a_lease_is_accepted_started_and_ended(void **test)
{
	struct fixture *fixture = *test;
	const struct heard *heard;

	begin(fixture);
	answer(fixture, 'a', 1, SAY(UNKNOWN));
	assert_int_equal(fixture->asked, A_RUN);
	answer(fixture, 'a', 1, SAY(RUNNING));
	HEARD(fixture, "");
	assert_true(job_steps_has_work(fixture->steps));
	answer(fixture, 'a', 1, SAY(ENDED));
	heard = hear(fixture);
	assert_string_equal(heard->text, "a1 ENDED");
	assert_int_equal(heard->exit_code, 100);
	assert_string_equal(heard->reason, "says the helper");
	assert_int_equal(heard->output_size, JOB_OUTPUT_MAX);
	assert_int_equal(heard->output_end, 'Z');
	assert_int_equal(fixture->applied, 1);
	assert_false(job_steps_has_work(fixture->steps));
}

static void nobody_is_asked_before_the_start_is_durable(void **test)
{
	struct fixture *fixture = *test;

	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	job_steps_turn(fixture->steps, NOW);
	assert_int_equal(fixture->asked, NOTHING);
	spool_abort(fixture->spool);
	job_steps_committed(fixture->steps);
	assert_int_equal(fixture->asked, NOTHING);
	turn(fixture);
	assert_int_equal(fixture->asked, A_QUERY);
	HEARD(fixture, "a1 ACCEPTED, a1 STARTED");
}

static void an_end_that_was_undone_is_asked_for_again(void **test)
{
	struct fixture *fixture = *test;

	begin(fixture);
	answer(fixture, 'a', 1, SAY(RUNNING));
	fixture->asked = NOTHING;
	say(fixture, 'a', 1, SAY(ENDED), NOW);
	spool_abort(fixture->spool);
	turn(fixture);
	assert_int_equal(fixture->asked, A_QUERY);
	answer(fixture, 'a', 1, SAY(ENDED));
	HEARD(fixture, "a1 ENDED");
}

static void a_known_attempt_is_told_of_again_and_never_run_again(void **test)
{
	struct fixture *fixture = *test;
	const struct lease lease = { .name = 'a', .attempt = 1, .token = 7 };

	begin(fixture);
	give(fixture, lease);
	HEARD(fixture, "a1 STARTED");
	answer(fixture, 'a', 1, SAY(UNKNOWN));
	answer(fixture, 'a', 1, SAY(ENDED));
	HEARD(fixture, "a1 ENDED");
	for (unsigned i = 0; i < 2; i++) {
		give(fixture, lease);
		turn(fixture);
		HEARD(fixture, "a1 ENDED");
		crash(fixture);
	}
	assert_int_equal(fixture->runs, 1);
}

/* ---- after a crash ---- */

static void what_was_accepted_is_begun_after_a_crash(void **test)
{
	struct fixture *fixture = *test;

	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	crash(fixture);
	turn(fixture);
	assert_int_equal(fixture->asked, A_QUERY);
	HEARD(fixture, "a1 ACCEPTED, a1 STARTED");
}

static void what_was_accepted_and_has_expired_meanwhile_is_refused(void **test)
{
	struct fixture *fixture = *test;
	const struct heard *heard;

	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	crash(fixture);
	turn_at(fixture, VALID);
	assert_int_equal(fixture->asked, NOTHING);
	heard = hear(fixture);
	assert_string_equal(heard->text, "a1 ACCEPTED, a1 REFUSED");
	assert_string_equal(heard->reason, "the lease had expired before it was begun");
}

static void after_a_crash_the_helper_says_what_became_of_it(void **test)
{
	static const struct {
		int state;
		const char *step;
	} rows[] = { { SAY(ENDED), "a1 ENDED" }, { SAY(INTERRUPTED), "a1 INTERRUPTED" },
		{ SAY(REFUSED), "a1 REFUSED" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *fixture;

		stop(test);
		start(test);
		fixture = *test;
		begin(fixture);
		answer(fixture, 'a', 1, SAY(UNKNOWN));
		crash(fixture);
		turn(fixture);
		assert_int_equal(fixture->asked, A_QUERY);
		answer(fixture, 'a', 1, SAY(RUNNING));
		HEARD(fixture, "");
		/* Its lease may end while it runs. */
		answer_at(fixture, 'a', 1, rows[i].state, VALID + 1);
		HEARD(fixture, rows[i].step);
		assert_int_equal(fixture->runs, 1);
	}
}

static void what_the_helper_never_heard_of_is_run_while_the_lease_is_valid(void **test)
{
	struct fixture *fixture = *test;

	begin(fixture);
	crash(fixture);
	turn(fixture);
	answer(fixture, 'a', 1, SAY(UNKNOWN));
	assert_int_equal(fixture->asked, A_RUN);
	assert_int_equal(fixture->runs, 1);
}

static void what_the_helper_never_heard_of_is_refused_later(void **test)
{
	struct fixture *fixture = *test;

	begin(fixture);
	crash(fixture);
	turn_at(fixture, VALID);
	answer_at(fixture, 'a', 1, SAY(UNKNOWN), VALID);
	HEARD(fixture, "a1 REFUSED");
	assert_int_equal(fixture->runs, 0);
}

static void a_helper_that_is_lost_or_busy_is_asked_again(void **test)
{
	struct fixture *fixture = *test;

	begin(fixture);
	fixture->asked = NOTHING;
	turn(fixture);
	assert_int_equal(fixture->asked, NOTHING); /* it owes an answer */
	job_steps_lost(fixture->steps);
	fixture->helper = JOB_HELPER_LATER;
	turn(fixture);
	assert_int_equal(fixture->asked, NOTHING);
	fixture->helper = JOB_HELPER_READY;
	turn(fixture);
	assert_int_equal(fixture->asked, A_QUERY);
	answer(fixture, 'a', 1, SAY(UNKNOWN));
	answer(fixture, 'a', 1, SAY(BUSY));
	fixture->asked = NOTHING;
	turn(fixture);
	assert_int_equal(fixture->asked, A_QUERY);
	HEARD(fixture, "");
}

/* ---- several ---- */

static void jobs_are_applied_one_at_a_time_in_the_order_of_their_tokens(void **test)
{
	struct fixture *fixture = *test;

	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	give(fixture, (struct lease){ .name = 'b', .attempt = 3, .token = 8 });
	turn(fixture);
	turn(fixture);
	HEARD(fixture, "a1 ACCEPTED, b3 ACCEPTED, a1 STARTED");
	answer(fixture, 'b', 3, SAY(ENDED)); /* nobody asked */
	answer(fixture, 'a', 2, SAY(ENDED));
	HEARD(fixture, "");
	answer(fixture, 'a', 1, SAY(ENDED));
	turn(fixture);
	HEARD(fixture, "a1 ENDED, b3 STARTED");
	assert_int_equal(fixture->attempt_asked, 3);
}

static void a_later_lease_takes_the_place_of_one_that_has_not_begun(void **test)
{
	struct fixture *fixture = *test;

	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	give(fixture, (struct lease){ .name = 'a', .attempt = 2, .token = 8 });
	turn(fixture);
	HEARD(fixture, "a1 ACCEPTED, a1 REFUSED, a2 ACCEPTED, a2 STARTED");
}

static void a_token_that_is_not_higher_than_any_before_is_refused(void **test)
{
	struct fixture *fixture = *test;

	begin(fixture);
	give(fixture, (struct lease){ .name = 'b', .attempt = 1, .token = 6 });
	give(fixture, (struct lease){ .name = 'c', .attempt = 1, .token = 7 });
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 9 });
	HEARD(fixture, "b1 REFUSED, c1 REFUSED, a1 REFUSED");
	answer(fixture, 'a', 1, SAY(ENDED));
	turn(fixture);
	HEARD(fixture, "a1 ENDED");
	assert_false(job_steps_has_work(fixture->steps));
}

static void what_has_not_begun_can_be_cancelled(void **test)
{
	struct fixture *fixture = *test;

	begin(fixture);
	give(fixture, (struct lease){ .name = 'b', .attempt = 1, .token = 8 });
	take_back(fixture, 'b', 8);
	assert_string_equal(hear(fixture)->reason, "cancelled");
	take_back(fixture, 'a', 7);
	HEARD(fixture, "");
	answer(fixture, 'a', 1, SAY(ENDED));
	HEARD(fixture, "a1 ENDED");
}

static void a_lease_that_comes_after_its_cancelling_is_refused(void **test)
{
	struct fixture *fixture = *test;

	take_back(fixture, 'a', 7);
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	HEARD(fixture, "a1 REFUSED");
	crash(fixture);
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	turn(fixture);
	HEARD(fixture, "a1 REFUSED");
}

/* ---- what is refused ---- */

static void what_may_not_be_done_is_refused_with_the_reason(void **test)
{
	struct fixture *fixture = *test;
	const struct heard *heard;

	give(fixture,
	    (struct lease){ .name = 'a', .attempt = 1, .token = 7, .package = "--purge" });
	heard = hear(fixture);
	assert_string_equal(heard->text, "a1 REFUSED");
	assert_string_equal(heard->reason, "the action names a package as no package is named");
	assert_true(heard->is_final);
	give(fixture,
	    (struct lease){ .name = 'b', .attempt = 1, .token = 8, .valid_until_ms = NOW });
	heard = hear(fixture);
	assert_string_equal(heard->text, "b1 REFUSED");
	assert_string_equal(heard->reason, "the lease had expired before it was begun");
	assert_false(heard->is_final);
	turn(fixture);
	HEARD(fixture, "");
	assert_int_equal(fixture->asked, NOTHING);
}

static void what_is_no_lease_is_passed_over(void **test)
{
	struct fixture *fixture = *test;

	assert_int_equal(job_steps_lease(fixture->steps, bytes_of_text("\xff\xff"), NOW),
	    STATUS_OK);
	assert_int_equal(job_steps_lease(fixture->steps, BYTES_NONE, NOW), STATUS_OK);
	assert_int_equal(job_steps_cancel(fixture->steps, BYTES_NONE), STATUS_OK);
	give(fixture, (struct lease){ .name = 'a', .attempt = 0, .token = 7 });
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 0 });
	HEARD(fixture, "");
}

static void where_nobody_applies_jobs_that_is_said_for_good(void **test)
{
	struct fixture *fixture = *test;
	const struct heard *heard;

	fixture->helper = JOB_HELPER_NEVER;
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	turn(fixture);
	heard = hear(fixture);
	assert_string_equal(heard->text, "a1 ACCEPTED, a1 REFUSED");
	assert_string_equal(heard->reason, "nobody here");
	assert_true(heard->is_final);
	crash(fixture);
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	heard = hear(fixture);
	assert_string_equal(heard->text, "a1 REFUSED");
	assert_true(heard->is_final);
}

static void where_the_helper_is_awaited_a_job_waits_until_its_lease_ends(void **test)
{
	struct fixture *fixture = *test;

	fixture->helper = JOB_HELPER_LATER;
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 7 });
	turn(fixture);
	HEARD(fixture, "a1 ACCEPTED");
	turn_at(fixture, VALID);
	HEARD(fixture, "a1 REFUSED");
}

/* ---- bounds ---- */

static void old_attempts_are_forgotten_and_their_tokens_are_not(void **test)
{
	struct fixture *fixture = *test;

	for (uint64_t token = 1; token <= JOB_JOURNAL_SLOTS + 1; token++) {
		give(fixture, (struct lease){ .name = 'a', .attempt = token, .token = token });
		turn(fixture);
		answer(fixture, 'a', token, SAY(ENDED));
		hear(fixture);
	}
	give(fixture, (struct lease){ .name = 'a', .attempt = 2, .token = 2 });
	HEARD(fixture, "a2 ENDED");
	crash(fixture);
	give(fixture, (struct lease){ .name = 'a', .attempt = 1, .token = 1 });
	turn(fixture);
	HEARD(fixture, "a1 REFUSED");
}

static void no_more_wait_than_the_journal_holds(void **test)
{
	struct fixture *fixture = *test;

	fixture->helper = JOB_HELPER_LATER;
	for (uint64_t token = 1; token <= JOB_JOURNAL_SLOTS; token++)
		give(fixture,
		    (struct lease){ .name = (char)('A' + token), .attempt = 1, .token = token });
	hear(fixture);
	give(fixture, (struct lease){ .name = 'z', .attempt = 1, .token = 100 });
	assert_string_equal(hear(fixture)->reason, "too many jobs wait on this machine");
	crash(fixture);
	turn_at(fixture, VALID);
	assert_false(job_steps_has_work(fixture->steps));
}

/* What has a number may have been sent, so nothing goes for what comes later. */
static void fill_lane(struct spool *spool, enum lane lane)
{
	static const uint8_t filling[100];
	enum status status;

	do {
		status = spool_append(spool, lane, FETTLE__KIND__KIND_JOB_PROGRESS, 0,
		    BYTES_OF(filling));
		assert_int_equal(spool_number(spool), STATUS_OK);
		assert_int_equal(spool_commit(spool), STATUS_OK);
	} while (status == STATUS_OK);
	assert_int_equal(status, STATUS_FULL);
}

static void what_finds_no_room_in_the_spool_is_not_taken(void **test)
{
	struct fixture *fixture = *test;
	struct buffer body = { 0 };

	pack_lease(&(struct lease){ .name = 'a', .attempt = 1, .token = 7 }, &body);
	close_agent(fixture);
	assert_int_equal(
	    spool_open(scratch_path(fixture->directory, "tiny"), 2000, &fixture->spool), STATUS_OK);
	fill_lane(fixture->spool, LANE_DELTA);
	fixture->steps = job_steps_new(fixture->spool, &operations, fixture);
	assert_int_equal(job_steps_lease(fixture->steps, buffer_bytes(&body), NOW), STATUS_FULL);
	commit(fixture);
	assert_false(job_steps_has_work(fixture->steps));
	buffer_fini(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lease_is_accepted_started_and_ended),
		TEST(nobody_is_asked_before_the_start_is_durable),
		TEST(an_end_that_was_undone_is_asked_for_again),
		TEST(a_known_attempt_is_told_of_again_and_never_run_again),
		TEST(what_was_accepted_is_begun_after_a_crash),
		TEST(what_was_accepted_and_has_expired_meanwhile_is_refused),
		TEST(after_a_crash_the_helper_says_what_became_of_it),
		TEST(what_the_helper_never_heard_of_is_run_while_the_lease_is_valid),
		TEST(what_the_helper_never_heard_of_is_refused_later),
		TEST(a_helper_that_is_lost_or_busy_is_asked_again),
		TEST(jobs_are_applied_one_at_a_time_in_the_order_of_their_tokens),
		TEST(a_later_lease_takes_the_place_of_one_that_has_not_begun),
		TEST(a_token_that_is_not_higher_than_any_before_is_refused),
		TEST(what_has_not_begun_can_be_cancelled),
		TEST(a_lease_that_comes_after_its_cancelling_is_refused),
		TEST(what_may_not_be_done_is_refused_with_the_reason),
		TEST(what_is_no_lease_is_passed_over),
		TEST(where_nobody_applies_jobs_that_is_said_for_good),
		TEST(where_the_helper_is_awaited_a_job_waits_until_its_lease_ends),
		TEST(old_attempts_are_forgotten_and_their_tokens_are_not),
		TEST(no_more_wait_than_the_journal_holds),
		TEST(what_finds_no_room_in_the_spool_is_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
