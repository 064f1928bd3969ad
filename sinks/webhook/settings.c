/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/settings.h"

#include "sinks/outside/target.h"

enum { SECOND = 1000, DAY = 24 * 60 * 60 * SECOND };

const struct setting webhook_settings[] = { SETTING_TEXT(struct webhook_settings, name, "",
						"what it is called here: a-z, 0-9, - and _"),
	SETTING_TEXT(struct webhook_settings, url, "", "where to: http://… or https://…"),
	SETTING_TEXT(struct webhook_settings, format, "cloudevents",
	    "cloudevents (all in the body), or cloudevents-binary (attributes as headers)"),
	SETTING_LIST(struct webhook_settings, events, "finding, alert",
	    "what is sent: finding, alert, job, change, asset, results, gap, quarantined, health"),
	SETTING_TEXT(struct webhook_settings, token_file, "",
	    "a file with the token of the header `Authorization: Bearer`"),
	SETTING_TEXT(struct webhook_settings, ca_file, "",
	    "a file with the certificates to trust instead of the system's"),
	SETTING_TEXT(struct webhook_settings, source, "",
	    "the attribute `source` of the events; else /fettle/ and this machine's name"),
	SETTING_DURATION(struct webhook_settings, timeout, 30 * SECOND, 1 * SECOND, 600 * SECOND,
	    "how long one request may take"),
	SETTING_DURATION(struct webhook_settings, retry_for, DAY, 0, UINT64_C(30) * DAY,
	    "how long an event is tried that the target answers with an error of its own; 0: "
	    "for ever"),
	SETTING_SIZE(struct webhook_settings, body_max, 256 * 1024, 4096, 16 * 1024 * 1024,
	    "of what is longer the longest parts are left out, and named"),
	SETTING_U32(struct webhook_settings, parallel, 4, 1, 64,
	    "how many requests at a time; those of one asset never are"),
	SETTING_U32(struct webhook_settings, lag_max, TARGET_LAG_MAX_DEFAULT, 1000,
	    100 * 1000 * 1000,
	    "how many verdicts it may be behind before it is left out of some, which it is told"),
	SETTING_END };
