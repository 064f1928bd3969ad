/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/front/budgets.h"

#include <stdlib.h>

#include "core/hashmap.h"

enum {
	SAVINGS_S = 4,                /* how long a budget adds up */
	FORGIVEN_MS = 10 * 60 * 1000, /* without another cut */
	SECOND_MS = 1000,
};

struct peer {
	uint8_t agent[BUDGETS_AGENT];
	/* In thousandths, so that milliseconds refill them without rounding. */
	uint64_t milli_bytes, milli_messages;
	uint64_t refilled_ms;
	uint64_t cut_until_ms, cut_ms; /* the last one's length; 0: none */
	UT_hash_handle hh;
};

struct budgets {
	struct budget_limits limits;
	struct peer *all;
};

struct budgets *budgets_new(const struct budget_limits *limits)
{
	struct budgets *budgets = memory_new(sizeof(*budgets));

	budgets->limits = *limits;
	return budgets;
}

void budgets_free(struct budgets *budgets)
{
	struct peer *peer, *next;

	if (budgets == NULL)
		return;
	HASH_ITER (hh, budgets->all, peer, next) {
		HASH_DEL(budgets->all, peer);
		free(peer);
	}
	free(budgets);
}

size_t budgets_count(const struct budgets *budgets)
{
	return HASH_COUNT(budgets->all);
}

static uint64_t savings(uint64_t a_second)
{
	return a_second * SECOND_MS * SAVINGS_S;
}

static struct peer *find(struct budgets *budgets, const uint8_t agent[BUDGETS_AGENT],
    uint64_t now_ms)
{
	struct peer *peer;

	HASH_FIND(hh, budgets->all, agent, BUDGETS_AGENT, peer);
	if (peer != NULL)
		return peer;
	peer = memory_new(sizeof(*peer));
	memcpy(peer->agent, agent, BUDGETS_AGENT);
	peer->milli_bytes = savings(budgets->limits.bytes_per_second);
	peer->milli_messages = savings(budgets->limits.messages_per_second);
	peer->refilled_ms = now_ms;
	HASH_ADD(hh, budgets->all, agent, BUDGETS_AGENT, peer);
	return peer;
}

static uint64_t refilled(uint64_t have, uint64_t a_second, uint64_t passed_ms)
{
	uint64_t most = savings(a_second), more = a_second * passed_ms;

	return passed_ms > SAVINGS_S * SECOND_MS || more > most - have ? most : have + more;
}

static void refill(const struct budgets *budgets, struct peer *peer, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - peer->refilled_ms;

	if (passed_ms == 0)
		return;
	peer->milli_bytes = refilled(peer->milli_bytes, budgets->limits.bytes_per_second,
	    passed_ms);
	peer->milli_messages = refilled(peer->milli_messages, budgets->limits.messages_per_second,
	    passed_ms);
	peer->refilled_ms = now_ms;
}

static void cut(struct peer *peer, uint64_t now_ms)
{
	if (now_ms >= peer->cut_until_ms + FORGIVEN_MS)
		peer->cut_ms = 0;
	peer->cut_ms = peer->cut_ms == 0 ? BUDGETS_FIRST_CUT_MS : 2 * peer->cut_ms;
	if (peer->cut_ms > BUDGETS_LONGEST_CUT_MS)
		peer->cut_ms = BUDGETS_LONGEST_CUT_MS;
	peer->cut_until_ms = now_ms + peer->cut_ms;
}

bool budgets_may_pass(struct budgets *budgets, const uint8_t agent[BUDGETS_AGENT], size_t size,
    uint64_t now_ms)
{
	struct peer *peer = find(budgets, agent, now_ms);
	uint64_t bytes = (uint64_t)size * SECOND_MS;

	if (now_ms < peer->cut_until_ms)
		return false;
	refill(budgets, peer, now_ms);
	if (bytes > peer->milli_bytes || peer->milli_messages < SECOND_MS) {
		cut(peer, now_ms);
		return false;
	}
	peer->milli_bytes -= bytes;
	peer->milli_messages -= SECOND_MS;
	return true;
}

void budgets_cut_off(struct budgets *budgets, const uint8_t agent[BUDGETS_AGENT], uint64_t now_ms)
{
	struct peer *peer = find(budgets, agent, now_ms);

	if (now_ms >= peer->cut_until_ms)
		cut(peer, now_ms);
}

static bool is_forgettable(const struct peer *peer, uint64_t now_ms)
{
	return now_ms - peer->refilled_ms > SAVINGS_S * SECOND_MS
	    && (peer->cut_ms == 0 || now_ms >= peer->cut_until_ms + FORGIVEN_MS);
}

void budgets_sweep(struct budgets *budgets, uint64_t now_ms)
{
	struct peer *peer, *next;

	HASH_ITER (hh, budgets->all, peer, next)
		if (is_forgettable(peer, now_ms)) {
			HASH_DEL(budgets->all, peer);
			free(peer);
		}
}
