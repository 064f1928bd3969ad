/* SPDX-License-Identifier: Apache-2.0 */
#include "console/fact_text.h"

#include <stdio.h>

#include "core/log.h"
#include "core/record.h"

enum { SHOWN_MAX = 48, CONTENT_SHOWN_MAX = 100 };

/* One side of a change, decoded. */
struct side {
	enum fact_status status;
	const char *reason; /* or NULL */
	struct fact_field *fields;
	size_t count;
};

static struct side decode(const Fettle__FactState *state, struct arena *arena)
{
	struct side side = { 0 };

	if (state == NULL || state->status > FACT_FAILED)
		return side;
	side.status = (enum fact_status)state->status;
	side.reason = state->reason;
	if (state->value.len > 0
	    && fact_value_decode(record_bytes(state->value), arena, &side.fields, &side.count)
		   != STATUS_OK)
		side.count = 0;
	return side;
}

/* ---- one line ---- */

/* At most MOST bytes of TEXT, at the end of a character, with an ellipsis where it was cut. */
static void append_cut(struct buffer *out, struct bytes text, size_t most)
{
	size_t size = text.size;

	if (size > most)
		for (size = most; size > 0 && (text.data[size] & 0xc0) == 0x80;)
			size--;
	log_escape(out, BYTES(text.data, size));
	if (size < text.size)
		buffer_append_text(out, "…");
}

static bool has_name(const struct fact_field *field, const char *name)
{
	return strcmp(field->name, name) == 0;
}

static size_t count_lines(struct bytes text)
{
	size_t lines = text.size > 0 && text.data[text.size - 1] != '\n';

	for (size_t i = 0; i < text.size; i++)
		lines += text.data[i] == '\n';
	return lines;
}

static bool is_many_lines(const struct fact_field *field)
{
	return field->type != FACT_NUMBER && count_lines(field->bytes) > 1;
}

static void append_shown(struct buffer *out, const struct fact_field *field)
{
	if (field->type == FACT_NUMBER)
		buffer_append_format(out, "%lld", (long long)field->number);
	else if (is_many_lines(field))
		buffer_append_format(out, "(%zu lines)", count_lines(field->bytes));
	else if (field->bytes.size == 0)
		buffer_append_text(out, "\"\"");
	else
		append_cut(out, field->bytes, SHOWN_MAX);
}

static void append_name(struct buffer *out, const struct fact_field *field)
{
	log_escape(out, bytes_of_text(field->name));
	buffer_append_text(out, " ");
}

void fact_text_summary(struct buffer *out, const struct fact_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_append_text(out, ", ");
		append_name(out, &fields[i]);
		append_shown(out, &fields[i]);
	}
}

/* ---- differences ---- */

/* Takes one line off the front of *REST. */
static struct bytes next_line(struct bytes *rest)
{
	const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
	size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
	struct bytes line = { rest->data, size };

	size += end != NULL;
	*rest = BYTES(size == 0 ? rest->data : rest->data + size, rest->size - size);
	return line;
}

/* Leaves out the lines that both begin with. */
static void skip_common_lines(struct bytes *before, struct bytes *after)
{
	struct bytes a = *before, b = *after;

	while (a.size > 0 && b.size > 0 && bytes_equal(next_line(&a), next_line(&b))) {
		*before = a;
		*after = b;
	}
}

/* Leaves out the whole lines that both end with. */
static void drop_common_end(struct bytes *before, struct bytes *after)
{
	size_t common = 0, whole = 0;

	while (
	    common < before->size && common < after->size
	    && before->data[before->size - common - 1] == after->data[after->size - common - 1]) {
		common++;
		if (common == before->size || common == after->size
		    || before->data[before->size - common - 1] == '\n')
			whole = common;
	}
	/* What one of them has in front of it must end a line too. */
	if ((whole < before->size && before->data[before->size - whole - 1] != '\n')
	    || (whole < after->size && after->data[after->size - whole - 1] != '\n'))
		return;
	before->size -= whole;
	after->size -= whole;
}

