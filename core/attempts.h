/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts.h - which records may crash the processor, counted from before they are handed over.
 *
 * A processor that ended without a word is started again and goes carefully: it notes durably what
 * it hands over, a few records of one flow at a time.  What was noted when it ended again becomes
 * suspect; suspects are handed over in ever smaller lots, until the one record that does it stands
 * alone.  After three such crashes it is condemned.  Pure; the host keeps it (core/host/careful.c).
 */
#ifndef CORE_ATTEMPTS_H
#define CORE_ATTEMPTS_H

#include "core/bytes.h"
#include "core/status.h"
#include "core/sublog.h"

enum {
	ATTEMPTS_CRASHES = 3,         /* condemn */
	ATTEMPTS_CAREFUL = 16 * 1024, /* records: more than were ever under way at once */
};

struct attempts_range {
	uint64_t first, last; /* 0: none */
	uint32_t crashes;
};

struct attempts {
	uint64_t careful_left; /* records still to be handed over carefully */
	uint32_t trying_flow;
	struct attempts_range trying;
	struct attempts_range suspects[SUBLOG_END]; /* at most one range a flow */
};

/*
 * What a start finds in what the last one left (NONE: it is the first): what was being tried then
 * has crashed once more.  CORRUPT.
 */
NODISCARD enum status attempts_begin(struct attempts *attempts, struct bytes kept);
/* As it is to be kept while the processor runs, or once it has ended cleanly. */
void attempts_encode(const struct attempts *attempts, bool is_running, struct buffer *out);

bool attempts_is_careful(const struct attempts *attempts);
/* How many records of FLOW may be handed over at once, from number FIRST on. */
size_t attempts_width(const struct attempts *attempts, uint32_t flow, uint64_t first);
bool attempts_condemns(const struct attempts *attempts, uint32_t flow, uint64_t number);

/* FIRST to LAST of FLOW are about to be handed over; to be kept before they are. */
void attempts_try(struct attempts *attempts, uint32_t flow, uint64_t first, uint64_t last);
/* What was tried did not crash; to be kept together with what it did. */
void attempts_survived(struct attempts *attempts);
/* It was not handed over after all, or what it did was undone. */
void attempts_forget(struct attempts *attempts);

#endif
