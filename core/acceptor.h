/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acceptor.h - the called end of links on a loop: one ROUTER socket, a link per session.
 *
 * Used by the log, towards agents (their frames come through gateways, each under a header that
 * names the authenticated agent) and towards processors, and by a processor towards its sinks.
 * A peer that says hello again, and is let in, replaces its older session.
 */
#ifndef CORE_ACCEPTOR_H
#define CORE_ACCEPTOR_H

#include "core/link.h"
#include "core/peers.h"
#include "core/socket.h"

enum { ACCEPTOR_IDENTITY_MAX = 64 };

struct acceptor;

/* One session.  The link's operations get it as `self`. */
struct acceptor_peer {
	struct acceptor *acceptor;
	struct link *link;
	uint8_t
	    identity[ACCEPTOR_IDENTITY_MAX]; /* agent id, or the name in a direct peer's hello */
	size_t identity_size;
	void *data; /* the host's own; see on_gone */
	struct acceptor_session *session;
};

struct acceptor_options {
	uv_loop_t *loop;
	struct sockets *sockets;
	const char *endpoint;
	/*
	 * Who may call, by CURVE; ignored by inproc, and needed by all else.  What a direct peer
	 * calls itself must begin with the role that its key has.
	 */
	const struct peers_door *door;
	/*
	 * Frames come through a gateway: a header of agent id and gateway's route stands before
	 * each. Without it the peer is named by its hello.
	 */
	bool is_relayed;
	/*
	 * A hello of IDENTITY: answer it in WELCOME (made in ARENA) and set *data, or refuse with
	 * any other status than OK and a *reason that is logged.  An older session of IDENTITY is
	 * still open, and goes once the answer is OK.
	 */
	enum status (*on_hello)(void *host, struct bytes identity, const Fettle__Hello *hello,
	    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason);
	/* False: this hello of IDENTITY is passed over, as if it had not come.  May be NULL. */
	bool (*may_greet)(void *host, struct bytes identity);
	/* The session of PEER ends; its data may be freed.  May be NULL. */
	void (*on_gone)(void *host, struct acceptor_peer *peer);
	/*
	 * A message of the gateway's own, whose header bears no agent: what is written to REPLY, if
	 * anything, goes back by the same way.  NULL: there are none.
	 */
	void (*on_gateway)(void *host, struct bytes message, struct buffer *reply);
	/* With `transmit` left NULL; `self` is the struct acceptor_peer. */
	struct link_operations operations;
	void *host;
	struct credit_pool *pool; /* of what comes in over all sessions; NULL: not counted */
};

NODISCARD enum status acceptor_new(const struct acceptor_options *options, struct acceptor **out);
void acceptor_free(struct acceptor *acceptor); /* NULL is fine; the loop must turn once more */

const char *acceptor_endpoint(const struct acceptor *acceptor);
void *acceptor_host(const struct acceptor *acceptor);
/* Within on_hello: the user id of the key that says it (peers.h); "" where there is no door. */
const char *acceptor_speaker(const struct acceptor *acceptor);
size_t acceptor_count(const struct acceptor *acceptor);

/* The open session of IDENTITY, or NULL. */
struct acceptor_peer *acceptor_find(struct acceptor *acceptor, struct bytes identity);
/* Every session in turn: NULL begins, NULL ends. */
struct acceptor_peer *acceptor_next(struct acceptor *acceptor, struct acceptor_peer *after);

/* PEER has something to send: acceptor_pump will look at it. */
void acceptor_mark(struct acceptor_peer *peer);
/* The lists of the door were read anew: ends the sessions of those that are in none any more. */
void acceptor_recheck(struct acceptor *acceptor);
/* Sends what marked peers have; the host calls it at the end of each of its turns. */
void acceptor_pump(struct acceptor *acceptor);
/* Ends every session: each peer is told, and says hello again. */
void acceptor_drop(struct acceptor_peer *peer, const char *reason);

#endif
