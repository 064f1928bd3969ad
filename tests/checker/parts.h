/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of the checker share.
 */
#ifndef TESTS_CHECKER_PARTS_H
#define TESTS_CHECKER_PARTS_H

#include "core/sublog.h"
#include "tests/checker/checker.h"

enum { CHECKER_NAME_SIZE = 160 };

/* Of an entry, for people. */
const char *checker_name(const struct production_entry *entry, char out[CHECKER_NAME_SIZE]);

/* Each marks what is there; OK also where nobody has been yet. */
NODISCARD enum status checker_look_at_spool(struct checker *checker, unsigned agent);
NODISCARD enum status checker_look_at_log(struct checker *checker);
NODISCARD enum status checker_look_at_state(struct checker *checker);
NODISCARD enum status checker_look_at_store(struct checker *checker);

/* Of the last two, how far they are alone. */
NODISCARD enum status checker_look_at_positions(struct checker *checker);
NODISCARD enum status checker_look_at_heads(struct checker *checker);

/* The last number of each sub-log, and the first that is kept. */
struct checker_log {
	uint64_t head[SUBLOG_END], tail[SUBLOG_END];
};
NODISCARD enum status checker_read_log(const char *data, struct checker_log *out);

/* RECORD is a gap of AGENT's spool: marks what it covers. */
void checker_take_gap(struct checker *checker, const struct production_entry *gap,
    struct bytes body);

#endif
