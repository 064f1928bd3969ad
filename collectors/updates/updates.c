/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apt is asked which archives an upgrade of everything would fetch, and fetches none: it takes no
 * lock and needs no privilege.  Holds are ignored in that question, as what is held back is still
 * to be known; dpkg says what is on hold.  Where each comes from is asked after that.
 */
#include "collectors/updates/updates.h"

#include "collectors/small_file.h"
#include "collectors/survey/survey.h"
#include "collectors/updates/apt.h"

#define OUTPUT_MAX (16UL * 1024 * 1024)

enum { TIMEOUT_MS = 300 * 1000, ARGUMENTS_MAX = 16 };
enum {
	PACKAGES,
	ARCHIVES,
	POLICIES,
	TARGETS,
	QUESTIONS
}; /* in the order in which they are asked */

/* ---- asking ---- */

/* Room for ARGUMENTS_MAX and MORE. */
static const char **begin(struct arena *arena, const char *program, size_t more)
{
	const char **arguments = arena_take(arena, (ARGUMENTS_MAX + more) * sizeof(*arguments));

	arguments[0] = program;
	return arguments;
}

static size_t count_of(const char *const *arguments)
{
	size_t count = 0;

	while (arguments[count] != NULL)
		count++;
	return count;
}

static void add(const char **arguments, const char *argument)
{
	arguments[count_of(arguments)] = argument;
}

static void add_root(const char **arguments, const struct survey_input *input, struct arena *arena)
{
	if (input->root[0] == '\0')
		return;
	add(arguments, arena_format(arena, "-oDir=%s", input->root));
	add(arguments,
	    arena_format(arena, "-oDir::State::status=%s/var/lib/dpkg/status", input->root));
}

static const char **ask_for_packages(const struct survey_input *input, struct arena *arena)
{
	const struct updates_settings *settings = input->settings;
	const char **arguments = begin(arena, settings->dpkg_query, 0);

	add(arguments, arena_format(arena, "--admindir=%s/var/lib/dpkg", input->root));
	add(arguments, "--show");
	add(arguments, APT_PACKAGES_FORMAT);
	return arguments;
}

static const char **ask_for_archives(const struct survey_input *input, struct arena *arena)
{
	const struct updates_settings *settings = input->settings;
	const char **arguments = begin(arena, settings->apt_get, 0);

	add(arguments, "--print-uris");
	add(arguments, "--ignore-hold");
	add(arguments, "-oDebug::NoLocking=true");
	add(arguments, "-oAPT::Get::HideAutoRemove=true");
	/* Not a directory: what was fetched before is named as well. */
	add(arguments, "-oDir::Cache::archives=/dev/null");
	add_root(arguments, input, arena);
	add(arguments, "dist-upgrade");
	return arguments;
}

/*
 * Of all that is installed: the packages that matter are being asked for meanwhile, and their
 * number costs little beside reading apt's cache.
 */
static const char **ask_for_policies(const struct survey_input *input, struct arena *arena)
{
	const struct updates_settings *settings = input->settings;
	struct apt_table packages = { 0 };
	const char **arguments;

	apt_read_packages(input->answers[PACKAGES].output, &packages);
	arguments = begin(arena, settings->apt_cache, packages.count);
	add_root(arguments, input, arena);
	add(arguments, "policy");
	apt_name_installed(&packages, arena, arguments + count_of(arguments));
	apt_table_fini(&packages);
	return arguments;
}

static const char **ask_for_targets(const struct survey_input *input, struct arena *arena)
{
	const struct updates_settings *settings = input->settings;
	const char **arguments = begin(arena, settings->apt_get, 0);

	add_root(arguments, input, arena);
	add(arguments, "indextargets");
	add(arguments, "Created-By: Packages");
	return arguments;
}

static bool is_well(const struct child_result *result)
{
	return result->end == CHILD_EXITED && result->code == 0;
}

/* What is installed comes first: without it the rest says nothing. */
static bool ask(const struct survey_input *input, struct arena *arena, struct child_request *out)
{
	static const char **(*const questions[])(const struct survey_input *input,
	    struct arena *arena) = { ask_for_packages, ask_for_archives, ask_for_policies,
		ask_for_targets };
	size_t at = input->answers_count;
	const char **arguments = NULL;

	if (at == PACKAGES || (at < QUESTIONS && is_well(&input->answers[PACKAGES])))
		arguments = questions[at](input, arena);
	*out = (struct child_request){ .arguments = arguments,
		.output_limit = OUTPUT_MAX,
		.timeout_ms = TIMEOUT_MS };
	return arguments != NULL;
}

