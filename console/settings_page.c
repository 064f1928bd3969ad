/* SPDX-License-Identifier: Apache-2.0 */
#include "console/commands.h"
#include "console/sections.h"

/* What docs/settings.md is made of. */
int settings_page_run(const struct console *console, int argc, char **argv)
{
	struct buffer page = { 0 };

	(void)argc;
	(void)argv;
	settings_document(sections_all(), &page);
	fputs(buffer_text(&page), console->output.stream);
	buffer_fini(&page);
	return 0;
}
