/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assess.h - the stage that holds assets against policies.
 */
#ifndef PROCESSORS_ASSESS_ASSESS_H
#define PROCESSORS_ASSESS_ASSESS_H

#include "core/stage.h"

extern const struct stage assess_stage;

#endif
