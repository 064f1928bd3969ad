/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are compared by their longest common subsequence, once what both begin and end with is
 * taken off.  Where that would be too much work, all that is left of the one is shown as taken away
 * and of the other as added: longer than need be, and true.
 */
#include "console/fact_diff.h"

#include <stdlib.h>

#include "console/page.h"
#include "core/fact.h"
#include "core/record.h"

enum { CELLS_MAX = 1 << 20, LINES_SHOWN = 40, BYTES_SHOWN = 200 };

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

/* ---- lines ---- */

struct lines {
	struct bytes *items;
	size_t count;
};

static struct lines split(struct bytes text, struct arena *arena)
{
	struct lines lines = { 0 };
	size_t most = 1;

	for (size_t i = 0; i < text.size; i++)
		most += text.data[i] == '\n';
	lines.items = arena_take(arena, most * sizeof(*lines.items));
	while (text.size > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.size);
		size_t size = end == NULL ? text.size : (size_t)(end - text.data);

		lines.items[lines.count++] = BYTES(text.data, size);
		size += end != NULL;
		text = BYTES(text.data + size, text.size - size);
	}
	return lines;
}

/* Takes off what both begin with, and what both end with. */
static void take_common(struct lines *a, struct lines *b)
{
	while (a->count > 0 && b->count > 0 && bytes_equal(a->items[0], b->items[0])) {
		a->items++;
		b->items++;
		a->count--;
		b->count--;
	}
	while (a->count > 0 && b->count > 0
	       && bytes_equal(a->items[a->count - 1], b->items[b->count - 1])) {
		a->count--;
		b->count--;
	}
}

struct writer {
	const struct output_options *options;
	size_t shown, hidden; /* lines */
};

static void write_line(struct writer *writer, char sign, struct bytes line)
{
	const struct output_options *options = writer->options;
	bool is_cut = line.size > BYTES_SHOWN;

	if (writer->shown == LINES_SHOWN) {
		writer->hidden++;
		return;
	}
	writer->shown++;
	if (is_cut)
		for (line.size = BYTES_SHOWN;
		     line.size > 0 && (line.data[line.size] & 0xc0) == 0x80;)
			line.size--;
	if (options->is_colored)
		fputs(sign == '-' ? "\033[31m" : "\033[32m", options->stream);
	fprintf(options->stream, "    %c ", sign);
	page_text(options->stream, line);
	fputs(is_cut ? "…" : "", options->stream);
	fputs(options->is_colored ? "\033[0m\n" : "\n", options->stream);
}

/* lengths[i * (b.count + 1) + j]: of the longest common subsequence of a from i and b from j. */
static uint32_t *measure(const struct lines *a, const struct lines *b)
{
	size_t width = b->count + 1;
	uint32_t *lengths = memory_new((a->count + 1) * width * sizeof(*lengths));

	for (size_t i = a->count; i-- > 0;)
		for (size_t j = b->count; j-- > 0;) {
			uint32_t down = lengths[(i + 1) * width + j];
			uint32_t right = lengths[i * width + j + 1];

			if (bytes_equal(a->items[i], b->items[j]))
				lengths[i * width + j] = lengths[(i + 1) * width + j + 1] + 1;
			else
				lengths[i * width + j] = down > right ? down : right;
		}
	return lengths;
}