/* ---- understanding ---- */

struct tables {
	struct apt_table packages, policies, targets;
};

/* "Debian-Security:12/stable-security", "Ubuntu:22.04/jammy-security", "Debian:…/trixie-security"
 */
static const char *security_of(struct buffer *origin)
{
	return strcasestr(buffer_text(origin), "-security") != NULL ? "yes" : "no";
}

static void set(struct sheet *sheet, const struct apt_archive *archive,
    const struct apt_installed *installed, struct buffer *origin)
{
	struct buffer key = { 0 };
	struct fact_field fields[5] = {
		FACT_FIELD_SLICE("installed", installed->version),
		FACT_FIELD_SLICE("candidate", archive->version),
	};
	size_t count = 2;

	if (origin->size > 0) {
		fields[count++] = FACT_FIELD_SLICE("origin", buffer_bytes(origin));
		fields[count++] = FACT_FIELD_TEXT("security", security_of(origin));
	}
	if (installed->is_held)
		fields[count++] = FACT_FIELD_TEXT("held", "yes");
	buffer_append_text(&key, "dpkg/");
	buffer_append(&key, archive->name);
	buffer_append_u8(&key, ':');
	buffer_append(&key, archive->architecture);
	sheet_present(sheet, "update", buffer_bytes(&key), fields, count);
	buffer_fini(&key);
}

/* What is not installed yet is no update. */
static void take_archive(struct sheet *sheet, const struct tables *tables,
    const struct apt_archive *archive)
{
	struct apt_installed installed;
	struct buffer origin = { 0 };

	if (!apt_find_installed(&tables->packages, archive, &installed))
		return;
	apt_describe_origin(&tables->policies, &tables->targets, archive, &origin);
	set(sheet, archive, &installed, &origin);
	buffer_fini(&origin);
}

static void take_archives(const struct survey_input *input, struct sheet *sheet)
{
	struct bytes rest = input->answers[ARCHIVES].output, line;
	struct tables tables = { 0 };
	struct arena arena = { 0 };
	struct apt_archive archive;

	apt_read_packages(input->answers[PACKAGES].output, &tables.packages);
	apt_read_policies(input->answers[POLICIES].output, &tables.policies);
	apt_read_targets(input->answers[TARGETS].output, &tables.targets);
	while (small_file_line(&rest, &line))
		if (apt_archive_parse(line, &arena, &archive))
			take_archive(sheet, &tables, &archive);
	apt_table_fini(&tables.packages);
	apt_table_fini(&tables.policies);
	apt_table_fini(&tables.targets);
	arena_fini(&arena);
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

/* The first that did not answer; the last of all where none failed. */
static size_t worst_of(const struct survey_input *input)
{
	size_t at = 0;

	while (at + 1 < input->answers_count && is_well(&input->answers[at]))
		at++;
	return at;
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	static const char *const status[] = { "status", NULL };
	static const char *const programs[] = { "dpkg-query", "apt-get", "apt-cache", "apt-get" };
	size_t worst = worst_of(input);
	const struct child_result *answer = &input->answers[worst];

	survey_watch(input, sheet, "/var/lib/dpkg", status);
	survey_watch(input, sheet, "/var/lib/apt/lists", NULL);
	if (is_well(answer)) {
		look_at_lists(input, sheet);
		take_archives(input, sheet);
	} else if (answer->end == CHILD_NOT_FOUND) {
		sheet_fail(sheet, "update/", FACT_ABSENT, "apt is not installed");
	} else {
		fail(sheet, programs[worst], answer);
	}
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	/* apt works for seconds, and an upgrade moves its database for minutes. */
	static const struct survey_kind kind = { .collector = &updates_collector,
		.quiet_ms = 3000,
		.most_ms = 60 * 1000,
		.is_together = true, /* each spends its time on reading apt's lists */
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
	SETTING_TEXT(struct updates_settings, apt_cache, "apt-cache",
	    "the program that says where it has it from: a name in /usr/bin, or a path"),
	SETTING_TEXT(struct updates_settings, dpkg_query, "dpkg-query",
	    "the program that says what is installed: a name in /usr/bin, or a path"),
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
