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

void page_wrapped(const struct output_options *options, struct bytes line)
{
	size_t width = options->width == 0 ? WIDTH_DEFAULT : options->width, column = 0;
	FILE *stream = options->stream;

	while (line.size > 0) {
		const uint8_t *space = memchr(line.data, ' ', line.size);
		size_t size = space == NULL ? line.size : (size_t)(space - line.data);
		struct bytes word = BYTES(line.data, size);

		if (column > 0 && column + 1 + characters(word) > width) {
			fputs("\n", stream);
			column = 0;
		}
		fputs(column == 0 ? "  " : " ", stream);
		column += characters(word) + (column == 0 ? INDENT : 1);
		page_text(stream, word);
		size += space != NULL;
		line = BYTES(line.data + size, line.size - size);
	}
	fputs("\n", stream);
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
