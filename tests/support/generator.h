/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generator.h - a synthetic agent: the real spool, observer and link, and facts that it makes up.
 *
 * It writes down what it produced in a journal of its own, so that a checker can hold against it
 * what the other parties kept.  A line is on the disk before its fact is committed to the spool,
 * and a fact whose line is there is observed again at the next start: after kill -9 at any moment
 * the journal names exactly the facts that are or will be sent.
 */
#ifndef TESTS_SUPPORT_GENERATOR_H
#define TESTS_SUPPORT_GENERATOR_H

#include <uv.h>

#include "core/lane.h"
#include "core/socket.h"
#include "core/status.h"

struct generator;

struct generator_options {
	uv_loop_t *loop;
	struct socket_context *sockets;
	const char *directory;  /* keys/, spool/ and the journal */
	const char *endpoint;   /* of the gateway, or of several: "A,B"; NULL: produce only */
	const char *server_key; /* Z85 */
	const char *seed;       /* keys are test/SEED/NUMBER */
	uint64_t count;         /* facts 0 to COUNT, of which 0 marks the beginning */
	uint64_t rate;          /* facts a second; 0: as fast as the spool takes them */
	size_t value_size;      /* bytes of a value's text */
	enum lane lane;         /* 0: each lane in turn */
	bool shares_values;     /* a number's value is the same under every seed */
	bool has_journal;       /* false: for benchmarks */
	bool is_sender;         /* false and COUNT is produced; true: what the spool has is sent */
	uint64_t sound; /* facts from this number on are nothing that can be processed; 0: none */
	uint64_t spool_size; /* bytes */
	uint64_t probe_ms;   /* a critical fact every so often, while it sends; 0: none */
	uint64_t probes;     /* so many; their keys are test/SEED/probe/WALL-MS-OF-APPENDING */
};

/* Whatever spool_open, keys_load and socket_open return; logged. */
NODISCARD enum status generator_new(const struct generator_options *options,
    struct generator **out);
/* Closes its handles; the loop must turn once more before generator_free. */
void generator_stop(struct generator *generator);
void generator_free(struct generator *generator);

/* Everything was produced and, where it sends, acknowledged. */
bool generator_is_done(const struct generator *generator);
/* OK, or why it cannot go on. */
enum status generator_failure(const struct generator *generator);
uint64_t generator_produced(const struct generator *generator);

#endif
