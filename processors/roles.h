/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles.h - the processor: the part that judges.
 */
#ifndef PROCESSORS_ROLES_H
#define PROCESSORS_ROLES_H

#include "core/role.h"
#include "core/stage.h"

extern const struct role processor_role;

/* The chain, in its order; ends with NULL. */
extern const struct stage *const processor_stages[];

/* Sections of the configuration: the processor's own, and one a stage that has settings. */
extern const struct setting_section processor_section;
extern const struct setting_section detect_section;
extern const struct setting_section health_section;
extern const struct setting_section inventory_section;
extern const struct setting_section dispatch_section;

#endif
