/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets.h - the collector "sockets" and its settings.
 *
 * "listen/tcp/ADDRESS:PORT" and "listen/udp/ADDRESS:PORT" are sockets that anybody may talk to: TCP
 * that listens, UDP that is bound and not connected.  An IPv6 address stands in brackets.  Fields:
 * process (the names of those that have it, sorted, with commas between; left out where none can
 * be seen, as without privilege), uid (the socket's owner).
 */
#ifndef COLLECTORS_SOCKETS_H
#define COLLECTORS_SOCKETS_H

#include "core/collector.h"

struct sockets_settings {
	uint64_t reread;
};

extern const struct collector sockets_collector;

#endif
