/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intent.h - what operators want, gathered and then written to the log as one request: all of it is
 * taken, or nothing.
 */
#ifndef CONSOLE_INTENT_H
#define CONSOLE_INTENT_H

#include "core/bytes.h"
#include "core/status.h"
#include "proto/control.pb-c.h"

/* Owns all that it points to until it is sent or let go. */
struct intent {
	Fettle__ControlRequest request;
	struct arena arena; /* also for the texts of what is added */
	size_t room;
};

void intent_init(struct intent *intent);
void intent_fini(struct intent *intent);

/* One record of KIND with BODY; a later one of the same KEY replaces it. */
void intent_add(struct intent *intent, uint32_t kind, const char *key,
    const ProtobufCMessage *body);
/* As control_send; OK where there is nothing to send.  *written: how many changed something. */
NODISCARD enum status intent_send(struct intent *intent, const char *data, uint64_t *written);

/*
 * Asks IS_DONE again and again until it says so, or for PATIENCE_MS: what was sent takes effect
 * once a processor has read it, and shows once the store has.  False: it has not yet.
 */
enum { INTENT_PATIENCE_MS = 5000 };
bool intent_wait(bool (*is_done)(void *data), void *data, uint64_t patience_ms);

#endif
