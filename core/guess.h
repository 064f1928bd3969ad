/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guess.h - what somebody may have meant by a name that does not exist.
 */
#ifndef CORE_GUESS_H
#define CORE_GUESS_H

#include "core/bytes.h"

/* Begin with { .wrong = NAME }, consider every name that would have been right, then write. */
struct guess {
	const char *wrong;
	const char *closest; /* of those considered; NULL: none is close */
	unsigned closest_edits;
	struct buffer known; /* all that were considered */
};

void guess_fini(struct guess *guess);
/* NAME lives on until the guess is written. */
void guess_consider(struct guess *guess, const char *name);
/* "; did you mean `listen`? (known: backlog, listen)", or without the question. */
void guess_write(struct guess *guess, struct buffer *out);

#endif
