/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket.h - ZeroMQ on a libuv loop; nothing but socket.c knows libzmq.
 *
 * All sockets of a loop stand in one `struct sockets`, which runs the only pattern that loses no
 * wake-up: an empty poll callback, the work in prepare and check, an idle handle while there is
 * more (docs/delivery.md).  A socket belongs to its loop's thread.  Messages are lists of parts;
 * a socket hands over at most 32 of them before the next one has its turn.
 */
#ifndef CORE_SOCKET_H
#define CORE_SOCKET_H

#include <uv.h>

#include "core/bytes.h"
#include "core/status.h"

enum { SOCKET_PARTS_MAX = 8, SOCKET_KEY_SIZE = 32, SOCKET_KEY_TEXT = 41 };

/* One a process; threads' inproc endpoints meet in it.  It has room for 1000 sockets. */
struct socket_context;
NODISCARD enum status socket_context_new(struct socket_context **out);
/* Before the first is opened: room for as many as SOCKETS.  12 bytes each are in use from then on.
 */
void socket_context_allow(struct socket_context *context, unsigned sockets);
void socket_context_free(struct socket_context *context); /* after all sockets are closed */

/* A CURVE key pair in Z85, 40 characters and a NUL each. */
void socket_key_pair(char public_key[SOCKET_KEY_TEXT], char secret_key[SOCKET_KEY_TEXT]);
/* The public key of a secret one; false if that is none. */
bool socket_key_public(const char *secret_key, char public_key[SOCKET_KEY_TEXT]);
/* Its text. */
void socket_key_encode(const uint8_t key[SOCKET_KEY_SIZE], char out[SOCKET_KEY_TEXT]);
/* The 32 bytes behind a Z85 text; false if it is not one. */
bool socket_key_decode(const char *text, uint8_t out[SOCKET_KEY_SIZE]);

/* Whether ENDPOINT is within the process, where nobody has to prove who they are. */
bool socket_is_inproc(const char *endpoint);

struct sockets;
struct socket;

/* Called once a loop turn, after the sockets had theirs; HAS_MORE: input is still waiting. */
typedef void (*sockets_on_round)(void *data, bool has_more);

NODISCARD enum status sockets_new(struct socket_context *context, uv_loop_t *loop,
    sockets_on_round on_round, void *data, struct sockets **out);
/* Closes every socket; the loop must turn once more for its handles to go. */
void sockets_free(struct sockets *sockets);

enum socket_type { SOCKET_DEALER, SOCKET_ROUTER, SOCKET_REP };

struct socket_options {
	enum socket_type type;
	const char
	    *endpoint; /* tcp:// or inproc://; never ipc://, which loses the end of streams */
	bool binds;
	int high_water_mark;    /* messages each way; 0: 1000 */
	int64_t message_max;    /* bytes; 0: 1 MiB */
	bool faces_strangers;   /* the limits of a socket that anyone may reach */
	const char *server_key; /* CURVE client: the server's public key, Z85; NULL: no CURVE */
	const char *public_key; /* CURVE client: its own pair */
	const char *secret_key; /* CURVE, either side */
	bool is_curve_server;
	const char *domain; /* CURVE server: who decides over its peers (zap.h); NULL: "fettle" */
	/*
	 * Parts and USER (the peer's authenticated id, "" if there is none) are borrowed.  A
	 * router's first part is the route that goes before an answer.
	 */
	void (*on_message)(void *data, const struct bytes *parts, size_t count, const char *user);
	/*
	 * A tcp socket that connects: the other side is there (authenticated), or is not any more.
	 * May be NULL; takes two more of the context's sockets.
	 */
	void (*on_connection)(void *data, bool is_connected);
	void *data;
};

/*
 * BUSY: the address is in use; DENIED; INVALID: not an endpoint, or unknown host; IO (EMFILE too).
 * Logged.
 */
NODISCARD enum status socket_open(struct sockets *sockets, const struct socket_options *options,
    struct socket **out);
void socket_close(struct socket *socket); /* NULL is fine; safe within on_message */

/* A paused socket hands over nothing: its peers' messages wait, and then their senders. */
void socket_pause(struct socket *socket, bool is_paused);

/* Whether messages wait that it may hand over: never of a paused one. */
bool socket_has_input(const struct socket *socket);

/* Within on_message: the descriptor of the connection that it came by; -1: of none. */
int socket_source(const struct socket *socket);
/* Ends that connection; its peer may dial again.  -1 is fine. */
void socket_disconnect(int source);

/* Within on_message: the address of the peer, without its port; "" by inproc. */
const char *socket_peer_address(const struct socket *socket);

/* The address bound to, with the port that the system chose for tcp://…:0 or :*. */
const char *socket_endpoint(const struct socket *socket);

/*
 * Never blocks.  OK: taken, which is not delivered.  AGAIN: no room now; the message stays with the
 * caller.  CLOSED: a router has no such peer any more.
 */
NODISCARD enum status socket_send(struct socket *socket, const struct bytes *parts, size_t count);

#endif
