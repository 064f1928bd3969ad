/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collectors - what this build's agent looks at.
 */
#include "collectors/collectors.h"
#include "console/commands.h"

static const struct output_column columns[] = {
	{ "collector", "COLLECTOR", 0, 0 },
	{ "summary", "SUMMARY", OUTPUT_CUT, 0 },
	{ "keys", NULL, 0, 0 },
	{ "settings", NULL, 0, 0 },
	{ .name = NULL },
};

/* The prefixes of the keys of its facts. */
static void output_keys(struct output *output, const struct collector *collector)
{
	json_t *list = json_array();

	for (size_t i = 0; collector->scopes[i] != NULL; i++)
		json_array_append_new(list, json_string(collector->scopes[i]));
	output_value(output, list, "");
}

static void output_settings(struct output *output, const struct collector *collector)
{
	json_t *list = json_array();

	for (const struct setting *setting = collector->settings;
	     setting != NULL && setting->type != SETTING_TYPE_END; setting++)
		json_array_append_new(list, json_string(setting->name));
	output_value(output, list, "");
}

int collectors_run(const struct console *console, int argc, char **argv)
{
	struct output *output = output_new(&console->output, columns);
	enum status status = STATUS_OK;

	(void)argc;
	(void)argv;
	for (size_t i = 0; collectors_all[i] != NULL && status == STATUS_OK; i++) {
		output_text(output, collectors_all[i]->name);
		output_text(output, collectors_all[i]->summary);
		output_keys(output, collectors_all[i]);
		output_settings(output, collectors_all[i]);
		status = output_row(output);
	}
	return console_end(&output, status);
}
