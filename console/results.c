/* SPDX-License-Identifier: Apache-2.0 */
/*
 * results - how each check of each policy came out on each asset, and why.
 *
 * A check that was not run has found nothing wrong and nothing right: this is where somebody who
 * trusts the rest looks first.  Passed ones are left out unless asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "console/commands.h"
#include "console/freshness.h"
#include "console/store_access.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { SHOWN_BY_DEFAULT = 200, RESULTS = FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN + 1 };

const struct argp_option results_options[] = {
	{ "policy", 'p' << 8, "POLICY", 0, "of one policy", 0 },
	{ "result", 'r' << 8, "RESULT,...", 0,
	    "failed, not_run, not_applicable, passed; all but passed unless given", 0 },
	{ "all", 'A' << 8, NULL, 0, "however it came out", 0 },
	{ "stale-after", 'S' << 8, "DURATION", 0, "how long an asset may be silent", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "policy", NULL, 0, 0 },
	{ "policy_hash", NULL, 0, 0 },
	{ "check", NULL, 0, 0 },
	{ "result", NULL, 0, 0 },
	{ "reason", NULL, 0, 0 },
	{ "freshness", NULL, 0, 0 },
	{ "judged_at", NULL, 0, 0 },
	{ "evidence", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "result", "RESULT", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 12 },
	{ "check", "CHECK", OUTPUT_MIDDLE, 35 },
	{ "why", "WHY", OUTPUT_CUT, 35 },
	{ .name = NULL },
};

enum { COLUMNS = sizeof(table_columns) / sizeof(table_columns[0]), COLUMN_ASSET = 1 };

struct results {
	const struct console *console;
	struct output_column columns[COLUMNS];
	const struct asset_table *assets;
	struct freshness freshness;
	struct output *output;
	const char *policy; /* NULL: all */
	uint32_t wanted;    /* bits 1 << CheckResult */
	uint64_t limit, rows, beyond;
	uint64_t hidden[RESULTS];
};

/* ---- one check ---- */

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

/* The reason; where there is none, what the last rule that was asked saw. */
static const char *why(const Fettle__CheckOutcome *outcome)
{
	return !is_empty(outcome->reason) || outcome->n_evidence == 0
	         ? outcome->reason
	         : outcome->evidence[outcome->n_evidence - 1]->detail;
}

static enum output_color color_of(unsigned result)
{
	static const enum output_color colors[RESULTS] = {
		[FETTLE__CHECK_RESULT__CHECK_RESULT_PASS] = OUTPUT_GREEN,
		[FETTLE__CHECK_RESULT__CHECK_RESULT_FAIL] = OUTPUT_RED,
		[FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_APPLICABLE] = OUTPUT_DIM,
		[FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN] = OUTPUT_YELLOW,
	};

	return result < RESULTS ? colors[result] : OUTPUT_PLAIN;
}

static void output_in_table(struct results *results, const Fettle__ResultsVerdict *of,
    const Fettle__CheckOutcome *outcome)
{
	const char *asset = asset_table_name(results->assets, record_bytes(of->asset));
	struct buffer check = { 0 };
	struct output *output = results->output;

	output_text(output, verdict_json_check_result((unsigned)outcome->result));
	output_color(output, color_of((unsigned)outcome->result));
	if (asset == NULL)
		output_id(output, record_bytes(of->asset));
	else
		output_text(output, asset);
	if (results->policy == NULL)
		buffer_append_format(&check, "%s/", of->policy);
	buffer_append_text(&check, is_empty(outcome->check) ? "?" : outcome->check);
	output_text(output, buffer_text(&check));
	output_text(output, why(outcome));
	buffer_fini(&check);
}

static void output_whole(struct results *results, const Fettle__ResultsVerdict *of,
    const Fettle__CheckOutcome *outcome)
{
	struct output *output = results->output;

	asset_table_output(results->assets, output, record_bytes(of->asset));
	output_text(output, of->policy);
	output_id(output, record_bytes(of->policy_hash));
	output_text(output, outcome->check);
	output_text(output, verdict_json_check_result((unsigned)outcome->result));
	output_text(output, outcome->reason);
	output_text(output, freshness_of(&results->freshness,
				asset_table_find(results->assets, record_bytes(of->asset))));
	output_time(output, of->judged_ms);
	output_value(output, verdict_json_evidence(outcome->evidence, outcome->n_evidence), "");
}

