/* SPDX-License-Identifier: Apache-2.0 */
/*
 * production.h - what was produced: every record that a spool ever made durable, by its event id.
 *
 * It is kept by whoever stands behind the spools, so that nothing which the other parties say about
 * themselves has to be believed.
 */
#ifndef TESTS_CHECKER_PRODUCTION_H
#define TESTS_CHECKER_PRODUCTION_H

#include "core/hash.h"
#include "core/hashmap.h"
#include "core/lane.h"
#include "core/record.h"
#include "core/status.h"

struct production_entry {
	UT_hash_handle hh;
	struct production_entry *later; /* the next about the same, in the same spool; NULL: none */
	uint8_t event_id[EVENT_ID_SIZE];
	unsigned agent; /* number of the spool's owner */
	unsigned life;  /* of that spool: one that is put back to an older state begins another */
	enum lane lane;
	uint64_t position;
	uint32_t kind;
	bool is_undone;  /* it went when its spool was put back */
	bool is_spooled; /* it waits in its spool */
	bool is_in_gap;
	unsigned was_logged; /* how often the log committed it, whether it still has it or not */
	unsigned logged;     /* how often the log has it */
	uint64_t logged_epoch;
};

struct production;

struct production *production_new(void);
void production_free(struct production *production); /* NULL is fine */

/* RECORD, as the spool has it, at POSITION of LANE.  CORRUPT: it is none. */
NODISCARD enum status production_add(struct production *production, unsigned agent, enum lane lane,
    uint64_t position, struct bytes record);
/* The spool of AGENT is one of before: which are not in it any more is told by production_keep. */
void production_begin_life(struct production *production, unsigned agent);
void production_keep(struct production *production, unsigned agent, struct bytes record);

/* The log committed RECORD. */
void production_logged(struct production *production, struct bytes record);
/* The log is one of before: what it has is told anew. */
void production_forget_log(struct production *production);

/* NULL: nobody produced it. */
struct production_entry *production_find(struct production *production,
    const uint8_t event_id[EVENT_ID_SIZE]);
/* In the order in which they came: NULL begins, NULL ends. */
struct production_entry *production_next(struct production *production,
    const struct production_entry *after);
size_t production_count(const struct production *production);
unsigned production_life(const struct production *production, unsigned agent);

#endif
