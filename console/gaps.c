/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps - what is known to be lost: when, of which asset, how many records, and why.
 */
#include "console/commands.h"
#include "console/store_access.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

static const struct output_column columns[] = {
	{ "id", NULL, 0, 0 },
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "count", NULL, 0, 0 },
	{ "reason", NULL, 0, 0 },
	{ "at", NULL, 0, 0 },
	{ "lane", NULL, 0, 0 },
	{ "from", NULL, 0, 0 },
	{ "to", NULL, 0, 0 },
	{ "first_at", NULL, 0, 0 },
	{ "last_at", NULL, 0, 0 },
	{ .name = NULL },
};

/* A table begins with when: the same columns, in another order and fewer of them. */
static const struct output_column table_columns[] = {
	{ "at", "TOLD", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 15 },
	{ "lane", "LANE", 0, 0 },
	{ "count", "RECORDS", OUTPUT_RIGHT, 0 },
	{ "first_at", "OBSERVED FROM", 0, 0 },
	{ "last_at", "TO", 0, 0 },
	{ "reason", "WHY", OUTPUT_CUT, 30 },
	{ .name = NULL },
};

struct gaps {
	const struct console *console;
	const struct asset_table *assets;
	struct output *output;
	struct bytes asset; /* NONE: all */
	uint64_t records;
};

static void show_in_table(struct gaps *gaps, const Fettle__LossVerdict *loss)
{
	const char *name = asset_table_name(gaps->assets, record_bytes(loss->asset));

	output_time(gaps->output, loss->at_ms);
	if (name == NULL)
		output_id(gaps->output, record_bytes(loss->asset));
	else
		output_text(gaps->output, name);
	output_text(gaps->output, verdict_json_lane(loss->lane));
	output_number(gaps->output, loss->count);
	output_time(gaps->output, loss->first_ms);
	output_time(gaps->output, loss->last_ms);
	output_text(gaps->output, loss->reason);
}

static enum status show_gap(void *visitor, const Fettle__LossVerdict *loss)
{
	struct gaps *gaps = visitor;
	uint64_t limit = gaps->console->limit;

	if (loss->at_ms < gaps->console->since_ms
	    || (gaps->asset.size > 0 && !bytes_equal(gaps->asset, record_bytes(loss->asset))))
		return STATUS_OK;
	if (limit > 0 && output_rows(gaps->output) == limit)
		return STATUS_CLOSED;
	gaps->records += loss->count;
	if (gaps->console->output.format == OUTPUT_TABLE)
		show_in_table(gaps, loss);
	else
		output_object(gaps->output,
		    verdict_json_loss(loss,
			asset_table_name(gaps->assets, record_bytes(loss->asset))));
	return output_row(gaps->output);
}

static void say_sum(const struct gaps *gaps)
{
	size_t rows = output_rows(gaps->output);

	if (rows == 0)
		console_say(gaps->console, "no gaps");
	else
		console_say(gaps->console,
		    "%zu gap%s, %llu records; what is there now was observed again", rows,
		    rows == 1 ? "" : "s", (unsigned long long)gaps->records);
}

static enum status show(struct gaps *gaps, struct query *query)
{
	enum status status;

	gaps->output = output_new(&gaps->console->output,
	    gaps->console->output.format == OUTPUT_TABLE ? table_columns : columns);
	status = query_losses(query, show_gap, gaps);
	if (status == STATUS_OK)
		say_sum(gaps);
	return status;
}

int gaps_run(const struct console *console, int argc, char **argv)
{
	struct gaps gaps = { .console = console };
	const struct asset_row *asset = NULL;
	struct store_access access;
	enum status status;
	int exit_code = store_access_open(&access, console);

	if (exit_code != 0)
		return exit_code;
	if (argc > 1) {
		asset = asset_table_resolve(&access.assets, argv[1]);
		gaps.asset = asset == NULL ? BYTES_NONE : BYTES_OF(asset->id);
	}
	if (argc > 1 && asset == NULL) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	gaps.assets = &access.assets;
	status = show(&gaps, access.query);
	store_access_fini(&access);
	return console_end(&gaps.output, status);
}
