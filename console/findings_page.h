/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings_page.h - one finding as a page for a person.
 */
#ifndef CONSOLE_FINDINGS_PAGE_H
#define CONSOLE_FINDINGS_PAGE_H

#include "console/output.h"
#include "proto/verdict.pb-c.h"

/* What the finding itself does not say. */
struct findings_page {
	const char *asset, *kind, *state, *freshness;
	uint64_t now_ms;
};

void findings_page_write(const struct output_options *options,
    const Fettle__FindingVerdict *finding, const struct findings_page *page);

#endif
