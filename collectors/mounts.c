/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel tells of each change to /proc/self/mountinfo (proc(5)), which has blanks and
 * backslashes in paths as octal escapes.
 */
#include "collectors/mounts.h"

#include <stdlib.h>

#include "collectors/redact/redact.h"
#include "collectors/small_file.h"
#include "collectors/survey/survey.h"

static const char table_path[] = "/proc/self/mountinfo";

enum { OPTIONS_MAX = 128 };

struct options {
	struct bytes items[OPTIONS_MAX];
	size_t count;
	bool is_read_only;
};

/* What comes out is never longer. */
static struct bytes unescape(struct bytes text, struct arena *arena)
{
	uint8_t *out = arena_take(arena, text.size + 1);
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		const uint8_t *at = text.data + i;

		if (at[0] == '\\' && text.size - i > 3 && at[1] >= '0' && at[1] <= '3'
		    && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
			out[size++] = (uint8_t)((at[1] - '0') << 6 | (at[2] - '0') << 3
						| (at[3] - '0'));
			i += 3;
		} else {
			out[size++] = at[0];
		}
	}
	return BYTES(out, size);
}

static bool is_text(struct bytes bytes, const char *text)
{
	return bytes_equal(bytes, bytes_of_text(text));
}

static void add_option(struct options *options, struct bytes option)
{
	if (is_text(option, "ro"))
		options->is_read_only = true;
	if (option.size == 0 || is_text(option, "ro") || is_text(option, "rw"))
		return;
	for (size_t i = 0; i < options->count; i++)
		if (bytes_equal(options->items[i], option))
			return;
	if (options->count < OPTIONS_MAX - 1)
		options->items[options->count++] = option;
}

static void add_options(struct options *options, struct bytes list)
{
	while (list.size > 0) {
		const uint8_t *end = memchr(list.data, ',', list.size);
		size_t size = end == NULL ? list.size : (size_t)(end - list.data);

		add_option(options, BYTES(list.data, size));
		size += end != NULL;
		list = BYTES(list.data + size, list.size - size);
	}
}

static int compare(const void *a, const void *b)
{
	return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Either of the two can make it read-only. */
static void join_options(struct options *options, struct buffer *out)
{
	options->items[options->count++] = bytes_of_text(options->is_read_only ? "ro" : "rw");
	qsort(options->items, options->count, sizeof(options->items[0]), compare);
	for (size_t i = 0; i < options->count; i++) {
		if (i > 0)
			buffer_append_u8(out, ',');
		buffer_append(out, options->items[i]);
	}
}

struct mount {
	struct bytes path, options, type, source, super_options;
};

/* "36 35 98:0 /root /path rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue" */
static bool parse(struct bytes line, struct mount *mount)
{
	struct bytes word;

	for (int i = 0; i < 4; i++)
		small_file_word(&line);
	mount->path = small_file_word(&line);
	mount->options = small_file_word(&line);
	do
		word = small_file_word(&line);
	while (word.size > 0 && !is_text(word, "-"));
	mount->type = small_file_word(&line);
	mount->source = small_file_word(&line);
	mount->super_options = small_file_word(&line);
	return mount->path.size > 0 && mount->path.data[0] == '/' && mount->type.size > 0;
}

static void set(struct sheet *sheet, const struct mount *mount, struct arena *arena)
{
	struct bytes path = unescape(mount->path, arena);
	struct options options = { .count = 0 };
	struct buffer joined = { 0 }, clean = { 0 };
	struct fact_field fields[3] = {
		FACT_FIELD_SLICE("source", unescape(mount->source, arena)),
		FACT_FIELD_SLICE("type", mount->type),
	};

	add_options(&options, mount->options);
	add_options(&options, mount->super_options);
	join_options(&options, &joined);
	redact_content(table_path, "/proc/mounts", buffer_bytes(&joined), &clean);
	fields[2] = FACT_FIELD_SLICE("options", unescape(buffer_bytes(&clean), arena));
	sheet_present(sheet, "mount", BYTES(path.data + 1, path.size - 1), fields, 3);
	buffer_fini(&joined);
	buffer_fini(&clean);
}

/* The last on a path hides those before, and the first on a sheet counts: so from the end. */
static void take_lines(struct sheet *sheet, struct bytes file)
{
	struct arena arena = { 0 };
	struct mount mount;

	while (file.size > 0) {
		const uint8_t *end;
		struct bytes line;

		if (file.data[file.size - 1] == '\n')
			file.size--;
		end = file.size == 0 ? NULL : memrchr(file.data, '\n', file.size);
		line = end == NULL ? file
		                   : BYTES(end + 1, file.size - (size_t)(end + 1 - file.data));
		file.size -= line.size;
		if (parse(line, &mount))
			set(sheet, &mount, &arena);
		arena_reset(&arena);
	}
	arena_fini(&arena);
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	struct buffer file = { 0 };
	int error = survey_read(input, table_path, &file);

	if (error != 0)
		sheet_fail(sheet, "mount/", FACT_FAILED, strerror(error));
	else
		take_lines(sheet, buffer_bytes(&file));
	buffer_fini(&file);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	static const struct survey_kind kind = { .collector = &mounts_collector,
		.quiet_ms = 200,
		.most_ms = 1000,
		.alarm_path = table_path,
		.look = look };

	return survey_start(&kind, ((const struct mounts_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct mounts_settings, reread,
					       10 * 60 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again, whatever was told"),
	SETTING_END };

const struct collector mounts_collector = {
	.name = "mounts",
	.summary = "what is mounted where, and with which options",
	.settings = settings,
	.settings_size = sizeof(struct mounts_settings),
	.scopes = (const char *const[]){ "mount/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
