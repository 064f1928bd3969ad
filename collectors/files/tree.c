/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/tree.h"

#include <stdlib.h>

/* ---- files ---- */

static struct tree_file *new_file(const char *name, struct globs_meaning meaning)
{
	size_t size = strlen(name) + 1;
	struct tree_file *file = memory_new(sizeof(*file) + size);

	memcpy(file->name, name, size);
	file->content_limit = (uint32_t)meaning.content_limit;
	file->is_watched = meaning.is_watched;
	return file;
}

static void free_file(struct tree_file *file)
{
	trail_fini(&file->trail);
	free(file);
}

void tree_path(const struct tree_file *file, struct buffer *out)
{
	if (file->directory != NULL)
		buffer_append_format(out, "%s/", file->directory->path);
	buffer_append_text(out, file->name);
}

/* Room for one more pointer, where COUNT are there; doubles. */
static void *room_for_one(void *array, size_t count)
{
	if ((count & (count - 1)) != 0)
		return array;
	return memory_grow(array, (count == 0 ? 1 : 2 * count) * sizeof(void *));
}

static void append_file(struct tree *tree, struct tree_file *file)
{
	tree->files = room_for_one(tree->files, tree->count);
	file->slot = tree->count;
	tree->files[tree->count++] = file;
}

/* The file that the plan names so, or NULL. */
static struct tree_file *find_named(const struct tree *tree, const char *path)
{
	size_t low = 0, high = tree->named;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(tree->files[middle]->name, path);

