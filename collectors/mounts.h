/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - the collector "mounts" and its settings.
 *
 * A fact is "mount" and the path, "mount/var/tmp", "mount/" for the root itself; of several on one
 * path it is the one on top.  Fields: source, type, options (those of the mount and of the file
 * system, each once, sorted, with commas between).
 */
#ifndef COLLECTORS_MOUNTS_H
#define COLLECTORS_MOUNTS_H

#include "core/collector.h"

struct mounts_settings {
	uint64_t reread;
};

extern const struct collector mounts_collector;

#endif
