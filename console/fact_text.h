/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fact_text.h - values of facts for people.
 */
#ifndef CONSOLE_FACT_TEXT_H
#define CONSOLE_FACT_TEXT_H

#include "core/fact.h"
#include "proto/verdict.pb-c.h"

/* These append one line, escaped. */

/* "type file, mode 0644, owner root" */
void fact_text_summary(struct buffer *out, const struct fact_field *fields, size_t count);
/*
 * Field by field: "mode 0644 → 0600"; of content the first line that differs: "-a +b".  Either may
 * be NULL.
 */
void fact_text_difference(struct buffer *out, const Fettle__FactState *before,
    const Fettle__FactState *after);

#endif