		if (order == 0)
			return tree->files[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool tree_is_watched(const struct tree *tree, const char *path)
{
	const struct tree_file *file = find_named(tree, path);
	struct globs_meaning meaning;

	if (file != NULL)
		return file->is_watched;
	return globs_mean_path(tree->globs, bytes_of_text(path), &meaning) && meaning.is_watched;
}

/* Where NAME is in DIRECTORY, or would be. */
static size_t place_of(const struct tree_directory *directory, const char *name)
{
	size_t low = 0, high = directory->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(directory->files[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_named_in(const struct tree *tree, const struct tree_directory *directory,
    const char *name)
{
	char *path = text_format("%s/%s", directory->path, name);
	bool is = find_named(tree, path) != NULL;

	free(path);
	return is;
}

struct tree_file *tree_add(struct tree *tree, struct tree_directory *directory, const char *name,
    const struct globs_meaning *meaning)
{
	size_t at = place_of(directory, name);
	struct tree_file *file;

	if (at < directory->count && strcmp(directory->files[at]->name, name) == 0)
		return directory->files[at];
	if (is_named_in(tree, directory, name))
		return NULL;
	if (tree->count >= PLAN_FILES_MAX) {
		tree->is_cut = true;
		return NULL;
	}
	file = new_file(name, *meaning);
	file->directory = directory;
	append_file(tree, file);
	directory->files = room_for_one(directory->files, directory->count);
	memmove(directory->files + at + 1, directory->files + at,
	    (directory->count - at) * sizeof(*directory->files));
	directory->files[at] = file;
	directory->count++;
	return file;
}

/* Its directory may go, so that its path is no longer known. */
static void bury(struct tree *tree, struct tree_file *file)
{
	struct tree_file *last = tree->files[--tree->count];

	tree->files[file->slot] = last;
	last->slot = file->slot;
	file->is_gone = true;
	file->directory = NULL;
	tree->grave = room_for_one(tree->grave, tree->grave_count);
	tree->grave[tree->grave_count++] = file;
}

void tree_remove(struct tree *tree, struct tree_file *file)
{
	struct tree_directory *directory = file->directory;
	size_t at = place_of(directory, file->name);

	directory->count--;
	memmove(directory->files + at, directory->files + at + 1,
	    (directory->count - at) * sizeof(*directory->files));
	bury(tree, file);
}

void tree_clean(struct tree *tree)
{
	for (size_t i = 0; i < tree->grave_count; i++)
		free_file(tree->grave[i]);
	free(tree->grave);
	tree->grave = NULL;
	tree->grave_count = 0;
}

/* ---- the plan ---- */

static int compare_files(const void *left, const void *right)
{
	return strcmp((*(struct tree_file *const *)left)->name,
	    (*(struct tree_file *const *)right)->name);
}

/* What a glob asks for of a file that is named as well. */
static struct globs_meaning meaning_of(const struct tree *tree, const struct plan_file *file)
{
	struct globs_meaning meaning, glob;

	meaning = (struct globs_meaning){ file->content_limit, file->is_watched };
	if (!globs_mean_path(tree->globs, bytes_of_text(file->path), &glob))
		return meaning;
	if (glob.content_limit > meaning.content_limit)
		meaning.content_limit = glob.content_limit;
	meaning.is_watched |= glob.is_watched;
	return meaning;
}

void tree_init(struct tree *tree, const struct plan *plan)
{
	tree->globs = globs_new(plan);
	for (size_t i = 0; i < plan->files_count; i++)
		append_file(tree, new_file(plan->files[i].path, meaning_of(tree, &plan->files[i])));
	if (tree->count > 1)
		qsort(tree->files, tree->count, sizeof(struct tree_file *), compare_files);
	for (size_t i = 0; i < tree->count; i++)
		tree->files[i]->slot = i;
	tree->named = tree->count;
}

static void free_directory(struct tree_directory *directory)
{
	free(directory->path);
	free(directory->files);
	globs_spot_fini(&directory->spot);
	globs_spot_fini(&directory->real_spot);
	free(directory);
}

void tree_fini(struct tree *tree)
{
	tree_clean(tree);
	for (size_t i = 0; i < tree->count; i++)
		free_file(tree->files[i]);
	for (size_t i = 0; i < tree->directories_count; i++)
		free_directory(tree->directories[i]);
	free(tree->files);
	free(tree->directories);
	free(tree->by_watch);
	globs_free(tree->globs);
	*tree = (struct tree){ 0 };
}

/* ---- what is there ---- */

static bool is_at_or_below(const char *path, const char *from)
{
	size_t size = strlen(from);

	return strncmp(path, from, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static struct tree_directory *find_directory(const struct tree *tree, size_t sorted,
    const char *path)
{
	size_t low = 0, high = sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(tree->directories[middle]->path, path);

		if (order == 0)
			return tree->directories[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static struct tree_directory *append_directory(struct tree *tree, struct expand_directory *found)
{
	struct tree_directory *directory = memory_new(sizeof(*directory));

	directory->path = found->path;
	found->path = NULL;
	tree->directories = room_for_one(tree->directories, tree->directories_count);
	tree->directories[tree->directories_count++] = directory;
	return directory;
}

static void remove_file(struct tree *tree, struct tree_file *file,
    const struct tree_changes *changes)
{
	changes->on_gone(changes->data, file);
	tree_remove(tree, file);
}

/* Both are sorted by name. */
static void remove_missing(struct tree *tree, struct tree_directory *directory,
    const struct expand_directory *found, const struct tree_changes *changes)
{
	size_t at = 0;

	for (size_t i = 0; i < directory->count;) {
		struct tree_file *file = directory->files[i];

		while (at < found->count && strcmp(found->files[at].name, file->name) < 0)
			at++;
		if (at < found->count && strcmp(found->files[at].name, file->name) == 0)
			i++;
		else
			remove_file(tree, file, changes);
	}
}

static void add_found(struct tree *tree, struct tree_directory *directory,
    const struct expand_directory *found, const struct tree_changes *changes)
{
	for (size_t i = 0; i < found->count; i++) {
		size_t before = tree->count;
		struct tree_file *file = tree_add(tree, directory, found->files[i].name,
		    &found->files[i].meaning);

		if (file != NULL && tree->count > before)
			changes->on_new(changes->data, file);
	}
}

static void take_spot(struct globs_spot *spot, struct globs_spot *from)
{
	globs_spot_fini(spot);
	*spot = *from;
	*from = (struct globs_spot){ 0 };
}

static void take_directory(struct tree *tree, size_t sorted, struct expand_directory *found,
    bool is_cut, const struct tree_changes *changes)
{
	struct tree_directory *directory = find_directory(tree, sorted, found->path);

	if (directory == NULL)
		directory = append_directory(tree, found);
	take_spot(&directory->spot, &found->spot);
	take_spot(&directory->real_spot, &found->real_spot);
	directory->watch = found->watch;
	directory->is_found = true;
	/* Not to be able to look is not to find nothing. */
	if (!found->is_barred && !is_cut)
		remove_missing(tree, directory, found, changes);
	add_found(tree, directory, found, changes);
}

static bool is_behind_barred(const struct expansion *expansion, const char *path)
{
	for (size_t i = 0; i < expansion->count; i++)
		if (expansion->directories[i].is_barred && expansion->directories[i].path != NULL
		    && is_at_or_below(path, expansion->directories[i].path))
			return true;
	return false;
}

static void remove_lost(struct tree *tree, const char *from, const struct expansion *expansion,
    const struct tree_changes *changes)
{
	size_t kept = 0;

	for (size_t i = 0; i < tree->directories_count; i++) {
		struct tree_directory *directory = tree->directories[i];

		if (directory->is_found || expansion->is_cut
		    || !is_at_or_below(directory->path, from)
		    || is_behind_barred(expansion, directory->path)) {
			tree->directories[kept++] = directory;
			continue;
		}
		while (directory->count > 0)
			remove_file(tree, directory->files[directory->count - 1], changes);
		free_directory(directory);
	}
	tree->directories_count = kept;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp((*(struct tree_directory *const *)left)->path,
	    (*(struct tree_directory *const *)right)->path);
}

static int compare_watches(const void *left, const void *right)
{
	int a = (*(struct tree_directory *const *)left)->watch;
	int b = (*(struct tree_directory *const *)right)->watch;

	return (a > b) - (a < b);
}

static void sort_directories(struct tree *tree)
{
	size_t size = tree->directories_count * sizeof(*tree->directories);

	free(tree->by_watch);
	tree->by_watch = memory_new(size + sizeof(*tree->by_watch));
	if (tree->directories_count == 0)
		return;
	qsort(tree->directories, tree->directories_count, sizeof(*tree->directories),
	    compare_paths);
	memcpy(tree->by_watch, tree->directories, size);
	qsort(tree->by_watch, tree->directories_count, sizeof(*tree->by_watch), compare_watches);
}

void tree_merge(struct tree *tree, const char *from, struct expansion *expansion,
    const struct tree_changes *changes)
{
	size_t sorted = tree->directories_count;

	for (size_t i = 0; i < sorted; i++)
		tree->directories[i]->is_found = false;
	for (size_t i = 0; i < expansion->count; i++)
		take_directory(tree, sorted, &expansion->directories[i], expansion->is_cut,
		    changes);
	remove_lost(tree, from, expansion, changes);
	sort_directories(tree);
}

size_t tree_first_watched(const struct tree *tree, int watch)
{
	size_t low = 0, high = tree->directories_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tree->by_watch[middle]->watch < watch)
			low = middle + 1;
		else
			high = middle;
	}
	return low < tree->directories_count && tree->by_watch[low]->watch == watch
	         ? low
	         : tree->directories_count;
}
