/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budgets.h - how much each authenticated agent may send, and who has lost its turn.
 *
 * A budget refills by the second and holds a few seconds' worth.  Whoever spends it, or sends what
 * no agent sends, is cut off: what it sends meanwhile is dropped, for a time that doubles each time
 * and is forgotten after good behaviour.  An honest agent loses nothing: it sends again.
 */
#ifndef BROKERS_FRONT_BUDGETS_H
#define BROKERS_FRONT_BUDGETS_H

#include "core/bytes.h"

enum { BUDGETS_AGENT = 16, BUDGETS_FIRST_CUT_MS = 1000, BUDGETS_LONGEST_CUT_MS = 60 * 1000 };

struct budget_limits {
	uint64_t bytes_per_second, messages_per_second;
};

struct budgets;

struct budgets *budgets_new(const struct budget_limits *limits);
void budgets_free(struct budgets *budgets); /* NULL is fine */

/* False: SIZE bytes are not to be passed on, and the connection that they came by is to end. */
bool budgets_may_pass(struct budgets *budgets, const uint8_t agent[BUDGETS_AGENT], size_t size,
    uint64_t now_ms);
/* It sent what no agent sends. */
void budgets_cut_off(struct budgets *budgets, const uint8_t agent[BUDGETS_AGENT], uint64_t now_ms);
/* Forgets those of whom nothing is left to remember; call it every few minutes. */
void budgets_sweep(struct budgets *budgets, uint64_t now_ms);

size_t budgets_count(const struct budgets *budgets);

#endif
