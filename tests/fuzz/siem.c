/* SPDX-License-Identifier: Apache-2.0 */
/*
 * N events in, and a parser sees N, with the same fields: each message is one line of JSON, or of
 * syslog, that means what was sent, whatever endpoints called things.
 */
#include "sinks/siem/syslog.h"

#include <stdlib.h>

#include "sinks/verdict_json.h"
#include "tests/fuzz/outside.h"

enum { EVENTS_MAX = 4, SHORTEST = 1024 };

struct event {
	struct document document;
	size_t most;
	bool has_data;
};

static bool take_text(struct bytes *text, const char *expected)
{
	if (!bytes_start_with(*text, bytes_of_text(expected)))
		return false;
	*text = BYTES(text->data + strlen(expected), text->size - strlen(expected));
	return true;
}

/* Up to and with the next space. */
static struct bytes take_field(struct bytes *text)
{
	const uint8_t *end = memchr(text->data, ' ', text->size);
	struct bytes field;

	FUZZ_HOLDS(end != NULL);
	field = BYTES(text->data, (size_t)(end - text->data));
	*text = BYTES(end + 1, text->size - field.size - 1);
	return field;
}

/* One element, by RFC 5424: quotes, backslashes and brackets only behind a backslash. */
static void take_element(struct bytes *text)
{
	bool is_quoted = false;
	size_t at = 0;

	for (; at < text->size && (is_quoted || text->data[at] != ']'); at++) {
		if (text->data[at] == '\\' && is_quoted)
			at++;
		else if (text->data[at] == '"')
			is_quoted = !is_quoted;
		else
			FUZZ_HOLDS(!is_quoted || text->data[at] != ']');
	}
	FUZZ_HOLDS(at < text->size && text->data[at] == ']');
	*text = BYTES(text->data + at + 1, text->size - at - 1);
}

static void message_is_the_event(struct bytes message, const struct event *event)
{
	FUZZ_HOLDS(outside_is_one_line(message));
	FUZZ_HOLDS(message.size > 1 && message.data[0] == '<');
	take_field(&message); /* priority and version */
	take_field(&message); /* time */
	FUZZ_HOLDS(bytes_equal(take_field(&message), bytes_of_text("host")));
	FUZZ_HOLDS(take_text(&message, "fettle - "));
	FUZZ_HOLDS(bytes_equal(take_field(&message), bytes_of_text(event->document.event)));
	if (!take_text(&message, "-"))
		take_element(&message);
	FUZZ_HOLDS(take_text(&message, " {"));
	outside_is_the_same(BYTES(message.data - 1, message.size + 1), event->document.json);
}

/* The stream as a receiver takes it apart: a length, a space, so many bytes. */
static void stream_is_the_events(struct bytes stream, const struct event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bytes size = take_field(&stream);
		size_t length = strtoul((const char *)size.data, NULL, 10);

		FUZZ_HOLDS(length <= stream.size);
		message_is_the_event(BYTES(stream.data, length), &events[i]);
		stream = BYTES(stream.data + length, stream.size - length);
	}
	FUZZ_HOLDS(stream.size == 0);
}

static void append(const struct event *event, struct buffer *stream)
{
	const struct syslog_style style = { .facility = 16,
		.host = "host",
		.sd_id = event->has_data ? "fettle@32473" : NULL,
		.message_max = event->most };
	struct buffer message = { 0 };

	syslog_append(&style, &event->document, &message);
	syslog_append_counted(buffer_bytes(&message), stream);
	buffer_clear(&message);
	document_append(&event->document, event->most, &message);
	FUZZ_HOLDS(outside_is_one_line(buffer_bytes(&message)));
	outside_is_the_same(buffer_bytes(&message), event->document.json);
	buffer_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct event events[EVENTS_MAX];
	struct buffer stream = { 0 };
	size_t count = 0;

	while (count < EVENTS_MAX && fuzz_has_more(&input)) {
		struct event *event = &events[count];

		event->most = SHORTEST + fuzz_u16(&input);
		event->has_data = fuzz_u8(&input) % 2 == 0;
		if (!outside_document(&input, &event->document))
			break;
		append(event, &stream);
		count++;
	}
	stream_is_the_events(buffer_bytes(&stream), events, count);
	for (size_t i = 0; i < count; i++)
		document_fini(&events[i].document);
	buffer_fini(&stream);
	return 0;
}
