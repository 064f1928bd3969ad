/* SPDX-License-Identifier: Apache-2.0 */
/*
 * updates.h - the collector "updates" and its settings.
 *
 * "update/dpkg/NAME:ARCHITECTURE" is a package that apt would upgrade: installed, candidate, origin
 * (as apt names it, "Debian-Security:12/oldstable-security"), security ("yes" or "no": whether any
 * of its origins is one for security), held ("yes", where it is on hold).  Origin and security are
 * left out where apt does not say where it has it from.  "update/lists" is absent where apt knows
 * no packages to choose from, so that nothing can be said of updates.  "update" is absent where
 * there is no apt.
 */
#ifndef COLLECTORS_UPDATES_UPDATES_H
#define COLLECTORS_UPDATES_UPDATES_H

#include "core/collector.h"

struct updates_settings {
	uint64_t reread;
	char *apt_get;
	char *apt_cache;
	char *dpkg_query;
};

extern const struct collector updates_collector;

#endif
