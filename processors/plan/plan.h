/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSORS_PLAN_PLAN_H
#define PROCESSORS_PLAN_PLAN_H

#include "core/stage.h"

extern const struct stage plan_stage;

#endif
