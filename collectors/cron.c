/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files count is as cron and run-parts have it: on Debian those whose names have nothing but
 * letters, digits, "_" and "-"; elsewhere all but hidden ones and what editors and package managers
 * leave behind.
 */
#include "collectors/cron.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/redact/redact.h"
#include "collectors/small_file.h"
#include "collectors/survey/survey.h"

enum kind {
	SYSTEM_TAB, /* with a column for the user */
	USER_TAB,   /* of the user that it is named after */
	ANACRON_TAB /* period, delay, name, command */
};

struct table {
	const struct survey_input *input;
	struct sheet *sheet;
	const char *path, *user; /* of all its jobs; NULL: as each line says */
	enum kind kind;
};

/* ---- one line ---- */

struct job {
	struct buffer schedule;
	struct bytes user, command;
};

static void add_words(struct job *job, struct bytes *line, int count)
{
	for (int i = 0; i < count; i++) {
		struct bytes word = small_file_word(line);

		if (word.size > 0 && job->schedule.size > 0)
			buffer_append_u8(&job->schedule, ' ');
		buffer_append(&job->schedule, word);
	}
}

/* False where something is missing. */
static bool parse(const struct table *table, struct bytes line, struct job *job)
{
	bool has_nickname = line.data[0] == '@';

	if (table->kind == ANACRON_TAB)
		add_words(job, &line, 3);
	else
		add_words(job, &line, has_nickname ? 1 : 5);
	job->user = table->user != NULL ? bytes_of_text(table->user) : small_file_word(&line);
	job->command = small_file_trim(line);
	return job->user.size > 0 && job->command.size > 0;
}

/* "NAME = value", which sets the environment of the jobs below it. */
static bool is_assignment(struct bytes line)
{
	size_t at = 0;

	if (line.data[0] == '"' || line.data[0] == '\'')
		return memchr(line.data, '=', line.size) != NULL;
	while (at < line.size && (isalnum(line.data[at]) || line.data[at] == '_'))
		at++;
	if (at == 0 || isdigit(line.data[0]))
		return false;
	while (at < line.size && (line.data[at] == ' ' || line.data[at] == '\t'))
		at++;
	return at < line.size && line.data[at] == '=';
}

/* PATH without its first slash, and of the line only a hash of what may be known of it. */
static void make_rest(const struct table *table, struct bytes line, struct buffer *out)
{
	uint8_t hash[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];

	hash_bytes(line, hash);
	bytes_to_hex(BYTES_OF(hash), hex);
	buffer_append_format(out, "%s:%.16s", table->path + 1, hex);
}

static void set_broken(const struct table *table, struct bytes line)
{
	struct buffer rest = { 0 }, key = { 0 };

	make_rest(table, line, &rest);
	fact_key(&key, "cron", buffer_bytes(&rest));
	sheet_add(table->sheet, &(struct fact){ .key = buffer_bytes(&key),
				    .status = FACT_FAILED,
				    .reason = "a line of it is no job" });
	buffer_fini(&rest);
	buffer_fini(&key);
}

static void set_job(const struct table *table, struct bytes line, const struct job *job)
{
	struct buffer rest = { 0 };
	struct fact_field fields[] = {
		FACT_FIELD_SLICE("schedule", buffer_bytes(&job->schedule)),
		FACT_FIELD_SLICE("user", job->user),
		FACT_FIELD_SLICE("command", job->command),
		FACT_FIELD_TEXT("file", table->path),
	};

	make_rest(table, line, &rest);
	sheet_present(table->sheet, "cron", buffer_bytes(&rest), fields, 4);
	buffer_fini(&rest);
}

/* Redacted before anything else is done with it: a key must not let a secret be tried out. */
static void take_line(const struct table *table, struct bytes raw)
{
	struct bytes line = small_file_trim(raw);
	struct buffer clean = { 0 };
	struct job job = { 0 };

	if (line.size == 0 || line.data[0] == '#' || is_assignment(line))
		return;
	redact_content(table->path, NULL, line, &clean);
	line = small_file_trim(buffer_bytes(&clean));
	if (line.size > 0 && parse(table, line, &job))
		set_job(table, line, &job);
	else
		set_broken(table, line);
	buffer_fini(&job.schedule);
	buffer_fini(&clean);
}

/* ---- files ---- */

static void look_at_table(const struct table *table)
{
	struct buffer file = { 0 };
	int error = survey_read(table->input, table->path, &file);
	struct bytes rest = buffer_bytes(&file), line;

	if (error != 0 && error != ENOENT)
		sheet_unread(table->sheet, "cron", bytes_of_text(table->path + 1), error);
	while (error == 0 && small_file_line(&rest, &line))
		take_line(table, line);
	buffer_fini(&file);
}

static bool is_debian(const struct survey_input *input)
{
	char *path = text_format("%s/etc/debian_version", input->root);
	bool is_one = access(path, F_OK) == 0;

	free(path);
	return is_one;
}

static bool counts(const char *name, bool is_strict)
{
	static const char *const leftovers[] = { ".*", "#*", "*~", "*,v", "*.rpm*", "*.dpkg-*",
		"*.ucf-*", "*.swp", "*.cfsaved", "tmp.*" };
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-";

	if (is_strict)
		return name[strspn(name, plain)] == '\0';
	for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++)
		if (fnmatch(leftovers[i], name, 0) == 0)
			return false;
	return true;
}

typedef void visit_name(const struct survey_input *input, struct sheet *sheet,
    const char *directory, const char *name);

