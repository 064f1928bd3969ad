/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syslog.h - documents as syslog messages (RFC 5424), and messages as a stream (RFC 6587, octet
 * counting).
 *
 *	<PRI>1 TIME HOST fettle - KIND SD JSON
 *
 * HOST is the machine that sends, TIME when the event came about.  SD is `-`, or one element with
 * what is filtered by most: event_id, asset, asset_id, severity.
 */
#ifndef SINKS_SIEM_SYSLOG_H
#define SINKS_SIEM_SYSLOG_H

#include "sinks/outside/document.h"

struct syslog_style {
	unsigned facility; /* 0 to 23 */
	const char *host;  /* made fit for a header here */
	const char *sd_id; /* NULL: no structured data */
	size_t message_max;
};

/* "local0", "auth", "13"; false where it is none. */
bool syslog_facility_parse(const char *text, unsigned *out);
/* 1 to 32 printable characters but = ] " and space, with one @ and a number after it. */
bool syslog_sd_id_is_valid(const char *text);

/* Appends DOCUMENT as one message without an end. */
void syslog_append(const struct syslog_style *style, const struct document *document,
    struct buffer *out);
/* Appends MESSAGE as it goes into a stream: its length, a space, the message. */
void syslog_append_counted(struct bytes message, struct buffer *out);

#endif
