/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents list - who may connect, who waits for a word, and who may not any more.
 */
#include "console/agent_table.h"
#include "console/choices.h"
#include "console/commands.h"
#include "core/clock.h"
#include "proto/admission.pb-c.h"
#include "sinks/verdict_json.h"

const struct argp_option agents_options[] = {
	{ "state", 's' << 8, "STATE,...", 0, "only those that are pending, admitted, …", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "state", "STATE", 0, 0 },
	{ "name", "NAME", OUTPUT_CUT, 0 },
	{ "group", "GROUP", OUTPUT_CUT, 0 },
	{ "agent_id", "ID", 0, 0 },
	{ "since_at", "SINCE", 0, 0 },
	{ "last_seen_at", "LAST SEEN", 0, 0 },
	{ "by", "BY", OUTPUT_CUT, 0 },
	{ "reason", "REASON", OUTPUT_CUT, 0 },
	{ "address", NULL, 0, 0 },
	{ "enrolment_id", NULL, 0, 0 },
	{ "public_key", NULL, 0, 0 },
	{ "keys", NULL, 0, 0 },
	{ .name = NULL },
};

static enum output_color color_of(unsigned state)
{
	switch (state) {
	case FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED:
		return OUTPUT_GREEN;
	case FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING:
		return OUTPUT_YELLOW;
	case FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED:
		return OUTPUT_RED;
	default:
		return OUTPUT_DIM;
	}
}

static void output_age(struct output *output, uint64_t at_ms, uint64_t now_ms)
{
	char age[CLOCK_TEXT_SIZE] = "never";

	if (at_ms > 0)
		clock_format_age(at_ms, now_ms, age);
	output_value(output, verdict_json_time(at_ms), age);
}

static enum status show(struct output *output, const struct agent_row *row, uint64_t now_ms)
{
	char key[SOCKET_KEY_TEXT];

	output_text(output, agent_table_state(row->state));
	output_color(output, color_of(row->state));
	output_text(output, row->name);
	output_text(output, row->group);
	output_id(output, BYTES_OF(row->id));
	output_age(output, row->since_ms, now_ms);
	output_age(output, row->last_seen_ms, now_ms);
	output_text(output, row->by);
	output_text(output, row->reason);
	output_text(output, row->address);
	if (row->enrolment.size > 0)
		output_id(output, row->enrolment);
	else
		output_null(output);
	socket_key_encode(row->key, key);
	output_text(output, key);
	output_number(output, row->keys);
	return output_row(output);
}

static enum status show_all(struct output *output, const struct agent_table *table,
    const struct console *console, uint32_t wanted)
{
	enum status status = STATUS_OK;
	uint64_t rows = 0;

	for (size_t i = 0; status == STATUS_OK && i < table->count; i++) {
		const struct agent_row *row = &table->rows[i];

		if ((wanted != 0 && (wanted & (UINT32_C(1) << row->state)) == 0)
		    || row->since_ms < console->since_ms)
			continue;
		if (console->limit > 0 && rows++ == console->limit)
			break;
		status = show(output, row, console->now_ms);
	}
	return status;
}

int agents_list_run(const struct console *console, int argc, char **argv)
{
	struct output *output;
	struct agent_table table;
	uint32_t wanted;
	enum status status;

	(void)argc;
	(void)argv;
	if (!choices_parse(console, "state", agent_table_state_parse,
		"pending, admitted, revoked or quarantined", &wanted))
		return CONSOLE_USAGE;
	status = agent_table_load(&table, console->paths.data, console->now_ms);
	if (status == STATUS_NOT_FOUND)
		return console_fail(STATUS_NOT_FOUND, "no log has run in %s yet",
		    console->paths.data);
	output = output_new(&console->output, columns);
	if (status == STATUS_OK)
		status = show_all(output, &table, console, wanted);
	if (status == STATUS_OK && output_rows(output) == 0)
		console_say(console, "no agents; `fettle enrolment create` lets one in");
	agent_table_fini(&table);
	return console_end(&output, status);
}
