/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what is configured for one webhook.
 */
#ifndef SINKS_WEBHOOK_SETTINGS_H
#define SINKS_WEBHOOK_SETTINGS_H

#include "core/setting.h"

struct webhook_settings {
	char *name;
	char *url;
	char *format;
	struct setting_list events;
	char *token_file;
	char *ca_file;
	char *source;
	uint64_t timeout;
	uint64_t retry_for;
	uint64_t body_max;
	uint32_t parallel;
	uint32_t lag_max;
};

extern const struct setting webhook_settings[];

#endif
