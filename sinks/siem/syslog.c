/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/siem/syslog.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"

enum { FACILITIES = 24, HOST_MAX = 255, SD_ID_MAX = 32, SD_VALUE_MAX = 256 };

/* By their numbers in RFC 5424, as syslog daemons name them. */
static const char *const facilities[FACILITIES] = { "kern", "user", "mail", "daemon", "auth",
	"syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert",
	"clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7" };

/* The severities of RFC 5424 that stand for Fettle's. */
static const unsigned severities[RANKS] = {
	[RANK_CRITICAL] = 2,
	[RANK_HIGH] = 3,
	[RANK_MEDIUM] = 4,
	[RANK_LOW] = 5,
	[RANK_INFO] = 6,
	[RANK_UNKNOWN] = 5,
};

bool syslog_facility_parse(const char *text, unsigned *out)
{
	char number[8];

	for (*out = 0; *out < FACILITIES; ++*out) {
		snprintf(number, sizeof(number), "%u", *out);
		if (strcmp(text, facilities[*out]) == 0 || strcmp(text, number) == 0)
			return true;
	}
	return false;
}

bool syslog_sd_id_is_valid(const char *text)
{
	const char *at = strchr(text, '@');
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("=]\"", text[i]) != NULL)
			return false;
	return size <= SD_ID_MAX && at != NULL && at > text && at[1] != '\0'
	    && strspn(at + 1, "0123456789.") == strlen(at + 1);
}

/* Header fields are printable ASCII without spaces; `-` where nothing is left. */
static void append_field(struct buffer *out, const char *text, size_t most)
{
	size_t before = out->size;

	for (; *text != '\0' && out->size - before < most; text++)
		if (*text > ' ' && *text <= '~')
			buffer_append_u8(out, (uint8_t)*text);
	if (out->size == before)
		buffer_append_u8(out, '-');
}

static void append_parameter(struct buffer *out, const char *name, struct bytes value)
{
	struct buffer clean = { 0 };

	/* Cut before it is escaped, where a character ends: a value is there to be filtered by. */
	if (value.size > SD_VALUE_MAX)
		for (value.size = SD_VALUE_MAX; (value.data[value.size] & 0xc0) == 0x80;)
			value.size--;
	log_escape(&clean, value);
	buffer_append_format(out, " %s=\"", name);
	for (size_t i = 0; i < clean.size; i++) {
		if (strchr("\"\\]", clean.data[i]) != NULL)
			buffer_append_u8(out, '\\');
		buffer_append_u8(out, clean.data[i]);
	}
	buffer_append_u8(out, '"');
	buffer_fini(&clean);
}

static void append_member(struct buffer *out, const json_t *json, const char *name)
{
	const json_t *value = json_object_get(json, name);

	if (json_is_string(value))
		append_parameter(out, name,
		    BYTES(json_string_value(value), json_string_length(value)));
}

static void append_structured_data(struct buffer *out, const char *sd_id,
    const struct document *document)
{
	if (sd_id == NULL) {
		buffer_append_u8(out, '-');
		return;
	}
	buffer_append_format(out, "[%s", sd_id);
	append_member(out, document->json, "event_id");
	append_member(out, document->json, "asset");
	append_member(out, document->json, "asset_id");
	append_parameter(out, "severity", bytes_of_text(rank_text(document->rank)));
	buffer_append_u8(out, ']');
}

void syslog_append(const struct syslog_style *style, const struct document *document,
    struct buffer *out)
{
	size_t before = out->size, head;
	char time[CLOCK_TEXT_SIZE];

	clock_format(document->at_ms, time);
	buffer_append_format(out, "<%u>1 %s ", style->facility * 8 + severities[document->rank],
	    time);
	append_field(out, style->host, HOST_MAX);
	buffer_append_format(out, " fettle - %s ", document->event);
	append_structured_data(out, style->sd_id, document);
	buffer_append_u8(out, ' ');
	head = out->size - before;
	document_append(document, style->message_max > head ? style->message_max - head : 1, out);
}

void syslog_append_counted(struct bytes message, struct buffer *out)
{
	buffer_append_format(out, "%zu ", message.size);
	buffer_append(out, message);
}
