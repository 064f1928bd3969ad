/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - log lines: time, level, role, a stable id, fields, a message.
 *
 * An error is logged where it is first seen, once.  The id ("spool-full") is what an operator
 * greps for: docs/log-lines.md lists them all.  Lines go to standard error.  Thread-safe.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON, LOG_JOURNAL };

void log_configure(enum log_level lowest, enum log_format format);
/* What it was told last, for a child process that is to log alike. */
void log_configuration(enum log_level *lowest, enum log_format *format);
const char *log_format_name(enum log_format format);
/* "error", "warn", "info" or "debug"; "logfmt", "json" or "journal".  False if it is none. */
bool log_level_parse(const char *text, enum log_level *out);
bool log_format_parse(const char *text, enum log_format *out);

/* The role that this thread's lines name; a string that lives on. */
void log_set_role(const char *role);

struct log_field {
	const char *name; /* NULL ends the list */
	const char *text; /* or NULL: number */
	uint64_t number;
};

#define LOG_TEXT(name_, text_) \
	{ \
		.name = (name_), .text = (text_) \
	}
#define LOG_NUMBER(name_, number_) \
	{ \
		.name = (name_), .text = NULL, .number = (number_) \
	}
#define LOG_END \
	{ \
		.name = NULL \
	}
#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, LOG_END })

/* FIELDS may be NULL.  Text from endpoints is escaped here; pass it as it is. */
void log_write(enum log_level level, const char *id, const struct log_field *fields,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_error(id, ...) log_write(LOG_ERROR, (id), NULL, __VA_ARGS__)
#define log_warn(id, ...) log_write(LOG_WARN, (id), NULL, __VA_ARGS__)
#define log_info(id, ...) log_write(LOG_INFO, (id), NULL, __VA_ARGS__)
#define log_debug(id, ...) log_write(LOG_DEBUG, (id), NULL, __VA_ARGS__)

/*
 * Writes BYTES so that no terminal and no parser can be misled: control characters, bidirectional
 * marks and what is not UTF-8 become \u00XX.  Shared by log lines and the console.
 */
void log_escape(struct buffer *out, struct bytes bytes);

#endif
