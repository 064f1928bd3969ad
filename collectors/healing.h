/* SPDX-License-Identifier: Apache-2.0 */
/*
 * healing.h - the agent's part in agreeing with the server on what there is: it sends digests of
 * its ledger, now and then and after every connect, and sends again what is asked for.
 *
 * A digest is sent only once collectors have looked at everything since facts were last forgotten:
 * before that the two sides differ as a matter of course.  What follows a restored server is spread
 * at random over the time that the server says.
 */
#ifndef COLLECTORS_HEALING_H
#define COLLECTORS_HEALING_H

#include <uv.h>

#include "core/observer.h"
#include "core/spool.h"
#include "proto/command.pb-c.h"

struct healing;

struct healing_options {
	uv_loop_t *loop;
	struct spool *spool;
	const struct observer *observer;
	uint64_t digest_ms;                                 /* from one to the next */
	bool (*is_open)(void *self);                        /* the server can be reached */
	void (*refresh)(void *self);                        /* every collector looks again */
	void (*on_failure)(void *self, enum status status); /* of the spool */
	void *self;
};

/* Does nothing before the first welcome. */
struct healing *healing_new(const struct healing_options *options);
/* The loop must turn once more before healing_free.  NULL is fine, for both. */
void healing_stop(struct healing *healing);
void healing_free(struct healing *healing);

/* A session is open. */
void healing_welcome(struct healing *healing, uint64_t spread_ms);
/* All facts were forgotten: they are to be observed again, at random within SPREAD_MS. */
void healing_anew(struct healing *healing, uint64_t spread_ms);
/* The server asks for a digest with its buckets, or for the facts of some. */
void healing_resync(struct healing *healing, const Fettle__Resync *resync);

#endif
