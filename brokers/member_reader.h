/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_reader.h - a gateway's own link to the log, by which it reads who is admitted.
 */
#ifndef BROKERS_MEMBER_READER_H
#define BROKERS_MEMBER_READER_H

#include "brokers/member_list.h"
#include "core/dialler.h"

struct member_reader;

struct member_reader_options {
	uv_loop_t *loop;
	struct sockets *sockets;
	const char *endpoint;              /* the log's, for readers */
	const struct peers_caller *caller; /* ignored by inproc */
	struct member_list *list;          /* is filled */
	/* The log is there: for the first time, or again.  With DATA. */
	void (*on_log)(void *data);
	void *data;
};

/* As dialler_new. */
NODISCARD enum status member_reader_open(const struct member_reader_options *options,
    struct member_reader **out);
void member_reader_close(struct member_reader *reader); /* NULL is fine; the loop must turn */
/*
 * Acknowledges what was read, and ends those whose time is over; the gateway calls it at the end of
 * each of its turns, of which the link to the log alone makes two a second.
 */
void member_reader_pump(struct member_reader *reader);

#endif
