/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_reader.h - the audit as the console reads it, while the sink writes.
 */
#ifndef SINKS_STORE_AUDIT_READER_H
#define SINKS_STORE_AUDIT_READER_H

#include "sinks/store/audit.h"

struct audit_reader;

/* What stands under one number. */
struct audit_row {
	uint64_t sequence;                         /* of its key */
	const Fettle__AuditEntry *entry;           /* NULL: it cannot be understood */
	const Fettle__AuditCheckpoint *checkpoint; /* NULL: none vouches for it by itself */
};

/* DATA is the data directory.  NOT_FOUND: nothing was ever stored there.  Or as kv_open. */
NODISCARD enum status audit_reader_open(const char *data, struct audit_reader **out);
void audit_reader_close(struct audit_reader *reader); /* NULL is fine */

/*
 * From number FROM on, in their order, until VISIT returns other than OK, which is then returned;
 * borrowed for the visit.  CORRUPT: what follows cannot be read.
 */
NODISCARD enum status audit_reader_each(struct audit_reader *reader, uint64_t from,
    enum status (*visit)(void *visitor, const struct audit_row *row), void *visitor);

/* How far the store says it is, and the last entry that any checkpoint vouches for (0: none). */
NODISCARD enum status audit_reader_head(struct audit_reader *reader, struct audit *out,
    uint64_t *vouched);

#endif
