/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A glob is a row of components, and how far it has come is a set of them, in one word: `**` is why
 * it can be several at once.
 */
#include "collectors/files/globs.h"

#include <stdlib.h>

#include "core/path_glob.h"
#include "core/require.h"

struct component {
	struct bytes text;
	bool is_double_star, has_wildcard;
};

struct glob {
	struct component *components;
	size_t count;
	struct globs_meaning meaning;
};

struct globs {
	struct glob *globs;
	size_t count;
	const char **exclude;
	size_t exclude_count;
	struct arena arena;
};

/* Takes the first component off PATH, which has no '/' in front. */
static bool next_component(struct bytes *path, struct bytes *name)
{
	const uint8_t *slash = path->size == 0 ? NULL : memchr(path->data, '/', path->size);
	size_t size = slash == NULL ? path->size : (size_t)(slash - path->data);

	if (path->size == 0)
		return false;
	*name = BYTES(path->data, size);
	size += slash != NULL;
	*path = BYTES(path->data + size, path->size - size);
	return true;
}

static struct bytes without_slash(struct bytes path)
{
	return path.size > 0 && path.data[0] == '/' ? BYTES(path.data + 1, path.size - 1) : path;
}

/* ---- making ---- */

static void compile(struct globs *globs, struct glob *glob, const struct plan_glob *planned)
{
	struct bytes rest = without_slash(bytes_of_text(arena_text(&globs->arena, planned->glob)));
	struct bytes name;
	size_t most = 1;

	for (size_t i = 0; i < rest.size; i++)
		most += rest.data[i] == '/';
	REQUIRE(most <= PLAN_DEPTH_MAX);
	glob->meaning = (struct globs_meaning){ planned->content_limit, planned->is_watched };
	glob->components = arena_take(&globs->arena, most * sizeof(*glob->components));
	while (next_component(&rest, &name)) {
		glob->components[glob->count++] = (struct component){
			.text = name,
			.is_double_star = bytes_equal(name, bytes_of_text("**")),
			.has_wildcard = path_glob_has_wildcard(name),
		};
	}
}

struct globs *globs_new(const struct plan *plan)
{
	struct globs *globs = memory_new(sizeof(*globs));

	globs->globs = arena_take(&globs->arena, plan->globs_count * sizeof(*globs->globs));
	globs->count = plan->globs_count;
	for (size_t i = 0; i < plan->globs_count; i++)
		compile(globs, &globs->globs[i], &plan->globs[i]);
	globs->exclude = arena_take(&globs->arena, plan->exclude_count * sizeof(char *));
	globs->exclude_count = plan->exclude_count;
	for (size_t i = 0; i < plan->exclude_count; i++)
		globs->exclude[i] = arena_text(&globs->arena, plan->exclude[i]);
	return globs;
}

void globs_free(struct globs *globs)
{
	if (globs == NULL)
		return;
	arena_fini(&globs->arena);
	free(globs);
}

/* ---- one glob ---- */

static uint64_t bit(size_t index)
{
	return UINT64_C(1) << index;
}

/* A `**` may stand for nothing: what comes after it may come next as well. */
static uint64_t closure(const struct glob *glob, uint64_t next)
{
	for (size_t i = 0; i < glob->count; i++)
		if ((next & bit(i)) != 0 && glob->components[i].is_double_star)
			next |= bit(i + 1);
	return next;
}

static uint64_t advance(const struct glob *glob, uint64_t next, struct bytes name,
    enum globs_way way)
{
	uint64_t after = 0;

	for (size_t i = 0; i < glob->count; i++) {
		const struct component *component = &glob->components[i];

		if ((next & bit(i)) == 0)
			continue;
		if (component->is_double_star)
			after |= way == GLOBS_PLAIN ? bit(i) : 0;
		else if (component->has_wildcard ? path_glob_match_name(component->text, name)
						 : bytes_equal(component->text, name))
			after |= bit(i + 1);
	}
	return closure(glob, after);
}

static bool is_match(const struct glob *glob, uint64_t next)
{
	return (next & bit(glob->count)) != 0;
}

static bool goes_on(const struct glob *glob, uint64_t next)
{
	return (next & (bit(glob->count) - 1)) != 0;
}

/* ---- all of them ---- */

