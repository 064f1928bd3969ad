/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what a backup says of itself, in its file MANIFEST: lines of words.
 *
 *   fettle-backup 1
 *   version 0.1.0
 *   time 1763925000000                 Unix time in ms
 *   generation 1                       of the log; 0: it holds none
 *   file log/data.mdb 409600 3f9c...   size, BLAKE2b-128
 *   end 77ab...                        BLAKE2b-128 of all lines before
 *
 * It is written last: a backup without one is not whole.
 */
#ifndef CONSOLE_BACKUP_MANIFEST_H
#define CONSOLE_BACKUP_MANIFEST_H

#include "core/hash.h"
#include "core/status.h"

enum { MANIFEST_FILES_MAX = 128, MANIFEST_PATH_MAX = 255, MANIFEST_VERSION_MAX = 31 };

struct manifest {
	char version[MANIFEST_VERSION_MAX + 1];
	uint64_t at_ms, generation;
	struct manifest_file {
		char path[MANIFEST_PATH_MAX + 1]; /* below the backup; neither absolute nor ".." */
		uint64_t size;
		uint8_t hash[HASH_SIZE];
	} files[MANIFEST_FILES_MAX];
	size_t count;
};

/* FULL: it holds too many, or the path is too long. */
NODISCARD enum status manifest_add(struct manifest *manifest, const char *path, uint64_t size,
    const uint8_t hash[HASH_SIZE]);
NODISCARD enum status manifest_write(const struct manifest *manifest, const char *directory);
/* NOT_FOUND: DIRECTORY holds no whole backup; CORRUPT: not what was written; DENIED, IO. */
NODISCARD enum status manifest_read(struct manifest *manifest, const char *directory);

#endif
