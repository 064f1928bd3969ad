/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/trail.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40, STEPS_MAX = 512 };

struct walk {
	struct watch *watch;
	struct trail *trail;
	struct buffer place; /* the directory reached, without links; "" is "/" */
	char *rest;          /* what is still to be followed */
	unsigned links;
};

static void step(struct walk *walk, const char *name, bool is_last)
{
	const char *place = walk->place.size == 0 ? "/" : buffer_text(&walk->place);
	struct trail *trail = walk->trail;
	int directory;
	enum status status = watch_add(walk->watch, place,
	    is_last ? WATCH_NAMES | WATCH_CONTENT : WATCH_NAMES, &directory);

	trail->lacks_watches |= status == STATUS_NO_SPACE;
	if (status != STATUS_OK)
		return; /* may not be read, or has gone already: left to the re-read */
	trail->steps = memory_grow(trail->steps, (trail->count + 1) * sizeof(*trail->steps));
	trail->steps[trail->count++] = (struct trail_step){ directory, text_copy(name) };
}

static void leave(struct walk *walk)
{
	while (walk->place.size > 0 && walk->place.data[--walk->place.size] != '/')
		continue;
}

static void follow_link(struct walk *walk, const char *target)
{
	char *rest = text_format("%s/%s", target, walk->rest);

	if (target[0] == '/')
		buffer_clear(&walk->place);
	free(walk->rest);
	walk->rest = rest;
}

/* Takes the first name off the rest; NULL at the end. */
static char *next_name(struct walk *walk)
{
	size_t start = strspn(walk->rest, "/");
	size_t size = strcspn(walk->rest + start, "/");
	char *name = size == 0 ? NULL : text_copy_bytes(BYTES(walk->rest + start, size)), *rest;

	rest = text_copy(walk->rest + start + size);
	free(walk->rest);
	walk->rest = rest;
	return name;
}

/* False where the way ends. */
static bool enter(struct walk *walk, const char *name)
{
	size_t size = walk->place.size;
	char target[PATH_MAX];
	struct stat info;
	ssize_t length;

	buffer_append_format(&walk->place, "/%s", name);
	if (lstat(buffer_text(&walk->place), &info) != 0)
		return false;
	if (S_ISDIR(info.st_mode))
		return true;
	if (!S_ISLNK(info.st_mode) || ++walk->links > LINKS_MAX)
		return false;
	length = readlink(buffer_text(&walk->place), target, sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = '\0';
	walk->place.size = size;
	follow_link(walk, target);
	return true;
}

void trail_walk(struct watch *watch, const char *root, const char *path, struct trail *trail)
{
	struct walk walk = { .watch = watch, .trail = trail, .rest = text_copy(path) };
	bool goes_on = true;
	char *name;

	buffer_append_text(&walk.place, root);
	while (goes_on && trail->count < STEPS_MAX && (name = next_name(&walk)) != NULL) {
		if (strcmp(name, "..") == 0) {
			leave(&walk);
		} else if (strcmp(name, ".") != 0) {
			step(&walk, name, walk.rest[strspn(walk.rest, "/")] == '\0');
			goes_on = enter(&walk, name);
		}
		free(name);
	}
	buffer_fini(&walk.place);
	free(walk.rest);
}

void trail_fini(struct trail *trail)
{
	for (size_t i = 0; i < trail->count; i++)
		free(trail->steps[i].name);
	free(trail->steps);
	*trail = (struct trail){ 0 };
}
