/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory.h - the first stage: puts what agents observe into the state, and says what changed.
 */
#ifndef PROCESSORS_INVENTORY_INVENTORY_H
#define PROCESSORS_INVENTORY_INVENTORY_H

#include "core/stage.h"

extern const struct stage inventory_stage;

#endif
