/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings - what is wrong, and what to do about it: first what is due first.
 */
#include <stdlib.h>
#include <string.h>

#include "console/choices.h"
#include "console/commands.h"
#include "console/due_text.h"
#include "console/findings_page.h"
#include "console/freshness.h"
#include "console/store_access.h"
#include "core/clock.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

const struct argp_option findings_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ "state", 's' << 8, "STATE,...", 0, "open, fixed, excepted; open unless given", 0 },
	{ "severity", 'v' << 8, "SEVERITY,...", 0, "critical, high, medium, low, info, unknown",
	    0 },
	{ "kind", 'k' << 8, "KIND,...", 0, "configuration, vulnerability, patch", 0 },
	{ "sort", 'o' << 8, "ORDER", 0, "due, severity, asset; due unless given", 0 },
	{ "all", 'A' << 8, NULL, 0, "in whatever state", 0 },
	{ "stale-after", 'S' << 8, "DURATION", 0, "how long an asset may be silent", 0 },
	{ 0 },
};

const struct argp_option findings_show_options[] = {
	{ "stale-after", 'S' << 8, "DURATION", 0, "how long an asset may be silent", 0 },
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

enum { SHOWN_BY_DEFAULT = 100, COUNTED_BEYOND = 10 * 1000, SOON_MS = 24 * 60 * 60 * 1000 };
enum { STATES = FETTLE__FINDING_STATE__FINDING_STATE_EXCEPTED + 1 };
enum { KINDS = FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH + 1 };
enum sort { SORT_DUE, SORT_SEVERITY, SORT_ASSET };

/* When, how bad, what, where: what is cut is what is said best elsewhere. */
static const struct output_column table_columns[] = {
	{ "id", "ID", 0, 0 },
	{ "due_at", "DUE", 0, 0 },
	{ "severity", "SEVERITY", 0, 0 },
	{ "kind", "KIND", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 12 },
	{ "freshness", "FRESHNESS", 0, 0 },
	{ "title", "TITLE", OUTPUT_CUT, 25 },
	{ .name = NULL },
};

enum { COLUMNS = sizeof(table_columns) / sizeof(table_columns[0]) };

struct findings {
	const struct console *console;
	struct output_column columns[COLUMNS];
	const struct asset_table *assets;
	struct freshness freshness;
	struct output *output;
	struct query_findings wanted;
	uint64_t limit;
	uint64_t rows, stale;
	uint64_t beyond; /* the limit */
	bool counts_beyond;
};

/* Short, as it stands on every line. */
static const char *kind_word(unsigned kind)
{
	static const char *const words[KINDS] = {
		[FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION] = "configuration",
		[FETTLE__FINDING_KIND__FINDING_KIND_VULNERABILITY] = "vulnerability",
		[FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH] = "patch",
	};

	return kind < KINDS && words[kind] != NULL ? words[kind] : "unknown";
}

/* ---- one finding ---- */

static const struct asset_row *asset_of(const struct findings *findings,
    const Fettle__FindingVerdict *finding)
{
	return asset_table_find(findings->assets, record_bytes(finding->asset));
}

/* What is not open is not due any more: then it says that. */
static void output_due(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	uint64_t now_ms = findings->console->now_ms;
	char due[DUE_TEXT_SIZE], fixed[CLOCK_TEXT_SIZE];
	bool is_open = finding->state == FETTLE__FINDING_STATE__FINDING_STATE_OPEN;
	char *shown;

	due_text(finding->due_ms, now_ms, due);
	clock_format_age(finding->fixed_ms, now_ms, fixed);
	if (is_open)
		shown = text_copy(due[0] == '\0' ? "no date" : due);
	else if (finding->fixed_ms > 0)
		shown = text_format("fixed %s", fixed);
	else
		shown = text_copy(verdict_json_finding_state((unsigned)finding->state));
	output_value(findings->output, verdict_json_time(finding->due_ms), shown);
	free(shown);
	if (is_open && finding->due_ms > 0 && finding->due_ms <= now_ms)
		output_color(findings->output, OUTPUT_RED);
	else if (is_open && finding->due_ms > 0 && finding->due_ms - now_ms < SOON_MS)
		output_color(findings->output, OUTPUT_YELLOW);
}

static void output_in_table(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	const struct asset_row *asset = asset_of(findings, finding);
	const char *freshness = freshness_of(&findings->freshness, asset);
	enum rank rank = rank_of_severity(finding->severity);
	struct output *output = findings->output;

	output_id(output, record_bytes(finding->id));
	output_due(findings, finding);
	output_text(output, rank_text(rank));
	output_color(output, choices_rank_color(rank));
	output_text(output, kind_word((unsigned)finding->kind));
	if (asset == NULL)
		output_id(output, record_bytes(finding->asset));
	else
		output_text(output, asset->name);
	output_text(output, freshness);
	output_color(output, freshness[0] == 'c' ? OUTPUT_PLAIN : OUTPUT_YELLOW);
	output_text(output, finding->title);
}

static void output_whole(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	const struct asset_row *asset = asset_of(findings, finding);
	json_t *object = verdict_json_finding(finding, asset == NULL ? NULL : asset->name);

	json_object_set_new(object, "freshness",
	    json_string(freshness_of(&findings->freshness, asset)));
	output_object(findings->output, object);
}

/* One more than may be shown; CLOSED once there is nothing to be gained from counting on. */
static enum status pass_over(struct findings *findings)
{
	if (!findings->counts_beyond || findings->beyond == COUNTED_BEYOND)
		return STATUS_CLOSED;
	findings->beyond++;
	return STATUS_OK;
}

static enum status show_finding(void *visitor, const Fettle__FindingVerdict *finding)
{
	struct findings *findings = visitor;

	if (findings->limit > 0 && findings->rows == findings->limit)
		return pass_over(findings);
	findings->rows++;
	findings->stale += !freshness_is_current(&findings->freshness, asset_of(findings, finding));
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
	for (*out = 1; *out < KINDS; ++*out)
		if (strcmp(verdict_json_finding_kind(*out), text) == 0
		    || strcmp(kind_word(*out), text) == 0)
			return true;
	return false;
}

static bool parse_sort(const struct console *console, enum sort *out)
{
	static const char *const names[] = { "due", "severity", "asset" };
	const char *text = console_option(console, "sort");

	*out = SORT_DUE;
	for (unsigned i = 0; text != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], text) == 0) {
			*out = (enum sort)i;
			return true;
		}
	if (text != NULL)
		console_usage(console, "--sort takes due, severity or asset, not `%s`", text);
	return text == NULL;
}

