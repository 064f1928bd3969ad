/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.h - secrets in one line of any configuration file.
 */
#ifndef COLLECTORS_REDACT_LINE_H
#define COLLECTORS_REDACT_LINE_H

#include "collectors/redact/path_class.h"
#include "core/bytes.h"

struct line_result {
	bool has_replaced;
	bool opens_block; /* "password: |": the lines below, indented, are the value (YAML) */
};

/* Appends LINE, which has no line end. */
struct line_result line_redact(struct bytes line, enum path_class class, struct buffer *out);

#endif
