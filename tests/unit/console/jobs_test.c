/* SPDX-License-Identifier: Apache-2.0 */
#include "console/commands.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/job_id.h"
#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "sinks/store/store.h"
#include "tests/support/capture.h"
#include "tests/support/control_fake.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

/* A store with jobs in it, and somebody in the place of the processor who answers intent. */
struct fixture {
	void *data;
	struct store *store;
	struct capture said;
	uint64_t offset;

	/* What becomes of a job that is decided on, and what the decision was. */
	unsigned becomes;
	const char *reason;
	Fettle__JobDecisionKind decision;
	char key[128], note[64];
};

static int start(void **test)
{
	struct fixture *fixture = memory_new(sizeof(*fixture));

	*test = fixture;
	unsetenv("COLUMNS");
	return scratch_start(&fixture->data) == 0
	            && store_open(fixture->data, &fixture->store) == STATUS_OK
	         ? 0
	         : -1;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;
	int result;

	store_close(fixture->store);
	capture_fini(&fixture->said);
	result = scratch_stop(&fixture->data);
	free(fixture);
	return result;
}

static void put(struct fixture *fixture, uint32_t kind, const void *message)
{
	if (store_apply(fixture->store, ++fixture->offset, verdict_record(kind, message), 1)
		!= STATUS_OK
	    || store_commit(fixture->store) != STATUS_OK)
		abort();
}

static void put_job(struct fixture *fixture, const char *id, unsigned state, uint64_t updated_ms,
    const char *reason)
{
	Fettle__JobVerdict job = verdict_job(id, "web1", 1000);

	RECORD_SET(&job, state, (Fettle__JobState)state);
	RECORD_SET(&job, updated_ms, updated_ms);
	job.reason = RECORD_TEXT(reason);
	put(fixture, FETTLE__KIND__KIND_JOB, &job);
}

/* The first 12 digits of the job's id; in one of four rotating static buffers. */
static const char *id_of(const char *id)
{
	static char hexes[4][2 * JOB_ID_SIZE + 1];
	static unsigned next;
	char *hex = hexes[next++ % 4];
	Fettle__JobVerdict job = verdict_job(id, "web1", 1);

	bytes_to_hex(record_bytes(job.id), hex);
	hex[12] = '\0';
	return hex;
}

static int run_fettle(int argc, char **argv)
{
	return console_run(commands_all, argc, argv);
}

static int run(struct fixture *fixture, const char *command, const char *argument)
{
	char *line = text_format("fettle --data %s %s %s", (const char *)fixture->data, command,
	    argument);
	int code = capture_run(&fixture->said, run_fettle, line);

	free(line);
	return code;
}

static void has_said(struct fixture *fixture, const char *text)
{
	if (strstr(buffer_text(&fixture->said.err), text) == NULL)
		fail_msg("it did not say `%s`, but: %s", text, buffer_text(&fixture->said.err));
}

static void has_shown(struct fixture *fixture, const char *text)
{
	if (strstr(buffer_text(&fixture->said.out), text) == NULL)
		fail_msg("it did not show `%s`, but: %s", text, buffer_text(&fixture->said.out));
}

/* In the place of the processor and the sink. */
static void on_intent(void *host, const Fettle__Record *record)
{
	struct fixture *fixture = host;
	Fettle__JobDecision *decision = fettle__job_decision__unpack(NULL, record->body.len,
	    record->body.data);

	snprintf(fixture->key, sizeof(fixture->key), "%.*s", (int)record->envelope->key.len,
	    (const char *)record->envelope->key.data);
	if (decision == NULL)
		return;
	fixture->decision = decision->decision;
	snprintf(fixture->note, sizeof(fixture->note), "%s",
	    decision->reason == NULL ? "" : decision->reason);
	fettle__job_decision__free_unpacked(decision, NULL);
	put_job(fixture, "j1", fixture->becomes, 2000, fixture->reason);
}

static int decide(struct fixture *fixture, const char *command, unsigned becomes,
    const char *reason)
{
	struct control_fake *control = control_fake_new(fixture->data, on_intent, fixture);
	int code;

	fixture->becomes = becomes;
	fixture->reason = reason;
	code = run(fixture, command, id_of("j1"));
	(void)control_fake_free(control);
	return code;
}

enum {
	PROPOSED = FETTLE__JOB_STATE__JOB_STATE_PROPOSED,
	REJECTED = FETTLE__JOB_STATE__JOB_STATE_REJECTED,
	APPROVED = FETTLE__JOB_STATE__JOB_STATE_APPROVED,
	APPLYING = FETTLE__JOB_STATE__JOB_STATE_APPLYING,
	CONFIRMED = FETTLE__JOB_STATE__JOB_STATE_CONFIRMED,
	FAILED = FETTLE__JOB_STATE__JOB_STATE_FAILED,
	CANCELLED = FETTLE__JOB_STATE__JOB_STATE_CANCELLED,
};

