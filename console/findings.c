/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings - what is wrong, and what to do about it.
 *
 * Freshness stands apart from state: what an asset was last seen to be is not what it is.  A
 * finding of an asset that was not seen for --stale-after is stale, never fixed.
 */
#include <stdlib.h>
#include <string.h>

#include "console/commands.h"
#include "console/findings_page.h"
#include "console/store_access.h"
#include "core/quantity.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

static const uint64_t stale_after_default_ms = 15 * 60 * 1000;

const struct argp_option findings_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ "state", 's' << 8, "STATE,...", 0, "open, fixed, excepted; open unless given", 0 },
	{ "severity", 'v' << 8, "SEVERITY,...", 0, "critical, high, medium, low, info, unknown",
	    0 },
	{ "kind", 'k' << 8, "KIND,...", 0, "misconfiguration, vulnerability, missing_patch", 0 },
	{ "all", 'A' << 8, NULL, 0, "in whatever state", 0 },
	{ "stale-after", 'S' << 8, "DURATION", 0, "how long an asset may be silent (15m)", 0 },
	{ 0 },
};

const struct argp_option findings_show_options[] = {
	{ "stale-after", 'S' << 8, "DURATION", 0, "how long an asset may be silent (15m)", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "id", NULL, 0, 0 },
	{ "severity", NULL, 0, 0 },
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "kind", NULL, 0, 0 },
	{ "subject", NULL, 0, 0 },
	{ "title", NULL, 0, 0 },
	{ "priority", NULL, 0, 0 },
	{ "due_at", NULL, 0, 0 },
	{ "state", NULL, 0, 0 },
	{ "reason", NULL, 0, 0 },
	{ "freshness", NULL, 0, 0 },
	{ "first_seen_at", NULL, 0, 0 },
	{ "last_seen_at", NULL, 0, 0 },
	{ "fixed_at", NULL, 0, 0 },
	{ "reopened", NULL, 0, 0 },
	{ "policy", NULL, 0, 0 },
	{ "policy_hash", NULL, 0, 0 },
	{ "dialect", NULL, 0, 0 },
	{ "evidence", NULL, 0, 0 },
	{ "rationale", NULL, 0, 0 },
	{ "remediation", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "id", "ID", 0, 0 },
	{ "severity", "SEVERITY", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 15 },
	{ "subject", "SUBJECT", OUTPUT_CUT, 22 },
	{ "title", "TITLE", OUTPUT_CUT, 25 },
	{ "state", "STATE", 0, 0 },
	{ "freshness", "FRESHNESS", 0, 0 },
	{ .name = NULL },
};

enum { COLUMNS = sizeof(table_columns) / sizeof(table_columns[0]) };

struct findings {
	const struct console *console;
	struct output_column columns[COLUMNS];
	const struct asset_table *assets;
	struct output *output;
	uint64_t stale_after_ms;
	uint64_t rows, stale;
};

/* ---- one finding ---- */

static const char *freshness_of(const struct findings *findings, struct bytes asset)
{
	const struct asset_row *row = asset_table_find(findings->assets, asset);
	uint64_t now_ms = findings->console->now_ms;

	if (row == NULL || row->last_seen_ms == 0)
		return "unknown";
	return row->last_seen_ms + findings->stale_after_ms < now_ms ? "stale" : "current";
}

static enum output_color color_of(enum rank rank)
{
	static const enum output_color colors[RANKS] = {
		[RANK_CRITICAL] = OUTPUT_BOLD_RED,
		[RANK_HIGH] = OUTPUT_RED,
		[RANK_MEDIUM] = OUTPUT_YELLOW,
		[RANK_LOW] = OUTPUT_CYAN,
		[RANK_INFO] = OUTPUT_DIM,
		[RANK_UNKNOWN] = OUTPUT_DIM,
	};

	return colors[rank];
}

static void output_in_table(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	const char *freshness = freshness_of(findings, record_bytes(finding->asset));
	const char *asset = asset_table_name(findings->assets, record_bytes(finding->asset));
	enum rank rank = rank_of_severity(finding->severity);
	struct output *output = findings->output;

	output_id(output, record_bytes(finding->id));
	output_text(output, rank_text(rank));
	output_color(output, color_of(rank));
	if (asset == NULL)
		output_id(output, record_bytes(finding->asset));
	else
		output_text(output, asset);
	output_text(output, finding->subject);
	output_text(output, finding->title);
	output_text(output, verdict_json_finding_state((unsigned)finding->state));
	output_text(output, freshness);
	output_color(output, freshness[0] == 'c' ? OUTPUT_PLAIN : OUTPUT_YELLOW);
}

