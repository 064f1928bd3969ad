/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collectors.h - every collector that there is.
 */
#ifndef COLLECTORS_COLLECTORS_H
#define COLLECTORS_COLLECTORS_H

#include "core/collector.h"

/* Ends with NULL. */
extern const struct collector *const collectors_all[];

#endif
