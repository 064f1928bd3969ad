/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sinks.h - every sink there is, for the host that runs them.
 */
#ifndef SINKS_SINKS_H
#define SINKS_SINKS_H

#include "sinks/sink.h"

extern const struct sink store_sink, siem_sink, webhook_sink;

extern const struct sink *const sinks_all[]; /* ends with NULL */

/*
 * Checks every target of SETTINGS, and that no two have one name.  INVALID: WHY says what is wrong
 * with which.
 */
NODISCARD enum status sinks_check(const struct settings *settings, struct buffer *why);

#endif
