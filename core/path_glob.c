/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When something does not fit, only the last star is tried with one character (or component) more:
 * what an earlier one took is as good as any.  So there is no recursion and no exponential case.
 */
#include "core/path_glob.h"

bool path_glob_has_wildcard(struct bytes glob)
{
	return glob.size > 0
	    && (memchr(glob.data, '*', glob.size) != NULL
		|| memchr(glob.data, '?', glob.size) != NULL);
}

bool path_glob_match_name(struct bytes glob, struct bytes name)
{
	size_t g = 0, n = 0, after_star = 0, taken = 0;
	bool has_star = false;

	while (n < name.size) {
		if (g < glob.size && glob.data[g] == '*') {
			has_star = true;
			after_star = ++g;
			taken = n;
		} else if (g < glob.size && (glob.data[g] == '?' || glob.data[g] == name.data[n])) {
			g++;
			n++;
		} else if (has_star) {
			g = after_star;
			n = ++taken;
		} else {
			return false;
		}
	}
	while (g < glob.size && glob.data[g] == '*')
		g++;
	return g == glob.size;
}

/* ---- paths, component by component ---- */

struct walk {
	const uint8_t *at;
	const uint8_t *end;
	bool is_over;
};

static struct walk walk_of(struct bytes path)
{
	return (struct walk){ .at = path.data, .end = path.data + path.size };
}

static struct bytes component(const struct walk *walk)
{
	size_t left = (size_t)(walk->end - walk->at);
	const uint8_t *slash = left == 0 ? NULL : memchr(walk->at, '/', left);

	return BYTES(walk->at, slash == NULL ? left : (size_t)(slash - walk->at));
}

static void step(struct walk *walk)
{
	walk->at += component(walk).size;
	if (walk->at == walk->end)
		walk->is_over = true;
	else
		walk->at++;
}

static bool is_double_star(const struct walk *walk)
{
	return !walk->is_over && bytes_equal(component(walk), bytes_of_text("**"));
}

static bool fits(const struct walk *glob, const struct walk *path)
{
	return !glob->is_over && path_glob_match_name(component(glob), component(path));
}

static bool is_done(struct walk glob)
{
	while (is_double_star(&glob))
		step(&glob);
	return glob.is_over;
}

static struct bytes last_components(struct bytes path, const char *glob)
{
	size_t slashes = 1, at = path.size;

	for (const char *c = glob; *c != '\0'; c++)
		slashes += *c == '/';
	while (at > 0 && (path.data[at - 1] != '/' || --slashes > 0))
		at--;
	return BYTES(path.data + at, path.size - at);
}

bool path_glob_match_last(const char *glob, struct bytes path)
{
	return path_glob_match(glob, last_components(path, glob));
}

bool path_glob_match(const char *glob_text, struct bytes path_bytes)
{
	struct walk glob = walk_of(bytes_of_text(glob_text)), path = walk_of(path_bytes);
	struct walk after_star = { 0 }, taken = { 0 };

	if (path_bytes.size == 0)
		return false;
	while (!path.is_over) {
		if (is_double_star(&glob)) {
			step(&glob);
			after_star = glob;
			taken = path;
		} else if (fits(&glob, &path)) {
			step(&glob);
			step(&path);
		} else if (taken.at != NULL) {
			step(&taken);
			glob = after_star;
			path = taken;
		} else {
			return false;
		}
	}
	return is_done(glob);
}
