/* SPDX-License-Identifier: Apache-2.0 */
/*
 * siem.h - what a message to a SIEM looks like, and a test of the way to one.
 */
#ifndef SINKS_SIEM_SIEM_H
#define SINKS_SIEM_SIEM_H

#include "sinks/siem/settings.h"
#include "sinks/siem/syslog.h"

/* By target and format: JSON or syslog, a line or counted. */
struct siem_form {
	bool is_syslog, is_counted;
	char host[256];
	struct syslog_style style;
};

/* The settings are valid, and live on. */
void siem_form_init(struct siem_form *form, const struct siem_settings *set,
    const struct siem_place *place);
/* Appends the whole of what is sent for DOCUMENT. */
void siem_form_append(const struct siem_form *form, const struct document *document,
    struct buffer *out);

/*
 * Sends one event of kind test, waits until it counts as delivered or could not be, and says in
 * SAID what happened.  OK, or IO.
 */
NODISCARD enum status siem_test(const struct siem_settings *set, struct buffer *said);

#endif
