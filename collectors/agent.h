/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - the endpoint's role: runs the collectors, and sends what they observe.
 */
#ifndef COLLECTORS_AGENT_H
#define COLLECTORS_AGENT_H

#include "core/role.h"

extern const struct role agent_role;

/* The agent's section and those of its collectors; ends with a NULL name. */
extern const struct setting_section agent_section;

/* Whether the agent of these settings runs the collector of that name (agent.skip). */
bool agent_runs(const struct settings *settings, const char *collector);

#endif
