/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - the stage that tells how it stands with the reporting of each asset.
 */
#ifndef PROCESSORS_HEALTH_HEALTH_H
#define PROCESSORS_HEALTH_HEALTH_H

#include "core/stage.h"

extern const struct stage health_stage;

#endif
