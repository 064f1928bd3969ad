/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collectors - what this build's agent looks at.
 */
#include "collectors/collectors.h"
#include "console/commands.h"

static const struct output_column columns[] = {
	{ "collector", "COLLECTOR", 0, 0 },
	{ "summary", "SUMMARY", OUTPUT_CUT, 0 },
	{ .name = NULL },
};

int collectors_run(const struct console *console, int argc, char **argv)
{
	struct output *output = output_new(&console->output, columns);
	enum status status = STATUS_OK;

	(void)argc;
	(void)argv;
	for (size_t i = 0; collectors_all[i] != NULL && status == STATUS_OK; i++) {
		output_text(output, collectors_all[i]->name);
		output_text(output, collectors_all[i]->summary);
		status = output_row(output);
	}
	return console_end(&output, status);
}
