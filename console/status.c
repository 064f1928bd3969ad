/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - how much there is, what is wrong, and how far each part is, by what the parts keep: none
 * of them need run.
 */
#include <stdlib.h>

#include "brokers/log/dump.h"
#include "console/commands.h"
#include "console/health.h"
#include "core/clock.h"
#include "processors/state/reader.h"
#include "sinks/store/query.h"
#include "sinks/verdict_json.h"

enum { HOUR_MS = 60 * 60 * 1000 };

static const struct output_column columns[] = {
	{ "assets", NULL, 0, 0 },
	{ "facts", NULL, 0, 0 },
	{ "newest_observation_at", NULL, 0, 0 },
	{ "findings", NULL, 0, 0 },
	{ "alerts", NULL, 0, 0 },
	{ "jobs", NULL, 0, 0 },
	{ "changes_last_hour", NULL, 0, 0 },
	{ "unexpected_last_hour", NULL, 0, 0 },
	{ "quarantined", NULL, 0, 0 },
	{ "lost", NULL, 0, 0 },
	{ "gaps", NULL, 0, 0 },
	{ "health", NULL, 0, 0 },
	{ "store", NULL, 0, 0 },
	{ "processor", NULL, 0, 0 },
	{ "log", NULL, 0, 0 },
	{ .name = NULL },
};

struct report {
	bool has_store, has_state, has_log;
	struct query_counters store;
	struct state_counters state;
	struct log_dump_counters log;
	uint64_t assets, facts, newest_ms;
	uint64_t changes, unexpected;
	struct health_counts health;
};

/* ---- gathering ---- */

static void add_asset(struct report *report, uint64_t facts, uint64_t last_seen_ms)
{
	report->assets++;
	report->facts += facts;
	if (last_seen_ms > report->newest_ms)
		report->newest_ms = last_seen_ms;
}

static enum status count_asset(void *visitor, const Fettle__AssetVerdict *asset)
{
	add_asset(visitor, asset->facts, asset->last_seen_ms);
	return STATUS_OK;
}

static enum status count_change(void *visitor, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	struct report *report = visitor;

	(void)stored_ms;
	report->changes++;
	report->unexpected += change->expected_by == NULL || change->expected_by[0] == '\0';
	return STATUS_OK;
}

/* A part that never ran is told as such; anything else that cannot be read is a failure. */
static enum status read_store(struct report *report, const struct console *console)
{
	struct query_changes hour = { .since_ms = console->now_ms - HOUR_MS };
	struct query *query = NULL;
	enum status status = query_open(console->paths.data, &query);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	report->has_store = true;
	status = query_counters(query, &report->store);
	if (status == STATUS_OK)
		status = query_assets(query, count_asset, report);
	if (status == STATUS_OK)
		status = query_changes(query, &hour, count_change, report);
	if (status == STATUS_OK)
		status = health_count(query, console->now_ms, &report->health);
	query_close(query);
	return status;
}

static enum status read_state(struct report *report, const struct console *console)
{
	struct state_reader *reader = NULL;
	enum status status = state_reader_open(console->paths.data, &reader);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	report->has_state = true;
	status = state_reader_counters(reader, &report->state);
	state_reader_close(reader);
	return status;
}

static enum status read_log(struct report *report, const struct console *console)
{
	enum status status = log_dump_counters(console->paths.data, &report->log);

