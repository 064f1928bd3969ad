/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - the collector "kernel" and its settings.
 *
 * "kernel/running" release, version, machine; "kernel/installed/RELEASE" package (where dpkg has
 * one of that release), image and modules ("yes" or "no": in /boot, in /lib/modules);
 * "kernel/command_line" text, redacted; "kernel/module/NAME" size, taint (its letters, where it
 * has any); "kernel/reboot" required ("yes" or "no"), by (packages, where it is known);
 * "sysctl/NAME" value, for the names in kernel.c.
 */
#ifndef COLLECTORS_KERNEL_H
#define COLLECTORS_KERNEL_H

#include "core/collector.h"

struct kernel_settings {
	uint64_t reread;
};

extern const struct collector kernel_collector;

#endif
