/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes - what changed, the newest last.
 */
#include "console/commands.h"
#include "console/fact_text.h"
#include "console/store_access.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { SHOWN_BY_DEFAULT = 100 };

const struct argp_option changes_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ "key", 'k' << 8, "PREFIX", 0, "of facts whose keys begin so", 0 },
	{ "unexpected", 'u' << 8, NULL, 0, "only what nothing known explains", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "id", NULL, 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "key", "KEY", OUTPUT_MIDDLE, 0 },
	{ "before", NULL, 0, 0 },
	{ "after", NULL, 0, 0 },
	{ "observed_at", NULL, 0, 0 },
	{ "received_at", NULL, 0, 0 },
	{ "stored_at", NULL, 0, 0 },
	{ "expected_by", NULL, 0, 0 },
	{ "collector", NULL, 0, 0 },
	{ .name = NULL },
};

/* A table begins with when, and ends with what: the same columns in another order. */
static const struct output_column table_columns[] = {
	{ "received_at", "TIME", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 12 },
	{ "key", "KEY", OUTPUT_MIDDLE, 25 },
	{ "change", "CHANGE", OUTPUT_CUT, 30 },
	{ .name = NULL },
};

struct changes {
	const struct console *console;
	const struct asset_table *assets;
	struct output *output;
	bool only_unexpected;
};

static bool is_expected(const Fettle__ChangeVerdict *change)
{
	return change->expected_by != NULL && change->expected_by[0] != '\0';
}

static void output_difference(struct output *output, const Fettle__ChangeVerdict *change)
{
	struct buffer shown = { 0 };

	fact_text_difference(&shown, change->before, change->after);
	output_value(output, json_null(), buffer_text(&shown));
	output_color(output, is_expected(change) ? OUTPUT_DIM : OUTPUT_PLAIN);
	buffer_fini(&shown);
}

static void show_in_table(struct changes *changes, const Fettle__ChangeVerdict *change)
{
	const struct asset_row *asset = asset_table_find(changes->assets,
	    record_bytes(change->asset));

	output_time(changes->output, change->received_ms);
	if (asset == NULL)
		output_id(changes->output, record_bytes(change->asset));
	else
		output_text(changes->output, asset->name);
	output_bytes(changes->output, record_bytes(change->key));
	output_difference(changes->output, change);
}

static void show_whole(struct changes *changes, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	json_t *object = verdict_json_change(change,
	    asset_table_name(changes->assets, record_bytes(change->asset)));

	json_object_set_new(object, "stored_at", verdict_json_time(stored_ms));
	output_object(changes->output, object);
}

static enum status show_change(void *visitor, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	struct changes *changes = visitor;

	if (changes->only_unexpected && is_expected(change))
		return STATUS_OK;
	if (changes->console->output.format == OUTPUT_TABLE)
		show_in_table(changes, change);
	else
		show_whole(changes, change, stored_ms);
	return output_row(changes->output);
}

static void say_rest(const struct console *console, const struct query_changes *wanted, size_t rows)
{
	if (rows == 0)
		console_say(console, "no changes");
	else if (!console->has_limit && rows == wanted->limit)
		console_say(console, "the newest %zu; --limit 0 shows all", rows);
}

/* Whoever asks for neither a time nor a number at a terminal gets what fits the eye. */
static uint64_t limit_of(const struct console *console)
{
	bool is_bounded = console->has_limit || console->since_ms > 0
	               || console->output.format != OUTPUT_TABLE;

	return is_bounded ? console->limit : SHOWN_BY_DEFAULT;
}

int changes_run(const struct console *console, int argc, char **argv)
{
	struct query_changes wanted = { .since_ms = console->since_ms, .limit = limit_of(console) };
	struct changes changes = { .console = console };
	const char *prefix = console_option(console, "key");
	struct store_access access;
	enum status status = STATUS_OK;
	int exit_code = store_access_open(&access, console);

	(void)argc;
	(void)argv;
	if (exit_code != 0)
		return exit_code;
	if (!store_access_asset(&access, console, &wanted.asset)) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	wanted.key_prefix = bytes_of_text(prefix == NULL ? "" : prefix);
	changes.assets = &access.assets;
	changes.only_unexpected = console_option(console, "unexpected") != NULL;
	changes.output = output_new(&console->output,
	    console->output.format == OUTPUT_TABLE ? table_columns : columns);
	status = query_changes(access.query, &wanted, show_change, &changes);
	if (status == STATUS_OK)
		say_rest(console, &wanted, output_rows(changes.output));
	store_access_fini(&access);
	return console_end(&changes.output, status);
}
