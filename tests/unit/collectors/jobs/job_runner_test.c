/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner on a real loop and spool, and a helper that is another process: this test, forked,
 * which answers as it is told.
 */
#include "collectors/jobs/job_runner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/helper/wire.h"
#include "core/clock.h"
#include "core/job_id.h"
#include "proto/command.pb-c.h"
#include "proto/helper.pb-c.h"
#include "proto/observation.pb-c.h"
#include "tests/support/drive.h"
#include "tests/support/scratch.h"

struct fixture {
	char *directory;
	uv_loop_t loop;
	uv_prepare_t prepare;
	struct spool *spool;
	struct job_runner *runner;
	pid_t helper; /* 0: none */
	unsigned applied;
	Fettle__JobStep last;
	bool is_final;
	char reason[256];
};

/* ---- the helper ---- */

static void reply_to(int fd, const Fettle__HelperRequest *request)
{
	Fettle__HelperReply reply = FETTLE__HELPER_REPLY__INIT;
	struct buffer out = { 0 };

	RECORD_SET(&reply, state,
	    request->run != NULL ? FETTLE__HELPER_STATE__HELPER_STATE_ENDED
				 : FETTLE__HELPER_STATE__HELPER_STATE_UNKNOWN);
	reply.has_job = 1;
	reply.job = request->run != NULL ? request->run->job : request->query->job;
	RECORD_SET(&reply, attempt,
	    request->run != NULL ? request->run->attempt : request->query->attempt);
	wire_append(&out, &reply.base);
	(void)!write(fd, out.data, out.size);
	buffer_fini(&out);
}

static void serve_one(int fd)
{
	struct buffer in = { 0 };
	struct arena arena = { 0 };
	void *request;
	ssize_t got;

	do {
		got = read(fd, buffer_extend(&in, 4096), 4096);
		in.size -= 4096 - (got > 0 ? (size_t)got : 0);
		while (wire_take(&in, &fettle__helper_request__descriptor, &arena, &request)
		       == STATUS_OK)
			reply_to(fd, request);
	} while (got > 0);
	buffer_fini(&in);
	arena_fini(&arena);
	close(fd);
}

static _Noreturn void be_helper(int listening)
{
	int fd;

	while ((fd = accept(listening, NULL, NULL)) >= 0)
		serve_one(fd);
	_exit(1);
}

static void start_helper(struct fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(mkdir(scratch_path(fixture->directory, "helper"), 0700), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	    scratch_path(fixture->directory, "helper/socket"));
	fixture->helper = fork();
	if (fixture->helper == 0) {
		/* Here, because the kernel says who listens by who called listen. */
		if (bind(listening, (const struct sockaddr *)&address, sizeof(address)) != 0
		    || listen(listening, 8) != 0)
			_exit(1);
		be_helper(listening);
	}
	close(listening);
	assert_true(fixture->helper > 0);
}

/* ---- the agent ---- */

static void on_prepare(uv_prepare_t *prepare)
{
	struct fixture *fixture = prepare->data;

	assert_int_equal(spool_commit(fixture->spool), STATUS_OK);
	job_runner_committed(fixture->runner);
}

static void on_applied(void *data)
{
	((struct fixture *)data)->applied++;
}

static int start(void **test)
{
	void *directory = NULL;
	struct fixture *fixture = memory_new(sizeof(*fixture));

	assert_int_equal(scratch_start(&directory), 0);
	fixture->directory = directory;
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	assert_int_equal(spool_open(scratch_path(directory, "spool"), 64 << 20, &fixture->spool),
	    STATUS_OK);
	uv_prepare_init(&fixture->loop, &fixture->prepare);
	fixture->prepare.data = fixture;
	uv_prepare_start(&fixture->prepare, on_prepare);
	*test = fixture;
	return 0;
}

static void run_with(struct fixture *fixture, const char *setting)
{
	const struct job_runner_options options = { .loop = &fixture->loop,
		.spool = fixture->spool,
		.data = fixture->directory,
		.helper = setting,
		.on_applied = on_applied,
		.data_of_caller = fixture };

	fixture->runner = job_runner_new(&options);
}

static int stop(void **test)
{
	struct fixture *fixture = *test;
	void *directory = fixture->directory;

	if (fixture->runner != NULL)
		job_runner_stop(fixture->runner);
	uv_close((uv_handle_t *)&fixture->prepare, NULL);
	assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	job_runner_free(fixture->runner);
	spool_close(fixture->spool);
	if (fixture->helper > 0) {
		(void)kill(fixture->helper, SIGKILL);
		(void)waitpid(fixture->helper, NULL, 0);
	}
	free(fixture);
	return scratch_stop(&directory);
}

