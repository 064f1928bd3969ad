/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The adapter of libcurl: its sockets are polls of the loop, its one timer is one of the loop.
 *
 * libcurl must not be called from within most of its own call-backs, so what is done is reported
 * from the loop's call-backs, after curl_multi_socket_action has returned.
 */
#include "sinks/webhook/http.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "core/require.h"
#include "core/version.h"

enum {
	CONNECT_MS = 10 * 1000,
	ANSWER_MAX = 1024 * 1024,
	RETRY_AFTER_MAX_S = 24 * 60 * 60,
};

struct http_request {
	CURL *curl;
	struct curl_slist *headers;
	struct buffer body;
	char error[CURL_ERROR_SIZE];
	char said[HTTP_SAID_MAX + 1];
	size_t said_size, answer_size;
	void (*on_done)(void *data, const struct http_answer *answer);
	void *data;
	struct http_request *next, *previous;
};

struct http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	char *url, *ca_file;
	uint64_t timeout_ms;
	struct http_request *requests;
	unsigned polls;
	bool is_closing, is_timer_closed;
};

struct poll {
	uv_poll_t handle;
	struct http *http;
	curl_socket_t socket;
};

static void begin_curl(void)
{
	REQUIRE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void free_if_done(struct http *http)
{
	if (!http->is_closing || !http->is_timer_closed || http->polls > 0)
		return;
	free(http->url);
	free(http->ca_file);
	free(http);
}

/* ---- requests that have ended ---- */

static void free_request(struct http *http, struct http_request *request)
{
	curl_multi_remove_handle(http->multi, request->curl);
	curl_easy_cleanup(request->curl);
	curl_slist_free_all(request->headers);
	buffer_fini(&request->body);
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		http->requests = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
	free(request);
}

static void report(struct http *http, struct http_request *request, CURLcode result)
{
	void (*on_done)(void *data, const struct http_answer *answer) = request->on_done;
	void *data = request->data;
	struct http_answer answer = { 0 };
	curl_off_t retry_after_s = 0;
	char error[CURL_ERROR_SIZE], said[HTTP_SAID_MAX + 1];
	long code = 0;

	if (result == CURLE_OK)
		curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(request->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s > RETRY_AFTER_MAX_S)
		retry_after_s = RETRY_AFTER_MAX_S;
	snprintf(error, sizeof(error), "%s",
	    request->error[0] != '\0' ? request->error : curl_easy_strerror(result));
	memcpy(said, request->said, sizeof(said));
	answer.code = code > 0 ? (unsigned)code : 0;
	answer.error = error;
	answer.said = said;
	answer.retry_after_ms = retry_after_s > 0 ? (uint64_t)retry_after_s * 1000 : 0;
	free_request(http, request);
	on_done(data, &answer);
}

static void report_ended(struct http *http)
{
	CURLMsg *message;
	int left;

	while (!http->is_closing && (message = curl_multi_info_read(http->multi, &left)) != NULL) {
		struct http_request *request = NULL;
		CURLcode result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
		report(http, request, result);
	}
}

/* ---- libcurl's events on the loop ---- */

static void act(struct http *http, curl_socket_t socket, int events)
{
	int running;

	if (http->is_closing)
		return;
	curl_multi_socket_action(http->multi, socket, events, &running);
	report_ended(http);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *poll = handle->data;
	int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0)
	         | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

	act(poll->http, poll->socket, status < 0 ? CURL_CSELECT_ERR : what);
}

static void on_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct poll *poll = handle->data;
	struct http *http = poll->http;

	free(poll);
	http->polls--;
	free_if_done(http);
}

static struct poll *new_poll(struct http *http, curl_socket_t socket)
{
	struct poll *poll = memory_new(sizeof(*poll));

	poll->http = http;
	poll->socket = socket;
	poll->handle.data = poll;
	if (uv_poll_init_socket(http->loop, &poll->handle, socket) != 0) {
		free(poll);
		return NULL;
	}
	http->polls++;
	curl_multi_assign(http->multi, socket, poll);
	return poll;
}

