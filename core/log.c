/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line, one write(2): lines of several threads and processes never mix.  What repeats more
 * than 20 times in 10 seconds under one id is held back and counted in the next line of that id.
 */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"

enum { RATE_LINES = 20, RATE_PERIOD_MS = 10 * 1000, RATE_IDS = 64 };

struct rate {
	const char *id; /* compared by content; ids are literals, so the pointer lives on */
	uint64_t period_start_ms;
	unsigned lines, held_back;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_level lowest_level = LOG_INFO;
static enum log_format line_format = LOG_LOGFMT;
static struct rate rates[RATE_IDS];
static _Thread_local const char *role_of_thread = "fettle";

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const format_names[] = { "logfmt", "json", "journal" };
static const int journal_priority[] = { 3, 4, 6, 7 };

static bool parse_name(const char *const *names, size_t count, const char *text, unsigned *out)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(names[i], text) == 0) {
			*out = i;
			return true;
		}
	return false;
}

bool log_level_parse(const char *text, enum log_level *out)
{
	unsigned index;

	if (!parse_name(level_names, 4, text, &index))
		return false;
	*out = (enum log_level)index;
	return true;
}

bool log_format_parse(const char *text, enum log_format *out)
{
	unsigned index;

	if (!parse_name(format_names, 3, text, &index))
		return false;
	*out = (enum log_format)index;
	return true;
}

void log_configure(enum log_level lowest, enum log_format format)
{
	pthread_mutex_lock(&lock);
	lowest_level = lowest;
	line_format = format;
	pthread_mutex_unlock(&lock);
}

void log_configuration(enum log_level *lowest, enum log_format *format)
{
	pthread_mutex_lock(&lock);
	*lowest = lowest_level;
	*format = line_format;
	pthread_mutex_unlock(&lock);
}

const char *log_format_name(enum log_format format)
{
	return format_names[format];
}

void log_set_role(const char *role)
{
	role_of_thread = role;
}

/* ---- escaping ---- */

/* Bidirectional controls, zero-width characters and line separators, with which text lies. */
static bool is_deceptive(uint32_t point)
{
	return (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e)
	    || (point >= 0x2060 && point <= 0x206f) || point == 0x061c || point == 0xfeff
	    || (point >= 0x80 && point < 0xa0);
}

static uint32_t utf8_point(const uint8_t *at, size_t length)
{
	uint32_t point = length == 1 ? at[0] : at[0] & (0xffU >> (length + 1));

	for (size_t i = 1; i < length; i++)
		point = point << 6 | (at[i] & 0x3f);
	return point;
}

static size_t utf8_at(struct bytes rest)
{
	for (size_t length = 1; length <= 4 && length <= rest.size; length++)
		if (bytes_is_utf8(BYTES(rest.data, length)))
			return length;
	return 0;
}

void log_escape(struct buffer *out, struct bytes bytes)
{
	for (size_t at = 0; at < bytes.size;) {
		size_t length = utf8_at(BYTES(bytes.data + at, bytes.size - at));
		uint32_t point = length == 0 ? bytes.data[at] : utf8_point(bytes.data + at, length);

		if (length == 0 || point < 0x20 || point == 0x7f || is_deceptive(point))
			buffer_append_format(out, "\\u%04x", point);
		else
			buffer_append(out, BYTES(bytes.data + at, length));
		at += length == 0 ? 1 : length;
	}
}

/* Text within double quotes: as log_escape, and quote and backslash escaped. */
static void append_quoted(struct buffer *out, const char *text)
{
	buffer_append_u8(out, '"');
	for (;;) {
		size_t plain = strcspn(text, "\"\\");

		log_escape(out, BYTES(text, plain));
		text += plain;
		if (*text == '\0')
			break;
		buffer_append_u8(out, '\\');
		buffer_append_u8(out, (uint8_t)*text++);
	}
	buffer_append_u8(out, '"');
}

