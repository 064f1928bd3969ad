/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_glob.h - names and paths with `*` and `?`, neither of which reaches over a `/`; a `**` that
 * is a whole component stands for any number of components, none included.
 *
 * Bytes are compared as they are: these are paths of Linux.
 */
#ifndef CORE_PATH_GLOB_H
#define CORE_PATH_GLOB_H

#include "core/bytes.h"

bool path_glob_match(const char *glob, struct bytes path);

/*
 * Only the last components of PATH, as many as GLOB has, or all where it has fewer: "*.dpkg-new"
 * fits whatever has that ending, anywhere.
 */
bool path_glob_match_last(const char *glob, struct bytes path);

/* One component, or any other name without a `/`. */
bool path_glob_match_name(struct bytes glob, struct bytes name);

bool path_glob_has_wildcard(struct bytes glob);

#endif
