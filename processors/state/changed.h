/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changed.h - a change as a verdict.
 *
 * It is said at once by who sees it, and once more, with the same id, by who finds out what
 * explains it.
 */
#ifndef PROCESSORS_STATE_CHANGED_H
#define PROCESSORS_STATE_CHANGED_H

#include "core/event.h"
#include "proto/verdict.pb-c.h"

/* EVENT is an EVENT_FACT_CHANGED with its record's envelope and stamp.  In ARENA; borrows. */
Fettle__ChangeVerdict *changed_verdict(const struct event *event, struct arena *arena);

#endif