static void append_content_difference(struct buffer *out, struct bytes before, struct bytes after)
{
	bool has_both;
	size_t lines;

	skip_common_lines(&before, &after);
	drop_common_end(&before, &after);
	lines = count_lines(before) + count_lines(after);
	has_both = before.size > 0 && after.size > 0;
	if (before.size > 0) {
		buffer_append_text(out, "-");
		append_cut(out, next_line(&before), CONTENT_SHOWN_MAX);
		lines--;
	}
	if (after.size > 0) {
		buffer_append_text(out, has_both ? " +" : "+");
		append_cut(out, next_line(&after), CONTENT_SHOWN_MAX);
		lines--;
	}
	if (lines > 0)
		buffer_append_format(out, " (%zu more line%s)", lines, lines == 1 ? "" : "s");
}

static bool is_same(const struct fact_field *a, const struct fact_field *b)
{
	return a->type == b->type
	    && (a->type == FACT_NUMBER ? a->number == b->number : bytes_equal(a->bytes, b->bytes));
}

static bool is_content(const struct fact_field *field)
{
	return field->type != FACT_NUMBER && has_name(field, "content");
}

static void append_field_difference(struct buffer *out, const struct fact_field *before,
    const struct fact_field *after)
{
	const struct fact_field *either = after == NULL ? before : after;

	append_name(out, either);
	if (before != NULL && after != NULL && is_content(before) && is_content(after)) {
		append_content_difference(out, before->bytes, after->bytes);
		return;
	}
	if (before != NULL)
		append_shown(out, before);
	buffer_append_text(out, before == NULL ? "→ " : " → ");
	if (after != NULL)
		append_shown(out, after);
	else
		buffer_append_text(out, "(none)");
}

static bool differs(const struct side *before, const struct side *after, const char *name)
{
	const struct fact_field *a = fact_find(before->fields, before->count, name);
	const struct fact_field *b = fact_find(after->fields, after->count, name);

	return a != NULL && b != NULL && !is_same(a, b);
}

/* A hash says nothing beside the content that it is of. */
static bool is_noise(const struct side *before, const struct side *after,
    const struct fact_field *field)
{
	return strncmp(field->name, "sha256", 6) == 0 && differs(before, after, "content");
}

static void append_fields(struct buffer *out, const struct side *before, const struct side *after)
{
	size_t start = out->size;

	for (size_t i = 0; i < after->count; i++) {
		const struct fact_field *now = &after->fields[i];
		const struct fact_field *was = fact_find(before->fields, before->count, now->name);

		if ((was != NULL && is_same(was, now)) || is_noise(before, after, now))
			continue;
		if (out->size > start)
			buffer_append_text(out, ", ");
		append_field_difference(out, was, now);
	}
	for (size_t i = 0; i < before->count; i++) {
		if (fact_find(after->fields, after->count, before->fields[i].name) != NULL)
			continue;
		if (out->size > start)
			buffer_append_text(out, ", ");
		append_field_difference(out, &before->fields[i], NULL);
	}
}

static void append_status(struct buffer *out, const struct side *side)
{
	buffer_append_text(out, fact_status_text(side->status));
	if (side->reason != NULL && side->reason[0] != '\0') {
		buffer_append_text(out, " (");
		append_cut(out, bytes_of_text(side->reason), SHOWN_MAX);
		buffer_append_text(out, ")");
	}
}

static bool has_value(const struct side *side)
{
	return side->status == FACT_PRESENT || side->status == FACT_TRUNCATED;
}

void fact_text_difference(struct buffer *out, const Fettle__FactState *before,
    const Fettle__FactState *after)
{
	struct arena arena = { 0 };
	struct side was = decode(before, &arena), now = decode(after, &arena);

	if (has_value(&now) && !has_value(&was)) {
		buffer_append_text(out, was.status == FACT_NONE ? "new: " : "now present: ");
		fact_text_summary(out, now.fields, now.count);
	} else if (has_value(&was) && now.status == FACT_NONE) {
		buffer_append_text(out, "gone: ");
		fact_text_summary(out, was.fields, was.count);
	} else {
		if (was.status != now.status) {
			append_status(out, &was);
			buffer_append_text(out, " → ");
			append_status(out, &now);
			buffer_append_text(out, has_value(&now) ? ", " : "");
		}
		if (has_value(&now))
			append_fields(out, &was, &now);
	}
	arena_fini(&arena);
}
