/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialler.h - the calling end of a link on a loop: one DEALER socket, one link, one timer, and the
 * choice of whom to call.
 *
 * Used by an agent towards its gateway, a processor towards the log, and a sink towards a
 * processor.
 */
#ifndef CORE_DIALLER_H
#define CORE_DIALLER_H

#include "core/link.h"
#include "core/peers.h"
#include "core/socket.h"

struct dialler;

struct dialler_options {
	uv_loop_t *loop;
	struct sockets *sockets;
	const char *endpoint; /* where there is but one */
	/*
	 * Several that lead to the same other side: which comes first is drawn from the public key,
	 * so that many dialers spread over them; who finds one silent or gone goes on to the next.
	 */
	const char *const *endpoints;
	size_t endpoints_count;
	const char *server_key, *public_key, *secret_key; /* CURVE; NULL: none (inproc) */
	/*
	 * In place of those three, between services: who calls (peers.h), which lives as long as
	 * the dialler.  It calls once there is a key to call with.  Ignored by inproc.
	 */
	const struct peers_caller *caller;
	/* `transmit` is the dialler's own and left NULL; the others get SELF. */
	struct link_operations operations;
	void *self;
	/*
	 * Between servers: a part that was started again is noticed within a second.  Agents are
	 * too many for that.
	 */
	bool is_inner;
};

/* As socket_open. */
NODISCARD enum status dialler_new(const struct dialler_options *options, struct dialler **out);
void dialler_free(struct dialler *dialler); /* NULL is fine; the loop must turn once more */

struct link *dialler_link(struct dialler *dialler);
/* Sends what is due; the host calls it at the end of each of its turns. */
void dialler_pump(struct dialler *dialler);

#endif
