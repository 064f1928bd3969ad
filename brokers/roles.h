/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles.h - the brokers: parts that carry, and lose nothing.
 */
#ifndef BROKERS_ROLES_H
#define BROKERS_ROLES_H

#include "core/role.h"

extern const struct role gateway_role;
extern const struct role log_role;

/* Their sections of the configuration. */
extern const struct setting_section gateway_section;
extern const struct setting_section log_section;

/* Where agents connect, and where they ask to be let in; "" where they cannot. */
void gateway_addresses(const struct settings *settings, const char **listen,
    const char **enrolment);

#endif
