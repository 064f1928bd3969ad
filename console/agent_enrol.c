/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent enrol - `fettle-agent --enrol`, for who has `fettle` at hand.
 */
#include "collectors/enrol_command.h"
#include "console/commands.h"
#include "core/quantity.h"

const struct argp_option agent_enrol_options[] = {
	{ "wait", 'w' << 8, "DURATION", 0, "how long to wait for an approval", 0 },
	{ "new-key", 'n' << 8, NULL, 0, "put the key that is here aside, and make another", 0 },
	{ 0 },
};

int agent_enrol_run(const struct console *console, int argc, char **argv)
{
	const char *wait = console_option(console, "wait");
	struct enrol_command command = { .program = "fettle",
		.data = console->paths.data,
		.path = argv[1],
		.wants_new_key = console_option(console, "new-key") != NULL };

	(void)argc;
	if (wait != NULL && !quantity_parse(QUANTITY_DURATION, wait, &command.wait_ms))
		return console_usage(console, "--wait takes a duration such as 10m, not `%s`",
		    wait);
	return enrol_command(&command);
}
