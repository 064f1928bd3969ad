/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/roles.h"
#include "collectors/agent.h"
#include "console/commands.h"
#include "console/content.h"
#include "core/setting.h"
#include "processors/roles.h"

int settings_page_run(const struct console *console, int argc, char **argv)
{
	const struct setting_section sections[] = { gateway_section, log_section,
		processor_section, inventory_section, content_section, agent_section, { 0 } };
	struct buffer page = { 0 };

	(void)argc;
	(void)argv;
	settings_document(sections, &page);
	fputs(buffer_text(&page), console->output.stream);
	buffer_fini(&page);
	return 0;
}
