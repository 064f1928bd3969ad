/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/roles.h"
#include "console/commands.h"
#include "core/setting.h"

int settings_page_run(const struct console *console, int argc, char **argv)
{
	const struct setting_section sections[] = { gateway_section, log_section, { 0 } };
	struct buffer page = { 0 };

	(void)argc;
	(void)argv;
	settings_document(sections, &page);
	fputs(buffer_text(&page), console->output.stream);
	buffer_fini(&page);
	return 0;
}
