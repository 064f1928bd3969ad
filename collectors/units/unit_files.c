/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of files with one name in several directories the first directory's counts.  A unit is enabled by
 * a link in a directory "*.wants" or "*.requires", or by an alias, that the administrator has;
 * links of the vendor's own are part of a static unit (systemctl(1), is-enabled).
 */
#include "collectors/units/unit_files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/small_file.h"

static const struct place {
	const char *directory;
	const char *enabled, *masked; /* what a link there makes of a unit; NULL: nothing */
} places[] = {
	{ "/etc/systemd/system", "enabled", "masked" },
	{ "/run/systemd/system", "enabled-runtime", "masked-runtime" },
	{ "/usr/local/lib/systemd/system", NULL, "masked" },
	{ "/usr/lib/systemd/system", NULL, "masked" },
	{ "/lib/systemd/system", NULL, "masked" },
};

/* A file "NAME.d/FILE.conf", which adds to the unit NAME. */
struct drop_in {
	const char *unit, *file, *path;
	size_t place; /* lower ones hide those of the same name in higher ones */
};

struct reading {
	const struct survey_input *input;
	struct sheet *sheet;
	struct unit_table *table;
	struct drop_in *drop_ins;
	size_t drop_ins_count;
};

static bool has_end(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* ---- links ---- */

static void enable(struct reading *reading, const char *name, const char *how)
{
	struct unit_table *table = reading->table;
	const char *template = unit_table_template(name, &table->arena);
	struct unit *unit;

	if (how == NULL || !unit_table_is_name(name))
		return;
	unit = unit_table_add(table, name);
	if (unit->enabled == NULL)
		unit->enabled = how;
	if (template != NULL)
		enable(reading, template, how);
}

static void list(struct reading *reading, const char *directory, struct arena *arena,
    const char ***names, size_t *count)
{
	int error;

	survey_watch(reading->input, reading->sheet, directory, NULL);
	error = survey_list(reading->input, directory, arena, names, count);
	if (error != 0 && error != ENOENT && error != ENOTDIR)
		sheet_unread(reading->sheet, "unit", bytes_of_text(directory + 1), error);
}

/* Whatever is in "*.wants" is wanted, by the name that it has there. */
static void take_wanted(struct reading *reading, const char *directory, const char *how)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count;

	list(reading, directory, &arena, &names, &count);
	for (size_t i = 0; i < count; i++)
		enable(reading, names[i], how);
	arena_fini(&arena);
}

static void take_drop_ins(struct reading *reading, const char *directory, const char *name,
    size_t place)
{
	struct arena *kept = &reading->table->arena, arena = { 0 };
	char *path = text_format("%s/%s", directory, name);
	const char **names;
	size_t count;

	list(reading, path, &arena, &names, &count);
	for (size_t i = 0; i < count; i++) {
		if (!has_end(names[i], ".conf"))
			continue;
		reading->drop_ins = memory_grow(reading->drop_ins,
		    (reading->drop_ins_count + 1) * sizeof(*reading->drop_ins));
		reading->drop_ins[reading->drop_ins_count++] = (struct drop_in){
			.unit = arena_format(kept, "%.*s", (int)strlen(name) - 2, name),
			.file = arena_text(kept, names[i]),
			.path = arena_format(kept, "%s/%s", path, names[i]),
			.place = place,
		};
	}
	free(path);
	arena_fini(&arena);
}

/* ---- fragments ---- */

static void take_link(struct reading *reading, struct unit *unit, const char *full_path,
    const struct place *place)
{
	char target[PATH_MAX];
	ssize_t size = readlink(full_path, target, sizeof(target) - 1);
	const char *last;

	target[size < 0 ? 0 : size] = '\0';
	last = strrchr(target, '/') == NULL ? target : strrchr(target, '/') + 1;
	if (strcmp(target, "/dev/null") == 0) {
		unit->enabled = place->masked;
	} else if (strcmp(last, unit->name) != 0) {
		unit->enabled = "alias";
		enable(reading, last, place->enabled);
	} else if (unit->enabled == NULL && place->enabled != NULL) {
		unit->enabled = "linked";
	}
}

