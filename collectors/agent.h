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

#endif
