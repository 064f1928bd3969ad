/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the time, the boot, and how both are written.  Only edges ask for it; protocol and
 * stage cores are given it.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t clock_wall_ms(void);      /* Unix time */
uint64_t clock_monotonic_ms(void); /* since some point of this boot */

enum { BOOT_ID_SIZE = 16 };
void clock_boot_id(uint8_t out[BOOT_ID_SIZE]);

enum { CLOCK_TEXT_SIZE = 32 };
/* "2026-11-23T15:04:05.123Z" (RFC 3339, UTC). */
void clock_format(uint64_t wall_ms, char out[CLOCK_TEXT_SIZE]);
/* "3 minutes ago", "in 2 days", "just now". */
void clock_format_age(uint64_t wall_ms, uint64_t now_ms, char out[CLOCK_TEXT_SIZE]);

/* "90", "90s", "15m", "36h", "7d", "2w" in milliseconds; false if it is not a duration. */
bool clock_parse_duration(const char *text, uint64_t *out_ms);

/* Uniformly at random from [base/2, base + base/2): jitter, so that a fleet does not march. */
uint64_t clock_jitter_ms(uint64_t base_ms);

#endif
