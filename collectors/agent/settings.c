/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - what the agent is told, and which collectors it runs by that.
 */
#include "collectors/agent.h"

#include "collectors/agent/parts.h"
#include "collectors/collectors.h"
#include "core/log.h"

static const struct setting settings[] = {
	SETTING_LIST(struct agent_settings, server, "",
	    "the gateway to report to; of several, each agent begins with another, and goes on to "
	    "the next where one is gone; empty: as its enrolment said, else "
	    "tcp://127.0.0.1:7117"),
	SETTING_TEXT(struct agent_settings, server_key, "",
	    "file with the server's public key; empty: keys/server.pub in the data directory"),
	SETTING_SIZE(struct agent_settings, spool_size, 256ULL << 20, 1ULL << 20, 1ULL << 40,
	    "how much may wait while the server cannot be reached"),
	SETTING_DURATION(struct agent_settings, heartbeat, 60 * 1000, 1000, 24 * 3600 * 1000,
	    "how often it says that it is there"),
	SETTING_DURATION(struct agent_settings, digest, 3600 * 1000, 1000, 24 * 3600 * 1000,
	    "how often what it observes is compared with what the server knows"),
	SETTING_LIST(struct agent_settings, skip, "",
	    "collectors that are not to run; `fettle collectors` lists them"),
	SETTING_TEXT(struct agent_settings, helper, "on",
	    "what applies jobs: on (root keeps fettle-helper running), off (jobs are refused), "
	    "later "
	    "(they wait), or the path of the program"),
	SETTING_BOOL(struct agent_settings, bundles, true,
	    "what is seen for the first time goes as hashes: the server asks for what no other "
	    "machine has sent"),
	SETTING_DURATION(struct agent_settings, bundles_kept, 24 * 3600 * 1000, 60 * 1000,
	    30ULL * 24 * 3600 * 1000,
	    "how long it can answer what the server asks about them, as long as the spool has "
	    "room; later it looks again"),
	SETTING_END
};

const struct setting_section agent_section = { .name = "agent",
	.settings = settings,
	.size = sizeof(struct agent_settings),
	.help = "the part that runs on every endpoint" };

bool agent_runs(const struct settings *in_use, const char *collector)
{
	const struct agent_settings *set = settings_of(in_use, "agent");

	for (size_t i = 0; i < set->skip.count; i++)
		if (strcmp(set->skip.items[i], collector) == 0)
			return false;
	return true;
}

enum status agent_check_skip(const struct setting_list *skip)
{
	for (size_t i = 0; i < skip->count; i++) {
		size_t at = 0;

		while (collectors_all[at] != NULL
		       && strcmp(collectors_all[at]->name, skip->items[i]) != 0)
			at++;
		if (collectors_all[at] == NULL) {
			log_error("agent-skip",
			    "the setting agent.skip names `%s`, which is no "
			    "collector; `fettle collectors` lists them",
			    skip->items[i]);
			return STATUS_INVALID;
		}
	}
	return STATUS_OK;
}
