/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolments.h - what lets a machine in that nobody knows yet: tokens and enrolment keys.
 *
 * Of a secret only its hash is kept, and it is found by another hash of it, so that neither this
 * table nor the time that an answer takes tells anything of it.  A use is counted in the
 * transaction that admits the machine, and once for each machine, however often it asks.
 */
#ifndef BROKERS_LOG_ENROLMENTS_H
#define BROKERS_LOG_ENROLMENTS_H

#include "brokers/log/members.h"

enum {
	LOG_ENROLMENTS_SECRET_SIZE = 16,
	LOG_ENROLMENTS_ID_SIZE = 16,
	LOG_ENROLMENTS_MOST = 1000, /* that are kept at a time */
	LOG_ENROLMENTS_USES_MAX = 100 * 1000,
	LOG_ENROLMENTS_NETWORKS_MAX = 32,
	LOG_ENROLMENTS_NAME_MAX = 64,
};
static const uint64_t LOG_ENROLMENTS_TOKEN_MS = 15ULL * 60 * 1000;
static const uint64_t LOG_ENROLMENTS_LONGEST_MS = 30ULL * 24 * 3600 * 1000;

struct log_enrolments_made {
	uint8_t id[LOG_ENROLMENTS_ID_SIZE];
	uint8_t secret[LOG_ENROLMENTS_SECRET_SIZE]; /* said once; to be wiped */
};

/*
 * Makes one as WANTED says: name, expires_ms, uses_most, networks, group, needs_approval.  Without
 * an end and a number of uses it is a token: one use, LOG_ENROLMENTS_TOKEN_MS.  INVALID: *reason
 * (a literal) says what of it may not be.  In a transaction.
 */
NODISCARD enum status log_enrolments_create(struct log_store *store,
    const Fettle__Enrolment *wanted, const struct log_members_word *word,
    struct log_enrolments_made *out, const char **reason);
/* NOT_FOUND; *changed false: it was revoked already.  In a transaction. */
NODISCARD enum status log_enrolments_revoke(struct log_store *store,
    const uint8_t id[LOG_ENROLMENTS_ID_SIZE], const struct log_members_word *word, bool *changed);
/* The enrolment of ID, in ARENA.  NOT_FOUND; CORRUPT. */
NODISCARD enum status log_enrolments_get(struct log_store *store,
    const uint8_t id[LOG_ENROLMENTS_ID_SIZE], struct arena *arena, Fettle__Enrolment **out);

/*
 * A machine asks to be let in.  REPLY's texts are literals, and its agent's id stands in AGENT.
 * What a stranger sends never fails this: only the store does.  In a transaction.
 */
NODISCARD enum status log_enrolments_ask(struct log_store *store, const Fettle__EnrolRelay *relay,
    uint64_t now_ms, Fettle__EnrolReply *reply, uint8_t agent[AGENT_ID_SIZE]);

#endif
