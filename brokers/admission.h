/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h - decides which keys may connect (ZeroMQ's authentication protocol, ZAP, RFC 27).
 *
 * libzmq asks once per CURVE handshake and stops until it is answered.  The answer gives the peer
 * its user id: the agent id in hexadecimal, worked out from the key that it has just proven to own.
 * There is one in a process.
 */
#ifndef BROKERS_ADMISSION_H
#define BROKERS_ADMISSION_H

#include "core/socket.h"
#include "core/status.h"

struct admission;

/* On the loop of SOCKETS, before any socket binds that wants it.  BUSY: there is one already. */
NODISCARD enum status admission_open(struct sockets *sockets, struct admission **out);
void admission_close(struct admission *admission); /* NULL is fine */

uint64_t admission_admitted(const struct admission *admission);
uint64_t admission_refused(const struct admission *admission);

#endif