/* What a directory that cannot be listed may hide is a fact; one that is not there hides nothing.
 */
static void visit(const struct survey_input *input, struct sheet *sheet, const char *directory,
    bool is_strict, visit_name *each)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count;
	int error;

	survey_watch(input, sheet, directory, NULL);
	error = survey_list(input, directory, &arena, &names, &count);
	if (error != 0 && error != ENOENT)
		sheet_unread(sheet, "cron", bytes_of_text(directory + 1), error);
	for (size_t i = 0; i < count; i++)
		if (counts(names[i], is_strict))
			each(input, sheet, directory, names[i]);
	arena_fini(&arena);
}

static void visit_system_tab(const struct survey_input *input, struct sheet *sheet,
    const char *directory, const char *name)
{
	char *path = text_format("%s/%s", directory, name);
	struct table table = { .input = input, .sheet = sheet, .path = path, .kind = SYSTEM_TAB };

	look_at_table(&table);
	free(path);
}

/* Some systems have directories of their own among the tables. */
static bool is_directory(const struct survey_input *input, const char *path)
{
	char *full_path = text_format("%s%s", input->root, path);
	struct stat info;
	bool is_one = stat(full_path, &info) == 0 && S_ISDIR(info.st_mode);

	free(full_path);
	return is_one;
}

static void visit_user_tab(const struct survey_input *input, struct sheet *sheet,
    const char *directory, const char *name)
{
	char *path = text_format("%s/%s", directory, name);
	struct table table = { .input = input,
		.sheet = sheet,
		.path = path,
		.user = name,
		.kind = USER_TAB };

	if (!is_directory(input, path))
		look_at_table(&table);
	free(path);
}

/* ---- scripts ---- */

static bool is_script(const struct survey_input *input, const char *path)
{
	char *full_path = text_format("%s%s", input->root, path);
	struct stat info;
	bool is_one = stat(full_path, &info) == 0 && S_ISREG(info.st_mode)
	           && (info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;

	free(full_path);
	return is_one;
}

static void visit_script(const struct survey_input *input, struct sheet *sheet,
    const char *directory, const char *name)
{
	char *path = text_format("%s/%s", directory, name);
	char *schedule = text_format("@%s", strrchr(directory, '.') + 1);
	struct fact_field fields[] = {
		FACT_FIELD_TEXT("schedule", schedule),
		FACT_FIELD_TEXT("user", "root"),
		FACT_FIELD_TEXT("command", path),
		FACT_FIELD_TEXT("file", path),
	};

	if (is_script(input, path))
		sheet_present(sheet, "cron", bytes_of_text(path + 1), fields, 4);
	free(schedule);
	free(path);
}

/* ---- at ---- */

static void look_at_spool(const struct survey_input *input, struct sheet *sheet, const char *path)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count;
	int64_t jobs = 0;
	int error;

	survey_watch(input, sheet, path, NULL);
	error = survey_list(input, path, &arena, &names, &count);
	/* A job's name is its queue's letter, or '=' while it runs, and numbers. */
	for (size_t i = 0; i < count; i++)
		jobs += isalpha((unsigned char)names[i][0]) || names[i][0] == '=';
	if (error == 0) {
		struct fact_field fields[] = { FACT_FIELD_TEXT("spool", path),
			FACT_FIELD_NUMBER("jobs", jobs) };

		sheet_present(sheet, "cron", bytes_of_text("at"), fields, 2);
	} else if (error != ENOENT) {
		sheet_unread(sheet, "cron", bytes_of_text("at"), error);
	}
	arena_fini(&arena);
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	static const char *const tables[] = { "crontab", "anacrontab", NULL };
	static const char *const scripts[] = { "/etc/cron.hourly", "/etc/cron.daily",
		"/etc/cron.weekly", "/etc/cron.monthly" };
	static const char *const spools[] = { "/var/spool/cron/crontabs", "/var/spool/cron/tabs",
		"/var/spool/cron" };
	bool is_strict = is_debian(input);

	survey_watch(input, sheet, "/etc", tables);
	look_at_table(&(struct table){ .input = input,
	    .sheet = sheet,
	    .path = "/etc/crontab",
	    .kind = SYSTEM_TAB });
	look_at_table(&(struct table){ .input = input,
	    .sheet = sheet,
	    .path = "/etc/anacrontab",
	    .user = "root",
	    .kind = ANACRON_TAB });
	visit(input, sheet, "/etc/cron.d", is_strict, visit_system_tab);
	for (size_t i = 0; i < sizeof(spools) / sizeof(spools[0]); i++)
		visit(input, sheet, spools[i], false, visit_user_tab);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		visit(input, sheet, scripts[i], is_strict, visit_script);
	look_at_spool(input, sheet, "/var/spool/cron/atjobs");
	look_at_spool(input, sheet, "/var/spool/at");
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	static const struct survey_kind kind = { .collector = &cron_collector,
		.quiet_ms = 200,
		.most_ms = 2000,
		.lane = LANE_CRITICAL,
		.look = look };

	return survey_start(&kind, ((const struct cron_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct cron_settings, reread,
					       10 * 60 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again, whatever was told"),
	SETTING_END };

const struct collector cron_collector = {
	.name = "cron",
	.summary = "what runs at set times: cron, anacron and at",
	.settings = settings,
	.settings_size = sizeof(struct cron_settings),
	.scopes = (const char *const[]){ "cron/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
