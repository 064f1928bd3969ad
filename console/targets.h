/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets.h - what the commands about targets of sinks to the outside have in common.
 */
#ifndef CONSOLE_TARGETS_H
#define CONSOLE_TARGETS_H

#include "console/service.h"
#include "sinks/sinks.h"

/* The configured targets of one sink, those that were asked for. */
struct targets {
	const struct console *console;
	const struct sink *sink;
	const char *wanted; /* by name; NULL: all */
	struct service service;
};

/* 0, or an exit code after a message said why: also where the WANTED one is not configured. */
NODISCARD int targets_open(struct targets *targets, const struct console *console,
    const struct sink *sink, const char *wanted);
void targets_close(struct targets *targets);

/* The settings of the next target, from *INDEX on, which moves; NULL: there is none left. */
const void *targets_next(const struct targets *targets, size_t *index, struct sink_target *out);

/* The commands `list` and `test`. */
int targets_list(const struct console *console, const struct sink *sink);
int targets_test(const struct console *console, const struct sink *sink, const char *wanted,
    enum status (*test)(const void *settings, struct buffer *said));

#endif
