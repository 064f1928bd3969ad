/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_client.h - asks a server's enrolment endpoint one question, until it is answered: may this
 * key come in?
 *
 * Addresses are tried in turn, for ever, a few seconds each; whoever asks ends it.
 */
#ifndef COLLECTORS_ENROL_CLIENT_H
#define COLLECTORS_ENROL_CLIENT_H

#include "core/enrolment_file.h"
#include "core/keys.h"
#include "proto/admission.pb-c.h"

struct enrol_client;

struct enrol_client_options {
	uv_loop_t *loop;
	struct sockets *sockets;
	const struct enrolment_file *file; /* without a secret: how does this key stand? */
	const struct key_pair *keys;
	const char *root; /* "" or, in tests, a directory that stands for "/" */
	/*
	 * An answer.  0: it is enough; else ask again in so many milliseconds.  The client is not
	 * to be freed in it.
	 */
	uint64_t (*on_reply)(void *data, const Fettle__EnrolReply *reply);
	void (
	    *on_silence)(void *data, const char *endpoint); /* did not answer; the next is tried */
	void *data;
};

/* FILE and KEYS live longer.  As socket_open. */
NODISCARD enum status enrol_client_new(const struct enrol_client_options *options,
    struct enrol_client **out);
void enrol_client_free(
    struct enrol_client *client); /* NULL is fine; the loop must turn once more */

#endif
