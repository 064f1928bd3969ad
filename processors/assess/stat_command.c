/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/stat_command.h"

#include "processors/assess/command.h"

/* The types of files as facts name them, as stat -c %F does, and as the first letter of %A. */
static const struct file_type {
	const char *fact;
	const char *name;
	char letter;
} file_types[] = {
	{ "file", "regular file", '-' },
	{ "directory", "directory", 'd' },
	{ "fifo", "fifo", 'p' },
	{ "socket", "socket", 's' },
	{ "character", "character special file", 'c' },
	{ "block", "block special file", 'b' },
};

/* Parsing */

static bool is_known_format(const char *format)
{
	for (; (format = strchr(format, '%')) != NULL; format += 2)
		if (format[1] == '\0' || strchr("aAUGugsFn%", format[1]) == NULL)
			return false;
	return true;
}

static bool is_stat(const char *program)
{
	return strcmp(program, "stat") == 0 || strcmp(program, "/usr/bin/stat") == 0
	    || strcmp(program, "/bin/stat") == 0;
}

/* "-L", "-c", "-Lc", "-cFORMAT": false where anything else is among the letters. */
static bool read_letters(const char ***at, struct stat_command *command)
{
	for (const char *letter = **at + 1; *letter != '\0'; letter++) {
		if (*letter == 'L') {
			command->follows_links = true;
			continue;
		}
		if (*letter != 'c')
			return false;
		command->format = letter[1] != '\0' ? letter + 1 : *++*at;
		return command->format != NULL;
	}
	return (**at)[1] != '\0';
}

static bool read_option(const char ***at, struct stat_command *command)
{
	static const char format[] = "--format=";
	const char *option = **at;

	if (option[1] != '-')
		return read_letters(at, command);
	if (strcmp(option, "--dereference") == 0) {
		command->follows_links = true;
		return true;
	}
	if (strncmp(option, format, sizeof(format) - 1) != 0)
		return false;
	command->format = option + sizeof(format) - 1;
	return true;
}

const struct stat_command *stat_command_parse(const char *text, struct arena *arena)
{
	struct stat_command *command = arena_take(arena, sizeof(*command));
	size_t count;
	const char **at = command_split(text, arena, &count);

	if (at == NULL || !is_stat(*at))
		return NULL;
	while (*++at != NULL) {
		if (**at == '-') {
			if (!read_option(&at, command))
				return NULL;
		} else if (command->path != NULL || **at != '/') {
			return NULL;
		} else {
			command->path = *at;
		}
	}
	if (command->path == NULL || command->format == NULL || !is_known_format(command->format))
		return NULL;
	return command;
}

/* Answering */

static const struct fact_field *field_of(const struct fact *fact, const char *name,
    enum fact_field_type type)
{
	const struct fact_field *field = fact_find(fact->fields, fact->fields_count, name);

	return field != NULL && field->type == type ? field : NULL;
}

static const struct file_type *type_of(const struct fact *fact)
{
	const struct fact_field *field = field_of(fact, "type", FACT_TEXT);

	for (size_t i = 0; field != NULL && i < sizeof(file_types) / sizeof(file_types[0]); i++)
		if (bytes_equal(field->bytes, bytes_of_text(file_types[i].fact)))
			return &file_types[i];
	return NULL;
}

static bool append_number(struct buffer *out, const struct fact *fact, const char *name)
{
	const struct fact_field *field = field_of(fact, name, FACT_NUMBER);

	if (field == NULL)
		return false;
	buffer_append_format(out, "%lld", (long long)field->number);
	return true;
}

/* An identifier without a name is there and its name is not. */
static bool append_name(struct buffer *out, const struct fact *fact, const char *name,
    const char *identifier)
{
	const struct fact_field *field = field_of(fact, name, FACT_TEXT);

	if (field == NULL && field_of(fact, identifier, FACT_NUMBER) == NULL)
		return false;
	buffer_append(out, field == NULL ? bytes_of_text("UNKNOWN") : field->bytes);
	return true;
}

