/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "collectors/files/files_private.h"
#include "core/log.h"

enum {
	DEBOUNCE_MS = 50,
	CALM_MS = 1000,        /* a file that rests for so long is looked at promptly again */
	PROMPT_LOOKS = 20,     /* before one that does not rest has to wait */
	DEBOUNCE_MAX_MS = 800, /* within which a change is still told promptly */
	COST_FACTOR = 20,      /* a look at a large file is a twentieth of its time at most */
	EXPAND_MS = 20,        /* what comes with a directory comes at once */
};

/* ---- files ---- */

static uint64_t debounce_ms(const struct tree_file *file)
{
	int shift = file->restless > PROMPT_LOOKS ? file->restless - PROMPT_LOOKS : 0;
	uint64_t delay = shift > 8 ? DEBOUNCE_MAX_MS : (uint64_t)DEBOUNCE_MS << shift;
	uint64_t fair = (uint64_t)COST_FACTOR * file->cost_ms;

	if (delay > DEBOUNCE_MAX_MS)
		delay = DEBOUNCE_MAX_MS;
	return delay > fair ? delay : fair;
}

void due_at(struct files *files, struct tree_file *file, uint64_t due_ms)
{
	if (file->due_ms == 0)
		files->due_count++;
	if (file->due_ms == 0 || due_ms < file->due_ms)
		file->due_ms = due_ms == 0 ? 1 : due_ms;
}

void due_soon(void *data, struct tree_file *file)
{
	struct files *files = data;
	uint64_t now = uv_now(files->context->loop);

	if (file->due_ms != 0)
		return;
	if (now - file->looked_ms > CALM_MS + 2 * debounce_ms(file))
		file->restless = 0;
	due_at(files, file, now + debounce_ms(file));
}

void due_not(struct files *files, struct tree_file *file)
{
	if (file->due_ms != 0)
		files->due_count--;
	file->due_ms = 0;
}

/* ---- directories ---- */

void due_drop_directories(struct files *files)
{
	for (size_t i = 0; i < files->expansions_count; i++)
		free(files->expansions[i]);
	files->expansions_count = 0;
}

static bool is_at_or_below(const char *path, const char *from)
{
	size_t size = strlen(from);

	return strncmp(path, from, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

/* PATH, a directory that may have come or gone, is to be looked through; it is taken. */
static void directory_soon(struct files *files, char *path)
{
	size_t kept = 0;

	if (files->expansions_count == 0)
		files->expansions_due_ms = uv_now(files->context->loop) + EXPAND_MS;
	if (files->expansions_count == FILES_EXPANSIONS_MAX)
		path[0] = '\0';
	for (size_t i = 0; i < files->expansions_count; i++) {
		if (is_at_or_below(path, files->expansions[i])) {
			free(path);
			return;
		}
	}
	for (size_t i = 0; i < files->expansions_count; i++)
		if (is_at_or_below(files->expansions[i], path))
			free(files->expansions[i]);
		else
			files->expansions[kept++] = files->expansions[i];
	files->expansions[kept] = path;
	files->expansions_count = kept + 1;
}

/* ---- events ---- */

/* Whether NAME in DIRECTORY, as a file, is meant by that path and by no better one. */
static bool is_meant(const struct globs *globs, const struct tree_directory *directory,
    const char *name, const char *path, struct globs_meaning *meaning)
{
	struct globs_meaning other;

	return globs_mean(globs, &directory->spot, bytes_of_text(name), meaning)
	    && !globs_exclude(globs, bytes_of_text(path))
	    && !globs_mean(globs, &directory->real_spot, bytes_of_text(name), &other);
}

static void on_name(struct files *files, struct tree_directory *directory,
    const struct watch_event *event)
{
	const struct globs *globs = files->tree.globs;
	char *path = text_format("%s/%s", directory->path, event->name);
	struct globs_meaning meaning;
	struct tree_file *file;

	if (!event->is_directory && is_meant(globs, directory, event->name, path, &meaning)) {
		size_t before = files->tree.count;

		file = tree_add(&files->tree, directory, event->name, &meaning);
		files->owners_stale |= files->tree.count > before;
		if (file != NULL)
			due_soon(files, file);
	}
	/* A link that is no directory may lead to one, but `**` does not go that way. */
	if (globs_lead(globs, &directory->spot, bytes_of_text(event->name),
		event->is_directory ? GLOBS_PLAIN : GLOBS_CROSSING))
		directory_soon(files, path);
	else
		free(path);
}

void due_on_event(void *data, const struct watch_event *event)
{
	struct files *files = data;
	struct tree *tree = &files->tree;

	if (event->is_lost) {
		log_warn("files-events-lost", "too many file events at once, reading all again");
		pace_now(&files->pace);
		return;
	}
	if (event->name[0] == '\0' || !files->has_plan)
		return;
	places_visit(&files->places, tree, event->directory, event->name, due_soon, files);
	for (size_t i = tree_first_watched(tree, event->directory);
	     i < tree->directories_count && tree->by_watch[i]->watch == event->directory; i++)
		on_name(files, tree->by_watch[i], event);
	if (!files->is_working)
		files_pump(files);
}
