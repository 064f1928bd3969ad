/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook - the webhooks that events are posted to, and what they would not take.
 */
#include "console/commands.h"
#include "console/targets.h"
#include "core/record.h"
#include "sinks/outside/journal.h"
#include "sinks/verdict_json.h"
#include "sinks/webhook/webhook.h"

int webhook_list_run(const struct console *console, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return targets_list(console, &webhook_sink);
}

static enum status test(const void *settings, struct buffer *said)
{
	return webhook_test(settings, said);
}

int webhook_test_run(const struct console *console, int argc, char **argv)
{
	return targets_test(console, &webhook_sink, argc > 1 ? argv[1] : NULL, test);
}

/* ---- dead letters ---- */

static const struct output_column dead_columns[] = {
	{ "target", "WEBHOOK", 0, 0 },
	{ "at", "TIME", 0, 0 },
	{ "event", "EVENT", 0, 0 },
	{ "event_id", "ID", 0, 0 },
	{ "asset_id", "ASSET", 0, 0 },
	{ "offset", NULL, 0, 0 },
	{ "attempts", NULL, 0, 0 },
	{ "answer", NULL, 0, 0 },
	{ "reason", "REASON", OUTPUT_CUT, 0 },
	{ "message", NULL, 0, 0 },
	{ .name = NULL },
};

struct dead {
	const struct console *console;
	struct output *output;
	const char *target;
};

static enum status show_dead(void *visitor, const Fettle__SinkDeadLetter *letter)
{
	struct dead *dead = visitor;
	struct output *output = dead->output;

	if (letter->at_ms < dead->console->since_ms)
		return STATUS_OK;
	if (dead->console->limit > 0 && output_rows(output) == dead->console->limit)
		return STATUS_CLOSED;
	output_text(output, dead->target);
	output_time(output, letter->at_ms);
	output_text(output, letter->event);
	output_id(output, record_bytes(letter->event_id));
	output_id(output, record_bytes(letter->asset));
	output_number(output, letter->offset);
	output_number(output, letter->attempts);
	output_number(output, letter->answer);
	output_text(output, letter->reason);
	output_value(output, verdict_json_text(record_bytes(letter->body)), "");
	return output_row(output);
}

int webhook_dead_run(const struct console *console, int argc, char **argv)
{
	struct dead dead = { .console = console };
	enum status status = STATUS_OK;
	struct targets targets;
	struct sink_target target;
	size_t index = 0;
	int code = targets_open(&targets, console, &webhook_sink, argc > 1 ? argv[1] : NULL);

	if (code != 0 || targets.service.settings == NULL)
		return code;
	dead.output = output_new(&console->output, dead_columns);
	while (status == STATUS_OK && targets_next(&targets, &index, &target) != NULL) {
		dead.target = target.name;
		status = journal_visit_dead(console->paths.data, target.name, show_dead, &dead);
		if (status == STATUS_NOT_FOUND)
			status = STATUS_OK;
	}
	if (status == STATUS_OK && output_rows(dead.output) == 0)
		console_say(console, "no dead letters");
	targets_close(&targets);
	return console_end(&dead.output, status);
}
