/* SPDX-License-Identifier: Apache-2.0 */
#include "console/page.h"

#include "core/clock.h"
#include "core/log.h"

enum { WIDTH_DEFAULT = 80, INDENT = 2 };

bool page_is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

void page_text(FILE *stream, struct bytes text)
{
	struct buffer escaped = { 0 };

	log_escape(&escaped, text);
	fputs(buffer_text(&escaped), stream);
	buffer_fini(&escaped);
}

void page_title(const struct output_options *options, const char *title)
{
	fputs(options->is_colored ? "\033[1m" : "", options->stream);
	page_text(options->stream, bytes_of_text(title));
	fputs(options->is_colored ? "\033[0m\n\n" : "\n\n", options->stream);
}

void page_heading(const struct output_options *options, const char *heading)
{
	fprintf(options->stream, options->is_colored ? "\n\033[1m%s\033[0m\n" : "\n%s\n", heading);
}

void page_row_bytes(FILE *stream, const char *label, struct bytes text)
{
	if (text.size == 0)
		return;
	fprintf(stream, "  %-11s ", label);
	page_text(stream, text);
	fputs("\n", stream);
}

void page_row(FILE *stream, const char *label, const char *text)
{
	page_row_bytes(stream, label, bytes_of_text(page_is_empty(text) ? "" : text));
}

void page_time(FILE *stream, const char *label, uint64_t at_ms, uint64_t now_ms)
{
	char age[CLOCK_TEXT_SIZE], time[OUTPUT_TIME_SIZE];

	if (at_ms == 0)
		return;
	clock_format_age(at_ms, now_ms, age);
	output_local_time(at_ms, time);
	fprintf(stream, "  %-11s %s (%s)\n", label, time, age);
}

void page_id(FILE *stream, const char *label, struct bytes id)
{
	if (id.size == 0)
		return;
	fprintf(stream, "  %-11s ", label);
	for (size_t i = 0; i < id.size; i++)
		fprintf(stream, "%02x", id.data[i]);
	fputs("\n", stream);
}

static size_t characters(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += (text.data[i] & 0xc0) != 0x80;
	return count;
}

/* Goes on at column INDENT; the lines after the first begin there, too. */
static void wrap(const struct output_options *options, size_t indent, struct bytes text)
{
	size_t width = options->width == 0 ? WIDTH_DEFAULT : options->width, column = indent;
	FILE *stream = options->stream;

	while (text.size > 0) {
		const uint8_t *space = memchr(text.data, ' ', text.size);
		size_t size = space == NULL ? text.size : (size_t)(space - text.data);
		struct bytes word = BYTES(text.data, size);

		if (column > indent && column + 1 + characters(word) > width) {
			fprintf(stream, "\n%*s", (int)indent, "");
			column = indent;
		}
		fputs(column == indent ? "" : " ", stream);
		column += characters(word) + (column == indent ? 0 : 1);
		page_text(stream, word);
		size += space != NULL;
		text = BYTES(text.data + size, text.size - size);
	}
	fputs("\n", stream);
}

void page_hanging(const struct output_options *options, const char *lead, const char *text)
{
	fprintf(options->stream, "%*s", INDENT, "");
	page_text(options->stream, bytes_of_text(lead));
	wrap(options, INDENT + characters(bytes_of_text(lead)), bytes_of_text(text));
}

void page_wrapped(const struct output_options *options, struct bytes line)
{
	if (line.size > 0)
		fprintf(options->stream, "%*s", INDENT, "");
	wrap(options, INDENT, line);
}

void page_section(const struct output_options *options, const char *heading, const char *text)
{
	struct bytes rest = bytes_of_text(page_is_empty(text) ? "" : text);

	if (rest.size == 0)
		return;
	page_heading(options, heading);
	while (rest.size > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);

		page_wrapped(options, BYTES(rest.data, size));
		size += end != NULL;
		rest = BYTES(rest.data + size, rest.size - size);
	}
}
