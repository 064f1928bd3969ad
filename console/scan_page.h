/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_page.h - a screenful about one asset: what is here, what is wrong, what to do next.
 */
#ifndef CONSOLE_SCAN_PAGE_H
#define CONSOLE_SCAN_PAGE_H

#include "console/console.h"
#include "core/event.h"

struct scan_summary {
	uint8_t asset[ASSET_ID_SIZE];
	uint64_t took_ms;
	bool is_complete;
};

/* The exit code. */
int scan_page(const struct console *console, const struct scan_summary *summary);

#endif
