/* SPDX-License-Identifier: Apache-2.0 */
#include "console/targets.h"

#include "core/record.h"
#include "processors/state/reader.h"
#include "sinks/outside/journal.h"
#include "sinks/verdict_json.h"

static const struct output_column list_columns[] = {
	{ "name", "NAME", 0, 0 },
	{ "kind", NULL, 0, 0 },
	{ "target", "TARGET", OUTPUT_CUT, 25 },
	{ "state", "STATE", 0, 0 },
	{ "position", "POSITION", OUTPUT_RIGHT, 0 },
	{ "lag", "LAG", OUTPUT_RIGHT, 0 },
	{ "delivered", "DELIVERED", OUTPUT_RIGHT, 0 },
	{ "retried", NULL, OUTPUT_RIGHT, 0 },
	{ "skipped", "SKIPPED", OUTPUT_RIGHT, 0 },
	{ "dead", "DEAD", OUTPUT_RIGHT, 0 },
	{ "dead_dropped", NULL, OUTPUT_RIGHT, 0 },
	{ "last_delivered_at", NULL, 0, 0 },
	{ "error", "ERROR", OUTPUT_CUT, 25 },
	{ "failing_since_at", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column test_columns[] = {
	{ "name", "NAME", 0, 0 },
	{ "target", "TARGET", OUTPUT_CUT, 0 },
	{ "delivered", "DELIVERED", 0, 0 },
	{ "said", "WHAT HAPPENED", OUTPUT_CUT, 0 },
	{ .name = NULL },
};

/* ---- the configured ones ---- */

const void *targets_next(const struct targets *targets, size_t *index, struct sink_target *out)
{
	const struct settings *settings = targets->service.settings;
	const char *section = targets->sink->name;
	struct buffer why = { 0 };
	const void *found = NULL;

	while (found == NULL && *index < settings_count(settings, section)) {
		const void *set = settings_at(settings, section, (*index)++);

		(void)!targets->sink->describe(set, out, &why); /* was checked as it was loaded */
		if (targets->wanted == NULL || strcmp(targets->wanted, out->name) == 0)
			found = set;
	}
	buffer_fini(&why);
	return found;
}

int targets_open(struct targets *targets, const struct console *console, const struct sink *sink,
    const char *wanted)
{
	struct sink_target target;
	size_t index = 0;
	int code;

	*targets = (struct targets){ .console = console, .sink = sink, .wanted = wanted };
	code = service_load(&targets->service, console, NULL, false);
	if (code != 0)
		return code;
	if (targets_next(targets, &index, &target) != NULL)
		return 0;
	targets_close(targets);
	if (wanted != NULL)
		return console_fail(STATUS_NOT_FOUND, "there is no %s `%s` in %s", sink->name,
		    wanted, console->paths.config);
	console_say(console, "no %s is configured in %s", sink->name, console->paths.config);
	return 0;
}

void targets_close(struct targets *targets)
{
	service_fini(&targets->service);
	targets->service = (struct service){ 0 };
}

/* ---- list ---- */

/* How many verdicts there are; 0 where the processor's state is not on this machine. */
static uint64_t verdict_head(const struct console *console)
{
	struct state_reader *reader = NULL;
	struct state_counters counters = { 0 };

	if (state_reader_open(console->paths.data, &reader) == STATUS_OK
	    && state_reader_counters(reader, &counters) != STATUS_OK)
		counters.verdicts = 0;
	state_reader_close(reader);
	return counters.verdicts;
}

static void output_progress(struct output *output, const Fettle__SinkState *state, uint64_t head)
{
	output_number(output, state->position);
	if (head < state->position)
		output_null(output);
	else
		output_number(output, head - state->position);
	output_number(output, state->delivered);
	output_number(output, state->retried);
	output_number(output, state->skipped);
	output_color(output, state->skipped > 0 ? OUTPUT_YELLOW : OUTPUT_PLAIN);
	output_number(output, state->refused);
	output_color(output, state->refused > 0 ? OUTPUT_YELLOW : OUTPUT_PLAIN);
	output_number(output, state->dropped);
	output_time(output, state->last_delivered_ms);
	output_text(output, state->error);
	output_time(output, state->error_ms);
}

static enum status list_one(struct output *output, const struct targets *targets,
    const struct sink_target *target, uint64_t head)
{
	Fettle__SinkState none = FETTLE__SINK_STATE__INIT;
	const Fettle__SinkState *state = &none;
	struct arena arena = { 0 };
	enum status status = journal_peek(targets->console->paths.data, target->name, &arena,
	    &state);
	bool is_failing = state->error != NULL && state->error[0] != '\0';

	if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
		output_text(output, target->name);
		output_text(output, targets->sink->name);
		output_text(output, target->where);
		output_text(output, status == STATUS_NOT_FOUND ? "never ran"
				    : is_failing               ? "failing"
							       : "working");
		output_color(output, is_failing ? OUTPUT_RED : OUTPUT_PLAIN);
		output_progress(output, state, head);
		status = output_row(output);
	}
	arena_fini(&arena);
	return status;
}

int targets_list(const struct console *console, const struct sink *sink)
{
	enum status status = STATUS_OK;
	struct output *output;
	struct targets targets;
	struct sink_target target;
	size_t index = 0;
	int code = targets_open(&targets, console, sink, NULL);
	uint64_t head;

	if (code != 0)
		return code;
	output = output_new(&console->output, list_columns);
	head = verdict_head(console);
	while (status == STATUS_OK && targets.service.settings != NULL
	       && targets_next(&targets, &index, &target) != NULL)
		status = list_one(output, &targets, &target, head);
	targets_close(&targets);
	return console_end(&output, status);
}

/* ---- test ---- */

int targets_test(const struct console *console, const struct sink *sink, const char *wanted,
    enum status (*test)(const void *settings, struct buffer *said))
{
	struct output *output;
	struct targets targets;
	struct sink_target target;
	const void *set;
	size_t index = 0, failures = 0;
	int code = targets_open(&targets, console, sink, wanted);

	if (code != 0 || targets.service.settings == NULL)
		return code;
	output = output_new(&console->output, test_columns);
	while ((set = targets_next(&targets, &index, &target)) != NULL) {
		struct buffer said = { 0 };
		bool is_delivered = test(set, &said) == STATUS_OK;

		failures += !is_delivered;
		output_text(output, target.name);
		output_text(output, target.where);
		output_flag(output, is_delivered);
		output_color(output, is_delivered ? OUTPUT_GREEN : OUTPUT_RED);
		output_bytes(output, buffer_bytes(&said));
		(void)!output_row(output); /* the end tells */
		buffer_fini(&said);
	}
	targets_close(&targets);
	code = console_end(&output, STATUS_OK);
	return code != 0 ? code : failures > 0 ? CONSOLE_NEGATIVE : 0;
}
