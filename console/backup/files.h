/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - files and directories of a backup: hashed, copied, removed.
 */
#ifndef CONSOLE_BACKUP_FILES_H
#define CONSOLE_BACKUP_FILES_H

#include <sys/stat.h>

#include "core/hash.h"
#include "core/status.h"

/*
 * Copies FROM to the new file TO, on the disk when it returns OK, with the directories on the way;
 * TO NULL: it is only read.  SIZE and HASH are those of what was read.
 */
NODISCARD enum status files_copy(const char *from, const char *to, mode_t mode, uint64_t *size,
    uint8_t hash[HASH_SIZE]);
/* The directories on the way to PATH, 0700. */
NODISCARD enum status files_make_way(const char *path);
/* FROM becomes TO, which must not be there; both survive a power cut. */
NODISCARD enum status files_move(const char *from, const char *to);
/* DIRECTORY and all in it. */
void files_remove(const char *directory);
/* All in DIRECTORY belongs to whom LIKE belongs to, where the caller may say so. */
NODISCARD enum status files_give(const char *directory, const char *like);

#endif
