/* SPDX-License-Identifier: Apache-2.0 */
/*
 * level.h - how bad it is, in Sigma's words.
 */
#ifndef PROCESSORS_DETECT_LEVEL_H
#define PROCESSORS_DETECT_LEVEL_H

#include <stdbool.h>

/* In ascending order; the numbers are kept in alerts: they stay. */
enum level {
	LEVEL_INFORMATIONAL = 1,
	LEVEL_LOW,
	LEVEL_MEDIUM,
	LEVEL_HIGH,
	LEVEL_CRITICAL,
};

/* "informational", "low", "medium", "high", "critical". */
const char *level_text(enum level level);
/* False if TEXT is none of them. */
bool level_parse(const char *text, enum level *out);

#endif
