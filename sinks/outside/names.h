/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - what assets are called: verdicts carry ids, people look for names.
 *
 * Learned from the asset verdicts that pass by; what passed before this process began is looked up
 * in the store beside it, where there is one.  Bounded: a forgotten name is looked up again.
 */
#ifndef SINKS_OUTSIDE_NAMES_H
#define SINKS_OUTSIDE_NAMES_H

#include "core/bytes.h"

struct names;

/* DATA is the data directory. */
struct names *names_new(const char *data);
void names_free(struct names *names); /* NULL is fine */

/* ID has 16 bytes; anything else is ignored. */
void names_learn(struct names *names, struct bytes id, const char *name);
/* Borrowed until the next call; NULL: not known. */
const char *names_find(struct names *names, struct bytes id);

#endif
