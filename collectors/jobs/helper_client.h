/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper_client.h - the agent's end of the helper's socket.
 */
#ifndef COLLECTORS_JOBS_HELPER_CLIENT_H
#define COLLECTORS_JOBS_HELPER_CLIENT_H

#include <sys/types.h>
#include <uv.h>

#include "proto/helper.pb-c.h"

struct helper_client;

struct helper_client_events {
	/* From the loop; REPLY is borrowed for the call. */
	void (*on_reply)(void *data, const Fettle__HelperReply *reply);
	/* The connection is gone; not after helper_client_free. */
	void (*on_lost)(void *data);
};

/* DATA_DIRECTORY and EVENTS live longer.  Nothing is connected yet. */
struct helper_client *helper_client_new(uv_loop_t *loop, const char *data_directory,
    const struct helper_client_events *events, void *data);
void helper_client_free(struct helper_client *client); /* NULL is fine; closes on the loop */

/*
 * Connects where it is not connected: 0, or why not, as errno.  EPERM: it is there, and run neither
 * by root nor by this user, who alone are believed.  It does not block.
 */
int helper_client_open(struct helper_client *client);
/* Where the connection breaks, on_lost says so; it must be open. */
void helper_client_send(struct helper_client *client, const Fettle__HelperRequest *request);

/* The process that listens for DATA_DIRECTORY; -1: none does. */
pid_t helper_client_find(const char *data_directory);

#endif
