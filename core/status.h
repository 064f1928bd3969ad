/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - how every function that can fail says how it went.
 *
 * Foreign codes (errno, LMDB, ZeroMQ, libuv) are translated in the adapter that meets them.  Each
 * header lists what its functions can return.
 */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

enum status {
	STATUS_OK = 0,
	STATUS_NOT_FOUND, /* what was asked for is not there */
	STATUS_EXISTS,    /* it is already there */
	STATUS_AGAIN,     /* not now: a queue is empty or a peer is busy */
	STATUS_FULL,      /* a bound was reached; nothing was changed */
	STATUS_REJECT,    /* this event cannot be processed, ever: quarantine it */
	STATUS_INVALID,   /* bad input from a person or a file; a message said what */
	STATUS_CORRUPT,   /* stored bytes are not what was written */
	STATUS_DENIED,    /* the system or a rule forbids it */
	STATUS_BUSY,      /* another process holds it */
	STATUS_NO_SPACE,  /* the disk is full */
	STATUS_NO_MEMORY,
	STATUS_CLOSED, /* the other side, or this part, has ended */
	STATUS_IO,     /* any other failure of the system */
};

#define NODISCARD __attribute__((warn_unused_result))

/* "not found", "no space left", ... */
const char *status_text(enum status status);

/* The exit code that a program ends with: docs/man/fettle.1.scd lists them. */
int status_exit_code(enum status status);

/* The status for an errno value. */
enum status status_of_errno(int error);

#endif
