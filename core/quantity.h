/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantity.h - counts, sizes and durations as people write them.
 *
 * Whole numbers only, and always a unit where one could be mistaken: a bare "90" is no duration.
 * "0" is the same in every unit.
 */
#ifndef CORE_QUANTITY_H
#define CORE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

enum quantity {
	QUANTITY_COUNT,    /* "64" */
	QUANTITY_SIZE,     /* bytes: "4096", "64 KiB", "256MiB", "1G" (powers of 1024) */
	QUANTITY_DURATION, /* milliseconds: "500ms", "90s", "15m", "36h", "7d" */
};

/* False where TEXT is none, or beyond 64 bits. */
bool quantity_parse(enum quantity quantity, const char *text, uint64_t *out);
/* In the largest unit that keeps it whole; quantity_parse takes it back. */
void quantity_format(struct buffer *out, enum quantity quantity, uint64_t value);

#endif
