/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders.h - what operators order of the log itself, by the local socket: enrolments and members.
 *
 * Nothing of a request is believed: every field is checked, and what is wrong is said in words.
 */
#ifndef BROKERS_LOG_ORDERS_H
#define BROKERS_LOG_ORDERS_H

#include "brokers/log/enrolments.h"
#include "proto/control.pb-c.h"

enum { ORDERS_AGENTS_MAX = 10000, ORDERS_MESSAGE_SIZE = 256 };

/* What came of it.  Lives on until the reply is packed. */
struct orders_answer {
	char message[ORDERS_MESSAGE_SIZE]; /* where it failed; "" */
	uint64_t written;                  /* how many changed something */
	bool has_made;
	struct log_enrolments_made made;
	uint8_t id[AGENT_ID_SIZE]; /* of an agent that was admitted */
	bool has_id;
};

/* Whether REQUEST is one of these orders. */
bool orders_has(const Fettle__ControlRequest *request);

/*
 * Executes it for the person BY: all of it, or nothing.  ON_COMMAND (with DATA) is told of each
 * command that was written to an agent.  INVALID, NOT_FOUND, DENIED: the answer's message says why,
 * and the transaction must be aborted.  In a transaction.
 */
NODISCARD enum status orders_execute(struct log_store *store, const Fettle__ControlRequest *request,
    const char *by, uint64_t now_ms,
    void (*on_command)(void *data, const struct log_command *command), void *data,
    struct orders_answer *answer);

#endif