static void output_whole(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	const char *freshness = freshness_of(findings, record_bytes(finding->asset));
	json_t *object = verdict_json_finding(finding,
	    asset_table_name(findings->assets, record_bytes(finding->asset)));

	json_object_set_new(object, "freshness", json_string(freshness));
	output_object(findings->output, object);
}

static enum status show_finding(void *visitor, const Fettle__FindingVerdict *finding)
{
	struct findings *findings = visitor;

	if (findings->console->limit > 0 && findings->rows == findings->console->limit)
		return STATUS_CLOSED;
	findings->rows++;
	findings->stale += freshness_of(findings, record_bytes(finding->asset))[0] != 'c';
	if (findings->console->output.format == OUTPUT_TABLE)
		output_in_table(findings, finding);
	else
		output_whole(findings, finding);
	return output_row(findings->output);
}

/* ---- what was asked for ---- */

static bool parse_state(const char *text, unsigned *out)
{
	for (*out = 1; *out < 4; ++*out)
		if (strcmp(verdict_json_finding_state(*out), text) == 0)
			return true;
	return false;
}

static bool parse_kind(const char *text, unsigned *out)
{
	for (*out = 1; *out < 4; ++*out)
		if (strcmp(verdict_json_finding_kind(*out), text) == 0)
			return true;
	return false;
}

static bool parse_rank(const char *text, unsigned *out)
{
	enum rank rank;

	if (!rank_parse(text, &rank))
		return false;
	*out = (unsigned)rank;
	return true;
}

/* The bits that the comma-separated option NAME asks for; false and a message where it is wrong. */
static bool parse_list(const struct console *console, const char *name,
    bool (*parse)(const char *text, unsigned *out), const char *expected, uint32_t *bits)
{
	char *copy = text_copy(console_option(console, name)), *rest = copy, *item;
	bool is_fine = true;
	unsigned bit;

	while (is_fine && (item = strsep(&rest, ",")) != NULL) {
		is_fine = parse(item, &bit);
		if (is_fine)
			*bits |= UINT32_C(1) << bit;
		else
			console_usage(console, "--%s takes %s, not `%s`", name, expected, item);
	}
	free(copy);
	return is_fine;
}

static bool parse_stale_after(const struct console *console, uint64_t *out)
{
	const char *text = console_option(console, "stale-after");

	*out = stale_after_default_ms;
	if (text == NULL || quantity_parse(QUANTITY_DURATION, text, out))
		return true;
	console_usage(console, "--stale-after takes a duration (90s, 15m, 36h), not `%s`", text);
	return false;
}

static bool parse_wanted(const struct console *console, struct query_findings *wanted)
{
	wanted->since_ms = console->since_ms;
	if (!parse_list(console, "state", parse_state, "open, fixed or excepted", &wanted->states)
	    || !parse_list(console, "severity", parse_rank,
		"critical, high, medium, low, info or unknown", &wanted->ranks)
	    || !parse_list(console, "kind", parse_kind,
		"misconfiguration, vulnerability or missing_patch", &wanted->kinds))
		return false;
	if (console_option(console, "all") != NULL)
		wanted->states = 0;
	else if (wanted->states == 0)
		wanted->states = 1 << FETTLE__FINDING_STATE__FINDING_STATE_OPEN;
	return true;
}

/* ---- the commands ---- */

/* A table of one state need not say on every line which. */
static struct output *new_list(struct findings *findings, uint32_t states)
{
	bool is_one_state = states != 0 && (states & (states - 1)) == 0;

	if (findings->console->output.format != OUTPUT_TABLE)
		return output_new(&findings->console->output, columns);
	memcpy(findings->columns, table_columns, sizeof(table_columns));
	for (size_t i = 0; i < COLUMNS - 1; i++)
		if (is_one_state && strcmp(table_columns[i].name, "state") == 0)
			findings->columns[i].title = NULL;
	return output_new(&findings->console->output, findings->columns);
}

