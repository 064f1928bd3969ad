/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each output is read once into a table, so that many upgrades of many packages stay cheap.
 */
#include "collectors/updates/apt.h"

#include <stdlib.h>

#include "collectors/small_file.h"

struct apt_part {
	struct bytes name, text;
};

/* ---- tables ---- */

struct growing {
	struct apt_table *table;
	size_t room;
};

static void add(struct growing *growing, struct bytes name, struct bytes text)
{
	struct apt_table *table = growing->table;

	if (table->count == growing->room) {
		growing->room = growing->room == 0 ? 256 : 2 * growing->room;
		table->parts = memory_grow(table->parts, growing->room * sizeof(*table->parts));
	}
	table->parts[table->count++] = (struct apt_part){ .name = name, .text = text };
}

static int compare(const void *a, const void *b)
{
	return bytes_compare(((const struct apt_part *)a)->name,
	    ((const struct apt_part *)b)->name);
}

static void sort(struct apt_table *table)
{
	if (table->count > 0)
		qsort(table->parts, table->count, sizeof(*table->parts), compare);
}

void apt_table_fini(struct apt_table *table)
{
	free(table->parts);
	*table = (struct apt_table){ 0 };
}

/* The first whose name is not before NAME. */
static size_t lower_bound(const struct apt_table *table, struct bytes name)
{
	size_t from = 0, to = table->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (bytes_compare(table->parts[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static const struct apt_part *find(const struct apt_table *table, struct bytes name)
{
	size_t at = lower_bound(table, name);

	return at < table->count && bytes_equal(table->parts[at].name, name) ? &table->parts[at]
	                                                                     : NULL;
}

static const struct apt_part *find_package(const struct apt_table *table,
    const struct apt_archive *archive, struct bytes architecture)
{
	struct buffer name = { 0 };
	const struct apt_part *part;

	buffer_append(&name, archive->name);
	if (architecture.size > 0)
		buffer_append_u8(&name, ':');
	buffer_append(&name, architecture);
	part = find(table, buffer_bytes(&name));
	buffer_fini(&name);
	return part;
}

/* ---- archives ---- */

static int hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return -1;
}

/* In file names apt writes "%3a" for what could not stand there. */
static struct bytes unquote(struct bytes text, struct arena *arena)
{
	uint8_t *out = arena_take(arena, text.size + 1);
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
		int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;

		if (text.data[i] == '%' && high >= 0 && low >= 0) {
			out[size++] = (uint8_t)(high << 4 | low);
			i += 2;
		} else {
			out[size++] = text.data[i];
		}
	}
	return BYTES(out, size);
}

/* Takes what is before the first BYTE off the front of TEXT, and BYTE with it. */
static bool take_until(struct bytes *text, char byte, struct bytes *out)
{
	const uint8_t *end = text->size == 0 ? NULL : memchr(text->data, byte, text->size);

	if (end == NULL)
		return false;
	*out = BYTES(text->data, (size_t)(end - text->data));
	*text = BYTES(end + 1, text->size - out->size - 1);
	return true;
}

/* Letters and digits, '+', '-' and '.', but not at the front: apt takes '-' for an option there. */
static bool is_name(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++) {
		uint8_t byte = name.data[i];
		bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');

		if (!is_letter && (i == 0 || (byte != '+' && byte != '-' && byte != '.')))
			return false;
	}
	return name.size > 0;
}

bool apt_archive_parse(struct bytes line, struct arena *arena, struct apt_archive *out)
{
	struct bytes file, address, name, version, architecture;

	if (line.size == 0 || line.data[0] != '\'')
		return false;
	line = BYTES(line.data + 1, line.size - 1);
	if (!take_until(&line, '\'', &address))
		return false;
	file = small_file_word(&line);
	if (!take_until(&file, '_', &name) || !take_until(&file, '_', &version)
	    || !take_until(&file, '.', &architecture))
		return false;
	*out = (struct apt_archive){ .name = unquote(name, arena),
		.version = unquote(version, arena),
		.architecture = unquote(architecture, arena) };
	return bytes_equal(file, bytes_of_text("deb")) && is_name(out->name)
	    && is_name(out->architecture) && out->version.size > 0;
}

/* ---- what is installed ---- */

void apt_read_packages(struct bytes output, struct apt_table *out)
{
	struct growing growing = { .table = out };
	struct bytes line;

	while (small_file_line(&output, &line)) {
		struct bytes name = small_file_word(&line);

		add(&growing, name, line);
	}
	sort(out);
}

static bool is_installed(const struct apt_part *part, struct apt_installed *out)
{
	struct bytes rest = part->text, want, state;

	want = small_file_word(&rest);
	state = small_file_word(&rest);
	out->is_held = bytes_equal(want, bytes_of_text("hold"));
	out->version = small_file_word(&rest);
	return out->version.size > 0 && !bytes_equal(state, bytes_of_text("not-installed"))
	    && !bytes_equal(state, bytes_of_text("config-files"));
}

static bool is_argument(struct bytes name, struct arena *arena, const char **out)
{
	struct bytes rest = name, package;

	if (!take_until(&rest, ':', &package) || !is_name(package) || !is_name(rest))
		return false;
	*out = arena_format(arena, "%.*s", (int)name.size, (const char *)name.data);
	return true;
}

void apt_name_installed(const struct apt_table *packages, struct arena *arena, const char **names)
{
	struct apt_installed installed;

	for (size_t i = 0; i < packages->count; i++)
		if (is_installed(&packages->parts[i], &installed)
		    && is_argument(packages->parts[i].name, arena, names))
			names++;
}

/* A package for all architectures takes the place of the native one. */
static bool find_replaced(const struct apt_table *packages, const struct apt_archive *archive,
    struct apt_installed *out)
{
	struct buffer prefix = { 0 };
	bool has_found = false;

	buffer_append(&prefix, archive->name);
	buffer_append_u8(&prefix, ':');
	for (size_t at = lower_bound(packages, buffer_bytes(&prefix));
	     !has_found && at < packages->count
	     && bytes_start_with(packages->parts[at].name, buffer_bytes(&prefix));
	     at++)
		has_found = is_installed(&packages->parts[at], out);
	buffer_fini(&prefix);
	return has_found;
}

bool apt_find_installed(const struct apt_table *packages, const struct apt_archive *archive,
    struct apt_installed *out)
{
	struct bytes all = bytes_of_text("all");
	const struct apt_part *part = find_package(packages, archive, archive->architecture);

	if (part != NULL && is_installed(part, out))
		return true;
	if (bytes_equal(archive->architecture, all))
		return find_replaced(packages, archive, out);
	part = find_package(packages, archive, all);
	return part != NULL && is_installed(part, out);
}

/* ---- where it comes from ---- */

/* "NAME:" or "NAME:ARCHITECTURE:", and then what is indented. */
void apt_read_policies(struct bytes output, struct apt_table *out)
{
	struct growing growing = { .table = out };
	struct bytes line;

	while (small_file_line(&output, &line)) {
		if (line.size < 2 || line.data[0] == ' ' || line.data[line.size - 1] != ':')
			continue;
		add(&growing, BYTES(line.data, line.size - 1), output);
	}
	/* So far each goes to the end of the output. */
	for (size_t i = 0; i + 1 < out->count; i++)
		out->parts[i].text.size = (size_t)(out->parts[i + 1].name.data
						   - out->parts[i].text.data);
	sort(out);
}

/* "KEY: VALUE" of a stanza; empty where there is none. */
static struct bytes field(struct bytes stanza, const char *key)
{
	struct bytes line, name;

	while (small_file_line(&stanza, &line))
		if (take_until(&line, ':', &name) && bytes_equal(name, bytes_of_text(key)))
			return small_file_trim(line);
	return BYTES_NONE;
}

void apt_read_targets(struct bytes output, struct apt_table *out)
{
	static const char gap[] = "\n\n";
	struct growing growing = { .table = out };

	while (output.size > 0) {
		const uint8_t *end = memmem(output.data, output.size, gap, sizeof(gap) - 1);
		size_t size = end == NULL ? output.size : (size_t)(end - output.data) + 2;
		struct bytes stanza = BYTES(output.data, size), name = field(stanza, "Description");

		if (name.size > 0)
			add(&growing, name, stanza);
		output = BYTES(output.data + size, output.size - size);
	}
	sort(out);
}

/* "https://user@host:443/path …": the host; apt says "localhost" where there is none. */
static struct bytes host_of(struct bytes description)
{
	static const char before[] = "://";
	const uint8_t *found = memmem(description.data, description.size, before, 3);
	struct bytes rest, host, cut;

	if (found == NULL)
		return bytes_of_text("localhost");
	rest = BYTES(found + 3, description.size - (size_t)(found + 3 - description.data));
	host = take_until(&rest, '/', &cut) ? cut : rest;
	while (take_until(&host, '@', &cut))
		continue;
	if (host.size > 0 && host.data[0] != '[' && take_until(&host, ':', &cut))
		host = cut;
	return host.size > 0 ? host : bytes_of_text("localhost");
}

static void append_target(struct buffer *out, const struct apt_part *target)
{
	struct bytes label = field(target->text, "Label"), suite = field(target->text, "Suite");
	struct bytes version = field(target->text, "Version");

	if (out->size > 0)
		buffer_append_text(out, ", ");
	buffer_append(out, label);
	if (label.size > 0)
		buffer_append_u8(out, ':');
	if (suite.size > 0 && version.size > 0) {
		buffer_append(out, version);
		buffer_append_u8(out, '/');
	}
	buffer_append(out, suite.size > 0 ? suite : host_of(target->name));
}

/* apt names an origin once: where label and version are the same, the suite does not matter. */
static bool is_like(const struct apt_part *a, const struct apt_part *b)
{
	struct bytes label = field(a->text, "Label");

	return label.size > 0 && bytes_equal(label, field(b->text, "Label"))
	    && bytes_equal(field(a->text, "Version"), field(b->text, "Version"));
}

/* "        500 http://deb.debian.org/debian bookworm/main amd64 Packages" */
static const struct apt_part *target_of(struct bytes line, const struct apt_table *targets)
{
	(void)small_file_word(&line);
	return find(targets, small_file_trim(line));
}

/* "     VERSION PRIORITY", or "***" at the front of the one that is installed. */
static bool is_version_line(struct bytes line)
{
	return line.size > 5 && line.data[5] != ' '
	    && (memcmp(line.data, "     ", 5) == 0 || memcmp(line.data, " *** ", 5) == 0);
}

static bool is_version(struct bytes line, struct bytes version)
{
	line = BYTES(line.data + 5, line.size - 5);
	return bytes_equal(small_file_word(&line), version);
}

/* LINES are those after a version's own. */
static void append_sources(struct bytes lines, const struct apt_table *targets, struct buffer *out)
{
	struct bytes rest = lines, line;

	while (small_file_line(&rest, &line) && !is_version_line(line)) {
		const struct apt_part *target = target_of(line, targets), *before;
		struct bytes earlier = lines, other;
		bool is_told = target == NULL;

		while (!is_told && small_file_line(&earlier, &other) && other.data != line.data) {
			before = target_of(other, targets);
			is_told = before != NULL && is_like(target, before);
		}
		if (!is_told)
			append_target(out, target);
	}
}

void apt_describe_origin(const struct apt_table *policies, const struct apt_table *targets,
    const struct apt_archive *archive, struct buffer *out)
{
	/* apt leaves the native architecture out. */
	const struct apt_part *policy = find_package(policies, archive, archive->architecture);
	struct bytes rest, line;

	if (policy == NULL)
		policy = find_package(policies, archive, BYTES_NONE);
	if (policy == NULL)
		return;
	rest = policy->text;
	while (out->size == 0 && small_file_line(&rest, &line))
		if (is_version_line(line) && is_version(line, archive->version))
			append_sources(rest, targets, out);
}
