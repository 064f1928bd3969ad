/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/plan.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/record.h"
#include "proto/command.pb-c.h"

enum { FILES_MAX = 20000, PATH_SIZE_MAX = 4096 };

/* Absolute, without "." or ".." or an empty part: one name for one place. */
static bool is_clean_path(const char *path)
{
	if (path == NULL || path[0] != '/' || path[1] == '\0' || strlen(path) > PATH_SIZE_MAX)
		return false;
	for (const char *part = path; part != NULL; part = strchr(part + 1, '/')) {
		const char *name = part + 1;
		size_t size = strcspn(name, "/");

		if (size == 0 || (size == 1 && name[0] == '.')
		    || (size == 2 && name[0] == '.' && name[1] == '.'))
			return false;
	}
	return true;
}

static int by_path(const void *a, const void *b)
{
	const struct plan_file *left = a, *right = b;

	return strcmp(left->path, right->path);
}

/* Of two entries for one path the larger limit holds. */
static size_t merge_duplicates(struct plan_file *files, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && strcmp(files[kept - 1].path, files[i].path) == 0) {
			if (files[i].content_limit > files[kept - 1].content_limit)
				files[kept - 1].content_limit = files[i].content_limit;
			continue;
		}
		files[kept++] = files[i];
	}
	return kept;
}

enum status plan_decode(struct bytes body, struct arena *arena, struct plan **out)
{
	Fettle__Plan *message = record_unpack(&fettle__plan__descriptor, body, arena);
	struct plan *plan = arena_take(arena, sizeof(*plan));
	struct plan_file *files;
	size_t count = 0;

	if (message == NULL || message->hash.len != HASH_SIZE || message->n_files > FILES_MAX) {
		log_warn("plan-refused", "the server sent an observation plan that is not "
					 "well-formed; the one before it stays in force");
		return STATUS_REJECT;
	}
	files = arena_take(arena, message->n_files * sizeof(*files));
	for (size_t i = 0; i < message->n_files; i++) {
		const Fettle__PlanFile *file = message->files[i];
		uint64_t limit = file->content_limit;

		if (!is_clean_path(file->path)) {
			log_write(LOG_WARN, "plan-path",
			    LOG_FIELDS(LOG_TEXT("path", file->path == NULL ? "" : file->path)),
			    "the observation plan names what is no clean absolute path; passed "
			    "over");
			continue;
		}
		files[count++] = (struct plan_file){ .path = file->path,
			.content_limit = limit > FACT_CONTENT_MAX ? FACT_CONTENT_MAX : limit };
	}
	qsort(files, count, sizeof(*files), by_path);
	memcpy(plan->hash, message->hash.data, HASH_SIZE);
	plan->files = files;
	plan->files_count = merge_duplicates(files, count);
	*out = plan;
	return STATUS_OK;
}
