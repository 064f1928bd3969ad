/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checker.h - holds what the parties left behind against what was produced.
 *
 * It reads spools, log, state and store through core/kv.h, so that it serves simulated disks and
 * real directories alike.  Each complaint begins with the number of the invariant that is broken;
 * README.md lists them.
 */
#ifndef TESTS_CHECKER_CHECKER_H
#define TESTS_CHECKER_CHECKER_H

#include "core/bytes.h"
#include "tests/checker/production.h"

struct checker_agent {
	const char *spool; /* its directory */
	uint8_t id[AGENT_ID_SIZE];
	/*
	 * The text that fact NUMBER of its machine has now, and its key; false: there is none.
	 * Asked of numbers from 0 to FACTS - 1.
	 */
	bool (*fact)(const struct checker_agent *agent, size_t number, struct buffer *key,
	    struct buffer *text);
	size_t facts;
	void *data;
	uint64_t spool_max; /* bytes that it may hold */
	bool is_gone;       /* its machine is no more: what its facts are is not asked */
};

struct checker {
	const char *data; /* the server's directory */
	struct production *production;
	const struct checker_agent *agents;
	size_t agents_count;
	bool is_quiet;            /* all that can be delivered is: nothing may be under way */
	bool was_restored;        /* the log lost what it had: records may lack, facts may not */
	struct buffer complaints; /* lines */
	uint64_t complained;
	uint64_t produced, logged, stored, in_gaps, replaced, undone, spooled, quarantined;
	uint64_t lost_by_restore, sent_again, agreed;
};

/* Everything; to be called where nobody writes.  Whatever kv_open returns. */
NODISCARD enum status checker_run(struct checker *checker);
void checker_fini(struct checker *checker);

/* One agent's spool, as its last commit left it. */
struct checker_spool {
	uint64_t epoch;
	struct {
		uint64_t acked, sequence, appended, coalesced, evicted, refused, told, records,
		    bytes;
	} lanes[LANE_END];
};
/* NOT_FOUND: there is nothing yet. */
NODISCARD enum status checker_read_spool(const char *directory, struct checker_spool *out);

/* Whether the processor has read all that the log has, and the store all that it said. */
bool checker_is_read(struct checker *checker);

/* I1 alone, and that numbers go on: cheap, and true at every moment. */
void checker_check_acks(struct checker *checker, const struct checker_agent *agent);
/* Notes a complaint, at most 50 of which are kept. */
void checker_complain(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
