/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.h - what is made of an answer, the token, and a test of the way to a webhook.
 */
#ifndef SINKS_WEBHOOK_WEBHOOK_H
#define SINKS_WEBHOOK_WEBHOOK_H

#include "sinks/webhook/cloudevents.h"
#include "sinks/webhook/http.h"
#include "sinks/webhook/settings.h"

enum webhook_fate {
	WEBHOOK_DELIVERED,   /* 2xx */
	WEBHOOK_LATER,       /* this event had no luck: 408, 425, 5xx */
	WEBHOOK_TARGET_DOWN, /* none would: no answer, 429, 503, a redirect, a token refused */
	WEBHOOK_DEAD,        /* it never will: any other 4xx */
};

enum webhook_fate webhook_fate_of(unsigned code);
/* "HTTP 404: not found", or why there was no answer. */
void webhook_append_answer(const struct http_answer *answer, struct buffer *out);

/* SOURCE_HOST: this machine's name, for where no source is set; lives as long as STYLE. */
enum { WEBHOOK_SOURCE_SIZE = 300 };
void webhook_style(const struct webhook_settings *set, char source[WEBHOOK_SOURCE_SIZE],
    struct cloudevents_style *out);

/*
 * The header with the token of PATH, to be wiped and freed; NULL and WHY where it cannot be used.
 */
char *webhook_authorization(const char *path, struct buffer *why);
void webhook_forget(char *authorization); /* NULL is fine */

/* Sends one event of kind test and says in SAID what was answered.  OK, or IO. */
NODISCARD enum status webhook_test(const struct webhook_settings *set, struct buffer *said);

#endif
