/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.h - when the package manager is at work: while its locks are held.
 */
#ifndef COLLECTORS_PACKAGES_TRANSACTION_H
#define COLLECTORS_PACKAGES_TRANSACTION_H

#include "core/collector.h"

enum transaction_state {
	TRANSACTION_NONE,    /* nothing is known yet, or there is no dpkg */
	TRANSACTION_IDLE,    /* nobody holds them */
	TRANSACTION_RUNNING, /* DETAIL is the holder's name, or NULL */
	TRANSACTION_UNKNOWN, /* it cannot be found out; DETAIL says why */
};

struct transaction;

/*
 * Calls ON_STATE whenever the state is another one.  One so short that nobody saw it held is told
 * of all the same.
 */
struct transaction *transaction_new(const struct collector_context *context,
    void (*on_state)(void *data, enum transaction_state state, const char *detail), void *data);
/* Takes it. */
void transaction_close(struct transaction **transaction, void (*on_closed)(void *data), void *data);

#endif
