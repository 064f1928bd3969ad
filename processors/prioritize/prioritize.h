/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prioritize.h - the stage that says how soon a finding is to be cured, and keeps it.
 */
#ifndef PROCESSORS_PRIORITIZE_PRIORITIZE_H
#define PROCESSORS_PRIORITIZE_PRIORITIZE_H

#include "core/stage.h"

extern const struct stage prioritize_stage;

#endif
