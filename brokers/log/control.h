/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the local socket by which operators' intent enters the log.
 *
 * A stream socket of the file system; who writes is known by the peer's credentials, which the
 * kernel vouches for.  One request, one reply (proto/control.proto), any number on a connection,
 * one at a time: while a reply is not taken nothing more is read.  How many may be here, how long
 * one may say nothing and how much it may send is bounded before anything is decoded.
 */
#ifndef BROKERS_LOG_CONTROL_H
#define BROKERS_LOG_CONTROL_H

#include <stdbool.h>
#include <uv.h>

#include "core/bytes.h"
#include "core/status.h"
#include "proto/control.pb-c.h"

enum {
	CONTROL_REQUEST_MAX = 16 * 1024 * 1024,
	CONTROL_SMALL_MAX = 64 * 1024, /* what anybody may send who reaches the socket */
};

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
/* Whoever is at the other end of the local socket FD. */
bool control_principal_of(int fd, struct control_principal *out);

/* Takes REQUEST; fills REPLY, whose texts are literals or live until the next call. */
typedef void (*control_handler)(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply);

/* 0 stands for what is said behind it. */
struct control_limits {
	unsigned connections;   /* 64 */
	unsigned kept_for_root; /* 8 of these */
	unsigned of_uid;        /* 16 */
	uint64_t idle_ms;       /* 30,000: for a request to be whole, and its reply taken */
	size_t large_bytes;     /* 64 MiB: of requests above CONTROL_SMALL_MAX, all together */
};

struct control_options {
	uv_loop_t *loop;
	const char *path;
	/* Whether PRINCIPAL may send a request above CONTROL_SMALL_MAX; else REPLY says why not. */
	bool (*may_send_large)(void *host, const struct control_principal *principal,
	    Fettle__ControlReply *reply);
	control_handler handler;
	void *host;
	struct control_limits limits;
};

/* BUSY, DENIED, IO; INVALID: the path is too long for a socket.  Logged. */
NODISCARD enum status control_open(const struct control_options *options, struct control **out);
void control_close(struct control *control); /* NULL is fine; the loop must turn once more */

#endif