static uint64_t total(const struct query_counters *counters, unsigned state)
{
	uint64_t sum = 0;

	for (unsigned rank = 0; rank < RANKS; rank++)
		sum += counters->findings[state][rank];
	return sum;
}

/* What the list does not show, or shows of old: nobody should have to guess. */
static void say_rest(const struct findings *findings, struct query *query,
    const struct query_findings *wanted)
{
	struct query_counters counters;
	struct buffer line = { 0 };
	bool hides_some = false;
	const char *limit = findings->console->limit > 0
	                         && findings->rows == findings->console->limit
	                      ? " (--limit)"
	                      : "";

	if (query_counters(query, &counters) != STATUS_OK)
		return;
	buffer_append_format(&line, "%llu finding%s%s", (unsigned long long)findings->rows,
	    findings->rows == 1 ? "" : "s", limit);
	if (findings->stale > 0)
		buffer_append_format(&line, ", %llu not current",
		    (unsigned long long)findings->stale);
	for (unsigned state = 1; state < 4; state++)
		if (wanted->states != 0 && (wanted->states >> state & 1) == 0
		    && total(&counters, state) > 0) {
			hides_some = true;
			buffer_append_format(&line, "; %llu %s in all",
			    (unsigned long long)total(&counters, state),
			    verdict_json_finding_state(state));
		}
	buffer_append_text(&line, hides_some ? " (--all shows every state)" : "");
	console_say(findings->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

int findings_list_run(const struct console *console, int argc, char **argv)
{
	struct findings findings = { .console = console };
	struct query_findings wanted = { 0 };
	struct store_access access;
	enum status status;
	int exit_code;

	(void)argc;
	(void)argv;
	if (!parse_wanted(console, &wanted)
	    || !parse_stale_after(console, &findings.stale_after_ms))
		return CONSOLE_USAGE;
	exit_code = store_access_open(&access, console);
	if (exit_code != 0)
		return exit_code;
	if (!store_access_asset(&access, console, &wanted.asset)) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	findings.assets = &access.assets;
	findings.output = new_list(&findings, wanted.states);
	status = query_findings(access.query, &wanted, show_finding, &findings);
	exit_code = console_end(&findings.output, status);
	if (exit_code == 0)
		say_rest(&findings, access.query, &wanted);
	store_access_fini(&access);
	return exit_code;
}

static int show_one(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	struct output_options options = findings->console->output;

	if (options.format == OUTPUT_TABLE) {
		const struct asset_row *asset = asset_table_find(findings->assets,
		    record_bytes(finding->asset));

		findings_page_write(&options, finding,
		    &(struct findings_page){ .asset = asset == NULL ? "unknown" : asset->name,
			.kind = verdict_json_finding_kind((unsigned)finding->kind),
			.state = verdict_json_finding_state((unsigned)finding->state),
			.freshness = freshness_of(findings, record_bytes(finding->asset)),
			.now_ms = findings->console->now_ms });
		return 0;
	}
	options.is_single = true;
	findings->output = output_new(&options, columns);
	output_whole(findings, finding);
	return console_end(&findings->output, output_row(findings->output));
}

int findings_show_run(const struct console *console, int argc, char **argv)
{
	struct findings findings = { .console = console };
	Fettle__FindingVerdict *finding = NULL;
	struct store_access access;
	struct arena arena = { 0 };
	enum status status;
	int exit_code;

	(void)argc;
	if (!parse_stale_after(console, &findings.stale_after_ms))
		return CONSOLE_USAGE;
	exit_code = store_access_open(&access, console);
	if (exit_code != 0)
		return exit_code;
	findings.assets = &access.assets;
	status = query_finding(access.query, argv[1], &arena, &finding);
	if (status == STATUS_OK)
		exit_code = show_one(&findings, finding);
	else if (status == STATUS_EXISTS)
		exit_code = console_fail(status, "the ids of several findings begin with `%s`",
		    argv[1]);
	else if (status == STATUS_INVALID)
		exit_code = console_usage(console, "an id is hexadecimal digits, not `%s`",
		    argv[1]);
	else
		exit_code = console_fail(status, "finding `%s`: %s", argv[1], status_text(status));
	arena_fini(&arena);
	store_access_fini(&access);
	return exit_code;
}
