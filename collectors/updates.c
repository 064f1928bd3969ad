/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apt is asked what it would do, and does nothing: it takes no lock and needs no privilege.  Holds
 * are ignored in that question, as what is held back is still to be known; dpkg says what is on
 * hold.
 */
#include "collectors/updates.h"

#include <stdlib.h>
#include <unistd.h>

#include "collectors/small_file.h"
#include "collectors/survey/survey.h"

#define OUTPUT_MAX (16UL * 1024 * 1024)

enum { TIMEOUT_MS = 300 * 1000, ARGUMENTS_MAX = 16 };
enum { HOLDS, UPGRADES, QUESTIONS }; /* in the order in which they are asked */

/* ---- asking ---- */

static void ask_for_holds(const struct survey_input *input, struct arena *arena,
    const char **arguments)
{
	const struct updates_settings *settings = input->settings;
	size_t count = 0;

	arguments[count++] = settings->dpkg_query;
	arguments[count++] = arena_format(arena, "--admindir=%s/var/lib/dpkg", input->root);
	arguments[count++] = "--show";
	arguments[count] = "--showformat=${Package}:${Architecture} ${db:Status-Want}\\n";
}

static void ask_for_upgrades(const struct survey_input *input, struct arena *arena,
    const char **arguments)
{
	const struct updates_settings *settings = input->settings;
	size_t count = 0;

	arguments[count++] = settings->apt_get;
	arguments[count++] = "--simulate";
	arguments[count++] = "--ignore-hold";
	arguments[count++] = "-oDebug::NoLocking=true";
	arguments[count++] = "-oAPT::Get::Show-User-Simulation-Note=false";
	if (input->root[0] != '\0') {
		arguments[count++] = arena_format(arena, "-oDir=%s", input->root);
		arguments[count++] = arena_format(arena,
		    "-oDir::State::status=%s/var/lib/dpkg/status", input->root);
	}
	arguments[count] = "dist-upgrade";
}

static bool ask(const struct survey_input *input, struct arena *arena, struct child_request *out)
{
	const char **arguments;

	if (input->answers_count == QUESTIONS)
		return false;
	arguments = arena_take(arena, ARGUMENTS_MAX * sizeof(*arguments));
	if (input->answers_count == HOLDS)
		ask_for_holds(input, arena, arguments);
	else
		ask_for_upgrades(input, arena, arguments);
	*out = (struct child_request){ .arguments = arguments,
		.output_limit = OUTPUT_MAX,
		.timeout_ms = TIMEOUT_MS };
	return true;
}

/* ---- understanding ---- */

struct upgrade {
	struct bytes name, installed, candidate, origin, architecture;
};

/* Takes what stands between OPEN and CLOSE off the front of LINE. */
static bool take_enclosed(struct bytes *line, char open, char close, struct bytes *out)
{
	struct bytes rest = small_file_trim(*line);
	const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, close, rest.size);

	if (end == NULL || rest.data[0] != (uint8_t)open)
		return false;
	*out = BYTES(rest.data + 1, (size_t)(end - rest.data) - 1);
	*line = BYTES(end + 1, rest.size - (size_t)(end + 1 - rest.data));
	return true;
}

/*
 * "Inst NAME [INSTALLED] (CANDIDATE ORIGIN, ORIGIN [ARCHITECTURE]) []".  False where it is another
 * line, or where nothing is installed yet: that is no update.
 */
static bool parse(struct bytes line, struct upgrade *out)
{
	struct bytes inner;
	const uint8_t *bracket, *colon;

	if (!bytes_equal(small_file_word(&line), bytes_of_text("Inst")))
		return false;
	out->name = small_file_word(&line);
	if (!take_enclosed(&line, '[', ']', &out->installed)
	    || !take_enclosed(&line, '(', ')', &inner))
		return false;
	out->candidate = small_file_word(&inner);
	bracket = inner.size == 0 ? NULL : memrchr(inner.data, '[', inner.size);
	if (bracket == NULL || out->candidate.size == 0 || out->name.size == 0)
		return false;
	out->origin = small_file_trim(BYTES(inner.data, (size_t)(bracket - inner.data)));
	inner = BYTES(bracket, inner.size - (size_t)(bracket - inner.data));
	colon = memchr(out->name.data, ':', out->name.size);
	if (colon != NULL)
		out->name.size = (size_t)(colon - out->name.data);
	return take_enclosed(&inner, '[', ']', &out->architecture) && out->architecture.size > 0;
}

/* "Debian-Security:12/stable-security", "Ubuntu:22.04/jammy-security", "Debian:…/trixie-security"
 */