/* ---- deciding ---- */

static void an_approval_is_sent_and_what_became_of_it_is_told(void **test)
{
	struct fixture *fixture = *test;

	put_job(fixture, "j1", PROPOSED, 1000, NULL);
	assert_int_equal(decide(fixture, "remediations approve", APPROVED, NULL), 0);
	assert_int_equal(fixture->decision, FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_APPROVE);
	has_said(fixture, "approved; waiting for its agent");
	assert_memory_equal(fixture->key, "job/", 4);
	assert_memory_equal(fixture->key + 4, id_of("j1"), 12);
	assert_string_equal(fixture->key + 4 + 64, "/decision");
}

static void an_approval_that_does_not_hold_is_negative_and_says_why(void **test)
{
	struct fixture *fixture = *test;

	put_job(fixture, "j1", PROPOSED, 1000, NULL);
	assert_int_equal(
	    decide(fixture, "remediations approve", PROPOSED, "who proposed it may not approve it"),
	    CONSOLE_NEGATIVE);
	has_said(fixture, "who proposed it may not approve it");
}

static void a_rejection_says_why(void **test)
{
	struct fixture *fixture = *test;

	put_job(fixture, "j1", PROPOSED, 1000, NULL);
	assert_int_equal(decide(fixture, "remediations reject --reason later", REJECTED, "later"),
	    0);
	assert_int_equal(fixture->decision, FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_REJECT);
	assert_string_equal(fixture->note, "later");
	has_said(fixture, "rejected: later");
}

static void a_job_that_has_begun_may_be_past_calling_back(void **test)
{
	struct fixture *fixture = *test;

	put_job(fixture, "j1", APPROVED, 1000, NULL);
	assert_int_equal(decide(fixture, "jobs cancel", CANCELLED, NULL), 0);
	assert_int_equal(fixture->decision, FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_CANCEL);
	put_job(fixture, "j1", APPROVED, 1000, NULL);
	unlink(scratch_path(fixture->data, "control.sock"));
	assert_int_equal(decide(fixture, "jobs cancel", APPLYING, NULL), CONSOLE_NEGATIVE);
	has_said(fixture, "its agent is at work");
}

static void what_can_not_hold_any_more_is_not_sent(void **test)
{
	struct fixture *fixture = *test;
	struct control_fake *control = control_fake_new(fixture->data, on_intent, fixture);

	put_job(fixture, "j1", CONFIRMED, 1000, NULL);
	assert_int_equal(run(fixture, "remediations approve", id_of("j1")), CONSOLE_NEGATIVE);
	has_said(fixture, "too late to approve it; it is confirmed");
	assert_int_equal(run(fixture, "jobs cancel", id_of("j1")), CONSOLE_NEGATIVE);
	put_job(fixture, "j2", PROPOSED, 1000, NULL);
	assert_int_equal(run(fixture, "remediations approve --dry-run", id_of("j2")), 0);
	has_said(fixture, "would approve");
	assert_int_equal(control_fake_free(control), 0);
}

/* ---- showing ---- */

static void the_list_has_states_packages_and_what_is_to_be_decided(void **test)
{
	Fettle__JobPackageState packages[2] = { FETTLE__JOB_PACKAGE_STATE__INIT,
		FETTLE__JOB_PACKAGE_STATE__INIT };
	Fettle__JobPackageState *list[] = { &packages[0], &packages[1] };
	Fettle__JobVerdict job = verdict_job("j1", "web1", 1000);
	Fettle__AssetVerdict asset = verdict_asset("web1");
	struct fixture *fixture = *test;

	packages[0].name = RECORD_TEXT("curl:amd64");
	packages[1].name = RECORD_TEXT("evil\x1b[31m");
	job.packages = list;
	job.n_packages = 2;
	put(fixture, FETTLE__KIND__KIND_ASSET, &asset);
	put(fixture, FETTLE__KIND__KIND_JOB, &job);
	put_job(fixture, "j2", FAILED, 1000, NULL);
	assert_int_equal(run(fixture, "jobs", "--color=never"), 0);
	has_shown(fixture, id_of("j1"));
	has_shown(fixture, "2: curl:amd64, evil\\u001b[31m");
	has_said(fixture, "2 jobs; 1 in all to be decided on");
	assert_int_equal(run(fixture, "jobs --state", "failed"), 0);
	assert_null(strstr(buffer_text(&fixture->said.out), id_of("j1")));
	assert_int_equal(run(fixture, "jobs --state", "finished"), CONSOLE_USAGE);
	assert_int_equal(run(fixture, "jobs --limit", "1"), 0);
	has_said(fixture, "1 job and 1 more");
}

