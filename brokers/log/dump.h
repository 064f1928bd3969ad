/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.h - the log's records as the console reads them, while the log runs.
 */
#ifndef BROKERS_LOG_DUMP_H
#define BROKERS_LOG_DUMP_H

#include "core/bytes.h"
#include "core/status.h"
#include "core/sublog.h"
#include "proto/control.pb-c.h"

/* One record; borrowed for the visit. */
struct log_dump_record {
	uint32_t flow; /* core/sublog.h */
	uint64_t offset;
	struct bytes record; /* an encoded Record with its stamp */
};

/*
 * Visits what the log of the data directory DATA holds, sub-log by sub-log in order of offset,
 * until VISIT returns other than OK, which is then returned.  NOT_FOUND: no log has run there.
 */
NODISCARD enum status log_dump(const char *data,
    enum status (*visit)(void *visitor, const struct log_dump_record *record), void *visitor);

/* Sums for `fettle status`. */
struct log_dump_counters {
	uint64_t records, appended, intent, agents, commands_waiting, bytes_used;
};
NODISCARD enum status log_dump_counters(const char *data, struct log_dump_counters *out);

/* The last number of each sub-log.  As log_dump. */
NODISCARD enum status log_dump_heads(const char *data, uint64_t heads[SUBLOG_END]);
/* The generation of the log of DATA.  As log_dump; CORRUPT. */
NODISCARD enum status log_dump_generation(const char *data, uint64_t *out);

/*
 * Everybody who was ever added as an operator, in ARENA.  As log_dump; CORRUPT.
 */
NODISCARD enum status log_dump_operators(const char *data, struct arena *arena,
    Fettle__Operators *out);

#endif
