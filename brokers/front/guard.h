/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - looks at the connections of the sockets that strangers reach, and ends those that go
 * too far (ledger.h says which).
 *
 * It asks the kernel about every descriptor of the process whose own port is one of theirs: two
 * calls a connection.  It does so every second, and within a tenth of one as soon as the process
 * has grown, which is the only harm that cannot wait.
 */
#ifndef BROKERS_FRONT_GUARD_H
#define BROKERS_FRONT_GUARD_H

#include <uv.h>

#include "brokers/front/ledger.h"
#include "core/socket.h"

struct guard_options {
	uv_loop_t *loop;
	/* tcp, as bound to; NULL, or with another transport, the door is not watched. */
	const char *endpoints[LEDGER_DOORS];
	struct ledger_limits limits;
	/* What is read of each; called at each look. */
	struct ledger_front (*front_state)(void *self, enum ledger_door door);
	/* The agents' is not read, and holds more than it may: read it, and throw that away. */
	void (*on_flooded)(void *self);
	/* AGENT was ended for a message without end. */
	void (*on_endless)(void *self, const uint8_t agent[16]);
	void *self;
};

struct guard;

struct guard *guard_new(const struct guard_options *options);
/* Its loop must turn once more.  NULL is fine. */
void guard_free(struct guard *guard);

/* As ledger_delivered. */
void guard_delivered(struct guard *guard, int fd, size_t size, const uint8_t agent[16]);
/* The front ended a connection itself, for sending what it may not. */
void guard_note_cut(struct guard *guard);

/* Connections that were ended, ever. */
uint64_t guard_ended(const struct guard *guard);

/*
 * Raises this process's limit of open files as far as it may go.  Returns it.
 */
uint64_t guard_raise_file_limit(void);

#endif
