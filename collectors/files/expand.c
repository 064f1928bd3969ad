/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/expand.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/files/look.h"

/* A directory on the way down. */
struct level {
	struct globs_spot spot;
	dev_t device;
	char *real;                  /* where a link was passed: its real path; else NULL */
	struct globs_spot real_spot; /* of that */
};

struct walk {
	const struct expand_request *request;
	struct expansion *out;
	struct buffer path; /* the root, and the path as it was reached */
	size_t watches;
};

/* Names in a directory that may matter. */
struct names {
	const struct walk *walk;
	const struct level *level;
	char **names;
	size_t count;
};

static const char *shown(struct walk *walk)
{
	return buffer_text(&walk->path) + strlen(walk->request->root);
}

/* For the system, which has no name for "/" but that. */
static const char *full(struct walk *walk)
{
	return walk->path.size == 0 ? "/" : buffer_text(&walk->path);
}

static void enter_name(struct walk *walk, const char *name)
{
	buffer_append_format(&walk->path, "/%s", name);
}

static void level_fini(struct level *level)
{
	globs_spot_fini(&level->spot);
	globs_spot_fini(&level->real_spot);
	free(level->real);
}

/* ---- going down ---- */

static char *real_path(struct walk *walk)
{
	size_t root_size = strlen(walk->request->root);
	char *found = realpath(full(walk), NULL), *real;

	if (found == NULL)
		return NULL;
	real = text_copy(
	    strncmp(found, walk->request->root, root_size) == 0 ? found + root_size : found);
	free(found);
	return real;
}

/* CHILD, which walk's path leads to already, by another name; false: it leads nowhere. */
static bool find_real(struct walk *walk, const struct level *parent, const char *name, bool is_link,
    struct level *child)
{
	if (is_link)
		child->real = real_path(walk);
	else
		child->real = text_format("%s/%s", parent->real, name);
	if (child->real == NULL)
		return false;
	globs_find(walk->request->globs, bytes_of_text(child->real), &child->real_spot);
	return true;
}

/* The directory NAME of PARENT, where anything below it may be meant; walk's path leads to it. */
static bool enter(struct walk *walk, const struct level *parent, const char *name,
    struct level *child)
{
	const char *path = buffer_text(&walk->path);
	struct stat info;
	bool is_link;

	if (lstat(path, &info) != 0)
		return false;
	is_link = S_ISLNK(info.st_mode);
	if (is_link && stat(path, &info) != 0)
		return false;
	if (!S_ISDIR(info.st_mode))
		return false;
	child->device = info.st_dev;
	globs_step(walk->request->globs, &parent->spot, bytes_of_text(name),
	    is_link || info.st_dev != parent->device ? GLOBS_CROSSING : GLOBS_PLAIN, &child->spot);
	if (child->spot.count == 0)
		return false;
	return (!is_link && parent->real == NULL) || find_real(walk, parent, name, is_link, child);
}

/* ---- what is in a directory ---- */

static void add_name(void *data, struct bytes name)
{
	struct names *names = data;

	if ((names->count & (names->count - 1)) == 0)
		names->names = memory_grow(names->names,
		    (names->count == 0 ? 1 : 2 * names->count) * sizeof(*names->names));
	names->names[names->count++] = text_copy_bytes(name);
}

static bool may_matter(const struct names *names, struct bytes name)
{
	const struct globs *globs = names->walk->request->globs;
	const struct globs_spot *spot = &names->level->spot;
	struct globs_meaning meaning;

	return !bytes_equal(name, bytes_of_text(".")) && !bytes_equal(name, bytes_of_text(".."))
	    && (globs_lead(globs, spot, name, GLOBS_PLAIN)
		|| globs_mean(globs, spot, name, &meaning));
}

static void be_barred(struct walk *walk, struct expand_directory *directory, int error)
{
	directory->is_barred = true;
	if (walk->out->barred_reason == NULL)
		walk->out->barred_reason = text_format("cannot look into %s: %s", shown(walk),
		    strerror(error));
}

