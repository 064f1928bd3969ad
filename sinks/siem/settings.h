/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what is configured for one SIEM, and where that is.
 */
#ifndef SINKS_SIEM_SETTINGS_H
#define SINKS_SIEM_SETTINGS_H

#include "core/setting.h"
#include "core/status.h"

struct siem_settings {
	char *name;
	char *target;
	char *format;
	struct setting_list events;
	char *facility;
	char *sd_id;
	uint64_t message_max;
	uint64_t confirm;
	uint32_t lag_max;
};

extern const struct setting siem_settings[];

enum siem_way { SIEM_TCP, SIEM_FILE };

/* A target, taken apart. */
struct siem_place {
	enum siem_way way;
	char host[256]; /* a name or an address, without brackets */
	char port[8];
	const char *path; /* within the settings */
};

/* INVALID: WHY says what is wrong. */
NODISCARD enum status siem_settings_place(const struct siem_settings *set, struct siem_place *out,
    struct buffer *why);

#endif