	report->has_log = status == STATUS_OK;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- for programs ---- */

struct number {
	const char *name;
	uint64_t value;
};

/* An object, or null where there is no such PART yet. */
static json_t *numbers_json(bool has_part, const struct number *numbers)
{
	json_t *object = has_part ? json_object() : json_null();

	for (; has_part && numbers->name != NULL; numbers++)
		json_object_set_new(object, numbers->name,
		    json_integer((json_int_t)numbers->value));
	return object;
}

static json_t *findings_json(const struct report *report)
{
	static const char *const states[] = { NULL, "open", "fixed", "excepted" };
	json_t *object = report->has_store ? json_object() : json_null();

	for (unsigned state = 1; report->has_store && state < 4; state++) {
		struct number numbers[RANKS + 1] = { 0 };

		for (unsigned rank = 0; rank < RANKS; rank++)
			numbers[rank] = (struct number){ rank_text((enum rank)rank),
				report->store.findings[state][rank] };
		json_object_set_new(object, states[state], numbers_json(true, numbers));
	}
	return object;
}

static json_t *ranks_json(const uint64_t counts[RANKS])
{
	struct number numbers[RANKS + 1] = { 0 };

	for (unsigned rank = 0; rank < RANKS; rank++)
		numbers[rank] = (struct number){ rank_text((enum rank)rank), counts[rank] };
	return numbers_json(true, numbers);
}

static json_t *alerts_json(const struct report *report)
{
	const uint64_t(*alerts)[RANKS] = report->store.alerts;
	json_t *object = report->has_store ? json_object() : json_null();
	uint64_t undone[RANKS];

	if (!report->has_store)
		return object;
	for (unsigned rank = 0; rank < RANKS; rank++)
		undone[rank] = alerts[STANDING_UNDONE][rank]
		             + alerts[STANDING_UNDONE_ACKNOWLEDGED][rank];
	json_object_set_new(object, "open", ranks_json(alerts[STANDING_OPEN]));
	json_object_set_new(object, "acknowledged", ranks_json(alerts[STANDING_ACKNOWLEDGED]));
	json_object_set_new(object, "undone", ranks_json(undone));
	return object;
}

static json_t *jobs_json(const struct report *report)
{
	struct number numbers[STANDING_JOB_STATES_END] = { 0 };

	for (unsigned state = 1; state < STANDING_JOB_STATES_END; state++)
		numbers[state - 1] = (struct number){ verdict_json_job_state(state),
			report->store.jobs[state] };
	return numbers_json(report->has_store, numbers);
}

static json_t *health_counts_json(const struct report *report)
{
	const struct health_counts *health = &report->health;

	return numbers_json(report->has_store,
	    (const struct number[]){ { "skewed", health->skewed }, { "stale", health->stale },
		{ "cloned", health->cloned }, { "resyncing", health->resyncing },
		{ "resyncs_last_day", health->resyncs },
		{ "rolled_back_last_day", health->rolled_back },
		{ "quarantine_full", health->held }, { NULL, 0 } });
}

static json_t *store_json(const struct report *report)
{
	return numbers_json(report->has_store,
	    (const struct number[]){ { "position", report->store.position },
		{ "refused", report->store.refused }, { "changes", report->store.changes },
		{ "results", report->store.results }, { NULL, 0 } });
}

static json_t *processor_json(const struct report *report)
{
	const struct state_counters *state = &report->state;

	return numbers_json(report->has_state,
	    (const struct number[]){ { "batches", state->batches }, { "verdicts", state->verdicts },
		{ "observations_read", state->observations_read },
		{ "intent_read", state->intent_read }, { "work_waiting", state->work_waiting },
		{ "work_slices", state->work_slices }, { "quarantined", state->quarantined },
		{ "rules_evaluated", state->rules_evaluated }, { "memo_hits", state->memo_hits },
		{ "checks_judged", state->checks_judged }, { NULL, 0 } });
}

static json_t *log_json(const struct report *report)
{
	const struct log_dump_counters *log = &report->log;

	return numbers_json(report->has_log,
	    (const struct number[]){ { "records", log->records }, { "appended", log->appended },
		{ "intent", log->intent }, { "agents", log->agents },
		{ "commands_waiting", log->commands_waiting }, { "bytes_used", log->bytes_used },
		{ NULL, 0 } });
}

static int show_rows(const struct console *console, const struct report *report)
{
	struct output_options options = console->output;
	struct output *output;

	options.is_single = true;
	output = output_new(&options, columns);
	output_number(output, report->assets);
	output_number(output, report->facts);
	output_time(output, report->newest_ms);
	output_value(output, findings_json(report), "");
	output_value(output, alerts_json(report), "");
	output_value(output, jobs_json(report), "");
	output_number(output, report->changes);
	output_number(output, report->unexpected);
	output_number(output, report->store.quarantined);
	output_number(output, report->store.lost);
	output_number(output, report->store.losses);
	output_value(output, health_counts_json(report), "");
	output_value(output, store_json(report), "");
	output_value(output, processor_json(report), "");
	output_value(output, log_json(report), "");
	return console_end(&output, output_row(output));
}

/* ---- for people ---- */

static void line(FILE *stream, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void line(FILE *stream, const char *label, const char *format, ...)
{
	va_list arguments;

	fprintf(stream, "%-12s ", label);
	va_start(arguments, format);
	vfprintf(stream, format, arguments);
	va_end(arguments);
	fputs("\n", stream);
}

/* For printf. */
static unsigned long long n(uint64_t number)
{
	return number;
}

/* "3 open: 1 critical, 2 high" */
static void append_open(struct buffer *out, const uint64_t open[RANKS])
{
	uint64_t sum = 0;

	for (unsigned rank = 0; rank < RANKS; rank++)
		sum += open[rank];
	buffer_append_format(out, "%llu open", n(sum));
	for (unsigned rank = 0; rank < RANKS; rank++)
		if (open[rank] > 0) {
			buffer_append_format(out, "%s%llu %s", sum > 0 ? ": " : ", ", n(open[rank]),
			    rank_text((enum rank)rank));
			sum = 0; /* the first has been told */
		}
}

static void show_findings(FILE *stream, const struct report *report)
{
	struct buffer text = { 0 };

	append_open(&text, report->store.findings[FETTLE__FINDING_STATE__FINDING_STATE_OPEN]);
	line(stream, "findings", "%s", buffer_text(&text));
	buffer_fini(&text);
}

/* Those that were undone before anybody saw them are told of, too. */
static void show_alerts(FILE *stream, const struct report *report)
{
	struct buffer text = { 0 };
	uint64_t unseen = 0;

	append_open(&text, report->store.alerts[STANDING_OPEN]);
	for (unsigned rank = 0; rank < RANKS; rank++)
		unseen += report->store.alerts[STANDING_UNDONE][rank];
	if (unseen > 0)
		buffer_append_format(&text, "; %llu undone and not acknowledged", n(unseen));
	line(stream, "alerts", "%s", buffer_text(&text));
	buffer_fini(&text);
}

/* What somebody has to decide, what is under way, and what nobody knows the end of. */
static void show_jobs(FILE *stream, const struct report *report)
{
	const uint64_t *jobs = report->store.jobs;
	uint64_t under_way = 0;

	for (unsigned state = FETTLE__JOB_STATE__JOB_STATE_APPROVED;
	     state <= FETTLE__JOB_STATE__JOB_STATE_VERIFYING; state++)
		under_way += jobs[state];
	line(stream, "jobs", "%llu to be decided on, %llu under way, %llu lost",
	    n(jobs[FETTLE__JOB_STATE__JOB_STATE_PROPOSED]), n(under_way),
	    n(jobs[FETTLE__JOB_STATE__JOB_STATE_LOST]));
}

/* What is not as it should be; nothing, where all is. */
static void show_health(FILE *stream, const struct report *report)
{
	const struct health_counts *health = &report->health;
	const struct {
		uint64_t count;
		const char *what;
	} counts[] = {
		{ health->stale, "stale" },
		{ health->skewed, "with a clock that is off" },
		{ health->cloned, "cloned" },
		{ health->held, "held back, their quarantine being full" },
		{ health->resyncing, "being sent again" },
		{ health->resyncs, "resyncs in the last day" },
		{ health->rolled_back, "back from a backup in the last day" },
	};
	struct buffer text = { 0 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].count > 0)
			buffer_append_format(&text, "%s%llu %s", text.size > 0 ? ", " : "",
			    n(counts[i].count), counts[i].what);
	line(stream, "reporting", "%s", text.size > 0 ? buffer_text(&text) : "as it should be");
	buffer_fini(&text);
}

static void show_store(FILE *stream, const struct report *report, uint64_t now_ms)
{
	char age[CLOCK_TEXT_SIZE] = "never";

	if (report->newest_ms > 0)
		clock_format_age(report->newest_ms, now_ms, age);
	line(stream, "assets", "%llu with %llu facts, last seen %s", n(report->assets),
	    n(report->facts), age);
	show_findings(stream, report);
	show_alerts(stream, report);
	show_jobs(stream, report);
	line(stream, "changes", "%llu in the last hour, %llu of them explained", n(report->changes),
	    n(report->changes - report->unexpected));
	line(stream, "lost", "%llu records in %llu gap%s, %llu quarantined, %llu verdicts refused",
	    n(report->store.lost), n(report->store.losses), report->store.losses == 1 ? "" : "s",
	    n(report->store.quarantined), n(report->store.refused));
	show_health(stream, report);
}

static void show_log(FILE *stream, const struct report *report)
{
	line(stream, "log", "%llu records of %llu agent%s, %llu commands waiting, %llu MiB used",
	    n(report->log.records), n(report->log.agents), report->log.agents == 1 ? "" : "s",
	    n(report->log.commands_waiting), n(report->log.bytes_used >> 20));
}

static void show_state(FILE *stream, const struct report *report)
{
	line(stream, "processor",
	    "%llu observations in %llu batches, %llu rules evaluated, %llu known before",
	    n(report->state.observations_read), n(report->state.batches),
	    n(report->state.rules_evaluated), n(report->state.memo_hits));
	if (report->state.work_waiting > 0)
		line(stream, "", "%llu pieces of work waiting", n(report->state.work_waiting));
}

static int show_page(const struct console *console, const struct report *report)
{
	FILE *stream = console->output.stream;

	line(stream, "data", "%s", console->paths.data);
	if (report->has_store)
		show_store(stream, report, console->now_ms);
	if (report->has_log)
		show_log(stream, report);
	else
		line(stream, "log", "has not run here yet");
	if (report->has_state)
		show_state(stream, report);
	else
		line(stream, "processor", "has not run here yet");
	if (report->has_store && report->has_state)
		line(stream, "store", "at %llu of %llu verdicts", n(report->store.position),
		    n(report->state.verdicts));
	else if (!report->has_store)
		line(stream, "store", "has not run here yet");
	return 0;
}

int status_run(const struct console *console, int argc, char **argv)
{
	struct report report = { 0 };
	enum status status = read_store(&report, console);

	(void)argc;
	(void)argv;
	if (status == STATUS_OK)
		status = read_state(&report, console);
	if (status == STATUS_OK)
		status = read_log(&report, console);
	if (status != STATUS_OK)
		return console_fail(status, "%s cannot be read: %s", console->paths.data,
		    status_text(status));
	if (!report.has_store && !report.has_state && !report.has_log)
		return console_fail(STATUS_NOT_FOUND,
		    "nothing has run in %s yet; `fettle serve` "
		    "does, or name another by --data",
		    console->paths.data);
	return console->output.format == OUTPUT_TABLE ? show_page(console, &report)
	                                              : show_rows(console, &report);
}
