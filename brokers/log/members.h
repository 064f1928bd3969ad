/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members.h - whose keys are admitted.
 *
 * A member is one key; an agent is known by the id of its first key and keeps it when the key
 * rotates.  Every change is a record on SUBLOG_MEMBER, which gateways read, and a notice, in the
 * transaction that makes it.
 */
#ifndef BROKERS_LOG_MEMBERS_H
#define BROKERS_LOG_MEMBERS_H

#include "brokers/log/store.h"
#include "core/socket.h"

enum {
	LOG_MEMBERS_KEYS_MAX = 16, /* of one agent at a time */
	LOG_MEMBERS_TEXT_MAX = 500,
	LOG_MEMBERS_NAME_MAX = 255,
};
/* How long the key before still opens the door after a rotation. */
static const uint64_t LOG_MEMBERS_OVERLAP_MS = 24ULL * 3600 * 1000;

/* Who decided, why, and when. */
struct log_members_word {
	const char *by, *reason; /* REASON may be NULL */
	uint64_t now_ms;
};

/* ---- reading ---- */

/*
 * The member of KEY, in ARENA.  NOT_FOUND, also of a key that was offered without proof: it may be
 * anybody's; CORRUPT.
 */
NODISCARD enum status log_members_get(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    struct arena *arena, Fettle__Member **out);
/* Whether any key of AGENT opens the door at NOW_MS. */
NODISCARD enum status log_members_is_admitted(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], uint64_t now_ms, bool *out);
/* Whether MEMBER opens the door at NOW_MS. */
bool log_members_is_valid(const Fettle__Member *member, uint64_t now_ms);

/* ---- changing: all in a transaction ---- */

/*
 * Adds MEMBER, whose key nobody has yet; its agent's id follows from the key.  EXISTS: somebody
 * has.
 */
NODISCARD enum status log_members_add(struct log_store *store, Fettle__Member *member,
    const struct log_members_word *word);
/*
 * The machine behind KEY is the operator's own word: admitted, from whatever state but revoked,
 * which is DENIED.
 */
NODISCARD enum status log_members_admit(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    const char *name, const struct log_members_word *word, bool *changed);

/* Of all keys of AGENT.  NOT_FOUND: there is none; *changed false: it was so already. */
/* Pending or quarantined becomes admitted; DENIED: it is revoked. */
NODISCARD enum status log_members_approve(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], const struct log_members_word *word, bool *changed);
NODISCARD enum status log_members_revoke(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], const struct log_members_word *word, bool *changed);
/*
 * Two machines speak as AGENT: neither is let in until an operator approves.  OK also where it is
 * not a member.
 */
NODISCARD enum status log_members_quarantine(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], const char *reason, uint64_t now_ms);

/* A key that an agent wants to be known by. */
struct log_members_offer {
	struct bytes key;
	bool is_proven; /* it has shown that it has the secret (core/key_proof.h) */
};
/*
 * AGENT, in its own session, makes OFFER.  *is_admitted: that is its key from now on, and those
 * before it end after LOG_MEMBERS_OVERLAP_MS.  It is not where it was not proven, where that key is
 * somebody's already, or AGENT has too many.
 */
NODISCARD enum status log_members_rotate(struct log_store *store,
    const uint8_t agent[AGENT_ID_SIZE], const struct log_members_offer *offer, uint64_t now_ms,
    bool *is_admitted);
/* Somebody connected with KEY: where it was offered in a rotation, that is now complete. */
NODISCARD enum status log_members_connected(struct log_store *store,
    const uint8_t key[SOCKET_KEY_SIZE], uint64_t now_ms);

#endif