static void take_fragment(struct reading *reading, const struct place *place, const char *name)
{
	char *path = text_format("%s/%s", place->directory, name);
	char *full_path = text_format("%s%s", reading->input->root, path);
	struct unit *unit = unit_table_add(reading->table, name);
	struct stat info;

	if (unit->fragment == NULL && lstat(full_path, &info) == 0) {
		unit->fragment = arena_text(&reading->table->arena, path);
		if (S_ISLNK(info.st_mode))
			take_link(reading, unit, full_path, place);
		else if (S_ISREG(info.st_mode) && info.st_size == 0)
			unit->enabled = place->masked;
	}
	free(path);
	free(full_path);
}

static void look_at_place(struct reading *reading, size_t index)
{
	const struct place *place = &places[index];
	struct arena arena = { 0 };
	const char **names;
	size_t count;

	list(reading, place->directory, &arena, &names, &count);
	for (size_t i = 0; i < count; i++) {
		if (has_end(names[i], ".wants") || has_end(names[i], ".requires"))
			take_wanted(reading,
			    arena_format(&arena, "%s/%s", place->directory, names[i]),
			    place->enabled);
		else if (has_end(names[i], ".d"))
			take_drop_ins(reading, place->directory, names[i], index);
		else if (unit_table_is_name(names[i]))
			take_fragment(reading, place, names[i]);
	}
	arena_fini(&arena);
}

/* ---- what is in them ---- */

struct content {
	const char *section;
	bool is_wanted_by;        /* something of [Install] could enable it */
	bool has_also;            /* … or at least enables others with it */
	struct buffer exec_start; /* with " ; " between */
	struct buffer drop_ins;   /* with blanks between */
};

static bool is_any_of(struct bytes name, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (bytes_equal(name, bytes_of_text(names[i])))
			return true;
	return false;
}

static void take_assignment(struct content *content, struct bytes name, struct bytes value)
{
	static const char *const enabling[] = { "WantedBy", "RequiredBy", "UpheldBy", "Alias",
		NULL };
	static const char *const others[] = { "Also", "DefaultInstance", NULL };

	if (strcmp(content->section, "Install") == 0 && value.size > 0) {
		content->is_wanted_by |= is_any_of(name, enabling);
		content->has_also |= is_any_of(name, others);
	}
	if (strcmp(content->section, "Service") != 0
	    || !bytes_equal(name, bytes_of_text("ExecStart")))
		return;
	/* An empty one takes back those before it. */
	if (value.size == 0)
		buffer_clear(&content->exec_start);
	else if (content->exec_start.size > 0)
		buffer_append_text(&content->exec_start, " ; ");
	buffer_append(&content->exec_start, value);
}

static void take_line(struct content *content, struct bytes line)
{
	static const char *const sections[] = { "Install", "Service" };
	const uint8_t *sign;

	line = small_file_trim(line);
	if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';')
		return;
	if (line.data[0] == '[') {
		content->section = "";
		for (size_t i = 0; i < 2; i++)
			if (line.size == strlen(sections[i]) + 2
			    && memcmp(line.data + 1, sections[i], line.size - 2) == 0)
				content->section = sections[i];
		return;
	}
	sign = memchr(line.data, '=', line.size);
	if (sign != NULL)
		take_assignment(content,
		    small_file_trim(BYTES(line.data, (size_t)(sign - line.data))),
		    small_file_trim(BYTES(sign + 1, line.size - (size_t)(sign + 1 - line.data))));
}

static bool is_comment(struct bytes line)
{
	line = small_file_trim(line);
	return line.size > 0 && (line.data[0] == '#' || line.data[0] == ';');
}

