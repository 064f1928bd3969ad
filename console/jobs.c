/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs - what is to be done on assets, is being done, and was done: the list, and one of them.
 */
#include "console/age_text.h"
#include "console/choices.h"
#include "console/commands.h"
#include "console/job_text.h"
#include "console/jobs_page.h"
#include "console/store_access.h"
#include "core/log.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { SHOWN_BY_DEFAULT = 100 };

const struct argp_option jobs_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ "state", 's' << 8, "STATE,...", 0, "proposed, approved, applying, confirmed, failed, …",
	    0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "id", NULL, 0, 0 },
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "state", NULL, 0, 0 },
	{ "reason", NULL, 0, 0 },
	{ "action", NULL, 0, 0 },
	{ "manager", NULL, 0, 0 },
	{ "packages", NULL, 0, 0 },
	{ "findings", NULL, 0, 0 },
	{ "proposed_by", NULL, 0, 0 },
	{ "proposed_at", NULL, 0, 0 },
	{ "decided_by", NULL, 0, 0 },
	{ "decided_at", NULL, 0, 0 },
	{ "started_at", NULL, 0, 0 },
	{ "ended_at", NULL, 0, 0 },
	{ "updated_at", NULL, 0, 0 },
	{ "lease_until_at", NULL, 0, 0 },
	{ "attempt", NULL, 0, 0 },
	{ "exit_code", NULL, 0, 0 },
	{ "output", NULL, 0, 0 },
	{ "history", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "id", "ID", 0, 0 },
	{ "state", "STATE", 0, 0 },
	{ "updated_at", "SINCE", OUTPUT_RIGHT, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 15 },
	{ "packages", "PACKAGES", OUTPUT_CUT, 0 },
	{ .name = NULL },
};

struct jobs {
	const struct console *console;
	const struct asset_table *assets;
	struct output *output;
	uint64_t limit, rows, beyond;
};

static const char *asset_of(const struct jobs *jobs, const Fettle__JobVerdict *job)
{
	return asset_table_name(jobs->assets, record_bytes(job->asset));
}

/* ---- one job in the list ---- */

static enum output_color color_of(unsigned state)
{
	switch (state) {
	case FETTLE__JOB_STATE__JOB_STATE_PROPOSED:
		return OUTPUT_YELLOW;
	case FETTLE__JOB_STATE__JOB_STATE_CONFIRMED:
		return OUTPUT_GREEN;
	case FETTLE__JOB_STATE__JOB_STATE_FAILED:
	case FETTLE__JOB_STATE__JOB_STATE_LOST:
		return OUTPUT_RED;
	default:
		return standing_job_is_over(state) ? OUTPUT_DIM : OUTPUT_CYAN;
	}
}

static void output_packages(struct output *output, const Fettle__JobVerdict *job)
{
	struct buffer text = { 0 }, shown = { 0 };

	job_text_packages(&text, job);
	log_escape(&shown, buffer_bytes(&text));
	output_value(output, json_null(), buffer_text(&shown));
	buffer_fini(&text);
	buffer_fini(&shown);
}

static void output_in_table(struct jobs *jobs, const Fettle__JobVerdict *job)
{
	const char *asset = asset_of(jobs, job);
	struct output *output = jobs->output;
	char id[JOB_TEXT_ID_SIZE], age[AGE_TEXT_SIZE];

	job_text_id(record_bytes(job->id), id);
	age_text(job->updated_ms, jobs->console->now_ms, age);
	output_text(output, id);
	output_text(output, verdict_json_job_state((unsigned)job->state));
	output_color(output, color_of((unsigned)job->state));
	output_text(output, age);
	if (asset == NULL)
		output_id(output, record_bytes(job->asset));
	else
		output_text(output, asset);
	output_packages(output, job);
}

static enum status show_job(void *visitor, const Fettle__JobVerdict *job)
{
	struct jobs *jobs = visitor;