static bool parse_wanted(const struct console *console, struct query_findings *wanted)
{
	wanted->since_ms = console->since_ms;
	if (!choices_parse(console, "state", parse_state, "open, fixed or excepted",
		&wanted->states)
	    || !choices_ranks(console, &wanted->ranks)
	    || !choices_parse(console, "kind", parse_kind, "configuration, vulnerability or patch",
		&wanted->kinds))
		return false;
	if (console_option(console, "all") != NULL)
		wanted->states = 0;
	else if (wanted->states == 0)
		wanted->states = 1 << FETTLE__FINDING_STATE__FINDING_STATE_OPEN;
	return true;
}

/* ---- the list ---- */

static bool is_one(uint32_t bits)
{
	return bits != 0 && (bits & (bits - 1)) == 0;
}

static bool are_all_current(const struct findings *findings)
{
	for (size_t i = 0; i < findings->assets->count; i++)
		if (!freshness_is_current(&findings->freshness, &findings->assets->rows[i]))
			return false;
	return true;
}

/* What would be the same on every line is not in the table. */
static bool says_nothing(const struct findings *findings, const char *column)
{
	if (strcmp(column, "kind") == 0)
		return is_one(findings->wanted.kinds);
	if (strcmp(column, "asset") == 0)
		return findings->wanted.asset.size > 0;
	return strcmp(column, "freshness") == 0 && are_all_current(findings);
}

static struct output *new_list(struct findings *findings)
{
	if (findings->console->output.format != OUTPUT_TABLE)
		return output_new(&findings->console->output, columns);
	memcpy(findings->columns, table_columns, sizeof(table_columns));
	for (size_t i = 0; i < COLUMNS - 1; i++)
		if (says_nothing(findings, table_columns[i].name))
			findings->columns[i].title = NULL;
	return output_new(&findings->console->output, findings->columns);
}

static int by_name(const void *a, const void *b)
{
	const struct asset_row *const *left = a, *const *right = b;
	int order = strcmp((*left)->name, (*right)->name);

	return order != 0 ? order : memcmp((*left)->id, (*right)->id, sizeof((*left)->id));
}

/* Asset by asset in the order of their names, the worst first in each. */
static enum status show_by_asset(struct findings *findings, struct query *query)
{
	const struct asset_table *assets = findings->assets;
	const struct asset_row **order = memory_new(
	    (assets->count + 1) * sizeof(struct asset_row *));
	struct query_findings wanted = findings->wanted;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < assets->count; i++)
		order[i] = &assets->rows[i];
	qsort(order, assets->count, sizeof(struct asset_row *), by_name);
	for (size_t i = 0; i < assets->count && status == STATUS_OK; i++) {
		wanted.asset = BYTES_OF(order[i]->id);
		status = query_findings(query, &wanted, show_finding, findings);
	}
	free(order);
	return status;
}

static enum status show_all(struct findings *findings, struct query *query, enum sort sort)
{
	findings->wanted.is_by_due = sort == SORT_DUE;
	if (sort == SORT_ASSET && findings->wanted.asset.size == 0)
		return show_by_asset(findings, query);
	return query_findings(query, &findings->wanted, show_finding, findings);
}

/* ---- what the list does not show, or shows of old: nobody should have to guess ---- */

static uint64_t total(const struct query_counters *counters, unsigned state, uint32_t ranks)
{
	uint64_t sum = 0;

	for (unsigned rank = 0; rank < RANKS; rank++)
		if (ranks == 0 || (ranks >> rank & 1) != 0)
			sum += counters->findings[state][rank];
	return sum;
}

