/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment.h - the gateway's endpoint for machines that nobody knows yet.
 *
 * CURVE, so that the machine knows its server by the pinned key and proves the key that it wants
 * admitted; any key may connect, and therefore little is held for it: small frames, short queues,
 * so many handshakes and questions a second and address; connections are the guard's to bound
 * (front/guard.h).  Who is refused again and again is charged for that apart, and not heard from
 * that address for a while, so that guessing takes nothing from those who may come in.  It decides
 * nothing: it says who asks from where, and the log answers.
 */
#ifndef BROKERS_ENROLMENT_H
#define BROKERS_ENROLMENT_H

#include "core/socket.h"
#include "core/zap.h"

/* A route is the asker's address and the socket's own. */
enum { ENROLMENT_FRAME_MAX = 4096, ENROLMENT_ROUTE_MAX = 32 };

struct enrolment;

struct enrolment_options {
	struct sockets *sockets;
	struct zap *zap;
	const char *endpoint;
	const char *secret_key; /* of the server */
	/*
	 * An EnrolRelay for the log, whose answer goes back by ROUTE.  AGAIN: the log has no room;
	 * then the machine is told to come again.
	 */
	enum status (*relay)(void *data, struct bytes route, struct bytes relay);
	/* A whole message of SIZE bytes came by CONNECTION.  NULL: nobody wants to know. */
	void (*on_heard)(void *data, int connection, size_t size);
	void *data;
};

/* As socket_open. */
NODISCARD enum status enrolment_open(const struct enrolment_options *options,
    struct enrolment **out);
void enrolment_close(struct enrolment *enrolment); /* NULL is fine */

/* The log's EnrolReply for ROUTE. */
void enrolment_answer(struct enrolment *enrolment, struct bytes route, struct bytes reply);
const char *enrolment_endpoint(const struct enrolment *enrolment);
/* Whether messages wait that were not looked at yet. */
bool enrolment_has_input(const struct enrolment *enrolment);

#endif
