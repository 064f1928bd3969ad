/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packages.h - the collector "packages" and its settings.
 *
 * "package/dpkg/NAME:ARCHITECTURE" has the text fields name, architecture, version, source,
 * source_version and state (dpkg's letters, "ii"), in this order.  "package/dpkg" has manager
 * ("dpkg") and version, the latter where dpkg is a package itself.  It is absent where there is no
 * dpkg, and failed where its database could not be read: the packages stay as they were then.
 */
#ifndef COLLECTORS_PACKAGES_PACKAGES_H
#define COLLECTORS_PACKAGES_PACKAGES_H

#include "core/collector.h"

struct packages_settings {
	uint64_t reread;
	char *dpkg_query;
};

extern const struct collector packages_collector;

#endif
