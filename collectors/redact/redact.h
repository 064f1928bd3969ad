/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact.h - replaces secrets in what is read from files, before it leaves the endpoint.
 *
 * It errs towards replacing, with one exception: nobody may hide a setting from the policies by
 * putting it beside something that looks like a secret.  So no rule reaches over a line that does
 * not look like the body of a key, and names that only speak of secrets stay readable.
 */
#ifndef COLLECTORS_REDACT_REDACT_H
#define COLLECTORS_REDACT_REDACT_H

#include "core/bytes.h"

enum { REDACTOR_VERSION = 1 };

/* What stands for a secret; what already is this is no secret. */
#define REDACTED "<redacted>"

/*
 * Appends CONTENT of the file PATH, with its secrets replaced, to OUT.  REAL_PATH is where links
 * led to; NULL if that is not known.  True where anything was replaced.
 */
bool redact_content(const char *path, const char *real_path, struct bytes content,
    struct buffer *out);

#endif
