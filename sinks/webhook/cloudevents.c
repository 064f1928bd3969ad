/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/cloudevents.h"

#include "core/clock.h"
#include "core/require.h"
#include "sinks/verdict_json.h"

bool cloudevents_source_is_valid(const char *source)
{
	size_t size = strspn(source,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "-._~:/?#[]@!$&'()*+,;=%");

	return size > 0 && source[size] == '\0';
}

static json_t *attributes_of(const struct cloudevents_style *style, const struct document *document)
{
	json_t *json = json_object(), *subject = json_object_get(document->json, "asset");
	char type[64];

	snprintf(type, sizeof(type), "fettle.%s", document->event);
	json_object_set_new(json, "specversion", json_string("1.0"));
	json_object_set_new(json, "id", verdict_json_id(BYTES_OF(document->event_id)));
	json_object_set_new(json, "source", json_string(style->source));
	json_object_set_new(json, "type", json_string(type));
	if (document->at_ms > 0)
		json_object_set_new(json, "time", verdict_json_time(document->at_ms));
	if (json_is_string(subject) && json_string_length(subject) > 0)
		json_object_set(json, "subject", subject);
	if (document->has_asset)
		json_object_set_new(json, "assetid", verdict_json_id(BYTES_OF(document->asset)));
	return json;
}

static void append_structured(const struct cloudevents_style *style, json_t *attributes,
    const struct document *document, struct buffer *out)
{
	buffer_append_text(out, "Content-Type: application/cloudevents+json; charset=UTF-8\n\n");
	json_object_set_new(attributes, "datacontenttype", json_string("application/json"));
	verdict_json_append(out, attributes);
	REQUIRE(out->data[out->size - 1] == '}');
	out->size--;
	buffer_append_text(out, ",\"data\":");
	document_append(document, style->body_max, out);
	buffer_append_text(out, "}");
}

/* What a header cannot hold, and what the binding wants so: percent-encoded. */
static void append_encoded(struct buffer *out, const char *text)
{
	for (const uint8_t *at = (const uint8_t *)text; *at != '\0'; at++)
		if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '%')
			buffer_append_format(out, "%%%02X", *at);
		else
			buffer_append_u8(out, *at);
}

static void append_binary(const struct cloudevents_style *style, json_t *attributes,
    const struct document *document, struct buffer *out)
{
	const char *name;
	json_t *value;

	buffer_append_text(out, "Content-Type: application/json\n");
	json_object_foreach(attributes, name, value)
	{
		buffer_append_format(out, "ce-%s: ", name);
		append_encoded(out, json_string_value(value));
		buffer_append_text(out, "\n");
	}
	buffer_append_text(out, "\n");
	document_append(document, style->body_max, out);
}

void cloudevents_append(const struct cloudevents_style *style, const struct document *document,
    struct buffer *out)
{
	json_t *attributes = attributes_of(style, document);

	if (style->is_binary)
		append_binary(style, attributes, document, out);
	else
		append_structured(style, attributes, document, out);
	json_decref(attributes);
}

struct bytes cloudevents_split(struct bytes message, struct arena *arena,
    const char *headers[CLOUDEVENTS_HEADERS_MAX + 1])
{
	size_t count = 0;

	for (;;) {
		const uint8_t *end = memchr(message.data, '\n', message.size);
		size_t size;

		REQUIRE(end != NULL);
		size = (size_t)(end - message.data);
		if (size > 0) {
			REQUIRE(count < CLOUDEVENTS_HEADERS_MAX);
			headers[count++] = arena_format(arena, "%.*s", (int)size,
			    (const char *)message.data);
		}
		message = BYTES(end + 1, message.size - size - 1);
		if (size == 0)
			break;
	}
	headers[count] = NULL;
	return message;
}
