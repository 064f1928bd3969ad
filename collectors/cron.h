/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cron.h - the collector "cron" and its settings.
 *
 * "cron/FILE:HASH" is one job of a crontab, "cron/etc/crontab:0a1b…", with a hash of what it says,
 * so that a line which moves stays what it is; "cron/FILE" is a script that is run from a directory
 * as a whole, "cron/etc/cron.daily/man-db".  Fields: schedule ("30 3 * * 0", "@daily"; in
 * anacrontab its period and delay), user, command (redacted), file.  A line that is no job is
 * failed, and so is, or unreadable, a file under its own name.  "cron/at" spool, jobs (how many
 * wait), where there is a spool of at.
 */
#ifndef COLLECTORS_CRON_H
#define COLLECTORS_CRON_H

#include "core/collector.h"

struct cron_settings {
	uint64_t reread;
};

extern const struct collector cron_collector;

#endif
