/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A webhook's message has the headers that it should and no other, and a body that means what was
 * sent, whatever endpoints called things.
 */
#include "sinks/webhook/cloudevents.h"

#include <stdlib.h>

#include "tests/fuzz/outside.h"

enum { SHORTEST = 1024 };

static bool is_header(const char *header)
{
	size_t name = strspn(header, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	for (const char *at = header; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return name > 0 && strncmp(header + name, ": ", 2) == 0
	    && (strncmp(header, "ce-", 3) == 0 || strncmp(header, "Content-Type", 12) == 0);
}

static void structured_is_the_same(struct bytes body, const struct document *document)
{
	json_t *event = json_loadb((const char *)body.data, body.size, OUTSIDE_PARSE, NULL);
	char *data = json_dumps(json_object_get(event, "data"), JSON_COMPACT);

	FUZZ_HOLDS(json_is_object(event) && data != NULL);
	outside_is_the_same(bytes_of_text(data), document->json);
	free(data);
	json_decref(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct cloudevents_style style = { .source = "/fettle/x" };
	const char *headers[CLOUDEVENTS_HEADERS_MAX + 1];
	struct buffer message = { 0 };
	struct arena arena = { 0 };
	struct document document;
	struct bytes body;

	style.is_binary = fuzz_u8(&input) % 2 == 0;
	style.body_max = SHORTEST + fuzz_u16(&input);
	if (!outside_document(&input, &document))
		return 0;
	cloudevents_append(&style, &document, &message);
	body = cloudevents_split(buffer_bytes(&message), &arena, headers);
	for (size_t i = 0; headers[i] != NULL; i++)
		FUZZ_HOLDS(is_header(headers[i]));
	FUZZ_HOLDS(outside_is_one_line(body));
	if (style.is_binary)
		outside_is_the_same(body, document.json);
	else
		structured_is_the_same(body, &document);
	document_fini(&document);
	buffer_fini(&message);
	arena_fini(&arena);
	return 0;
}
