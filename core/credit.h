/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credit.h - how much may be under way in a session: one budget, shared by its lanes.
 *
 * Under way is what was sent and is not committed.  A quarter of the budget is kept for the
 * critical lane and a tenth for bulk, so that neither ever waits for the others; what is left is
 * for whoever comes first.  Both sides keep the same account: the sender to know what it may send,
 * the receiver to end a session whose sender does not care.  The receiver forgets a debt when it
 * commits and the sender when it hears of it, so that the receiver's account is never the larger
 * one: who is allowed to send is allowed to have sent.
 */
#ifndef CORE_CREDIT_H
#define CORE_CREDIT_H

#include "core/bytes.h"
#include "core/lane.h"

struct credit_amount {
	uint64_t records, bytes;
};

/* What the receiver grants. */
struct credit_grant {
	struct credit_amount budget;
	bool is_urgent_only; /* nothing but the critical lane may send */
};

/* Bytes under way over all sessions of a receiver. */
struct credit_pool {
	uint64_t used, budget;
	bool is_tight; /* between the two marks it stays as it was */
};

/* All zeroes: nothing was granted, and nothing is accounted for. */
struct credit {
	bool is_shared;
	struct credit_grant grant;
	struct credit_amount used[LANE_END];
	struct credit_pool *pool; /* or NULL */
};

/* Debts of one flow by their record numbers, oldest first.  All zeroes: none. */
struct credit_debts {
	struct buffer items;
	size_t at; /* of the oldest in `items` */
};

/* GRANT is in force from now on. */
void credit_set(struct credit *credit, struct credit_grant grant);
/*
 * The receiver's account: a grant that was taken back may still be used by what is under way, so
 * that it only ever grows.
 */
void credit_widen(struct credit *credit, struct credit_grant grant);

/* What LANE may send on top of what it has under way. */
struct credit_amount credit_left(const struct credit *credit, enum lane lane);
/* A lane that has nothing under way may send one record of any size. */
bool credit_allows(const struct credit *credit, enum lane lane, struct credit_amount amount);

/* AMOUNT more of LANE is under way, up to record number LAST.  Nothing where LANE is not shared. */
void credit_owe(struct credit *credit, struct credit_debts *debts, enum lane lane, uint64_t last,
    struct credit_amount amount);
/* All up to record number COMMITTED is settled; UINT64_MAX: everything. */
void credit_settle(struct credit *credit, struct credit_debts *debts, enum lane lane,
    uint64_t committed);
void credit_debts_fini(struct credit_debts *debts);

/* True above three quarters of the pool's budget, until it is below half of it. */
bool credit_pool_is_tight(struct credit_pool *pool);
/* True where the pool has no room for SIZE more bytes; NULL has room for everything. */
bool credit_pool_is_full(const struct credit_pool *pool, size_t size);

#endif
