/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - who holds dpkg's locks: /var/lib/dpkg/lock-frontend, and lock.
 *
 * Found in /proc/locks, which everybody may read.  The locks are never opened: to close one's own
 * would look like the end of a transaction, and to take them would be one.
 */
#ifndef COLLECTORS_PACKAGES_LOCK_H
#define COLLECTORS_PACKAGES_LOCK_H

#include <sys/types.h>

#include "core/bytes.h"
#include "core/status.h"

struct lock_holder {
	bool is_held;
	char program[32]; /* its holder's name; "" where that is not known */
};

/* Below ROOT.  OK; or as status_of_errno, where /proc/locks cannot be read. */
NODISCARD enum status lock_look(const char *root, struct lock_holder *out);

/* Whether LOCKS, the text of /proc/locks, has a lock for writing on that file; *PID may be 0. */
bool lock_find(struct bytes locks, dev_t device, ino_t inode, pid_t *pid);

#endif
