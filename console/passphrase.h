/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase.h - a passphrase, from a file or typed: never from an argument.
 */
#ifndef CONSOLE_PASSPHRASE_H
#define CONSOLE_PASSPHRASE_H

#include "core/bytes.h"
#include "core/status.h"

enum { PASSPHRASE_LEAST = 12 };

/*
 * The first line of FILE, or where that is NULL what is typed twice at the terminal, into OUT,
 * which passphrase_fini wipes.  DENIED: there is no terminal; INVALID: it is too short, or was not
 * typed alike; NOT_FOUND, IO.  A message said why.
 */
NODISCARD enum status passphrase_new(const char *file, struct buffer *out);
void passphrase_fini(struct buffer *passphrase);

#endif
