/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the collector "files" and its settings.
 *
 * A fact is "file" and the path, "file/etc/shadow".  Its fields, in this order, each only where it
 * is known: type (file, directory, fifo, socket, character, block: of what links lead to; link,
 * where that is observed under its own name), mode ("0640"), uid, gid, owner, group, size, sha256
 * or, where the content was redacted, sha256_keyed (HMAC-SHA-256 of the SHA-256, with the agent's
 * secret), content, redactor (its version, where it replaced anything), link (the target, where the
 * path itself is a symbolic link); of watched files also package (which owns it, "openssh-server")
 * and origin ("package": it is as that shipped it; "changed": it is not).
 *
 * A file that the plan names and that is not there is absent; one that only a glob meant is unset.
 * "file" itself is there where not everything could be observed, and says why.
 *
 * "transaction/dpkg" has state ("running", "idle") and, while one runs, program, which holds dpkg's
 * lock.  Whoever reads "idle" has been told, in the same lane, what watched files are like after it
 * and whose they are.
 */
#ifndef COLLECTORS_FILES_FILES_H
#define COLLECTORS_FILES_FILES_H

#include "core/collector.h"

struct files_settings {
	struct setting_list roots;
	uint64_t reread;
};

extern const struct collector files_collector;

#endif