static void write_subsequence(struct writer *writer, const struct lines *a, const struct lines *b)
{
	uint32_t *lengths = measure(a, b);
	size_t width = b->count + 1, i = 0, j = 0;

	while (i < a->count || j < b->count) {
		bool has_both = i < a->count && j < b->count;

		if (has_both && bytes_equal(a->items[i], b->items[j])) {
			i++;
			j++;
		} else if (j == b->count
			   || (has_both
			       && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
			write_line(writer, '-', a->items[i++]);
		} else {
			write_line(writer, '+', b->items[j++]);
		}
	}
	free(lengths);
}

static void write_lines(const struct output_options *options, struct bytes before,
    struct bytes after, struct arena *arena)
{
	struct lines a = split(before, arena), b = split(after, arena);
	struct writer writer = { .options = options };

	take_common(&a, &b);
	if ((a.count + 1) * (b.count + 1) <= CELLS_MAX) {
		write_subsequence(&writer, &a, &b);
	} else {
		for (size_t i = 0; i < a.count; i++)
			write_line(&writer, '-', a.items[i]);
		for (size_t i = 0; i < b.count; i++)
			write_line(&writer, '+', b.items[i]);
	}
	if (writer.hidden > 0)
		fprintf(options->stream, "      … and %zu more line%s\n", writer.hidden,
		    writer.hidden == 1 ? "" : "s");
	if (writer.shown == 0)
		fputs("      (only how its last line ends)\n", options->stream);
}

/* ---- fields ---- */

static bool is_text(const struct fact_field *field)
{
	return field != NULL && field->type != FACT_NUMBER;
}

static bool has_lines(const struct fact_field *field)
{
	const uint8_t *end = !is_text(field) || field->bytes.size == 0
	                       ? NULL
	                       : memchr(field->bytes.data, '\n', field->bytes.size);

	return end != NULL;
}

static bool is_same(const struct fact_field *a, const struct fact_field *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->type == b->type
	    && (a->type == FACT_NUMBER ? a->number == b->number : bytes_equal(a->bytes, b->bytes));
}

static void write_value(FILE *stream, const struct fact_field *field)
{
	if (field == NULL)
		fputs("(none)", stream);
	else if (field->type == FACT_NUMBER)
		fprintf(stream, "%lld", (long long)field->number);
	else if (field->bytes.size == 0)
		fputs("\"\"", stream);
	else
		page_text(stream, field->bytes);
}

static struct bytes text_of(const struct fact_field *field)
{
	return is_text(field) ? field->bytes : BYTES_NONE;
}

/* One of them may be NULL.  IS_ALONE: the other side has no fields at all. */
static void write_field(const struct output_options *options, const struct fact_field *before,
    const struct fact_field *after, bool is_alone, struct arena *arena)
{
	const struct fact_field *either = after != NULL ? after : before;
	FILE *stream = options->stream;

	fputs("  ", stream);
	page_text(stream, bytes_of_text(either->name));
	if (has_lines(before) || has_lines(after)) {
		fputs("\n", stream);
		write_lines(options, text_of(before), text_of(after), arena);
		return;
	}
	fputs(" ", stream);
	if (!is_alone) {
		write_value(stream, before);
		fputs(" → ", stream);
	}
	write_value(stream, is_alone ? either : after);
	fputs("\n", stream);
}

/* A hash says nothing beside the content that it is of. */
static bool is_noise(const struct side *before, const struct side *after, const char *name)
{
	const struct side *either = after->count > 0 ? after : before;

	return strncmp(name, "sha256", 6) == 0
	    && fact_find(either->fields, either->count, "content") != NULL
	    && !is_same(fact_find(before->fields, before->count, "content"),
		fact_find(after->fields, after->count, "content"));
}

static void write_fields(const struct output_options *options, const struct side *before,
    const struct side *after, struct arena *arena)
{
	for (size_t i = 0; i < after->count; i++) {
		const struct fact_field *now = &after->fields[i];
		const struct fact_field *was = fact_find(before->fields, before->count, now->name);

		if (!is_same(was, now) && !is_noise(before, after, now->name))
			write_field(options, was, now, before->count == 0, arena);
	}
	for (size_t i = 0; i < before->count; i++) {
		const struct fact_field *was = &before->fields[i];

		if (fact_find(after->fields, after->count, was->name) == NULL
		    && !is_noise(before, after, was->name))
			write_field(options, was, NULL, after->count == 0, arena);
	}
}

/* ---- the whole ---- */

static bool is_there(const struct side *side)
{
	return side->status != FACT_NONE && side->status != FACT_ABSENT;
}

static void write_status(FILE *stream, const struct side *side)
{
	fputs(fact_status_text(side->status), stream);
	if (page_is_empty(side->reason))
		return;
	fputs(" (", stream);
	page_text(stream, bytes_of_text(side->reason));
	fputs(")", stream);
}

void fact_diff_write(const struct output_options *options, const Fettle__FactState *before,
    const Fettle__FactState *after)
{
	struct arena arena = { 0 };
	struct side was = decode(before, &arena), now = decode(after, &arena);

	if (!is_there(&was) && is_there(&now)) {
		fputs("  It was not there before. Now:\n", options->stream);
	} else if (is_there(&was) && !is_there(&now)) {
		fputs("  It is gone. It was:\n", options->stream);
	} else if (was.status != now.status) {
		fputs("  ", options->stream);
		write_status(options->stream, &was);
		fputs(" → ", options->stream);
		write_status(options->stream, &now);
		fputs("\n", options->stream);
	}
	write_fields(options, &was, &now, &arena);
	arena_fini(&arena);
}
