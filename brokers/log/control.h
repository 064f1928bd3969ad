/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the local socket by which operators' intent enters the log.
 *
 * A stream socket of the file system; who writes is known by the peer's credentials, which the
 * kernel vouches for.  One request, one reply (proto/control.proto), any number on a connection.
 */
#ifndef BROKERS_LOG_CONTROL_H
#define BROKERS_LOG_CONTROL_H

#include <stdbool.h>
#include <uv.h>

#include "core/bytes.h"
#include "core/status.h"
#include "proto/control.pb-c.h"

struct control;

/* Who is at the other end, by what the kernel says of the process. */
struct control_principal {
	uint8_t id[16];
	char name[96]; /* for a person: "root (uid 0)" */
	uint64_t uid;
	bool is_own; /* this very process */
};

/* The id of whoever has UID. */
void control_principal_id(uint64_t uid, uint8_t out[16]);

/* Takes REQUEST; fills REPLY, whose texts are literals or live until the next call. */
typedef void (*control_handler)(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply);

/* BUSY, DENIED, IO; INVALID: the path is too long for a socket.  Logged. */
NODISCARD enum status control_open(uv_loop_t *loop, const char *path, control_handler handler,
    void *host, struct control **out);
void control_close(struct control *control); /* NULL is fine; the loop must turn once more */

#endif
