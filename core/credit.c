/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane's share is never less than what is kept for it, even where a record larger than what was
 * left has overdrawn the rest: then the budget is exceeded by that record, and no more.
 */
#include "core/credit.h"

/* One part in so many is kept for the lane; 0: none. */
static const uint64_t parts[LANE_END] = { [LANE_CRITICAL] = 4, [LANE_BULK] = 10 };

struct debt {
	uint64_t last;
	struct credit_amount amount;
};

/* Lane 0 stands for flows that are bound by their own windows alone. */
static bool is_accounted(const struct credit *credit, enum lane lane)
{
	return credit->is_shared && lane >= LANE_CRITICAL && lane < LANE_END;
}

void credit_set(struct credit *credit, struct credit_grant grant)
{
	credit->is_shared = true;
	credit->grant = grant;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void credit_widen(struct credit *credit, struct credit_grant grant)
{
	if (credit->is_shared) {
		const struct credit_grant *before = &credit->grant;

		grant.budget.records = larger(grant.budget.records, before->budget.records);
		grant.budget.bytes = larger(grant.budget.bytes, before->budget.bytes);
		grant.is_urgent_only = grant.is_urgent_only && before->is_urgent_only;
	}
	credit_set(credit, grant);
}

/* ---- what is left ---- */

static uint64_t kept_for(uint64_t budget, unsigned lane)
{
	return parts[lane] == 0 ? 0 : budget / parts[lane];
}

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t left_of(uint64_t budget, const uint64_t used[LANE_END], enum lane lane)
{
	uint64_t taken = used[lane];

	for (unsigned other = LANE_CRITICAL; other < LANE_END; other++)
		if (other != lane)
			taken += larger(used[other], kept_for(budget, other));
	return larger(above(budget, taken), above(kept_for(budget, lane), used[lane]));
}

struct credit_amount credit_left(const struct credit *credit, enum lane lane)
{
	const struct credit_amount *used = credit->used, *budget = &credit->grant.budget;
	const uint64_t records[LANE_END] = { 0, used[1].records, used[2].records, used[3].records };
	const uint64_t bytes[LANE_END] = { 0, used[1].bytes, used[2].bytes, used[3].bytes };

	if (!is_accounted(credit, lane))
		return (struct credit_amount){ UINT64_MAX, UINT64_MAX };
	if (credit->grant.is_urgent_only && lane != LANE_CRITICAL)
		return (struct credit_amount){ 0, 0 };
	return (struct credit_amount){ .records = left_of(budget->records, records, lane),
		.bytes = left_of(budget->bytes, bytes, lane) };
}

bool credit_allows(const struct credit *credit, enum lane lane, struct credit_amount amount)
{
	struct credit_amount left = credit_left(credit, lane);

	if (!is_accounted(credit, lane))
		return true;
	if (amount.records > left.records || left.bytes == 0)
		return false;
	return amount.bytes <= left.bytes
	    || (amount.records == 1 && credit->used[lane].records == 0);
}

/* ---- debts ---- */

void credit_owe(struct credit *credit, struct credit_debts *debts, enum lane lane, uint64_t last,
    struct credit_amount amount)
{
	const struct debt debt = { .last = last, .amount = amount };

	if (!is_accounted(credit, lane))
		return;
	buffer_append(&debts->items, BYTES(&debt, sizeof(debt)));
	credit->used[lane].records += amount.records;
	credit->used[lane].bytes += amount.bytes;
	if (credit->pool != NULL)
		credit->pool->used += amount.bytes;
}

void credit_settle(struct credit *credit, struct credit_debts *debts, enum lane lane,
    uint64_t committed)
{
	struct debt debt;

	for (; debts->at < debts->items.size; debts->at += sizeof(debt)) {
		memcpy(&debt, debts->items.data + debts->at, sizeof(debt));
		if (debt.last > committed)
			return;
		credit->used[lane].records -= debt.amount.records;
		credit->used[lane].bytes -= debt.amount.bytes;
		if (credit->pool != NULL)
			credit->pool->used -= debt.amount.bytes;
	}
	debts->at = 0;
	buffer_clear(&debts->items);
}

void credit_debts_fini(struct credit_debts *debts)
{
	buffer_fini(&debts->items);
	debts->at = 0;
}

/* ---- the pool ---- */

bool credit_pool_is_tight(struct credit_pool *pool)
{
	if (pool->used > pool->budget / 4 * 3)
		pool->is_tight = true;
	else if (pool->used < pool->budget / 2)
		pool->is_tight = false;
	return pool->is_tight;
}

bool credit_pool_is_full(const struct credit_pool *pool, size_t size)
{
	return pool != NULL && above(pool->budget, pool->used) < size;
}
