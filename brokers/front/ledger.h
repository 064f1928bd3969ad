/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - what each connection to the gateway has sent, has had delivered and so still holds
 * here, and which of them go.
 *
 * libzmq bounds the size of a frame and the number of whole messages that wait, but neither the
 * frames of a message that never ends nor the number of peers in handshake.  What TCP has received
 * of a connection, less what the front has handed over and what the kernel still keeps, is what
 * libzmq holds of it in memory; nothing that a peer can say changes that sum.
 *
 * Pure accounting: no socket and no clock.  A look is: ledger_begin, ledger_see for every
 * connection, ledger_judge, which calls `shut` for each that goes.
 */
#ifndef BROKERS_FRONT_LEDGER_H
#define BROKERS_FRONT_LEDGER_H

#include "core/bytes.h"

enum {
	LEDGER_ADDRESS = 16,               /* IPv6, or IPv4 mapped to it */
	LEDGER_STRANGER_BYTES = 16 * 1024, /* a handshake and a hello take a tenth of it */
	LEDGER_ASKING_BYTES = 64 * 1024,   /* as many whole requests as libzmq queues take less */
	LEDGER_PEER_CONNECTIONS = 4, /* of one agent: the old, the new, and those that half died */
};

/* By which of the gateway's ports it came.  At the second everybody is a stranger and stays one. */
enum ledger_door { LEDGER_AGENTS, LEDGER_ENROLMENT, LEDGER_DOORS };

/* Why a connection goes. */
enum ledger_reason {
	LEDGER_KEEP,
	LEDGER_MUTE,       /* connected, and in all its time has not said what one comes to say */
	LEDGER_BABBLES,    /* a stranger, and holds more than one needs to */
	LEDGER_ENDLESS,    /* a message that does not end */
	LEDGER_HOLDS_MOST, /* all together hold too much, and this one the most */
	LEDGER_CROWD,      /* too many strangers at its door, of its address or of all */
	LEDGER_FULL,       /* more connections than are allowed */
	LEDGER_TWINS,      /* too many connections of one agent */
	LEDGER_REASONS
};

const char *ledger_reason_text(enum ledger_reason reason);

/* Of IPv6 the first 64 bits are an address: one machine has all that begin so. */
struct ledger_crowd {
	size_t most, per_address;
};

struct ledger_limits {
	uint64_t mute_ms;       /* to become an agent, or to ask */
	uint64_t asked_ms;      /* who asked at the second door may say nothing for so long */
	uint64_t frame_max;     /* bytes */
	uint64_t queue_frames;  /* whole messages that libzmq queues of one connection */
	uint64_t held_max;      /* bytes, of all connections */
	size_t connections_max; /* of all doors */
	struct ledger_crowd strangers[LEDGER_DOORS];
};

struct ledger_connection {
	uint64_t cookie;   /* the kernel's, never used twice: descriptors are */
	uint64_t received; /* bytes, ever */
	uint64_t queued;   /* bytes of them that the kernel still keeps */
	uint8_t address[LEDGER_ADDRESS];
	enum ledger_door door;
};

struct ledger;

struct ledger *ledger_new(const struct ledger_limits *limits);
void ledger_free(struct ledger *ledger); /* NULL is fine */

/*
 * A whole message of AGENT (NULL: at the second door, where there are none) came by descriptor FD;
 * SIZE is that of its payload.
 */
void ledger_delivered(struct ledger *ledger, int fd, size_t size, const uint8_t agent[16]);

/* The kernel's cookie of the connection at FD when last looked at; 0: there was none. */
uint64_t ledger_cookie(const struct ledger *ledger, int fd);

void ledger_begin(struct ledger *ledger, uint64_t now_ms);
/* Address and door count where the cookie is new. */
void ledger_see(struct ledger *ledger, int fd, const struct ledger_connection *connection);

/* Is what comes by a door read at all, and to its end? */
struct ledger_front {
	bool is_read, is_drained;
};

struct ledger_end {
	int fd;
	enum ledger_reason reason;
	const uint8_t *address; /* LEDGER_ADDRESS bytes */
	const uint8_t *agent;   /* 16 bytes; NULL: a stranger */
};

typedef void (*ledger_shut)(void *self, const struct ledger_end *end);
void ledger_judge(struct ledger *ledger, const struct ledger_front fronts[LEDGER_DOORS],
    ledger_shut shut, void *self);

/* As of the last look. */
struct ledger_totals {
	size_t connections, strangers, enrolling; /* the last are strangers, too */
	uint64_t held;                            /* bytes in memory */
	bool has_suspect;                         /* look again soon */
};
const struct ledger_totals *ledger_totals(const struct ledger *ledger);

#endif