/* A backslash at the end of a line stands for a blank and the next line, comments passed over. */
static void read_content(const struct reading *reading, const char *path, struct content *content)
{
	struct buffer file = { 0 }, joined = { 0 };
	int error = survey_read(reading->input, path, &file);
	struct bytes rest = buffer_bytes(&file), line;

	content->section = "";
	while (error == 0 && small_file_line(&rest, &line)) {
		bool is_continued;

		if (joined.size > 0 && is_comment(line))
			continue;
		line = small_file_trim(line);
		is_continued = line.size > 0 && line.data[line.size - 1] == '\\';
		buffer_append(&joined, BYTES(line.data, line.size - is_continued));
		if (is_continued && rest.size > 0) {
			buffer_append_u8(&joined, ' ');
			continue;
		}
		take_line(content, buffer_bytes(&joined));
		buffer_clear(&joined);
	}
	buffer_fini(&file);
	buffer_fini(&joined);
}

static int compare_drop_ins(const void *a, const void *b)
{
	const struct drop_in *one = a, *other = b;
	int order = strcmp(one->unit, other->unit);

	if (order == 0)
		order = strcmp(one->file, other->file);
	return order != 0 ? order : (one->place > other->place) - (one->place < other->place);
}

static void read_drop_ins(const struct reading *reading, const char *name, struct content *content)
{
	for (size_t i = 0; i < reading->drop_ins_count; i++) {
		const struct drop_in *drop_in = &reading->drop_ins[i], *before = drop_in - 1;
		bool is_hidden = i > 0 && strcmp(before->unit, drop_in->unit) == 0
		              && strcmp(before->file, drop_in->file) == 0;

		if (is_hidden || strcmp(drop_in->unit, name) != 0)
			continue;
		read_content(reading, drop_in->path, content);
		buffer_append_format(&content->drop_ins, "%s%s",
		    content->drop_ins.size > 0 ? " " : "", drop_in->path);
	}
}

static void read_unit(const struct reading *reading, struct unit *unit)
{
	struct arena *arena = &reading->table->arena;
	const char *template = unit_table_template(unit->name, arena);
	struct unit *origin = template == NULL || unit->fragment != NULL
	                        ? NULL
	                        : unit_table_find(reading->table, template);
	struct content content = { .section = "" };

	if (origin != NULL)
		unit->fragment = origin->fragment;
	if (unit->fragment == NULL)
		return;
	read_content(reading, unit->fragment, &content);
	if (template != NULL)
		read_drop_ins(reading, template, &content);
	read_drop_ins(reading, unit->name, &content);
	if (unit->enabled == NULL)
		unit->enabled = content.is_wanted_by ? "disabled"
		              : content.has_also     ? "indirect"
		                                     : "static";
	if (content.exec_start.size > 0)
		unit->exec_start = arena_text(arena, buffer_text(&content.exec_start));
	if (content.drop_ins.size > 0)
		unit->drop_ins = arena_text(arena, buffer_text(&content.drop_ins));
	buffer_fini(&content.exec_start);
	buffer_fini(&content.drop_ins);
}

static bool is_inert(const struct unit *unit)
{
	return unit->enabled != NULL
	    && (strncmp(unit->enabled, "masked", 6) == 0 || strcmp(unit->enabled, "alias") == 0);
}

void unit_files_look(const struct survey_input *input, struct sheet *sheet,
    struct unit_table *table)
{
	struct reading reading = { .input = input, .sheet = sheet, .table = table };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		look_at_place(&reading, i);
	if (reading.drop_ins_count > 0)
		qsort(reading.drop_ins, reading.drop_ins_count, sizeof(*reading.drop_ins),
		    compare_drop_ins);
	for (struct unit *unit = table->units; unit != NULL; unit = unit->hh.next)
		if (!is_inert(unit))
			read_unit(&reading, unit);
	free(reading.drop_ins);
}
