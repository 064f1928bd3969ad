/* SPDX-License-Identifier: Apache-2.0 */
/*
 * siem - the SIEMs that events are sent to.
 */
#include "console/commands.h"
#include "console/targets.h"
#include "sinks/siem/siem.h"

int siem_list_run(const struct console *console, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return targets_list(console, &siem_sink);
}

static enum status test(const void *settings, struct buffer *said)
{
	return siem_test(settings, said);
}

int siem_test_run(const struct console *console, int argc, char **argv)
{
	return targets_test(console, &siem_sink, argc > 1 ? argv[1] : NULL, test);
}
