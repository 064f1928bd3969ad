/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/front/peers.h"

#include <stdlib.h>

#include "core/hashmap.h"

enum {
	SAVINGS_S = 4,                /* how long a budget adds up */
	FORGIVEN_MS = 10 * 60 * 1000, /* without another cut */
	SECOND_MS = 1000,
};

struct peer {
	uint8_t agent[PEERS_AGENT];
	/* In thousandths, so that milliseconds refill them without rounding. */
	uint64_t milli_bytes, milli_messages;
	uint64_t refilled_ms;
	uint64_t cut_until_ms, cut_ms; /* the last one's length; 0: none */
	UT_hash_handle hh;
};

struct peers {
	struct peers_limits limits;
	struct peer *all;
};

struct peers *peers_new(const struct peers_limits *limits)
{
	struct peers *peers = memory_new(sizeof(*peers));

	peers->limits = *limits;
	return peers;
}

void peers_free(struct peers *peers)
{
	struct peer *peer, *next;

	if (peers == NULL)
		return;
	HASH_ITER (hh, peers->all, peer, next) {
		HASH_DEL(peers->all, peer);
		free(peer);
	}
	free(peers);
}

size_t peers_count(const struct peers *peers)
{
	return HASH_COUNT(peers->all);
}

static uint64_t savings(uint64_t a_second)
{
	return a_second * SECOND_MS * SAVINGS_S;
}

static struct peer *find(struct peers *peers, const uint8_t agent[PEERS_AGENT], uint64_t now_ms)
{
	struct peer *peer;

	HASH_FIND(hh, peers->all, agent, PEERS_AGENT, peer);
	if (peer != NULL)
		return peer;
	peer = memory_new(sizeof(*peer));
	memcpy(peer->agent, agent, PEERS_AGENT);
	peer->milli_bytes = savings(peers->limits.bytes_per_second);
	peer->milli_messages = savings(peers->limits.messages_per_second);
	peer->refilled_ms = now_ms;
	HASH_ADD(hh, peers->all, agent, PEERS_AGENT, peer);
	return peer;
}

static uint64_t refilled(uint64_t have, uint64_t a_second, uint64_t passed_ms)
{
	uint64_t most = savings(a_second), more = a_second * passed_ms;

	return passed_ms > SAVINGS_S * SECOND_MS || more > most - have ? most : have + more;
}

static void refill(const struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - peer->refilled_ms;

	if (passed_ms == 0)
		return;
	peer->milli_bytes = refilled(peer->milli_bytes, peers->limits.bytes_per_second, passed_ms);
	peer->milli_messages = refilled(peer->milli_messages, peers->limits.messages_per_second,
	    passed_ms);
	peer->refilled_ms = now_ms;
}

static void cut(struct peer *peer, uint64_t now_ms)
{
	if (now_ms >= peer->cut_until_ms + FORGIVEN_MS)
		peer->cut_ms = 0;
	peer->cut_ms = peer->cut_ms == 0 ? PEERS_FIRST_CUT_MS : 2 * peer->cut_ms;
	if (peer->cut_ms > PEERS_LONGEST_CUT_MS)
		peer->cut_ms = PEERS_LONGEST_CUT_MS;
	peer->cut_until_ms = now_ms + peer->cut_ms;
}

bool peers_may_pass(struct peers *peers, const uint8_t agent[PEERS_AGENT], size_t size,
    uint64_t now_ms)
{
	struct peer *peer = find(peers, agent, now_ms);
	uint64_t bytes = (uint64_t)size * SECOND_MS;

	if (now_ms < peer->cut_until_ms)
		return false;
	refill(peers, peer, now_ms);
	if (bytes > peer->milli_bytes || peer->milli_messages < SECOND_MS) {
		cut(peer, now_ms);
		return false;
	}
	peer->milli_bytes -= bytes;
	peer->milli_messages -= SECOND_MS;
	return true;
}

void peers_cut_off(struct peers *peers, const uint8_t agent[PEERS_AGENT], uint64_t now_ms)
{
	struct peer *peer = find(peers, agent, now_ms);

	if (now_ms >= peer->cut_until_ms)
		cut(peer, now_ms);
}

static bool is_forgettable(const struct peer *peer, uint64_t now_ms)
{
	return now_ms - peer->refilled_ms > SAVINGS_S * SECOND_MS
	    && (peer->cut_ms == 0 || now_ms >= peer->cut_until_ms + FORGIVEN_MS);
}

void peers_sweep(struct peers *peers, uint64_t now_ms)
{
	struct peer *peer, *next;

	HASH_ITER (hh, peers->all, peer, next)
		if (is_forgettable(peer, now_ms)) {
			HASH_DEL(peers->all, peer);
			free(peer);
		}
}
