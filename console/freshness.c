/* SPDX-License-Identifier: Apache-2.0 */
#include "console/freshness.h"

#include "console/configuration.h"
#include "core/quantity.h"

bool freshness_parse(const struct console *console, struct freshness *out)
{
	const struct configuration_console *set = settings_of(console->settings,
	    configuration_section.name);
	const char *text = console_option(console, "stale-after");

	*out = (struct freshness){ .stale_after_ms = set->stale_after, .now_ms = console->now_ms };
	if (text == NULL || quantity_parse(QUANTITY_DURATION, text, &out->stale_after_ms))
		return true;
	console_usage(console, "--stale-after takes a duration (90s, 15m, 36h), not `%s`", text);
	return false;
}

const char *freshness_of(const struct freshness *freshness, const struct asset_row *asset)
{
	if (asset == NULL || asset->last_seen_ms == 0)
		return "unknown";
	/* Times of another machine may lie ahead. */
	if (freshness->now_ms <= asset->last_seen_ms)
		return "current";
	return freshness->now_ms - asset->last_seen_ms > freshness->stale_after_ms ? "stale"
	                                                                           : "current";
}

bool freshness_is_current(const struct freshness *freshness, const struct asset_row *asset)
{
	return freshness_of(freshness, asset)[0] == 'c';
}

void freshness_limit(const struct freshness *freshness, char out[FRESHNESS_TEXT_SIZE])
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "day", 24ULL * 3600 * 1000 }, { "hour", 3600ULL * 1000 },
		{ "minute", 60ULL * 1000 }, { "second", 1000 }, { "millisecond", 1 } };
	unsigned i = 0;

	while (freshness->stale_after_ms % units[i].ms != 0)
		i++;
	snprintf(out, FRESHNESS_TEXT_SIZE, "%llu %s%s",
	    (unsigned long long)(freshness->stale_after_ms / units[i].ms), units[i].name,
	    freshness->stale_after_ms == units[i].ms ? "" : "s");
}
