/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_client.h - writes intent through the local socket of the running log.
 */
#ifndef CONSOLE_CONTROL_CLIENT_H
#define CONSOLE_CONTROL_CLIENT_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/status.h"
#include "proto/control.pb-c.h"

/*
 * Sends REQUEST to the log of the data directory DATA and waits for the answer, 10 seconds at most.
 * CLOSED: no log runs there; AGAIN: it does not answer; DENIED; REJECT or whatever the log said.
 * Every failure has been written to standard error with what to do.
 */
NODISCARD enum status control_send(const char *data, const Fettle__ControlRequest *request,
    uint64_t *written);

/* The same, and what was answered, in ARENA; it may hold a secret. */
NODISCARD enum status control_ask(const char *data, const Fettle__ControlRequest *request,
    struct arena *arena, Fettle__ControlReply **out);

/* Whether a log runs on the data directory DATA in this moment. */
bool control_is_running(const char *data);

#endif
