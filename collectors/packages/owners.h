/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owners.h - which package each of some files is of, and what that package shipped, by dpkg's
 * database: info/NAME.list, info/NAME.md5sums, and the Conffiles in status.
 *
 * A system has many more files than are asked for, so those are named first; of the others nothing
 * is kept.  Where /lib is a link to /usr/lib, both names of a file are one.  Diversions are not
 * looked at: a file that was diverted away is its package's by its old name.
 */
#ifndef COLLECTORS_PACKAGES_OWNERS_H
#define COLLECTORS_PACKAGES_OWNERS_H

#include "core/bytes.h"

struct owners;

struct owners_file {
	const char *package; /* "openssh-server" */
	uint8_t md5[16];     /* what it shipped */
	bool has_md5;
};

/* ROOT is "" or what stands for "/"; it lives longer. */
struct owners *owners_new(const char *root);
void owners_free(struct owners *owners); /* NULL is fine */

/* Before owners_read. */
void owners_want(struct owners *owners, const char *path);
/* Takes a while: for the loop's pool.  Once. */
void owners_read(struct owners *owners);

/* Of a file that was wanted and that a package owns; else NULL.  OWNERS may be NULL. */
const struct owners_file *owners_find(const struct owners *owners, const char *path);
/* Whether both, which may be NULL, say the same. */
bool owners_agree(const struct owners_file *a, const struct owners_file *b);
/* Whether the database is as it was when it was read. */
bool owners_are_current(const struct owners *owners);

#endif