static enum status show_outcome(struct results *results, const Fettle__ResultsVerdict *of,
    const Fettle__CheckOutcome *outcome)
{
	unsigned result = (unsigned)outcome->result < RESULTS ? (unsigned)outcome->result : 0;

	if ((results->wanted >> result & 1) == 0) {
		results->hidden[result]++;
		return STATUS_OK;
	}
	if (results->limit > 0 && results->rows == results->limit) {
		results->beyond++;
		return STATUS_OK;
	}
	results->rows++;
	if (results->console->output.format == OUTPUT_TABLE)
		output_in_table(results, of, outcome);
	else
		output_whole(results, of, outcome);
	return output_row(results->output);
}

static enum status show_policy(void *visitor, const Fettle__ResultsVerdict *of)
{
	struct results *results = visitor;
	enum status status = STATUS_OK;

	if (results->policy != NULL && strcmp(of->policy, results->policy) != 0)
		return STATUS_OK;
	if (of->judged_ms < results->console->since_ms)
		return STATUS_OK;
	for (size_t i = 0; i < of->n_outcomes && status == STATUS_OK; i++)
		status = show_outcome(results, of, of->outcomes[i]);
	return status;
}

/* ---- what was asked for, and what is left out of it ---- */

static bool parse_result(const char *text, uint32_t *bits)
{
	for (unsigned i = 1; i < RESULTS; i++)
		if (strcmp(verdict_json_check_result(i), text) == 0) {
			*bits |= UINT32_C(1) << i;
			return true;
		}
	return false;
}

static bool parse_results(const struct console *console, uint32_t *bits)
{
	const char *option = console_option(console, "result");
	char *copy = text_copy(option), *rest = copy, *item;
	bool is_fine = true;

	*bits = option != NULL ? 0 : ~(UINT32_C(1) << FETTLE__CHECK_RESULT__CHECK_RESULT_PASS);
	if (console_option(console, "all") != NULL)
		*bits = ~UINT32_C(0);
	while (is_fine && option != NULL && (item = strsep(&rest, ",")) != NULL) {
		is_fine = parse_result(item, bits);
		if (!is_fine)
			console_usage(console,
			    "--result takes failed, not_run, not_applicable or passed, not `%s`",
			    item);
	}
	free(copy);
	return is_fine;
}

static void say_rest(const struct results *results)
{
	struct buffer line = { 0 };

	buffer_append_format(&line, "%llu result%s", (unsigned long long)results->rows,
	    results->rows == 1 ? "" : "s");
	if (results->beyond > 0)
		buffer_append_format(&line, "; %llu beyond --limit %llu (0 shows all)",
		    (unsigned long long)results->beyond, (unsigned long long)results->limit);
	for (unsigned i = 1; i < RESULTS; i++)
		if (results->hidden[i] > 0)
			buffer_append_format(&line, "; not shown: %llu %s",
			    (unsigned long long)results->hidden[i], verdict_json_check_result(i));
	console_say(results->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

/* What would be the same on every line is not in the table. */
static struct output *new_list(struct results *results, struct bytes asset)
{
	if (results->console->output.format != OUTPUT_TABLE)
		return output_new(&results->console->output, columns);
	memcpy(results->columns, table_columns, sizeof(table_columns));
	if (asset.size > 0)
		results->columns[COLUMN_ASSET].title = NULL;
	return output_new(&results->console->output, results->columns);
}

static int show(struct results *results, struct query *query, struct bytes asset)
{
	bool is_table = results->console->output.format == OUTPUT_TABLE;
	enum status status;
	int exit_code;

	results->limit = results->console->limit;
	if (!results->console->has_limit && is_table)
		results->limit = SHOWN_BY_DEFAULT;
	results->output = new_list(results, asset);
	status = query_results(query, asset, show_policy, results);
	exit_code = console_end(&results->output, status);
	if (exit_code == 0)
		say_rest(results);
	return exit_code;
}

int results_run(const struct console *console, int argc, char **argv)
{
	struct results results = { .console = console,
		.policy = console_option(console, "policy") };
	const struct asset_row *asset = NULL;
	struct store_access access;
	int exit_code;

	if (!parse_results(console, &results.wanted)
	    || !freshness_parse(console, &results.freshness))
		return CONSOLE_USAGE;
	exit_code = store_access_open(&access, console);
	if (exit_code != 0)
		return exit_code;
	results.assets = &access.assets;
	if (argc > 1)
		asset = asset_table_resolve(&access.assets, argv[1]);
	if (argc > 1 && asset == NULL)
		exit_code = CONSOLE_NEGATIVE;
	else
		exit_code = show(&results, access.query,
		    asset == NULL ? BYTES_NONE : BYTES_OF(asset->id));
	store_access_fini(&access);
	return exit_code;
}
