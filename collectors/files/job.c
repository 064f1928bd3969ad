/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the pool a job first watches what leads to a file and then looks at it, so a change is either
 * seen or told of.  While it runs events wait in the kernel, until the watches that it made are
 * known here.
 */
#include <stdlib.h>

#include "collectors/files/files_private.h"
#include "core/log.h"
#include "core/require.h"

/* ---- in the pool ---- */

static void look_at_item(const struct job *job, struct item *item)
{
	const struct files *files = job->files;
	uint64_t start = uv_hrtime();
	struct look_request request = {
		.root = files->context->root,
		.path = item->path,
		.content_limit = item->content_limit,
		.secret = files->context->secret,
		.digest = files->digest,
		.md5 = files->md5,
		.owner = item->owner,
		.roots = &files->settings->roots,
		.globs = item->is_of_glob ? job->globs : NULL,
	};

	if (files->watch != NULL && item->has_trail)
		trail_walk(files->watch, files->context->root, item->path, &item->trail);
	look_at(&request, &item->look);
	/* What a link leads to may be anywhere; it is watched, and then looked at once more. */
	if (files->watch != NULL && !item->has_trail && item->look.is_link) {
		trail_walk(files->watch, files->context->root, item->path, &item->trail);
		look_fini(&item->look);
		look_at(&request, &item->look);
	}
	/* Nobody wants to be told of every write to /dev/null. */
	if (item->is_of_glob && !item->look.is_link)
		trail_fini(&item->trail);
	item->took_ms = (uv_hrtime() - start) / 1000000;
}

static void on_pool(uv_work_t *work)
{
	struct job *job = work->data;
	const struct files *files = job->files;
	const struct expand_request request = { .root = files->context->root,
		.globs = job->globs,
		.roots = &files->settings->roots,
		.watch = files->watch,
		.from = job->from,
		.files_max = job->files_max };

	for (size_t i = 0; i < job->count; i++)
		look_at_item(job, &job->items[i]);
	if (job->kind == JOB_EXPAND)
		expand(&request, &job->expansion);
	if (job->kind == JOB_OWNERS)
		owners_read(job->owners);
}

/* ---- when it is done ---- */

static void note_limit(struct files *files, bool lacks_watches)
{
	if (!lacks_watches || files->lacks_watches)
		return;
	files->lacks_watches = true;
	log_warn("files-watch-limit", "there are more directories than may be watched "
				      "(fs.inotify.max_user_watches, or 8192): what is not watched "
				      "is read again every minute");
	if (files->pace.reread_ms > FILES_BLIND_REREAD_MS)
		files->pace.reread_ms = FILES_BLIND_REREAD_MS;
}

static void finish_items(struct files *files, bool is_current)
{
	struct job *job = &files->job;

	for (size_t i = 0; i < job->count; i++) {
		struct item *item = &job->items[i];

		for (size_t j = 0; j < item->trail.count; j++)
			places_watch(&files->places, item->trail.steps[j].directory);
		if (is_current) {
			note_limit(files, item->trail.lacks_watches);
			if (!item->file->is_gone)
				places_take(&files->places, item->file, &item->trail);
			report_item(files, item, job->is_of_pass);
		}
		trail_fini(&item->trail);
		look_fini(&item->look);
		free(item->path);
	}
	job->count = 0;
}

/* A pass looks at it anyway; otherwise it is news. */
static void on_new(void *data, struct tree_file *file)
{
	struct files *files = data;

	files->owners_stale = true;
	if (!files->job.is_of_pass)
		due_at(files, file, 1);
}

static void say_cut(struct files *files, bool was_cut)
{
	if (files->tree.is_cut && !was_cut)
		log_warn("files-cut",
		    "the observation plan means more than %d files; the rest is "
		    "not observed",
		    PLAN_FILES_MAX);
}

static void finish_expansion(struct files *files, bool is_current)
{
	struct job *job = &files->job;
	const struct tree_changes changes = { report_gone, on_new, files };
	bool was_cut = files->tree.is_cut;

	for (size_t i = 0; i < job->expansion.count; i++)
		places_watch(&files->places, job->expansion.directories[i].watch);
	if (is_current) {
		note_limit(files, job->expansion.lacks_watches);
		if (job->is_of_pass) {
			files->tree.is_cut = false;
			free(files->barred_reason);
			files->barred_reason = job->expansion.barred_reason;
			job->expansion.barred_reason = NULL;
		}
		files->tree.is_cut |= job->expansion.is_cut;
		tree_merge(&files->tree, job->from, &job->expansion, &changes);
		say_cut(files, was_cut);
		if (files->pass != NULL && job->is_of_pass)
			files_list_pass(files);
	}
	expansion_fini(&job->expansion);
	free(job->from);
	job->from = NULL;
}

static void finish_owners(struct files *files, bool is_current)
{
	struct owners *before = files->owners;

	files->owners = files->job.owners;
	files->job.owners = NULL;
	if (is_current && files->settling == SETTLING_OWNERS)
		settle_await(files, before, files->owners);
	owners_free(before);
}

static void finish(struct files *files)
{
	bool is_current = files->job.generation == files->generation && !files->is_stopping;

	switch (files->job.kind) {
	case JOB_LOOK:
		finish_items(files, is_current);
		break;
	case JOB_EXPAND:
		finish_expansion(files, is_current);
		break;
	case JOB_OWNERS:
		finish_owners(files, is_current);
		break;
	}
	tree_fini(&files->retired);
}

static void on_pool_done(uv_work_t *work, int status)
{
	struct files *files = ((struct job *)work->data)->files;

	(void)status;
	finish(files);
	files_on_job_done(files);
}

void job_submit(struct files *files, enum job_kind kind, bool is_of_pass)
{
	struct job *job = &files->job;

	files->is_working = true;
	job->work.data = job;
	job->files = files;
	job->kind = kind;
	job->generation = files->generation;
	job->is_of_pass = is_of_pass;
	job->globs = files->tree.globs;
	if (files->watch != NULL)
		watch_pause(files->watch);
	REQUIRE(uv_queue_work(files->context->loop, &job->work, on_pool, on_pool_done) == 0);
}
