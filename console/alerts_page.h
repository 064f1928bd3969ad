/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts_page.h - one alert as a page for a person.
 */
#ifndef CONSOLE_ALERTS_PAGE_H
#define CONSOLE_ALERTS_PAGE_H

#include "console/output.h"
#include "proto/verdict.pb-c.h"

/* ASSET is what it is called. */
void alerts_page_write(const struct output_options *options, const Fettle__AlertVerdict *alert,
    const char *asset, uint64_t now_ms);

#endif
