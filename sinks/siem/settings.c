/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/siem/settings.h"

#include <stdlib.h>

#include "sinks/outside/target.h"

enum { SYSLOG_LEAST = 480, MESSAGE_MAX_DEFAULT = 8192, MESSAGE_MOST = 256 * 1024 };
enum { CONFIRM_DEFAULT_MS = 1000, CONFIRM_MOST_MS = 60 * 1000 };

const struct setting siem_settings[] = { SETTING_TEXT(struct siem_settings, name, "",
					     "what it is called here: a-z, 0-9, - and _"),
	SETTING_TEXT(struct siem_settings, target, "",
	    "where to: tcp://HOST:PORT (syslog) or file:///PATH (a line an event)"),
	SETTING_TEXT(struct siem_settings, format, "json",
	    "json, or rfc5424: the same with structured data in front of it"),
	SETTING_LIST(struct siem_settings, events, "finding, alert",
	    "what is sent: finding, alert, job, change, asset, results, gap, quarantined, health"),
	SETTING_TEXT(struct siem_settings, facility, "local0",
	    "the facility of the messages, by name or number"),
	SETTING_TEXT(struct siem_settings, sd_id, "fettle@32473",
	    "the name of the structured data: NAME@ENTERPRISE"),
	SETTING_SIZE(struct siem_settings, message_max, MESSAGE_MAX_DEFAULT, SYSLOG_LEAST,
	    MESSAGE_MOST, "of what is longer the longest parts are left out, and named"),
	SETTING_DURATION(struct siem_settings, confirm, CONFIRM_DEFAULT_MS, 0, CONFIRM_MOST_MS,
	    "how long a connection must hold after a message for it to count as delivered"),
	SETTING_U32(struct siem_settings, lag_max, TARGET_LAG_MAX_DEFAULT, 1000, 100 * 1000 * 1000,
	    "how many verdicts it may be behind before it is left out of some, which it is told"),
	SETTING_END };

static bool parse_port(const char *text, char out[8])
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || port == 0 || port > 65535)
		return false;
	snprintf(out, 8, "%lu", port);
	return true;
}

/* "HOST:PORT", "[ADDRESS]:PORT" */
static bool parse_endpoint(const char *text, struct siem_place *out)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon == NULL ? 0 : (size_t)(colon - text);
	bool is_bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';

	if (is_bracketed) {
		text++;
		size -= 2;
	}
	if (size == 0 || size >= sizeof(out->host)
	    || (!is_bracketed && memchr(text, ':', size) != NULL))
		return false;
	memcpy(out->host, text, size);
	out->host[size] = '\0';
	return parse_port(colon + 1, out->port);
}

enum status siem_settings_place(const struct siem_settings *set, struct siem_place *out,
    struct buffer *why)
{
	*out = (struct siem_place){ .way = SIEM_TCP };
	if (strncmp(set->target, "file:///", 8) == 0 && set->target[8] != '\0') {
		out->way = SIEM_FILE;
		out->path = set->target + strlen("file://");
		return STATUS_OK;
	}
	if (strncmp(set->target, "tcp://", 6) == 0 && parse_endpoint(set->target + 6, out))
		return STATUS_OK;
	buffer_append_format(why,
	    "its target is tcp://HOST:PORT, tcp://[ADDRESS]:PORT or "
	    "file:///PATH, not `%s`",
	    set->target);
	return STATUS_INVALID;
}
