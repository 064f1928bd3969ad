/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.h - lets this machine in: makes its key, asks the server that an enrolment file names, and
 * keeps what it has to know of that server.
 *
 * It runs a loop of its own until the answer is there, and is for programs, not for roles.
 */
#ifndef COLLECTORS_ENROL_H
#define COLLECTORS_ENROL_H

#include "core/enrolment_file.h"
#include "core/hash.h"

struct enrol_options {
	const char *data; /* the data directory of the agent */
	const char *root; /* "" or, in tests, a directory that stands for "/" */
	const struct enrolment_file *file;
	uint64_t wait_ms; /* for an answer, and for an operator's approval; UINT64_MAX: for ever */
	bool waits_for_approval;
	bool wants_new_key; /* the one that is there is put aside */
	/* What happens meanwhile, for a person. */
	void (*on_progress)(const void *data, const char *text);
	const void *progress_data;
};

struct enrol_result {
	char agent[2 * HASH_SIZE
		   + 1];  /* the id by which the server knows it; "" where it said none */
	char reason[512]; /* of a refusal, as the server gave it */
};

/*
 * OK: it was admitted.  AGAIN: an operator has to approve it.  DENIED: it was refused.  CLOSED:
 * nobody has answered.  EXISTS: DATA is a server's, whose own agent is let in without this.
 * CORRUPT, NO_SPACE, IO: logged.
 */
NODISCARD enum status enrol(const struct enrol_options *options, struct enrol_result *result);

/* What is kept of the server: keys/server.yaml of DATA, without a secret.  NOT_FOUND; or logged. */
NODISCARD enum status enrol_server(const char *data, struct enrolment_file *out);

/*
 * What a service does before it begins: makes sure of whose key this is, and enrols by
 * keys/enrolment where that is there and was not used.  OK: go on.  NOT_FOUND: this is a copy of
 * another machine and has to be enrolled; or as enrol.  Logged.
 */
NODISCARD enum status enrol_at_start(const char *data, const char *root);

#endif
