/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/places.h"

#include <stdlib.h>

void places_fini(struct places *places)
{
	free(places->places);
	free(places->watched);
	*places = (struct places){ 0 };
}

/* ---- trails ---- */

static int compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->directory != b->directory)
		return a->directory < b->directory ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void refresh(struct places *places, const struct tree *tree)
{
	size_t count = 0;

	if (!places->is_stale)
		return;
	places->is_stale = false;
	for (size_t i = 0; i < tree->count; i++)
		count += tree->files[i]->trail.count;
	places->places = memory_grow(places->places, (count + 1) * sizeof(*places->places));
	places->count = 0;
	for (size_t i = 0; i < tree->count; i++)
		for (size_t j = 0; j < tree->files[i]->trail.count; j++) {
			const struct trail_step *step = &tree->files[i]->trail.steps[j];

			places->places[places->count++] = (struct place){ step->directory,
				step->name, tree->files[i] };
		}
	qsort(places->places, count, sizeof(*places->places), compare);
}

/* The first place that is not below DIRECTORY and NAME. */
static size_t lower_bound(const struct places *places, int directory, const char *name)
{
	const struct place key = { directory, name, NULL };
	size_t low = 0, high = places->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&places->places[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_same(const struct trail *a, const struct trail *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->steps[i].directory != b->steps[i].directory
		    || strcmp(a->steps[i].name, b->steps[i].name) != 0)
			return false;
	return true;
}

void places_take(struct places *places, struct tree_file *file, struct trail *trail)
{
	for (size_t i = 0; i < trail->count; i++)
		places_watch(places, trail->steps[i].directory);
	if (is_same(&file->trail, trail))
		return;
	trail_fini(&file->trail);
	file->trail = *trail;
	*trail = (struct trail){ 0 };
	places->is_stale = true;
}

void places_be_stale(struct places *places)
{
	places->is_stale = true;
}

void places_visit(struct places *places, const struct tree *tree, int directory, const char *name,
    void (*visit)(void *data, struct tree_file *file), void *data)
{
	refresh(places, tree);
	for (size_t i = lower_bound(places, directory, name);
	     i < places->count && places->places[i].directory == directory
	     && strcmp(places->places[i].name, name) == 0;
	     i++)
		visit(data, places->places[i].file);
}

/* ---- watches ---- */

void places_watch(struct places *places, int directory)
{
	size_t low = 0, high = places->watched_count;

	if (directory < 0)
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->watched[middle] < directory)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < places->watched_count && places->watched[low] == directory)
		return;
	if ((places->watched_count & (places->watched_count - 1)) == 0)
		places->watched = memory_grow(places->watched,
		    (places->watched_count == 0 ? 1 : 2 * places->watched_count) * sizeof(int));
	memmove(places->watched + low + 1, places->watched + low,
	    (places->watched_count - low) * sizeof(int));
	places->watched[low] = directory;
	places->watched_count++;
}

void places_sweep(struct places *places, const struct tree *tree, struct watch *watch)
{
	size_t kept = 0;

	refresh(places, tree);
	for (size_t i = 0; i < places->watched_count; i++) {
		int directory = places->watched[i];
		size_t at = lower_bound(places, directory, "");

		if ((at < places->count && places->places[at].directory == directory)
		    || tree_first_watched(tree, directory) < tree->directories_count)
			places->watched[kept++] = directory;
		else
			watch_remove(watch, directory);
	}
	places->watched_count = kept;
}