/* Octal digits, "0644". */
static bool read_mode(const struct fact *fact, unsigned *mode)
{
	const struct fact_field *field = field_of(fact, "mode", FACT_TEXT);

	*mode = 0;
	if (field == NULL || field->bytes.size == 0 || field->bytes.size > 5)
		return false;
	for (size_t i = 0; i < field->bytes.size; i++) {
		if (field->bytes.data[i] < '0' || field->bytes.data[i] > '7')
			return false;
		*mode = *mode * 8 + (unsigned)(field->bytes.data[i] - '0');
	}
	return *mode <= 07777;
}

static bool append_mode(struct buffer *out, const struct fact *fact)
{
	unsigned mode;

	if (!read_mode(fact, &mode))
		return false;
	buffer_append_format(out, "%o", mode);
	return true;
}

static bool append_letters(struct buffer *out, const struct fact *fact)
{
	static const struct {
		unsigned bit, special;
		char plain, both, only; /* the bit alone; and the special one; that one alone */
	} bits[] = {
		{ 0400, 0, 'r', 0, 0 },
		{ 0200, 0, 'w', 0, 0 },
		{ 0100, 04000, 'x', 's', 'S' },
		{ 0040, 0, 'r', 0, 0 },
		{ 0020, 0, 'w', 0, 0 },
		{ 0010, 02000, 'x', 's', 'S' },
		{ 0004, 0, 'r', 0, 0 },
		{ 0002, 0, 'w', 0, 0 },
		{ 0001, 01000, 'x', 't', 'T' },
	};
	const struct file_type *type = type_of(fact);
	unsigned mode;

	if (type == NULL || !read_mode(fact, &mode))
		return false;
	buffer_append_u8(out, (uint8_t)type->letter);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		bool is_set = mode & bits[i].bit, is_special = mode & bits[i].special;
		char letter = is_set ? bits[i].plain : '-';

		if (is_special)
			letter = is_set ? bits[i].both : bits[i].only;
		buffer_append_u8(out, (uint8_t)letter);
	}
	return true;
}

static bool append_type(struct buffer *out, const struct fact *fact)
{
	const struct fact_field *size = field_of(fact, "size", FACT_NUMBER);
	const struct file_type *type = type_of(fact);

	if (type == NULL || (type->letter == '-' && size == NULL))
		return false;
	buffer_append_text(out,
	    type->letter == '-' && size->number == 0 ? "regular empty file" : type->name);
	return true;
}

static bool append_part(struct buffer *out, const struct stat_command *command,
    const struct fact *fact, char directive)
{
	switch (directive) {
	case 'a':
		return append_mode(out, fact);
	case 'A':
		return append_letters(out, fact);
	case 'U':
		return append_name(out, fact, "owner", "uid");
	case 'G':
		return append_name(out, fact, "group", "gid");
	case 'u':
		return append_number(out, fact, "uid");
	case 'g':
		return append_number(out, fact, "gid");
	case 's':
		return append_number(out, fact, "size");
	case 'F':
		return append_type(out, fact);
	case 'n':
		buffer_append_text(out, command->path);
		return true;
	default:
		buffer_append_u8(out, (uint8_t)directive);
		return true;
	}
}

/* Whether the fact is about the very thing that stat would look at. */
static bool describes_it(const struct stat_command *command, const struct fact *fact)
{
	return command->follows_links
	    || fact_find(fact->fields, fact->fields_count, "link") == NULL;
}

const char *stat_command_output(const struct stat_command *command, const struct fact *fact,
    struct arena *arena, const char **missing)
{
	struct buffer out = { 0 };
	const char *text = NULL;

	if (!describes_it(command, fact)) {
		*missing = arena_format(arena,
		    "%s is a symbolic link, which this stat does not "
		    "follow, and only what it leads to was observed",
		    command->path);
		return NULL;
	}
	if (fact->status == FACT_ABSENT)
		return arena_format(arena, "stat: cannot statx '%s': No such file or directory\n",
		    command->path);
	for (const char *at = command->format; *at != '\0'; at++) {
		if (*at != '%') {
			buffer_append_u8(&out, (uint8_t)*at);
		} else if (!append_part(&out, command, fact, *++at)) {
			*missing = arena_format(arena,
			    "what stat prints for %%%c of %s was not "
			    "observed",
			    *at, command->path);
			goto done;
		}
	}
	buffer_append_u8(&out, '\n');
	text = arena_text(arena, buffer_text(&out));
done:
	buffer_fini(&out);
	return text;
}
