/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event of kind test, on a loop of its own: nothing else of the target is touched.
 */
#include "core/clock.h"
#include "core/require.h"
#include "sinks/webhook/webhook.h"

struct test {
	struct http *http;
	struct buffer *said;
	enum status status;
};

static void on_answer(void *data, const struct http_answer *answer)
{
	struct test *test = data;

	webhook_append_answer(answer, test->said);
	test->status = webhook_fate_of(answer->code) == WEBHOOK_DELIVERED ? STATUS_OK : STATUS_IO;
	http_free(test->http);
}

static void encode(const struct webhook_settings *set, struct buffer *out)
{
	char source[WEBHOOK_SOURCE_SIZE];
	struct cloudevents_style style;
	struct document document;

	webhook_style(set, source, &style);
	document_make_test(set->name, clock_wall_ms(), &document);
	cloudevents_append(&style, &document, out);
	document_fini(&document);
}

static void post(struct test *test, const struct webhook_settings *set, const char *authorization)
{
	const char *headers[CLOUDEVENTS_HEADERS_MAX + 2];
	struct buffer message = { 0 };
	struct arena arena = { 0 };
	struct bytes body;
	size_t count = 0;

	encode(set, &message);
	body = cloudevents_split(buffer_bytes(&message), &arena, headers);
	while (headers[count] != NULL)
		count++;
	headers[count] = authorization;
	headers[count + 1] = NULL;
	(void)http_post(test->http, headers, body, on_answer, test);
	buffer_fini(&message);
	arena_fini(&arena);
}

enum status webhook_test(const struct webhook_settings *set, struct buffer *said)
{
	struct test test = { .said = said, .status = STATUS_IO };
	char *authorization = NULL;
	uv_loop_t loop;
	const struct http_options options = { .loop = &loop,
		.url = set->url,
		.ca_file = set->ca_file[0] == '\0' ? NULL : set->ca_file,
		.timeout_ms = set->timeout,
		.parallel = 1 };

	if (set->token_file[0] != '\0') {
		authorization = webhook_authorization(set->token_file, said);
		if (authorization == NULL)
			return STATUS_IO;
	}
	REQUIRE(uv_loop_init(&loop) == 0);
	test.http = http_new(&options);
	post(&test, set, authorization);
	uv_run(&loop, UV_RUN_DEFAULT);
	REQUIRE(uv_loop_close(&loop) == 0);
	webhook_forget(authorization);
	return test.status;
}
