/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/plan.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/path_glob.h"
#include "core/record.h"
#include "proto/command.pb-c.h"

enum { PATH_SIZE_MAX = 4096 };

static bool is_dots(struct bytes name)
{
	return bytes_equal(name, bytes_of_text(".")) || bytes_equal(name, bytes_of_text(".."));
}

/* NAMES, one '/' between each two: none is empty, "." or "..".  Gives how many; 0: not so. */
static size_t count_components(const char *names)
{
	size_t count = 0;

	if (strlen(names) > PATH_SIZE_MAX)
		return 0;
	for (const char *at = names;; at++) {
		size_t size = strcspn(at, "/");

		if (size == 0 || is_dots(BYTES(at, size)))
			return 0;
		count++;
		at += size;
		if (*at == '\0')
			return count;
	}
}

/* Absolute, without "." or ".." or an empty part: one name for one place. */
static bool is_clean_path(const char *path)
{
	return path != NULL && path[0] == '/' && count_components(path + 1) > 0;
}

static bool has_partial_double_star(const char *glob)
{
	for (const char *at = glob; (at = strstr(at, "**")) != NULL; at += 2)
		if ((at != glob && at[-1] != '/') || (at[2] != '/' && at[2] != '\0'))
			return true;
	return false;
}

static bool is_below(const char *glob, const char *directory)
{
	size_t size = strlen(directory);

	return strncmp(glob, directory, size) == 0 && glob[size] == '/';
}

static bool is_clean_glob(const Fettle__PlanGlob *glob)
{
	return is_clean_path(glob->directory)
	    && !path_glob_has_wildcard(bytes_of_text(glob->directory)) && is_clean_path(glob->glob)
	    && is_below(glob->glob, glob->directory)
	    && count_components(glob->glob + 1) <= PLAN_DEPTH_MAX
	    && !has_partial_double_star(glob->glob);
}

static void pass_over(const char *path)
{
	log_write(LOG_WARN, "plan-path", LOG_FIELDS(LOG_TEXT("path", path == NULL ? "" : path)),
	    "the observation plan names what is no clean absolute path; passed over");
}

static void say_cut(const char *what, size_t count, size_t most)
{
	log_write(LOG_WARN, "plan-cut",
	    LOG_FIELDS(LOG_TEXT("of", what), LOG_NUMBER("count", count), LOG_NUMBER("most", most)),
	    "the observation plan has more than an agent takes; the rest is not observed");
}

static uint64_t bounded(uint64_t content_limit)
{
	return content_limit > FACT_CONTENT_MAX ? FACT_CONTENT_MAX : content_limit;
}

/* ---- files ---- */

static int by_path(const void *a, const void *b)
{
	const struct plan_file *left = a, *right = b;

	return strcmp(left->path, right->path);
}

/* Of two entries for one path the larger limit holds. */
static size_t merge_files(struct plan_file *files, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct plan_file *last = &files[kept == 0 ? 0 : kept - 1];

		if (kept == 0 || strcmp(last->path, files[i].path) != 0) {
			files[kept++] = files[i];
			continue;
		}
		if (files[i].content_limit > last->content_limit)
			last->content_limit = files[i].content_limit;
		last->is_watched |= files[i].is_watched;
	}
	return kept;
}

static void take_files(struct plan *plan, const Fettle__Plan *message, struct arena *arena)
{
	struct plan_file *files = arena_take(arena, message->n_files * sizeof(*files));
	size_t count = 0;

	for (size_t i = 0; i < message->n_files; i++) {
		const Fettle__PlanFile *file = message->files[i];

		if (is_clean_path(file->path))
			files[count++] = (struct plan_file){ file->path,
				bounded(file->content_limit), file->is_watched };
		else
			pass_over(file->path);
	}
	if (count > 0)
		qsort(files, count, sizeof(*files), by_path);
	plan->files = files;
	plan->files_count = merge_files(files, count);
}

/* ---- globs ---- */

static int by_glob(const void *a, const void *b)
{
	const struct plan_glob *left = a, *right = b;

	return strcmp(left->glob, right->glob);
}

static size_t merge_globs(struct plan_glob *globs, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct plan_glob *last = &globs[kept == 0 ? 0 : kept - 1];

		if (kept == 0 || strcmp(last->glob, globs[i].glob) != 0) {
			globs[kept++] = globs[i];
			continue;
		}
		if (globs[i].content_limit > last->content_limit)
			last->content_limit = globs[i].content_limit;
		last->is_watched |= globs[i].is_watched;
	}
	return kept;
}

static void take_globs(struct plan *plan, const Fettle__Plan *message, struct arena *arena)
{
	struct plan_glob *globs = arena_take(arena, message->n_globs * sizeof(*globs));
	size_t count = 0;

	for (size_t i = 0; i < message->n_globs; i++) {
		const Fettle__PlanGlob *glob = message->globs[i];

		if (is_clean_glob(glob))
			globs[count++] = (struct plan_glob){ glob->directory, glob->glob,
				bounded(glob->content_limit), glob->is_watched };
		else
			pass_over(glob->glob);
	}
	if (count > 0)
		qsort(globs, count, sizeof(*globs), by_glob);
	plan->globs = globs;
	plan->globs_count = merge_globs(globs, count);
	if (plan->globs_count > PLAN_GLOBS_MAX) {
		say_cut("globs", plan->globs_count, PLAN_GLOBS_MAX);
		plan->globs_count = PLAN_GLOBS_MAX;
	}
}

static void take_exclude(struct plan *plan, const Fettle__Plan *message, struct arena *arena)
{
	const char **exclude = arena_take(arena, message->n_exclude * sizeof(*exclude));
	size_t count = 0;

	for (size_t i = 0; i < message->n_exclude; i++)
		if (count_components(message->exclude[i]) > 0)
			exclude[count++] = message->exclude[i];
		else
			pass_over(message->exclude[i]);
	plan->exclude = exclude;
	plan->exclude_count = count;
	if (count > PLAN_EXCLUDE_MAX) {
		say_cut("exclude", count, PLAN_EXCLUDE_MAX);
		plan->exclude_count = PLAN_EXCLUDE_MAX;
	}
}

enum status plan_decode(struct bytes body, struct arena *arena, struct plan **out)
{
	Fettle__Plan *message = record_unpack(&fettle__plan__descriptor, body, arena);
	struct plan *plan = arena_take(arena, sizeof(*plan));

	if (message == NULL || message->hash.len != HASH_SIZE
	    || message->n_files > PLAN_FILES_MAX) {
		log_warn("plan-refused", "the server sent an observation plan that is not "
					 "well-formed; the one before it stays in force");
		return STATUS_REJECT;
	}
	memcpy(plan->hash, message->hash.data, HASH_SIZE);
	take_files(plan, message, arena);
	take_globs(plan, message, arena);
	take_exclude(plan, message, arena);
	*out = plan;
	return STATUS_OK;
}