static bool is_security(struct bytes origin)
{
	char *text = text_copy_bytes(origin);
	bool is_one = strcasestr(text, "-security") != NULL;

	free(text);
	return is_one;
}

static bool is_held(struct bytes holds, struct bytes key)
{
	struct bytes line;

	while (small_file_line(&holds, &line))
		if (bytes_equal(small_file_word(&line), key)
		    && bytes_equal(small_file_word(&line), bytes_of_text("hold")))
			return true;
	return false;
}

static void set(struct sheet *sheet, const struct upgrade *upgrade, struct bytes holds)
{
	struct buffer key = { 0 };
	const char *security = is_security(upgrade->origin) ? "yes" : "no";
	struct fact_field fields[] = {
		FACT_FIELD_SLICE("installed", upgrade->installed),
		FACT_FIELD_SLICE("candidate", upgrade->candidate),
		FACT_FIELD_SLICE("origin", upgrade->origin),
		FACT_FIELD_TEXT("security", security),
		FACT_FIELD_TEXT("held", "yes"),
	};
	size_t prefix;

	buffer_append_text(&key, "dpkg/");
	prefix = key.size;
	buffer_append(&key, upgrade->name);
	buffer_append_u8(&key, ':');
	buffer_append(&key, upgrade->architecture);
	sheet_present(sheet, "update", buffer_bytes(&key), fields,
	    is_held(holds, BYTES(key.data + prefix, key.size - prefix)) ? 5 : 4);
	buffer_fini(&key);
}

/* ---- looking ---- */

static bool has_lists(const struct survey_input *input)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count;
	bool has_found = false;

	if (survey_list(input, "/var/lib/apt/lists", &arena, &names, &count) == 0)
		for (size_t i = 0; i < count; i++)
			has_found |= strstr(names[i], "_Packages") != NULL;
	arena_fini(&arena);
	return has_found;
}

static void look_at_lists(const struct survey_input *input, struct sheet *sheet)
{
	if (has_lists(input))
		sheet_present(sheet, "update", bytes_of_text("lists"), NULL, 0);
	else
		sheet_add(sheet,
		    &(struct fact){ .key = bytes_of_text("update/lists"),
			.status = FACT_ABSENT,
			.reason = "apt has no lists of packages: nothing can be said of updates" });
}

static void fail(struct sheet *sheet, const char *program, const struct child_result *result)
{
	struct buffer reason = { 0 };

	survey_describe(program, result, &reason);
	sheet_fail(sheet, "update/", FACT_FAILED, buffer_text(&reason));
	buffer_fini(&reason);
}

static bool is_well(const struct child_result *result)
{
	return result->end == CHILD_EXITED && result->code == 0;
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	static const char *const status[] = { "status", NULL };
	const struct child_result *holds = &input->answers[HOLDS];
	const struct child_result *upgrades = &input->answers[UPGRADES];
	struct bytes rest = upgrades->output, line;
	struct upgrade upgrade;

	survey_watch(input, sheet, "/var/lib/dpkg", status);
	survey_watch(input, sheet, "/var/lib/apt/lists", NULL);
	if (upgrades->end == CHILD_NOT_FOUND) {
		sheet_fail(sheet, "update/", FACT_ABSENT, "apt-get is not installed");
	} else if (!is_well(upgrades)) {
		fail(sheet, "apt-get", upgrades);
	} else if (!is_well(holds)) {
		fail(sheet, "dpkg-query", holds);
	} else {
		look_at_lists(input, sheet);
		while (small_file_line(&rest, &line))
			if (parse(line, &upgrade))
				set(sheet, &upgrade, holds->output);
	}
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	/* apt works for seconds, and an upgrade moves its database for minutes. */
	static const struct survey_kind kind = { .collector = &updates_collector,
		.quiet_ms = 3000,
		.most_ms = 60 * 1000,
		.ask = ask,
		.look = look };

	return survey_start(&kind, ((const struct updates_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct updates_settings, reread,
					       3600 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to ask again, whatever was told"),
	SETTING_TEXT(struct updates_settings, apt_get, "apt-get",
	    "the program that says what it would upgrade: a name in /usr/bin, or a path"),
	SETTING_TEXT(struct updates_settings, dpkg_query, "dpkg-query",
	    "the program that says what is on hold: a name in /usr/bin, or a path"),
	SETTING_END };

const struct collector updates_collector = {
	.name = "updates",
	.summary = "what the package manager would upgrade, and which of it is for security",
	.settings = settings,
	.settings_size = sizeof(struct updates_settings),
	.scopes = (const char *const[]){ "update/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
