/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sections.h - every section of the configuration, gathered from the parts' own tables.
 */
#ifndef CONSOLE_SECTIONS_H
#define CONSOLE_SECTIONS_H

#include "core/setting.h"

/* Ends with a NULL name. */
const struct setting_section *sections_all(void);

#endif
