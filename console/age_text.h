/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_text.h - how long ago, in as few characters as a table has to spare: "45s", "12m", "3h",
 * "5d", "2y".
 */
#ifndef CONSOLE_AGE_TEXT_H
#define CONSOLE_AGE_TEXT_H

#include <stdint.h>

enum { AGE_TEXT_SIZE = 24 };

/* "" where AT_MS is 0; "0s" where it is still to come. */
void age_text(uint64_t at_ms, uint64_t now_ms, char out[AGE_TEXT_SIZE]);

#endif
