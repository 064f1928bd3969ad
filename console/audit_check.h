/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_check.h - whether a store's audit, or one that was exported, is as it was written.
 *
 * A store is held, beyond its own checkpoints, against what the log noted and the processor handed
 * on, where those are in the same data directory, and against what was exported before.
 */
#ifndef CONSOLE_AUDIT_CHECK_H
#define CONSOLE_AUDIT_CHECK_H

#include <stdio.h>

#include "core/status.h"
#include "sinks/store/chain.h"

struct audit_check {
	struct chain chain;
	const char
	    *wrong;    /* NULL: nothing, as far as was seen; else of entry chain.bad, or of LINE */
	uint64_t line; /* of the file; 0: a store */
	bool is_anchored; /* the file begins with the first entry */
	bool
	    is_held_to_log; /* the log's notices were looked at, and all that were read are there */
};

/* With KEY (NULL: that of the data directory).  OK also where something is wrong with it. */
NODISCARD enum status audit_check_store(const char *data, const char *key, const char *against,
    struct audit_check *out);
/* With the key of the file KEY; NULL: the one that STREAM itself names. */
NODISCARD enum status audit_check_file(FILE *stream, const char *key, struct audit_check *out);

#endif
