/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudevents.h - documents as CloudEvents 1.0, by its HTTP binding: structured (all of it in the
 * body) or binary (the attributes as headers, the document as body).
 *
 * id is the event's, type `fettle.KIND`, time when it came about, subject the asset's name, and the
 * extension `assetid` its id.
 */
#ifndef SINKS_WEBHOOK_CLOUDEVENTS_H
#define SINKS_WEBHOOK_CLOUDEVENTS_H

#include "sinks/outside/document.h"

struct cloudevents_style {
	bool is_binary;
	const char *source; /* a URI reference */
	size_t body_max;
};

/* Characters that a URI reference may have, and at least one. */
bool cloudevents_source_is_valid(const char *source);

/* Appends headers, a line each, an empty line, and the body. */
void cloudevents_append(const struct cloudevents_style *style, const struct document *document,
    struct buffer *out);

enum { CLOUDEVENTS_HEADERS_MAX = 16 };

/*
 * Takes such a message apart: its headers in ARENA, of which there are at most
 * CLOUDEVENTS_HEADERS_MAX and a NULL; returns the body.
 */
struct bytes cloudevents_split(struct bytes message, struct arena *arena,
    const char *headers[CLOUDEVENTS_HEADERS_MAX + 1]);

#endif
