/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os_release.h - reads os-release(5): assignments as a shell has them, without its expansions.
 */
#ifndef COLLECTORS_OS_RELEASE_H
#define COLLECTORS_OS_RELEASE_H

#include "core/bytes.h"

/*
 * Appends the value of NAME, unquoted, to OUT; the last assignment counts.  False where there is
 * none.  A line that is no assignment, or has an open quote, is passed over.
 */
bool os_release_find(struct bytes file, const char *name, struct buffer *out);

#endif
