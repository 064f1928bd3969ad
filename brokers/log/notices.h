/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notices.h - how much of what the log notes down is noted one by one.
 *
 * Whoever can cause a notice (a person who is denied something, two machines with one key) can do
 * so as often as they like, and every notice is kept for years in the audit.  So of each kind, and
 * about each one, only so many a minute are listed; the others are counted in the same transaction,
 * and their number is noted once the minute is over.  What a notice says is bounded as well.
 */
#ifndef BROKERS_LOG_NOTICES_H
#define BROKERS_LOG_NOTICES_H

#include "brokers/log/store.h"

enum {
	NOTICES_MINUTE_MS = 60 * 1000,
	NOTICES_KEY_MAX = 400,
	NOTICES_PRINCIPAL_MAX = 255,
	NOTICES_DETAIL_MAX = 4096,
	NOTICES_DENIED_MAX = 10, /* a minute and person */
};

/* Where a notice's words stand once they are shortened. */
struct notices_room {
	uint8_t key[NOTICES_KEY_MAX];
	char principal[NOTICES_PRINCIPAL_MAX + 1], detail[NOTICES_DETAIL_MAX + 1];
};

/*
 * What of NOTICE is longer than it may be is shortened, in ROOM: a key to its beginning and the
 * BLAKE2b-256 of all of it, a text to its beginning.
 */
void notices_shorten(Fettle__Notice *notice, struct notices_room *room);

/* *is_listed: NOTICE is to be written; else it was counted.  In a transaction. */
NODISCARD enum status notices_admit(struct log_store *store, const Fettle__Notice *notice,
    uint64_t now_ms, bool *is_listed);

/* Whether there is anything that notices_sweep would look at. */
NODISCARD enum status notices_has_any(struct log_store *store, bool *out);
/*
 * Notes how many were counted, of those whose minute is over, and forgets them.  In a transaction.
 */
NODISCARD enum status notices_sweep(struct log_store *store, uint64_t now_ms);

#endif