static void give(struct fixture *fixture, uint64_t token)
{
	static uint8_t job[JOB_ID_SIZE];
	Fettle__JobLease lease = FETTLE__JOB_LEASE__INIT;
	Fettle__JobAction action = FETTLE__JOB_ACTION__INIT;
	Fettle__JobPackage package = FETTLE__JOB_PACKAGE__INIT, *packages[] = { &package };
	struct buffer body = { 0 };

	package.name = RECORD_TEXT("bash");
	package.version = RECORD_TEXT("2");
	RECORD_SET(&action, kind, FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES);
	action.manager = RECORD_TEXT("dpkg");
	action.packages = packages;
	action.n_packages = 1;
	RECORD_SET_BYTES(&lease, job, BYTES_OF(job));
	RECORD_SET(&lease, attempt, token);
	RECORD_SET(&lease, token, token);
	RECORD_SET(&lease, valid_until_ms, clock_wall_ms() + 3600 * 1000);
	lease.action = &action;
	record_pack(&body, &lease.base);
	assert_int_equal(job_runner_lease(fixture->runner, buffer_bytes(&body)), STATUS_OK);
	buffer_fini(&body);
}

static void look_at(struct fixture *fixture, struct bytes record)
{
	struct arena arena = { 0 };
	Fettle__Record *decoded;
	const Fettle__JobProgress *progress;

	assert_int_equal(record_decode(record, &arena, &decoded), STATUS_OK);
	progress = record_unpack(&fettle__job_progress__descriptor, record_bytes(decoded->body),
	    &arena);
	assert_non_null(progress);
	fixture->last = progress->step;
	fixture->is_final = progress->is_final;
	snprintf(fixture->reason, sizeof(fixture->reason), "%s",
	    progress->reason == NULL ? "" : progress->reason);
	arena_fini(&arena);
}

static bool is_over(void *data)
{
	static struct link_batch batch;
	struct fixture *fixture = data;

	assert_int_equal(spool_number(fixture->spool), STATUS_OK);
	assert_int_equal(spool_commit(fixture->spool), STATUS_OK);
	batch.count = batch.size = 0;
	assert_int_equal(spool_read(fixture->spool, LANE_DELTA, 1, 100, &batch), STATUS_OK);
	for (size_t i = 0; i < batch.count; i++)
		look_at(fixture, batch.records[i]);
	spool_release(fixture->spool);
	return fixture->last == FETTLE__JOB_STEP__JOB_STEP_ENDED
	    || fixture->last == FETTLE__JOB_STEP__JOB_STEP_REFUSED;
}

/* ---- the tests ---- */

static void a_helper_that_is_there_is_asked_and_its_answer_reported(void **test)
{
	struct fixture *fixture = *test;

	start_helper(fixture);
	run_with(fixture, "on");
	give(fixture, 1);
	assert_true(drive_until(&fixture->loop, is_over, fixture));
	assert_int_equal(fixture->last, FETTLE__JOB_STEP__JOB_STEP_ENDED);
	assert_int_equal(fixture->applied, 1);
}

static void stopping_ends_the_helper_that_was_found_where_root_keeps_it(void **test)
{
	struct fixture *fixture = *test;
	int how = 0;

	if (geteuid() != 0)
		skip();
	start_helper(fixture);
	run_with(fixture, "on");
	give(fixture, 1);
	assert_true(drive_until(&fixture->loop, is_over, fixture));
	job_runner_stop(fixture->runner);
	assert_int_equal(waitpid(fixture->helper, &how, 0), fixture->helper);
	assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM);
	fixture->helper = 0;
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	job_runner_free(fixture->runner);
	fixture->runner = NULL;
}

static void where_it_is_off_jobs_are_refused_and_the_setting_is_named(void **test)
{
	struct fixture *fixture = *test;

	start_helper(fixture);
	run_with(fixture, "off");
	give(fixture, 1);
	assert_true(drive_until(&fixture->loop, is_over, fixture));
	assert_int_equal(fixture->last, FETTLE__JOB_STEP__JOB_STEP_REFUSED);
	assert_true(fixture->is_final);
	assert_non_null(strstr(fixture->reason, "agent.helper"));
	assert_int_equal(fixture->applied, 0);
}

static void without_a_helper_the_refusal_says_what_to_do(void **test)
{
	struct fixture *fixture = *test;

	run_with(fixture, "/nonexistent/fettle-helper");
	give(fixture, 1);
	assert_true(drive_until(&fixture->loop, is_over, fixture));
	assert_int_equal(fixture->last, FETTLE__JOB_STEP__JOB_STEP_REFUSED);
	assert_true(fixture->is_final);
	assert_non_null(strstr(fixture->reason, geteuid() == 0 ? "install" : "sudo fettle-helper"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_helper_that_is_there_is_asked_and_its_answer_reported),
		TEST(stopping_ends_the_helper_that_was_found_where_root_keeps_it),
		TEST(where_it_is_off_jobs_are_refused_and_the_setting_is_named),
		TEST(without_a_helper_the_refusal_says_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
