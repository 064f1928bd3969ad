/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due_text.h - until when, as people say it.
 */
#ifndef CONSOLE_DUE_TEXT_H
#define CONSOLE_DUE_TEXT_H

#include <stdint.h>

enum { DUE_TEXT_SIZE = 40 };

/* "in 3 days", "in 5 hours", "now", "overdue 2 days"; "" where DUE_MS is 0. */
void due_text(uint64_t due_ms, uint64_t now_ms, char out[DUE_TEXT_SIZE]);

#endif
