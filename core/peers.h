/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - the services that talk to each other between processes: a key each, an allow-list a
 * role.
 *
 * Whoever is called names the roles that may call an endpoint, its door.  As a role is let in who
 * owns the secret of a key that stands in keys/peers/ROLE/NAME.pub, or of keys/ROLE.pub in the data
 * directory itself, which both have where they share it.  Its messages then bear the user id
 * "ROLE:ID", of which nothing is its own word.
 */
#ifndef CORE_PEERS_H
#define CORE_PEERS_H

#include "core/keys.h"
#include "core/zap.h"

struct peers;
struct peers_door;

/* ---- who calls ---- */

/* What a calling service shows and expects. */
struct peers_caller {
	struct key_pair own;
	char *server_file; /* the public key of who is called; read whenever it is called */
};

/*
 * ROLE's own pair, made where there is none, and the key of SERVER: SETTING, a file that has to be
 * there, or where that is "" keys/SERVER.pub of DATA, which SERVER may still have to make.  As
 * keys_load; NOT_FOUND.  Logged.
 */
NODISCARD enum status peers_call(const char *data, const char *role, const char *server,
    const char *setting, struct peers_caller *out);
void peers_caller_fini(struct peers_caller *caller);
/* The key of who is called.  NOT_FOUND: it has none yet, which is not logged; else as keys_load. */
NODISCARD enum status peers_server_key(const char *file, char out[SOCKET_KEY_TEXT]);

/* ---- who is called ---- */

/*
 * ROLE's own pair and the process's ZAP handler, on the loop of SOCKETS.  As keys_load and
 * zap_open.
 */
NODISCARD enum status peers_open(const char *data, const char *role, struct sockets *sockets,
    struct peers **out);
void peers_close(struct peers *peers); /* NULL is fine; its doors go with it */

/*
 * The ZAP domain DOMAIN lets in ROLES, which end with NULL; both live on.  A key in several lists
 * calls as the first role.
 */
const struct peers_door *peers_add_door(struct peers *peers, const char *domain,
    const char *const *roles);
/* Reads the lists anew.  It is done too, at most fifty times a second, when an unknown key knocks.
 */
void peers_reload(struct peers *peers);

uint64_t peers_refused(const struct peers *peers); /* handshakes, so far */

const char *peers_secret_key(const struct peers_door *door);
const char *peers_domain(const struct peers_door *door);
/* Whether USER, as a message bears it, still stands in a list. */
bool peers_admit(const struct peers_door *door, const char *user);
/* Whether USER may call itself NAME: its role ("processor"), or that and more ("sink/store"). */
bool peers_may_be(const char *user, struct bytes name);

#endif
