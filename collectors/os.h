/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os.h - the collector "os" and its settings.
 *
 * Text fields: "os/host" name, domain (where the name has one); "os/release" id, version_id,
 * version_codename, pretty_name (of os-release(5), each where it is set); "os/kernel" release,
 * machine; "os/machine" id (a hash of the machine id for Fettle alone: the id itself is
 * confidential, machine-id(5)).
 */
#ifndef COLLECTORS_OS_H
#define COLLECTORS_OS_H

#include "core/collector.h"

struct os_settings {
	uint64_t reread;
};

extern const struct collector os_collector;

#endif
