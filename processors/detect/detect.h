/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSORS_DETECT_DETECT_H
#define PROCESSORS_DETECT_DETECT_H

#include "core/stage.h"

extern const struct stage detect_stage;
extern const struct setting_section detect_section;

#endif
