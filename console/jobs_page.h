/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs_page.h - one job as a page for a person: all that is known of it.
 */
#ifndef CONSOLE_JOBS_PAGE_H
#define CONSOLE_JOBS_PAGE_H

#include "console/output.h"
#include "proto/verdict.pb-c.h"
#include "sinks/store/query.h"

struct jobs_page {
	const char *asset;
	struct query *query; /* where the findings are looked up */
	uint64_t now_ms;
};

void jobs_page_write(const struct output_options *options, const Fettle__JobVerdict *job,
    const struct jobs_page *page);

#endif
