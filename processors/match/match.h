/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.h - the stage that finds patches missing.
 */
#ifndef PROCESSORS_MATCH_MATCH_H
#define PROCESSORS_MATCH_MATCH_H

#include "core/stage.h"

extern const struct stage match_stage;

#endif
