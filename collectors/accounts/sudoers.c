/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules are told as they stand, with blanks and comments made uniform; what they grant in the end
 * is a matter of aliases and order, and for whoever judges them.
 */
#include "collectors/accounts/sudoers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "collectors/redact/redact.h"
#include "collectors/small_file.h"

enum { DEPTH_MAX = 8 };

struct reading {
	const struct survey_input *input;
	struct sheet *sheet;
	const char *path;
	unsigned depth;
};

static void look_at_file(const struct reading *reading);

/* ---- includes ---- */

/* sudo passes over what editors and package managers leave behind. */
static void look_at_directory(const struct reading *reading, const char *directory)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count;
	int error;

	survey_watch(reading->input, reading->sheet, directory, NULL);
	error = survey_list(reading->input, directory, &arena, &names, &count);
	if (error != 0 && error != ENOENT)
		sheet_unread(reading->sheet, "sudo", bytes_of_text(directory + 1), error);
	for (size_t i = 0; i < count; i++) {
		struct reading next = *reading;

		if (strchr(names[i], '.') != NULL || names[i][strlen(names[i]) - 1] == '~')
			continue;
		next.path = arena_format(&arena, "%s/%s", directory, names[i]);
		next.depth++;
		look_at_file(&next);
	}
	arena_fini(&arena);
}

/* Relative to the file that includes it; quotes around it are no part of it. */
static char *included_path(const struct reading *reading, struct bytes named)
{
	const char *slash = strrchr(reading->path, '/');
	struct bytes trimmed = small_file_trim(named);

	if (trimmed.size > 1 && trimmed.data[0] == '"' && trimmed.data[trimmed.size - 1] == '"')
		trimmed = BYTES(trimmed.data + 1, trimmed.size - 2);
	if (trimmed.size > 0 && trimmed.data[0] == '/')
		return text_copy_bytes(trimmed);
	return text_format("%.*s/%.*s", (int)(slash - reading->path), reading->path,
	    (int)trimmed.size, (const char *)trimmed.data);
}

/* "@include FILE", "#includedir DIRECTORY": the hash is no comment there. */
static bool take_include(const struct reading *reading, struct bytes line)
{
	struct bytes rest = line, word = small_file_word(&rest);
	bool is_directory;
	char *path;

	if (word.size < 2 || (word.data[0] != '@' && word.data[0] != '#'))
		return false;
	word = BYTES(word.data + 1, word.size - 1);
	is_directory = bytes_equal(word, bytes_of_text("includedir"));
	if (!is_directory && !bytes_equal(word, bytes_of_text("include")))
		return false;
	if (reading->depth == DEPTH_MAX) {
		sheet_unread(reading->sheet, "sudo", bytes_of_text(reading->path + 1), ELOOP);
		return true;
	}
	path = included_path(reading, rest);
	if (is_directory) {
		look_at_directory(reading, path);
	} else {
		struct reading next = *reading;

		next.path = path;
		next.depth++;
		look_at_file(&next);
	}
	free(path);
	return true;
}

/* ---- rules ---- */

/* A hash begins a comment, unless a number follows it at the front of a word: "#1000" is a user. */
static bool is_comment(struct bytes line, size_t at)
{
	bool is_front = at == 0 || strchr(" \t,(:=!", line.data[at - 1]) != NULL;
	bool is_number = at + 1 < line.size
	              && (isdigit(line.data[at + 1]) || line.data[at + 1] == '-');

	return !(is_front && is_number);
}

/* Single blanks, no comments; what is quoted or escaped stays. */
static void normalise(struct bytes line, struct buffer *out)
{
	bool is_quoted = false, has_blank = false;

	for (size_t i = 0; i < line.size; i++) {
		uint8_t c = line.data[i];

		if (!is_quoted && c == '#' && is_comment(line, i))
			return;
		if (!is_quoted && isspace(c)) {
			has_blank = true;
			continue;
		}
		if (has_blank && out->size > 0)
			buffer_append_u8(out, ' ');
		has_blank = false;
		buffer_append_u8(out, c);
		if (c == '\\' && i + 1 < line.size)
			buffer_append_u8(out, line.data[++i]);
		else if (c == '"')
			is_quoted = !is_quoted;
	}
}

/* Named by what may be known of it, so that the name does not let a secret be tried out. */
static void set(const struct reading *reading, struct bytes rule)
{
	struct buffer clean = { 0 };
	struct fact_field fields[2];
	uint8_t hash[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];

	redact_content(reading->path, NULL, rule, &clean);
	hash_bytes(buffer_bytes(&clean), hash);
	bytes_to_hex(BYTES_OF(hash), hex);
	fields[0] = FACT_FIELD_TEXT("file", reading->path);
	fields[1] = FACT_FIELD_SLICE("rule", buffer_bytes(&clean));
	sheet_present(reading->sheet, "sudo", bytes_of_text(hex), fields, 2);
	buffer_fini(&clean);
}

static void take_line(const struct reading *reading, struct bytes line)
{
	struct buffer rule = { 0 };

	if (take_include(reading, line))
		return;
	normalise(line, &rule);
	if (rule.size > 0)
		set(reading, buffer_bytes(&rule));
	buffer_fini(&rule);
}

/* A backslash at the end of a line joins the next one to it. */
static void take_lines(const struct reading *reading, struct bytes file)
{
	struct buffer joined = { 0 };
	struct bytes line;

	while (small_file_line(&file, &line)) {
		bool is_continued;

		if (line.size > 0 && line.data[line.size - 1] == '\r')
			line.size--;
		is_continued = line.size > 0 && line.data[line.size - 1] == '\\';
		buffer_append(&joined, BYTES(line.data, line.size - is_continued));
		if (is_continued && file.size > 0)
			continue;
		take_line(reading, buffer_bytes(&joined));
		buffer_clear(&joined);
	}
	buffer_fini(&joined);
}

static void look_at_file(const struct reading *reading)
{
	struct buffer file = { 0 };
	int error;

	survey_watch_file(reading->input, reading->sheet, reading->path);
	error = survey_read(reading->input, reading->path, &file);
	if (error == ENOENT && reading->depth == 0)
		sheet_fail(reading->sheet, "sudo/", FACT_ABSENT, "there is no /etc/sudoers");
	else if (error != 0)
		sheet_unread(reading->sheet, "sudo", bytes_of_text(reading->path + 1), error);
	else
		take_lines(reading, buffer_bytes(&file));
	buffer_fini(&file);
}

void sudoers_look(const struct survey_input *input, struct sheet *sheet)
{
	struct reading reading = { .input = input, .sheet = sheet, .path = "/etc/sudoers" };

	look_at_file(&reading);
}