static void append_logfmt_value(struct buffer *out, const char *text)
{
	if (text[0] != '\0' && strpbrk(text, " \"=\\") == NULL
	    && strspn(text,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+,")
		   == strlen(text))
		buffer_append_text(out, text);
	else
		append_quoted(out, text);
}

/* ---- lines ---- */

static void append_pair(struct buffer *out, enum log_format format, const char *name,
    const char *text, uint64_t number)
{
	if (format == LOG_JSON)
		buffer_append_format(out, "%s\"%s\":", out->size > 1 ? "," : "", name);
	else
		buffer_append_format(out, "%s%s=", out->size > 0 ? " " : "", name);
	if (text == NULL)
		buffer_append_format(out, "%llu", (unsigned long long)number);
	else if (format == LOG_JSON)
		append_quoted(out, text);
	else
		append_logfmt_value(out, text);
}

static void append_line(struct buffer *out, enum log_format format, enum log_level level,
    const char *id, const struct log_field *fields, const char *message)
{
	char time[CLOCK_TEXT_SIZE];

	if (format == LOG_JSON)
		buffer_append_text(out, "{");
	if (format != LOG_JOURNAL) {
		clock_format(clock_wall_ms(), time);
		append_pair(out, format, "time", time, 0);
		append_pair(out, format, "level", level_names[level], 0);
	}
	append_pair(out, format, "role", role_of_thread, 0);
	append_pair(out, format, "id", id, 0);
	for (; fields != NULL && fields->name != NULL; fields++)
		append_pair(out, format, fields->name, fields->text, fields->number);
	append_pair(out, format, "msg", message, 0);
	buffer_append_text(out, format == LOG_JSON ? "}\n" : "\n");
}

/* Under the lock.  True if the line may be written; *HELD_BACK lines of this id were not. */
static bool within_rate(const char *id, unsigned *held_back)
{
	uint64_t now = clock_monotonic_ms();
	struct rate *rate = &rates[0];

	for (size_t i = 0; i < RATE_IDS; i++) {
		if (rates[i].id != NULL && strcmp(rates[i].id, id) == 0) {
			rate = &rates[i];
			break;
		}
		if (rates[i].period_start_ms < rate->period_start_ms)
			rate = &rates[i];
	}
	*held_back = 0;
	if (rate->id == NULL || strcmp(rate->id, id) != 0)
		*rate = (struct rate){ .id = id, .period_start_ms = now };
	if (now - rate->period_start_ms >= RATE_PERIOD_MS) {
		*held_back = rate->held_back;
		*rate = (struct rate){ .id = id, .period_start_ms = now };
	}
	if (rate->lines++ < RATE_LINES)
		return true;
	rate->held_back++;
	return false;
}

static void write_all(struct bytes line)
{
	while (line.size > 0) {
		ssize_t written = write(STDERR_FILENO, line.data, line.size);

		if (written <= 0)
			return; /* nobody can be told */
		line = BYTES(line.data + written, line.size - (size_t)written);
	}
}

void log_write(enum log_level level, const char *id, const struct log_field *fields,
    const char *format, ...)
{
	struct buffer message = { 0 }, line = { 0 };
	enum log_format how;
	va_list arguments;
	unsigned held_back;
	bool is_wanted;
	char *text = NULL;

	pthread_mutex_lock(&lock);
	how = line_format;
	is_wanted = level <= lowest_level && within_rate(id, &held_back);
	pthread_mutex_unlock(&lock);
	if (!is_wanted)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	buffer_append_text(&message, text == NULL ? format : text);
	if (held_back > 0)
		buffer_append_format(&message, " (%u more lines of this id were held back)",
		    held_back);
	if (how == LOG_JOURNAL)
		buffer_append_format(&line, "<%d>", journal_priority[level]);
	append_line(&line, how, level, id, fields, buffer_text(&message));
	write_all(buffer_bytes(&line));
	buffer_fini(&message);
	buffer_fini(&line);
	free(text);
}
