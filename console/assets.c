/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assets - what is watched.
 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/freshness.h"
#include "console/health.h"
#include "console/looks.h"
#include "console/store_access.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

static const struct output_column columns[] = {
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "agent_id", NULL, 0, 0 },
	{ "system", NULL, 0, 0 },
	{ "agent_version", NULL, 0, 0 },
	{ "facts", NULL, 0, 0 },
	{ "passed", NULL, 0, 0 },
	{ "failed", NULL, 0, 0 },
	{ "not_applicable", NULL, 0, 0 },
	{ "not_run", NULL, 0, 0 },
	{ "first_seen_at", NULL, 0, 0 },
	{ "last_seen_at", NULL, 0, 0 },
	{ "freshness", NULL, 0, 0 },
	{ .name = NULL },
};

/* The same, its looks, and how it stands with its reporting. */
static const struct output_column columns_of_one[] = {
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "agent_id", NULL, 0, 0 },
	{ "system", NULL, 0, 0 },
	{ "agent_version", NULL, 0, 0 },
	{ "facts", NULL, 0, 0 },
	{ "passed", NULL, 0, 0 },
	{ "failed", NULL, 0, 0 },
	{ "not_applicable", NULL, 0, 0 },
	{ "not_run", NULL, 0, 0 },
	{ "first_seen_at", NULL, 0, 0 },
	{ "last_seen_at", NULL, 0, 0 },
	{ "freshness", NULL, 0, 0 },
	{ "looks", NULL, 0, 0 },
	{ "digest", NULL, 0, 0 },
	{ "health", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "asset", "ASSET", OUTPUT_CUT, 0 },
	{ "asset_id", "ID", 0, 0 },
	{ "system", "SYSTEM", OUTPUT_CUT, 0 },
	{ "facts", "FACTS", OUTPUT_RIGHT, 0 },
	{ "passed", "PASSED", OUTPUT_RIGHT, 0 },
	{ "failed", "FAILED", OUTPUT_RIGHT, 0 },
	{ "not_run", "NOT RUN", OUTPUT_RIGHT, 0 },
	{ "last_seen_at", "LAST SEEN", 0, 0 },
	{ "freshness", "", 0, 0 },
	{ .name = NULL },
};

static const struct output_column *columns_for(const struct output_options *options)
{
	if (options->format == OUTPUT_TABLE)
		return table_columns;
	return options->is_single ? columns_of_one : columns;
}

struct assets {
	const struct console *console;
	const struct asset_table *table;
	struct query *query;
	struct freshness freshness;
	struct output *output;
	uint64_t rows;
	struct bytes only; /* id, or NONE */
};

static void output_age(struct output *output, uint64_t at_ms, uint64_t now_ms)
{
	char age[CLOCK_TEXT_SIZE] = "never";

	if (at_ms > 0)
		clock_format_age(at_ms, now_ms, age);
	output_value(output, verdict_json_time(at_ms), age);
}

static const char *freshness_text(const struct assets *assets, const Fettle__AssetVerdict *asset)
{
	const struct asset_row row = { .last_seen_ms = asset->last_seen_ms };

	return freshness_of(&assets->freshness, &row);
}

static void show_in_table(struct assets *assets, const Fettle__AssetVerdict *asset)
{
	struct output *output = assets->output;

	asset_table_output(assets->table, output, record_bytes(asset->asset));
	output_text(output, asset->system);
	output_number(output, asset->facts);
	output_number(output, asset->passed);
	output_number(output, asset->failed);
	output_color(output, asset->failed > 0 ? OUTPUT_YELLOW : OUTPUT_GREEN);
	output_number(output, asset->not_run);
	output_age(output, asset->last_seen_ms, assets->console->now_ms);
	output_text(output, freshness_text(assets, asset)[0] == 's' ? "stale" : "");
	output_color(output, OUTPUT_YELLOW);
}

/* In a list without what costs a look into the processor's state. */
static json_t *asset_json(const struct assets *assets, const Fettle__AssetVerdict *asset)
{
	json_t *object = verdict_json_asset(asset);

	json_object_set_new(object, "freshness", json_string(freshness_text(assets, asset)));
	if (assets->only.size == 0)
		return object;
	json_object_set_new(object, "looks", looks_json(assets->console, assets->only.data));
	json_object_set_new(object, "digest",
	    health_digest_json(assets->console, assets->only.data));
	json_object_set_new(object, "health",
	    health_json(assets->query, assets->table, assets->console->now_ms, assets->only.data));
	return object;
}

