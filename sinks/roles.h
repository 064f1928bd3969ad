/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles.h - the sinks' role: reads verdicts from a processor and hands them to one sink.
 */
#ifndef SINKS_ROLES_H
#define SINKS_ROLES_H

#include "core/role.h"

extern const struct role sink_role;
extern const struct setting_section sink_section;

#endif