/* libcurl: watch SOCKET for WHAT. */
static int on_socket(CURL *curl, curl_socket_t socket, int what, void *data, void *socket_data)
{
	struct http *http = data;
	struct poll *poll = socket_data;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0)
	           | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (poll != NULL) {
			uv_poll_stop(&poll->handle);
			curl_multi_assign(http->multi, socket, NULL);
			uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
		}
		return 0;
	}
	if (poll == NULL)
		poll = new_poll(http, socket);
	return poll != NULL && uv_poll_start(&poll->handle, events, on_poll) == 0 ? 0 : -1;
}

/* libcurl: call me in TIMEOUT_MS.  Never at once, from within itself. */
static int on_timeout(CURLM *multi, long timeout_ms, void *data)
{
	struct http *http = data;

	(void)multi;
	if (http->is_closing)
		return 0;
	if (timeout_ms < 0)
		uv_timer_stop(&http->timer);
	else
		uv_timer_start(&http->timer, on_timer, timeout_ms == 0 ? 1 : (uint64_t)timeout_ms,
		    0);
	return 0;
}

/* ---- life ---- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct http *http = handle->data;

	http->is_timer_closed = true;
	free_if_done(http);
}

struct http *http_new(const struct http_options *options)
{
	static uv_once_t once = UV_ONCE_INIT;
	struct http *http;

	uv_once(&once, begin_curl);
	http = memory_new(sizeof(*http));
	http->multi = curl_multi_init();
	REQUIRE(http->multi != NULL);
	http->loop = options->loop;
	http->url = text_copy(options->url);
	http->ca_file = text_copy(options->ca_file);
	http->timeout_ms = options->timeout_ms;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)options->parallel);
	uv_timer_init(options->loop, &http->timer);
	http->timer.data = http;
	return http;
}

void http_free(struct http *http)
{
	http->is_closing = true;
	while (http->requests != NULL)
		free_request(http, http->requests);
	curl_multi_cleanup(http->multi);
	uv_close((uv_handle_t *)&http->timer, on_timer_closed);
}

bool http_url_is_valid(const char *url, struct buffer *why)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *user = NULL;
	bool is_valid;

	REQUIRE(parts != NULL);
	is_valid = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
	        && curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
	        && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (!is_valid)
		buffer_append_format(why, "its url is http://… or https://…, not `%s`", url);
	else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK) {
		buffer_append_text(why, "its url holds a user: put the secret into a token_file");
		is_valid = false;
	}
	curl_free(scheme);
	curl_free(user);
	curl_url_cleanup(parts);
	return is_valid;
}

/* ---- posting ---- */

static size_t on_answer(char *bytes, size_t one, size_t size, void *data)
{
	struct http_request *request = data;
	size_t room = HTTP_SAID_MAX - request->said_size, part = size < room ? size : room;

	(void)one;
	memcpy(request->said + request->said_size, bytes, part);
	request->said_size += part;
	request->answer_size += size;
	return request->answer_size > ANSWER_MAX ? 0 : size;
}

static void set_options(struct http *http, struct http_request *request)
{
	CURL *curl = request->curl;

	curl_easy_setopt(curl, CURLOPT_URL, http->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)http->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	/* A name server that does not answer is not waited for: that would hold up the loop. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "fettle/" FETTLE_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, request);
	if (http->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
}

static void add_header(struct http_request *request, const char *header)
{
	struct curl_slist *longer = curl_slist_append(request->headers, header);

	REQUIRE(longer != NULL);
	request->headers = longer;
}

struct http_request *http_post(struct http *http, const char *const *headers, struct bytes body,
    void (*on_done)(void *data, const struct http_answer *answer), void *data)
{
	struct http_request *request = memory_new(sizeof(*request));

	request->on_done = on_done;
	request->data = data;
	buffer_append(&request->body, body);
	add_header(request, "Expect:"); /* no waiting for a go-ahead */
	for (; *headers != NULL; headers++)
		add_header(request, *headers);
	request->curl = curl_easy_init();
	REQUIRE(request->curl != NULL);
	set_options(http, request);
	request->next = http->requests;
	if (request->next != NULL)
		request->next->previous = request;
	http->requests = request;
	REQUIRE(curl_multi_add_handle(http->multi, request->curl) == CURLM_OK);
	return request;
}

void http_cancel(struct http *http, struct http_request *request)
{
	free_request(http, request);
}
