/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the collector "files" and its settings.
 *
 * A fact is "file" and the path, "file/etc/shadow".  Its fields, in this order, each only where it
 * is known: type (file, directory, fifo, socket, character, block: of what links lead to), mode
 * ("0640"), uid, gid, owner, group, size, sha256 or, where the content was redacted, sha256_keyed
 * (HMAC-SHA-256 of the SHA-256, with the agent's secret), content, redactor (its version, where it
 * replaced anything), link (the target, where the path itself is a symbolic link).
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
