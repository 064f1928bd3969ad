/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zap.h - who may connect: ZeroMQ's authentication protocol (ZAP, RFC 27), one handler a process.
 *
 * libzmq asks once per CURVE handshake and stops until it is answered.  Each bound socket has a
 * domain (socket_options), and each domain one that decides over the keys of its peers; a domain
 * that nobody decides over admits nobody.
 */
#ifndef CORE_ZAP_H
#define CORE_ZAP_H

#include "core/socket.h"
#include "core/status.h"

enum { ZAP_USER_MAX = 64, ZAP_DOMAINS_MAX = 8 };

struct zap;

/* Who knocks.  Borrowed for the call. */
struct zap_request {
	const char *domain;
	const char *address; /* the peer's, without its port */
	const uint8_t *key;  /* SOCKET_KEY_SIZE bytes: the public key that it has proven to own */
};

/*
 * OK: admitted, under the name that it wrote to USER, which every message of the peer then has.
 * Anything else: refused; the peer tries again later.
 */
typedef enum status (
    *zap_decide)(void *data, const struct zap_request *request, char user[ZAP_USER_MAX]);

/* On the loop of SOCKETS, before any socket binds that wants it.  BUSY: the process has one. */
NODISCARD enum status zap_open(struct sockets *sockets, struct zap **out);
void zap_close(struct zap *zap); /* NULL is fine */

/* DECIDE is asked over DOMAIN (which lives on), on the loop of the handler. */
void zap_add(struct zap *zap, const char *domain, zap_decide decide, void *data);

uint64_t zap_admitted(const struct zap *zap);
uint64_t zap_refused(const struct zap *zap);

#endif
