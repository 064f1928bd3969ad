/* SPDX-License-Identifier: Apache-2.0 */
#include "console/sections.h"

#include "brokers/roles.h"
#include "collectors/agent.h"
#include "collectors/collectors.h"
#include "console/configuration.h"
#include "console/content.h"
#include "core/require.h"
#include "processors/roles.h"
#include "sinks/roles.h"
#include "sinks/sinks.h"

enum { SECTIONS_MAX = 64 };

static const struct setting_section *const parts[] = { &content_section, &gateway_section,
	&log_section, &processor_section, &inventory_section, &detect_section, &dispatch_section,
	&health_section, &sink_section, &configuration_section, &agent_section };

const struct setting_section *sections_all(void)
{
	static struct setting_section sections[SECTIONS_MAX];
	size_t count = 0;

	if (sections[0].name != NULL)
		return sections;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		sections[count++] = *parts[i];
	for (size_t i = 0; collectors_all[i] != NULL; i++) {
		const struct collector *collector = collectors_all[i];

		REQUIRE(count + 1 < SECTIONS_MAX);
		if (collector->settings != NULL)
			sections[count++] = (struct setting_section){ .name = collector->name,
				.settings = collector->settings,
				.size = collector->settings_size,
				.help = collector->summary };
	}
	for (size_t i = 0; sinks_all[i] != NULL; i++) {
		const struct sink *sink = sinks_all[i];

		REQUIRE(count + 1 < SECTIONS_MAX);
		if (sink->settings != NULL)
			sections[count++] = (struct setting_section){ .name = sink->name,
				.settings = sink->settings,
				.size = sink->settings_size,
				.help = sink->summary,
				.is_list = sink->has_targets };
	}
	return sections;
}
