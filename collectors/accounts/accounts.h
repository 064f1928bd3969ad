/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.h - the collector "accounts" and its settings.
 *
 * "user/NAME" uid, gid, gecos, home, shell, password, expires, last_change.  password is "none"
 * (there never was one), "locked" (there is one, and it does not count), "empty", or "hash:" and
 * the algorithm, "hash:yescrypt"; it and the two that follow, days since 1970, are left out where
 * they are not set or cannot be read.  "account/shadow" is present, absent, unreadable or failed.
 * "group/NAME" gid, members (sorted, with commas between).
 * "sudo/HASH" file, rule: a line of sudoers(5) with single blanks and without comments, continued
 * lines joined; named by a hash of the rule, so that one that moves stays what it is.
 * "authorized_key/USER/FINGERPRINT" type, comment, options (redacted), fingerprint ("SHA256:…", as
 * ssh-keygen -l has it).
 * What cannot be read is a fact in its place: "sudo/etc/sudoers", "authorized_key/USER".
 */
#ifndef COLLECTORS_ACCOUNTS_ACCOUNTS_H
#define COLLECTORS_ACCOUNTS_ACCOUNTS_H

#include "core/collector.h"

struct accounts_settings {
	uint64_t reread;
};

extern const struct collector accounts_collector;

#endif
