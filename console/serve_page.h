/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_page.h - what happened while a server ran: its last words.
 */
#ifndef CONSOLE_SERVE_PAGE_H
#define CONSOLE_SERVE_PAGE_H

#include "brokers/log/dump.h"
#include "console/console.h"
#include "processors/state/reader.h"
#include "sinks/store/query.h"

/* What the parts had counted at one moment; of a part that has not run, zeroes. */
struct serve_tally {
	uint64_t at_ms;
	struct query_counters store;
	struct state_counters state;
	struct log_dump_counters log;
};

/* A tally that cannot be taken is one of zeroes: nothing depends on it but words. */
void serve_tally_take(struct serve_tally *tally, const char *data);

/*
 * What happened since BEFORE, once every role has ended.  SETTINGS are those that it ran by.  For a
 * person at the terminal of standard error a page; for anybody else a log line.
 */
void serve_page(const struct console *console, const struct settings *settings,
    const struct serve_tally *before);

#endif
