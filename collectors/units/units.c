/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/units.h"

#include <stdlib.h>
#include <unistd.h>

#include "collectors/redact/redact.h"
#include "collectors/units/systemctl.h"
#include "collectors/units/unit_files.h"

#define OUTPUT_MAX (16UL * 1024 * 1024)

enum { TIMEOUT_MS = 60 * 1000, ARGUMENTS_MAX = 8 };
enum { FILES, UNITS, QUESTIONS }; /* in the order in which they are asked */

/* As sd_booted(3) has it. */
static bool is_running(const struct survey_input *input)
{
	char *path = text_format("%s/run/systemd/system", input->root);
	bool is_there = access(path, F_OK) == 0;

	free(path);
	return is_there;
}

static bool ask(const struct survey_input *input, struct arena *arena, struct child_request *out)
{
	const struct units_settings *settings = input->settings;
	const char **arguments;
	size_t count = 0;

	if (input->answers_count == QUESTIONS || !is_running(input))
		return false;
	arguments = arena_take(arena, ARGUMENTS_MAX * sizeof(*arguments));
	arguments[count++] = settings->systemctl;
	arguments[count++] = "--no-pager";
	if (input->answers_count == FILES) {
		arguments[count++] = "--no-legend";
		arguments[count] = "list-unit-files";
	} else {
		arguments[count++] = SYSTEMCTL_PROPERTIES;
		arguments[count++] = "show";
		arguments[count] = "*";
	}
	*out = (struct child_request){ .arguments = arguments,
		.output_limit = OUTPUT_MAX,
		.timeout_ms = TIMEOUT_MS };
	return true;
}

static void set(struct sheet *sheet, const struct unit *unit)
{
	const struct {
		const char *name, *text;
	} known[] = {
		{ "enabled", unit->enabled },
		{ "active", unit->active },
		{ "fragment", unit->fragment },
		{ "drop_ins", unit->drop_ins },
	};
	struct buffer command = { 0 };
	struct fact_field fields[5];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].text != NULL)
			fields[count++] = FACT_FIELD_TEXT(known[i].name, known[i].text);
	if (unit->exec_start != NULL) {
		redact_content(unit->fragment == NULL ? "" : unit->fragment, NULL,
		    bytes_of_text(unit->exec_start), &command);
		fields[count++] = FACT_FIELD_SLICE("exec_start", buffer_bytes(&command));
	}
	sheet_present(sheet, "unit", bytes_of_text(unit->name), fields, count);
	buffer_fini(&command);
}

/* False where one of the questions was not answered: then nothing is known. */
static bool check_answers(const struct survey_input *input, struct sheet *sheet)
{
	for (size_t i = 0; i < input->answers_count; i++) {
		const struct child_result *answer = &input->answers[i];
		struct buffer reason = { 0 };

		if (answer->end == CHILD_EXITED && answer->code == 0)
			continue;
		survey_describe("systemctl", answer, &reason);
		sheet_fail(sheet, "unit/", FACT_FAILED, buffer_text(&reason));
		buffer_fini(&reason);
		return false;
	}
	return true;
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	struct unit_table table = { .units = NULL };

	/* A service that starts or ends has its directory of processes come or go. */
	if (input->answers_count == QUESTIONS)
		survey_watch(input, sheet, "/sys/fs/cgroup/system.slice", NULL);
	unit_files_look(input, sheet, &table);
	if (check_answers(input, sheet)) {
		if (input->answers_count == QUESTIONS) {
			systemctl_take_files(input->answers[FILES].output, &table);
			systemctl_take_units(input->answers[UNITS].output, &table);
		}
		for (struct unit *unit = table.units; unit != NULL; unit = unit->hh.next)
			set(sheet, unit);
	}
	unit_table_fini(&table);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	/* Services start in bursts, and asking costs the service manager some work. */
	static const struct survey_kind kind = { .collector = &units_collector,
		.quiet_ms = 500,
		.most_ms = 5000,
		.ask = ask,
		.look = look };

	return survey_start(&kind, ((const struct units_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct units_settings, reread,
					       5 * 60 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again, whatever was told"),
	SETTING_TEXT(struct units_settings, systemctl, "systemctl",
	    "the program that knows the units: a name in /usr/bin, or a path"),
	SETTING_END };

const struct collector units_collector = {
	.name = "units",
	.summary = "services and other units: which are enabled, which run, and what they run",
	.settings = settings,
	.settings_size = sizeof(struct units_settings),
	.scopes = (const char *const[]){ "unit/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