/* The store has sums by state and severity; what else is asked for has to be counted. */
static bool has_sums(const struct query_findings *wanted)
{
	return wanted->asset.size == 0 && wanted->kinds == 0 && wanted->since_ms == 0;
}

static uint64_t beyond_limit(const struct findings *findings, const struct query_counters *counters)
{
	uint64_t sum = 0;

	if (!has_sums(&findings->wanted))
		return findings->beyond;
	for (unsigned state = 1; state < STATES; state++)
		if (findings->wanted.states == 0 || (findings->wanted.states >> state & 1) != 0)
			sum += total(counters, state, findings->wanted.ranks);
	return sum > findings->rows ? sum - findings->rows : 0;
}

static void append_part(struct buffer *line, const char *text)
{
	buffer_append_format(line, "%s%s", line->size == 0 ? "not shown: " : "; ", text);
}

static void say_hidden(const struct findings *findings, const struct query_counters *counters)
{
	const struct query_findings *wanted = &findings->wanted;
	uint64_t beyond = findings->limit > 0 ? beyond_limit(findings, counters) : 0;
	struct buffer line = { 0 };
	char part[100];

	snprintf(part, sizeof(part), "%llu%s beyond --limit %llu (0 shows all)",
	    (unsigned long long)beyond, beyond == COUNTED_BEYOND ? " or more" : "",
	    (unsigned long long)findings->limit);
	if (beyond > 0)
		append_part(&line, part);
	for (unsigned state = 1; wanted->states != 0 && state < STATES; state++) {
		uint64_t hidden = (wanted->states >> state & 1) != 0 ? 0
		                                                     : total(counters, state, 0);

		snprintf(part, sizeof(part), "%llu %s%s (--state %s)", (unsigned long long)hidden,
		    verdict_json_finding_state(state),
		    has_sums(wanted) && wanted->ranks == 0 ? "" : " in all",
		    verdict_json_finding_state(state));
		if (hidden > 0)
			append_part(&line, part);
	}
	if (line.size > 0)
		console_say(findings->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

static void say_rest(const struct findings *findings, struct query *query, enum sort sort)
{
	static const char *const orders[] = { "the soonest due first", "the worst first",
		"by asset, the worst first" };
	uint32_t states = findings->wanted.states;
	char silent[FRESHNESS_TEXT_SIZE];
	struct query_counters counters;

	console_say(findings->console, "%llu %s%sfinding%s%s%s", (unsigned long long)findings->rows,
	    !is_one(states) ? "" : verdict_json_finding_state((unsigned)__builtin_ctz(states)),
	    !is_one(states) ? "" : " ", findings->rows == 1 ? "" : "s",
	    findings->rows > 1 ? ", " : "", findings->rows > 1 ? orders[sort] : "");
	freshness_limit(&findings->freshness, silent);
	if (findings->stale > 0)
		console_say(findings->console,
		    "%llu of them may no longer be so: nothing was heard of the asset for %s",
		    (unsigned long long)findings->stale, silent);
	if (query_counters(query, &counters) == STATUS_OK)
		say_hidden(findings, &counters);
}

static int list(struct findings *findings, struct query *query, enum sort sort)
{
	enum status status;
	int exit_code;

	findings->limit = findings->console->limit;
	if (!findings->console->has_limit && findings->console->output.format == OUTPUT_TABLE)
		findings->limit = SHOWN_BY_DEFAULT;
	findings->counts_beyond = !has_sums(&findings->wanted);
	findings->output = new_list(findings);
	status = show_all(findings, query, sort);
	exit_code = console_end(&findings->output, status);
	if (exit_code == 0)
		say_rest(findings, query, sort);
	return exit_code;
}

int findings_list_run(const struct console *console, int argc, char **argv)
{
	struct findings findings = { .console = console };
	struct store_access access;
	enum sort sort;
	int exit_code;

	(void)argc;
	(void)argv;
	if (!parse_wanted(console, &findings.wanted) || !parse_sort(console, &sort)
	    || !freshness_parse(console, &findings.freshness))
		return CONSOLE_USAGE;
	exit_code = store_access_open(&access, console);
	if (exit_code != 0)
		return exit_code;
	findings.assets = &access.assets;
	exit_code = CONSOLE_NEGATIVE;
	if (store_access_asset(&access, console, &findings.wanted.asset))
		exit_code = list(&findings, access.query, sort);
	store_access_fini(&access);
	return exit_code;
}

/* ---- show ---- */

static int show_one(struct findings *findings, const Fettle__FindingVerdict *finding)
{
	struct output_options options = findings->console->output;

	if (options.format == OUTPUT_TABLE) {
		const struct asset_row *asset = asset_of(findings, finding);

		findings_page_write(&options, finding,
		    &(struct findings_page){ .asset = asset == NULL ? "unknown" : asset->name,
			.kind = verdict_json_finding_kind((unsigned)finding->kind),
			.state = verdict_json_finding_state((unsigned)finding->state),
			.freshness = freshness_of(&findings->freshness, asset),
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
	if (!freshness_parse(console, &findings.freshness))
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
