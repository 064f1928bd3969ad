/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units.h - the collector "units" and its settings.
 *
 * "unit/NAME" enabled (as systemctl is-enabled says it: enabled, disabled, masked, static, alias,
 * …), active ("active", "inactive" or "failed", what is on its way counted as where it comes from;
 * left out where no systemd runs), fragment (the file), exec_start (what a service runs, redacted,
 * with " ; " between several).  Each only where it is known.
 */
#ifndef COLLECTORS_UNITS_UNITS_H
#define COLLECTORS_UNITS_UNITS_H

#include "core/collector.h"

struct units_settings {
	uint64_t reread;
	char *systemctl;
};

extern const struct collector units_collector;

#endif
