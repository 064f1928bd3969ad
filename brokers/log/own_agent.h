/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_agent.h - the agent of the log's own machine, which is admitted without being asked for.
 */
#ifndef BROKERS_LOG_OWN_AGENT_H
#define BROKERS_LOG_OWN_AGENT_H

#include "brokers/log/members.h"

/*
 * The public key of the agent whose keys stand in the data directory DATA; they are made where
 * MAKES.  NOT_FOUND: there is none; else as keys_load.
 */
NODISCARD enum status own_agent_key(const char *data, bool makes, uint8_t out[SOCKET_KEY_SIZE]);
/* Admits it, unless an operator has revoked it.  In a transaction. */
NODISCARD enum status own_agent_admit(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    uint64_t now_ms);

#endif