static enum status show_asset(void *visitor, const Fettle__AssetVerdict *asset)
{
	struct assets *assets = visitor;

	if (assets->only.size > 0 && !bytes_equal(record_bytes(asset->asset), assets->only))
		return STATUS_OK;
	if (assets->console->since_ms > asset->last_seen_ms)
		return STATUS_OK;
	if (assets->console->limit > 0 && assets->rows == assets->console->limit)
		return STATUS_CLOSED;
	assets->rows++;
	if (assets->console->output.format == OUTPUT_TABLE)
		show_in_table(assets, asset);
	else
		output_object(assets->output, asset_json(assets, asset));
	return output_row(assets->output);
}

int assets_list_run(const struct console *console, int argc, char **argv)
{
	struct assets assets = { .console = console };
	struct store_access access;
	enum status status;
	int exit_code = store_access_open(&access, console);

	(void)argc;
	(void)argv;
	if (exit_code != 0)
		return exit_code;
	assets.table = &access.assets;
	assets.query = access.query;
	if (!freshness_parse(console, &assets.freshness)) {
		store_access_fini(&access);
		return CONSOLE_USAGE;
	}
	assets.output = output_new(&console->output, columns_for(&console->output));
	status = query_assets(access.query, show_asset, &assets);
	if (status == STATUS_OK && assets.rows == 0)
		console_say(console, "no assets");
	store_access_fini(&access);
	return console_end(&assets.output, status);
}

/* ---- show ---- */

static const struct output_column policy_columns[] = {
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "policy", "POLICY", OUTPUT_CUT, 25 },
	{ "policy_hash", "HASH", 0, 0 },
	{ "passed", "PASSED", OUTPUT_RIGHT, 0 },
	{ "failed", "FAILED", OUTPUT_RIGHT, 0 },
	{ "not_applicable", "N/A", OUTPUT_RIGHT, 0 },
	{ "not_run", "NOT RUN", OUTPUT_RIGHT, 0 },
	{ "judged_at", "JUDGED", 0, 0 },
	{ .name = NULL },
};

static enum status show_results(void *visitor, const Fettle__ResultsVerdict *results)
{
	struct assets *assets = visitor;
	uint64_t counts[FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN + 1] = { 0 };

	for (size_t i = 0; i < results->n_outcomes; i++)
		if ((unsigned)results->outcomes[i]->result < sizeof(counts) / sizeof(counts[0]))
			counts[results->outcomes[i]->result]++;
	asset_table_output(assets->table, assets->output, record_bytes(results->asset));
	output_text(assets->output, results->policy);
	output_id(assets->output, record_bytes(results->policy_hash));
	for (unsigned i = FETTLE__CHECK_RESULT__CHECK_RESULT_PASS;
	     i <= FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN; i++)
		output_number(assets->output, counts[i]);
	output_time(assets->output, results->judged_ms);
	return output_row(assets->output);
}

/* JSON: the asset as in the list, its looks and health.  Tables: also its policies. */
int assets_show_run(const struct console *console, int argc, char **argv)
{
	struct output_options options = console->output;
	struct assets assets = { .console = console };
	const struct asset_row *row;
	struct store_access access;
	enum status status = STATUS_OK;
	int exit_code = store_access_open(&access, console);

	(void)argc;
	if (exit_code != 0)
		return exit_code;
	row = asset_table_resolve(&access.assets, argv[1]);
	if (row == NULL) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	if (!freshness_parse(console, &assets.freshness)) {
		store_access_fini(&access);
		return CONSOLE_USAGE;
	}
	options.is_single = true;
	assets.table = &access.assets;
	assets.query = access.query;
	assets.only = BYTES_OF(row->id);
	assets.output = output_new(&options, columns_for(&options));
	status = query_assets(access.query, show_asset, &assets);
	if (options.format == OUTPUT_TABLE && status == STATUS_OK) {
		status = output_finish(&assets.output);
		fputs("\n", options.stream);
		assets.output = output_new(&console->output, policy_columns);
		if (status == STATUS_OK)
			status = query_results(access.query, assets.only, show_results, &assets);
		if (status == STATUS_OK)
			status = output_finish(&assets.output);
		if (status == STATUS_OK)
			status = looks_table(console, row->id);
		if (status == STATUS_OK)
			status = health_lines(console, access.query, row->id);
	}
	store_access_fini(&access);
	return console_end(&assets.output, status);
}
