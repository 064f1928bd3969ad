/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - POST requests on a loop; nothing but http.c knows libcurl.
 *
 * http and https only, no redirects, no signals, certificates checked, and of an answer no more is
 * read than fits a message.
 */
#ifndef SINKS_WEBHOOK_HTTP_H
#define SINKS_WEBHOOK_HTTP_H

#include <uv.h>

#include "core/bytes.h"
#include "core/status.h"

struct http;
struct http_request;

enum { HTTP_SAID_MAX = 200 };

struct http_answer {
	unsigned code;           /* 200, 429, …; 0: there was no answer */
	const char *error;       /* why there was none */
	uint64_t retry_after_ms; /* as the answer asked for, at most a day; 0: it did not */
	const char *said;        /* the beginning of its body */
};

struct http_options {
	uv_loop_t *loop;
	const char *url;
	const char *ca_file; /* NULL: the system's */
	uint64_t timeout_ms;
	unsigned parallel;
};

struct http *http_new(const struct http_options *options);
/* Ends every request without a word; frees itself once the loop has turned. */
void http_free(struct http *http);

/* True where URL is one, of http or https, with a host and without a user; else WHY says so. */
bool http_url_is_valid(const char *url, struct buffer *why);

/*
 * HEADERS ("Name: value", ends with NULL) and BODY are copied.  ON_DONE comes once, from the loop,
 * unless it is cancelled; after it the request is gone.
 */
struct http_request *http_post(struct http *http, const char *const *headers, struct bytes body,
    void (*on_done)(void *data, const struct http_answer *answer), void *data);
void http_cancel(struct http *http, struct http_request *request);

#endif
