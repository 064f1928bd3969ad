/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/accounts/accounts.h"

#include "collectors/accounts/authorized_keys.h"
#include "collectors/accounts/passwd.h"
#include "collectors/accounts/sudoers.h"

struct place {
	const struct survey_input *input;
	struct sheet *sheet;
};

static void on_user(void *data, const char *name, const char *home)
{
	const struct place *place = data;

	authorized_keys_look(place->input, place->sheet, name, home);
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	struct place place = { .input = input, .sheet = sheet };

	passwd_look(input, sheet, on_user, &place);
	sudoers_look(input, sheet);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	static const struct survey_kind kind = { .collector = &accounts_collector,
		.quiet_ms = 200,
		.most_ms = 1000,
		.lane = LANE_CRITICAL,
		.look = look };

	return survey_start(&kind, ((const struct accounts_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct accounts_settings, reread,
					       10 * 60 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again, whatever was told"),
	SETTING_END };

const struct collector accounts_collector = {
	.name = "accounts",
	.summary = "users, groups, who may become whom, and the keys that let in",
	.settings = settings,
	.settings_size = sizeof(struct accounts_settings),
	.scopes = (const char *const[]){ "user/", "group/", "sudo/", "authorized_key/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
