/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rank.h - the order of severities, the worst first: what findings are sorted and counted by.
 */
#ifndef SINKS_STORE_RANK_H
#define SINKS_STORE_RANK_H

#include <stdbool.h>

/* The numbers are part of stored keys: never renumber them. */
enum rank {
	RANK_CRITICAL,
	RANK_HIGH,
	RANK_MEDIUM,
	RANK_LOW,
	RANK_INFO,
	RANK_UNKNOWN, /* no severity was given, or a word that is not known here */
	RANKS,
};

/* NULL is fine.  "informational", as alerts have it, is "info". */
enum rank rank_of_severity(const char *severity);
/* "critical", …, "unknown". */
const char *rank_text(enum rank rank);
/* False where TEXT is none of them. */
bool rank_parse(const char *text, enum rank *out);

#endif
