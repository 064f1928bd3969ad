/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts - what is known of an asset, from the processor's state.
 */
#include <stdlib.h>

#include "console/asset_table.h"
#include "console/commands.h"
#include "console/fact_text.h"
#include "sinks/verdict_json.h"

static const struct output_column columns[] = {
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "key", "KEY", OUTPUT_MIDDLE, 40 },
	{ "status", "STATUS", 0, 0 },
	{ "reason", NULL, 0, 0 },
	{ "value", "VALUE", OUTPUT_CUT, 40 },
	{ "revision", NULL, 0, 0 },
	{ "observed_at", NULL, 0, 0 },
	{ "received_at", NULL, 0, 0 },
	{ "collector", NULL, 0, 0 },
	{ .name = NULL },
};

struct facts {
	const struct console *console;
	const struct asset_row *asset;
	struct output *output;
	uint64_t rows;
};

/* The value, or why there is none. */
static void output_fact_value(struct output *output, const struct fact *fact)
{
	struct buffer shown = { 0 };

	if (fact->fields_count > 0)
		fact_text_summary(&shown, fact->fields, fact->fields_count);
	else if (fact->reason != NULL)
		buffer_append_text(&shown, fact->reason);
	output_value(output, verdict_json_fields(fact->fields, fact->fields_count),
	    buffer_text(&shown));
	buffer_fini(&shown);
}

static enum output_color color_of(enum fact_status status)
{
	return status == FACT_PRESENT ? OUTPUT_PLAIN
	     : status == FACT_ABSENT  ? OUTPUT_DIM
	                              : OUTPUT_YELLOW;
}

static enum status show_fact(void *visitor, const struct state_fact *fact)
{
	struct facts *facts = visitor;
	struct output *output = facts->output;

	if (facts->console->since_ms > fact->received_ms)
		return STATUS_OK;
	if (facts->console->limit > 0 && facts->rows == facts->console->limit)
		return STATUS_CLOSED;
	facts->rows++;
	output_text(output, facts->asset->name);
	output_id(output, BYTES_OF(facts->asset->id));
	output_bytes(output, fact->fact.key);
	output_text(output, fact_status_text(fact->fact.status));
	output_color(output, color_of(fact->fact.status));
	output_text(output, fact->fact.reason);
	output_fact_value(output, &fact->fact);
	output_number(output, fact->revision);
	output_time(output, fact->observed_ms);
	output_time(output, fact->received_ms);
	output_text(output, fact->collector);
	return output_row(output);
}

static int show_facts(const struct console *console, struct state_reader *reader,
    const struct asset_row *asset, const char *prefix)
{
	struct facts facts = { .console = console, .asset = asset };
	enum status status;

	facts.output = output_new(&console->output, columns);
	status = state_reader_facts(reader, asset->id, bytes_of_text(prefix), show_fact, &facts);
	if (status == STATUS_OK && facts.rows == 0)
		console_say(console, "no facts");
	return console_end(&facts.output, status);
}

int facts_run(const struct console *console, int argc, char **argv)
{
	struct state_reader *reader = NULL;
	struct asset_table assets = { 0 };
	const struct asset_row *asset;
	enum status status = state_reader_open(console->paths.data, &reader);
	int exit_code;

	if (status == STATUS_OK)
		status = asset_table_load_state(&assets, reader);
	if (status != STATUS_OK) {
		exit_code = console_fail(status, "no facts can be read in %s: %s",
		    console->paths.data, status_text(status));
	} else {
		asset = asset_table_resolve(&assets, argv[1]);
		exit_code = asset == NULL
		              ? CONSOLE_NEGATIVE
		              : show_facts(console, reader, asset, argc > 2 ? argv[2] : "");
	}
	asset_table_fini(&assets);
	state_reader_close(reader);
	return exit_code;
}