static void add_place(struct globs_spot *spot, size_t glob, uint64_t next)
{
	if ((spot->count & (spot->count - 1)) == 0)
		spot->places = memory_grow(spot->places,
		    (spot->count == 0 ? 1 : 2 * spot->count) * sizeof(*spot->places));
	spot->places[spot->count++] = (struct globs_place){ glob, next };
}

void globs_start(const struct globs *globs, struct globs_spot *spot)
{
	for (size_t i = 0; i < globs->count; i++)
		add_place(spot, i, closure(&globs->globs[i], 1));
}

void globs_step(const struct globs *globs, const struct globs_spot *from, struct bytes name,
    enum globs_way way, struct globs_spot *to)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct globs_place *place = &from->places[i];
		const struct glob *glob = &globs->globs[place->glob];
		uint64_t next = advance(glob, place->next, name, way);

		if (goes_on(glob, next))
			add_place(to, place->glob, next);
	}
}

void globs_spot_fini(struct globs_spot *spot)
{
	free(spot->places);
	*spot = (struct globs_spot){ 0 };
}

bool globs_lead(const struct globs *globs, const struct globs_spot *spot, struct bytes name,
    enum globs_way way)
{
	for (size_t i = 0; i < spot->count; i++) {
		const struct glob *glob = &globs->globs[spot->places[i].glob];

		if (goes_on(glob, advance(glob, spot->places[i].next, name, way)))
			return true;
	}
	return false;
}

bool globs_mean(const struct globs *globs, const struct globs_spot *spot, struct bytes name,
    struct globs_meaning *out)
{
	bool is_meant = false;

	*out = (struct globs_meaning){ 0 };
	for (size_t i = 0; i < spot->count; i++) {
		const struct glob *glob = &globs->globs[spot->places[i].glob];

		if (!is_match(glob, advance(glob, spot->places[i].next, name, GLOBS_PLAIN)))
			continue;
		is_meant = true;
		out->is_watched |= glob->meaning.is_watched;
		if (glob->meaning.content_limit > out->content_limit)
			out->content_limit = glob->meaning.content_limit;
	}
	return is_meant;
}

bool globs_exclude(const struct globs *globs, struct bytes path)
{
	for (size_t i = 0; i < globs->exclude_count; i++)
		if (path_glob_match_last(globs->exclude[i], path))
			return true;
	return false;
}

void globs_find(const struct globs *globs, struct bytes path, struct globs_spot *spot)
{
	struct bytes rest = without_slash(path), name;

	globs_start(globs, spot);
	while (next_component(&rest, &name)) {
		struct globs_spot next = { 0 };

		globs_step(globs, spot, name, GLOBS_PLAIN, &next);
		globs_spot_fini(spot);
		*spot = next;
	}
}

bool globs_mean_path(const struct globs *globs, struct bytes path, struct globs_meaning *out)
{
	size_t at = path.size;
	struct globs_spot spot = { 0 };
	bool is_meant;

	while (at > 0 && path.data[at - 1] != '/')
		at--;
	if (at == 0)
		return false;
	globs_find(globs, BYTES(path.data, at - 1), &spot);
	is_meant = globs_mean(globs, &spot, BYTES(path.data + at, path.size - at), out)
	        && !globs_exclude(globs, path);
	globs_spot_fini(&spot);
	return is_meant;
}

bool globs_are_at_end(const struct globs *globs, const struct globs_spot *spot)
{
	for (size_t i = 0; i < spot->count; i++) {
		const struct glob *glob = &globs->globs[spot->places[i].glob];

		if (glob->count > 0 && (spot->places[i].next & bit(glob->count - 1)) != 0)
			return true;
	}
	return false;
}

static bool is_literal(const struct glob *glob, uint64_t next)
{
	for (size_t i = 0; i < glob->count; i++)
		if ((next & bit(i)) != 0 && glob->components[i].has_wildcard)
			return false;
	return true;
}

bool globs_next_names(const struct globs *globs, const struct globs_spot *spot,
    void (*visit)(void *data, struct bytes name), void *data)
{
	for (size_t i = 0; i < spot->count; i++)
		if (!is_literal(&globs->globs[spot->places[i].glob], spot->places[i].next))
			return false;
	for (size_t i = 0; i < spot->count; i++) {
		const struct glob *glob = &globs->globs[spot->places[i].glob];

		for (size_t j = 0; j < glob->count; j++)
			if ((spot->places[i].next & bit(j)) != 0)
				visit(data, glob->components[j].text);
	}
	return true;
}