/* A job that has been through everything. */
static Fettle__JobVerdict full_job(void)
{
	static Fettle__JobPackageState package = {
		PROTOBUF_C_MESSAGE_INIT(&fettle__job_package_state__descriptor),
		.name = "curl:amd64",
		.before = "7.88.1-9",
		.target = "7.88.1-10",
		.observed = "7.88.1-9",
	};
	static Fettle__JobEvent event = { PROTOBUF_C_MESSAGE_INIT(&fettle__job_event__descriptor),
		.has_state = true, .state = FETTLE__JOB_STATE__JOB_STATE_APPROVED,
		.has_at_ms = true, .at_ms = 1700000000000, .by = "carol (uid 1001)",
		.note = "in the night" };
	static Fettle__JobPackageState *packages[] = { &package };
	static Fettle__JobEvent *history[] = { &event };
	static ProtobufCBinaryData findings[1];
	Fettle__JobVerdict job = verdict_job("j1", "web1", 1700000000000);
	Fettle__FindingVerdict finding = verdict_finding("web1", "dpkg/curl:amd64", "high");

	findings[0] = finding.id;
	RECORD_SET(&job, state, FETTLE__JOB_STATE__JOB_STATE_FAILED);
	RECORD_SET(&job, exit_code, 100);
	RECORD_SET_BYTES(&job, output, bytes_of_text("Reading\nE: \x1b[31mbroken\n"));
	job.proposed_by = RECORD_TEXT("alice (uid 1000)");
	job.reason = RECORD_TEXT("apt-get ended with 100");
	job.packages = packages;
	job.history = history;
	job.findings = findings;
	job.n_packages = job.n_history = job.n_findings = 1;
	return job;
}

static void one_job_is_shown_with_all_that_happened_to_it(void **test)
{
	static const char *const expected[] = { "Upgrade 1 package on web1\n", "exit code   100\n",
		"by alice (uid 1000)\n", "failed: apt-get ended with 100\n",
		"curl:amd64  7.88.1-9 → 7.88.1-10, now 7.88.1-9\n", "approved    by carol",
		": in the night\n", "  E: \\u001b[31mbroken\n", "fixed     curl is old\n",
		"fettle remediations plan" };
	Fettle__FindingVerdict finding = verdict_finding("web1", "dpkg/curl:amd64", "high");
	Fettle__AssetVerdict asset = verdict_asset("web1");
	struct fixture *fixture = *test;
	Fettle__JobVerdict job = full_job();

	RECORD_SET(&finding, state, FETTLE__FINDING_STATE__FINDING_STATE_FIXED);
	finding.title = RECORD_TEXT("curl is old");
	put(fixture, FETTLE__KIND__KIND_JOB, &job);
	put(fixture, FETTLE__KIND__KIND_ASSET, &asset);
	put(fixture, FETTLE__KIND__KIND_FINDING, &finding);
	assert_int_equal(run(fixture, "jobs show", id_of("j1")), 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		has_shown(fixture, expected[i]);
	assert_int_equal(run(fixture, "jobs show --format json", id_of("j1")), 0);
	has_shown(fixture, "\"exit_code\": 100");
}

static void of_a_long_output_the_end_is_shown(void **test)
{
	struct fixture *fixture = *test;
	Fettle__JobVerdict job = full_job();
	struct buffer output = { 0 };

	for (unsigned i = 0; i < 100; i++)
		buffer_append_format(&output, "line %u\n", i);
	RECORD_SET_BYTES(&job, output, buffer_bytes(&output));
	put(fixture, FETTLE__KIND__KIND_JOB, &job);
	buffer_fini(&output);
	assert_int_equal(run(fixture, "jobs show", id_of("j1")), 0);
	has_shown(fixture, "\n  line 80\n");
	has_shown(fixture, "\n  line 99\n");
	assert_null(strstr(buffer_text(&fixture->said.out), "line 79\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_approval_is_sent_and_what_became_of_it_is_told),
		TEST(an_approval_that_does_not_hold_is_negative_and_says_why),
		TEST(a_rejection_says_why),
		TEST(a_job_that_has_begun_may_be_past_calling_back),
		TEST(what_can_not_hold_any_more_is_not_sent),
		TEST(the_list_has_states_packages_and_what_is_to_be_decided),
		TEST(one_job_is_shown_with_all_that_happened_to_it),
		TEST(of_a_long_output_the_end_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
