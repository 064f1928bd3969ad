/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fact_diff.h - one change of a fact as a person reads it: field by field, and of texts of many
 * lines the lines that were added and taken away.
 */
#ifndef CONSOLE_FACT_DIFF_H
#define CONSOLE_FACT_DIFF_H

#include "console/output.h"
#include "proto/verdict.pb-c.h"

/* Indented lines, escaped.  Either may be NULL: there was, or is, no such fact. */
void fact_diff_write(const struct output_options *options, const Fettle__FactState *before,
    const Fettle__FactState *after);

#endif