static void list(struct walk *walk, struct expand_directory *directory, struct names *names)
{
	DIR *stream = opendir(full(walk));
	struct dirent *entry;

	if (stream == NULL) {
		if (errno != ENOENT && errno != ENOTDIR)
			be_barred(walk, directory, errno);
		return;
	}
	while ((entry = readdir(stream)) != NULL)
		if (may_matter(names, bytes_of_text(entry->d_name)))
			add_name(names, bytes_of_text(entry->d_name));
	closedir(stream);
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort_names(struct names *names)
{
	size_t kept = 0;

	if (names->count > 1)
		qsort(names->names, names->count, sizeof(*names->names), compare_names);
	for (size_t i = 0; i < names->count; i++)
		if (kept > 0 && strcmp(names->names[kept - 1], names->names[i]) == 0)
			free(names->names[i]);
		else
			names->names[kept++] = names->names[i];
	names->count = kept;
}

static bool may_be_listed(struct walk *walk, const struct level *level)
{
	const char *path = level->real != NULL ? level->real : shown(walk);

	return walk->request->roots == NULL || look_is_within(walk->request->roots, path);
}

static void find_names(struct walk *walk, const struct level *level,
    struct expand_directory *directory, struct names *names)
{
	if (!globs_next_names(walk->request->globs, &level->spot, add_name, names)
	    && may_be_listed(walk, level))
		list(walk, directory, names);
	sort_names(names);
}

/* ---- results ---- */

static void watch_it(struct walk *walk, struct expand_directory *directory)
{
	const struct expand_request *request = walk->request;
	uint32_t what = WATCH_NAMES
	              | (globs_are_at_end(request->globs, &directory->spot) ? WATCH_CONTENT : 0);

	directory->watch = -1;
	if (request->watch == NULL)
		return;
	if (walk->watches == EXPAND_WATCHES_MAX) {
		walk->out->lacks_watches = true;
		return;
	}
	walk->watches++;
	/* May not be read, or has gone already: left to the re-read. */
	if (watch_add(request->watch, full(walk), what, &directory->watch) == STATUS_NO_SPACE)
		walk->out->lacks_watches = true;
}

static void copy_spot(const struct globs_spot *from, struct globs_spot *to)
{
	if (from->count == 0)
		return;
	to->count = from->count;
	to->places = memory_new(from->count * sizeof(*from->places));
	memcpy(to->places, from->places, from->count * sizeof(*from->places));
}

/* Its place in the list; what is in it moves when another one is added. */
static size_t add_directory(struct walk *walk, const struct level *level)
{
	struct expansion *out = walk->out;
	struct expand_directory *directory;

	if ((out->count & (out->count - 1)) == 0)
		out->directories = memory_grow(out->directories,
		    (out->count == 0 ? 1 : 2 * out->count) * sizeof(*out->directories));
	directory = &out->directories[out->count];
	*directory = (struct expand_directory){ .path = text_copy(shown(walk)) };
	copy_spot(&level->spot, &directory->spot);
	copy_spot(&level->real_spot, &directory->real_spot);
	watch_it(walk, directory);
	return out->count++;
}

static void add_file(struct walk *walk, size_t at, const char *name, struct globs_meaning meaning)
{
	struct expand_directory *directory = &walk->out->directories[at];

	if (walk->out->files == walk->request->files_max) {
		walk->out->is_cut = true;
		return;
	}
	walk->out->files++;
	if ((directory->count & (directory->count - 1)) == 0)
		directory->files = memory_grow(directory->files,
		    (directory->count == 0 ? 1 : 2 * directory->count) * sizeof(*directory->files));
	directory->files[directory->count++] = (struct expand_file){ text_copy(name), meaning };
}

/* Takes NAME, which walk's path leads to, where it is meant and is there. */
static void take_file(struct walk *walk, const struct level *level, size_t at, const char *name)
{
	const struct globs *globs = walk->request->globs;
	struct globs_meaning meaning, other;
	struct stat info;

	if (!globs_mean(globs, &level->spot, bytes_of_text(name), &meaning)
	    || globs_exclude(globs, bytes_of_text(shown(walk))))
		return;
	if (level->real != NULL
	    && globs_mean(globs, &level->real_spot, bytes_of_text(name), &other))
		return; /* it is found by that name */
	if (lstat(buffer_text(&walk->path), &info) == 0 && !S_ISDIR(info.st_mode))
		add_file(walk, at, name, meaning);
}

/* ---- the walk ---- */

static void visit(struct walk *walk, const struct level *level);

static void take_name(struct walk *walk, const struct level *level, size_t at, const char *name)
{
	struct level child = { 0 };
	size_t size = walk->path.size;

	enter_name(walk, name);
	if (walk->path.size < PATH_MAX) {
		take_file(walk, level, at, name);
		if (globs_lead(walk->request->globs, &level->spot, bytes_of_text(name), GLOBS_PLAIN)
		    && enter(walk, level, name, &child))
			visit(walk, &child);
	}
	level_fini(&child);
	walk->path.size = size;
}

static void visit(struct walk *walk, const struct level *level)
{
	struct names names = { .walk = walk, .level = level };
	size_t at;

	if (walk->out->count == EXPAND_DIRECTORIES_MAX) {
		walk->out->is_cut = true;
		return;
	}
	at = add_directory(walk, level);
	find_names(walk, level, &walk->out->directories[at], &names);
	for (size_t i = 0; i < names.count; i++) {
		take_name(walk, level, at, names.names[i]);
		free(names.names[i]);
	}
	free(names.names);
}

/* Down to where the request begins: REST is what is left of it. */
static void go_to_start(struct walk *walk, const struct level *level, const char *rest)
{
	size_t size = strcspn(rest, "/");
	struct level child = { 0 };
	char *name;

	if (size == 0) {
		visit(walk, level);
		return;
	}
	name = text_copy_bytes(BYTES(rest, size));
	enter_name(walk, name);
	if (enter(walk, level, name, &child))
		go_to_start(walk, &child, rest + size + (rest[size] == '/'));
	level_fini(&child);
	free(name);
}

static int compare_directories(const void *left, const void *right)
{
	const struct expand_directory *a = left, *b = right;

	return strcmp(a->path, b->path);
}

void expand(const struct expand_request *request, struct expansion *out)
{
	struct walk walk = { .request = request, .out = out };
	struct level top = { 0 };
	struct stat info;

	buffer_append_text(&walk.path, request->root);
	globs_start(request->globs, &top.spot);
	if (top.spot.count > 0
	    && stat(request->root[0] == '\0' ? "/" : request->root, &info) == 0) {
		top.device = info.st_dev;
		go_to_start(&walk, &top, request->from[0] == '/' ? request->from + 1 : "");
	}
	if (out->count > 1)
		qsort(out->directories, out->count, sizeof(*out->directories), compare_directories);
	level_fini(&top);
	buffer_fini(&walk.path);
}

void expansion_fini(struct expansion *expansion)
{
	for (size_t i = 0; i < expansion->count; i++) {
		struct expand_directory *directory = &expansion->directories[i];

		for (size_t j = 0; j < directory->count; j++)
			free(directory->files[j].name);
		free(directory->files);
		free(directory->path);
		globs_spot_fini(&directory->spot);
		globs_spot_fini(&directory->real_spot);
	}
	free(expansion->directories);
	free(expansion->barred_reason);
	*expansion = (struct expansion){ 0 };
}
