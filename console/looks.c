/* SPDX-License-Identifier: Apache-2.0 */
#include "console/looks.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/require.h"
#include "processors/state/reader.h"
#include "sinks/verdict_json.h"

struct looks {
	struct state_score score; /* has the plan */
	json_t *list;
};

static bool is_current(const struct looks *looks, const struct state_pass *pass)
{
	return pass->plan.size == 0 || bytes_equal(pass->plan, BYTES_OF(looks->score.plan));
}

static enum status add_look(void *data, const struct state_pass *pass)
{
	struct looks *looks = data;
	json_t *look = json_pack("{s:o, s:o, s:I, s:o, s:b}", "collector",
	    verdict_json_optional(pass->collector), "prefix", verdict_json_text(pass->prefix),
	    "facts", (json_int_t)pass->facts, "at", verdict_json_time(pass->at_ms), "is_current",
	    is_current(looks, pass));

	REQUIRE(look != NULL && json_array_append_new(looks->list, look) == 0);
	return STATUS_OK;
}

json_t *looks_json(const struct console *console, const uint8_t asset[16])
{
	struct looks looks = { .list = json_array() };
	struct state_reader *reader = NULL;
	enum status status = state_reader_open(console->paths.data, &reader);

	/* No plan yet: what needs one is not current. */
	if (status == STATUS_OK && state_reader_score(reader, asset, &looks.score) != STATUS_OK)
		looks.score = (struct state_score){ .passed = 0 };
	if (status == STATUS_OK)
		status = state_reader_passes(reader, asset, add_look, &looks);
	state_reader_close(reader);
	if (status == STATUS_OK)
		return looks.list;
	json_decref(looks.list);
	return json_null();
}

static const struct output_column columns[] = {
	{ "collector", "COLLECTOR", 0, 0 },
	{ "prefix", "LOOKED AT", OUTPUT_CUT, 20 },
	{ "facts", "FACTS", OUTPUT_RIGHT, 0 },
	{ "at", "WHEN", 0, 0 },
	{ "is_current", "PLAN", 0, 0 },
	{ .name = NULL },
};

struct rows {
	const struct console *console;
	struct looks looks;
	struct output *output;
};

static enum status show_look(void *data, const struct state_pass *pass)
{
	struct rows *rows = data;
	char age[CLOCK_TEXT_SIZE];

	output_text(rows->output, pass->collector);
	output_bytes(rows->output, pass->prefix);
	output_number(rows->output, pass->facts);
	clock_format_age(pass->at_ms, rows->console->now_ms, age);
	output_text(rows->output, age);
	output_text(rows->output, pass->plan.size == 0             ? ""
				  : is_current(&rows->looks, pass) ? "the last"
								   : "an older one");
	if (!is_current(&rows->looks, pass))
		output_color(rows->output, OUTPUT_YELLOW);
	return output_row(rows->output);
}

enum status looks_table(const struct console *console, const uint8_t asset[16])
{
	struct rows rows = { .console = console };
	struct state_reader *reader = NULL;
	enum status status = state_reader_open(console->paths.data, &reader);

	if (status != STATUS_OK)
		return STATUS_OK;
	if (state_reader_score(reader, asset, &rows.looks.score) != STATUS_OK)
		rows.looks.score = (struct state_score){ .passed = 0 };
	fputs("\n", console->output.stream);
	rows.output = output_new(&console->output, columns);
	status = state_reader_passes(reader, asset, show_look, &rows);
	state_reader_close(reader);
	return status == STATUS_OK ? output_finish(&rows.output) : status;
}