	if (jobs->limit > 0 && jobs->rows == jobs->limit) {
		jobs->beyond++;
		return STATUS_OK;
	}
	jobs->rows++;
	if (jobs->console->output.format == OUTPUT_TABLE)
		output_in_table(jobs, job);
	else
		output_object(jobs->output, verdict_json_job(job, asset_of(jobs, job)));
	return output_row(jobs->output);
}

/* ---- the list ---- */

static bool parse_state(const char *text, unsigned *out)
{
	for (*out = 1; *out < STANDING_JOB_STATES_END; ++*out)
		if (strcmp(verdict_json_job_state(*out), text) == 0)
			return true;
	return false;
}

static uint64_t limit_of(const struct console *console)
{
	bool is_bounded = console->has_limit || console->output.format != OUTPUT_TABLE;

	return is_bounded ? console->limit : SHOWN_BY_DEFAULT;
}

static void say_rest(const struct jobs *jobs, struct query *query)
{
	struct query_counters counters;
	struct buffer line = { 0 };
	unsigned long long waiting;

	if (query_counters(query, &counters) != STATUS_OK)
		return;
	waiting = counters.jobs[FETTLE__JOB_STATE__JOB_STATE_PROPOSED];
	if (jobs->rows == 0)
		buffer_append_text(&line,
		    "no jobs; `fettle remediations` shows what could be done");
	else
		buffer_append_format(&line, "%llu job%s", (unsigned long long)jobs->rows,
		    jobs->rows == 1 ? "" : "s");
	if (jobs->beyond > 0)
		buffer_append_format(&line, " and %llu more (--limit 0 shows all)",
		    (unsigned long long)jobs->beyond);
	if (waiting > 0)
		buffer_append_format(&line,
		    "; %llu in all to be decided on: fettle remediations approve ID", waiting);
	console_say(jobs->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

int jobs_list_run(const struct console *console, int argc, char **argv)
{
	struct jobs jobs = { .console = console, .limit = limit_of(console) };
	struct query_jobs wanted = { .since_ms = console->since_ms };
	bool is_table = console->output.format == OUTPUT_TABLE;
	struct store_access access;
	enum status status;
	int exit_code;

	(void)argc;
	(void)argv;
	if (!choices_parse(console, "state", parse_state, "the state of a job, such as proposed",
		&wanted.states))
		return CONSOLE_USAGE;
	exit_code = store_access_open(&access, console);
	if (exit_code != 0)
		return exit_code;
	if (!store_access_asset(&access, console, &wanted.asset)) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	jobs.assets = &access.assets;
	jobs.output = output_new(&console->output, is_table ? table_columns : columns);
	status = query_jobs(access.query, &wanted, show_job, &jobs);
	exit_code = console_end(&jobs.output, status);
	if (exit_code == 0)
		say_rest(&jobs, access.query);
	store_access_fini(&access);
	return exit_code;
}

/* ---- one of them ---- */

static int show_one(struct jobs *jobs, struct query *query, const Fettle__JobVerdict *job)
{
	struct output_options options = jobs->console->output;
	const char *asset = asset_of(jobs, job);

	if (options.format == OUTPUT_TABLE) {
		jobs_page_write(&options, job,
		    &(struct jobs_page){ .asset = asset == NULL ? "unknown" : asset,
			.query = query,
			.now_ms = jobs->console->now_ms });
		return 0;
	}
	options.is_single = true;
	jobs->output = output_new(&options, columns);
	output_object(jobs->output, verdict_json_job(job, asset));
	return console_end(&jobs->output, output_row(jobs->output));
}

int jobs_show_run(const struct console *console, int argc, char **argv)
{
	struct jobs jobs = { .console = console };
	Fettle__JobVerdict *job = NULL;
	struct store_access access;
	struct arena arena = { 0 };
	int exit_code = store_access_open(&access, console);

	(void)argc;
	if (exit_code != 0)
		return exit_code;
	jobs.assets = &access.assets;
	exit_code = store_access_job(&access, console, argv[1], &arena, &job);
	if (exit_code == 0)
		exit_code = show_one(&jobs, access.query, job);
	arena_fini(&arena);
	store_access_fini(&access);
	return exit_code;
}
