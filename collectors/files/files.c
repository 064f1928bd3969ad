/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One piece of work is in the loop's pool at a time: some files of a pass, or some that changed, or
 * a look at what globs mean now, or at whose files are.  What changed goes before a pass.
 */
#include "collectors/files/files.h"

#include <stdlib.h>

#include "collectors/files/files_private.h"
#include "core/log.h"
#include "core/require.h"

enum { DRAIN_MAX = 400 /* longer than the kernel's queue */ };

static void on_due_timer(uv_timer_t *timer)
{
	files_pump(timer->data);
}

static void finish_stop(struct files *files);

/* ---- passes ---- */

static void drop_pass_files(struct files *files)
{
	free(files->pass_files);
	files->pass_files = NULL;
	files->pass_count = files->pass_next = 0;
	files->pass_is_expanded = false;
}

static void end_pass(struct files *files)
{
	/* Where it does not succeed the observer asks for another one. */
	files->has_passed |= observer_pass_end(&files->pass) == STATUS_OK;
	report_whole(files);
	report_transaction_again(files);
	drop_pass_files(files);
	if (files->watch != NULL)
		places_sweep(&files->places, &files->tree, files->watch);
	tree_clean(&files->tree);
	if (files->pass_again)
		pace_now(&files->pace);
	files->pass_again = false;
}

void files_abandon_pass(struct files *files)
{
	if (files->pass != NULL)
		observer_pass_abandon(&files->pass);
	drop_pass_files(files);
	files->pass_again = false;
}

void files_list_pass(struct files *files)
{
	files->pass_is_expanded = true;
	files->pass_next = 0;
	files->pass_count = files->tree.count;
	files->pass_files = memory_new((files->pass_count + 1) * sizeof(struct tree_file *));
	if (files->pass_count > 0)
		memcpy(files->pass_files, files->tree.files,
		    files->pass_count * sizeof(struct tree_file *));
}

/* ---- what to do next ---- */

static void add_item(struct files *files, struct tree_file *file)
{
	struct item *item = &files->job.items[files->job.count++];
	struct buffer path = { 0 };

	tree_path(file, &path);
	*item = (struct item){ .file = file,
		.path = text_copy(buffer_text(&path)),
		.content_limit = file->content_limit,
		.is_of_glob = file->directory != NULL,
		.has_trail = file->directory == NULL || file->trail.count > 0,
		.owner = file->is_watched ? owners_find(files->owners, buffer_text(&path)) : NULL };
	due_not(files, file);
	file->looked_ms = uv_now(files->context->loop);
	buffer_fini(&path);
}

/* Takes what is due; gives when the next will be, 0: none. */
static uint64_t take_due(struct files *files)
{
	uint64_t now = uv_now(files->context->loop), next = 0;

	for (size_t i = 0; i < files->tree.count && files->due_count > 0; i++) {
		struct tree_file *file = files->tree.files[i];

		if (file->due_ms != 0 && file->due_ms <= now && files->job.count < FILES_BATCH) {
			if (file->restless < UINT16_MAX)
				file->restless++;
			add_item(files, file);
		} else if (file->due_ms != 0 && (next == 0 || file->due_ms < next)) {
			next = file->due_ms;
		}
	}
	return next;
}

static bool look_at_due(struct files *files, uint64_t *next)
{
	*next = take_due(files);
	if (files->job.count > 0)
		job_submit(files, JOB_LOOK, false);
	return files->is_working;
}

static bool expand_from(struct files *files, char *from, bool is_of_pass)
{
	size_t room = PLAN_FILES_MAX - files->tree.named;

	files->job.from = from;
	files->job.files_max = room;
	job_submit(files, JOB_EXPAND, is_of_pass);
	return true;
}

static bool expand_due(struct files *files)
{
	uint64_t now = uv_now(files->context->loop);

	if (files->expansions_count == 0
	    || (files->expansions_due_ms > now && files->settling != SETTLING_OWNERS))
		return false;
	return expand_from(files, files->expansions[--files->expansions_count], false);
}

static bool read_owners(struct files *files)
{
	files->job.owners = settle_ask_owners(files);
	job_submit(files, JOB_OWNERS, false);
	return true;
}

static void drain_events(struct files *files)
{
	files->settling = SETTLING_OWNERS;
	if (files->watch == NULL)
		return;
	/* So that what is told does not begin anything by itself. */
	files->is_working = true;
	for (int i = 0; i < DRAIN_MAX && watch_drain(files->watch); i++)
		continue;
	files->is_working = false;
}

static bool go_on_with_pass(struct files *files)
{
	if (files->pass == NULL)
		return false;
	if (!files->pass_is_expanded)
		return expand_from(files, text_copy(""), true);
	if (!files->pass_has_owners) {
		files->pass_has_owners = true;
		if (settle_wants_owners(files))
			return read_owners(files);
	}
	while (files->pass_next < files->pass_count && files->job.count < FILES_BATCH) {
		struct tree_file *file = files->pass_files[files->pass_next++];

		if (!file->is_gone)
			add_item(files, file);
	}
	job_submit(files, JOB_LOOK, true);
	return true;
}

/* True where it has begun to read. */
static bool settle(struct files *files)
{
	if (settle_wants_owners(files))
		return read_owners(files);
	settle_await(files, files->owners, files->owners);
	return false;
}

/* Begins whatever comes next; what changed goes before the pass. */
void files_pump(struct files *files)
{
	uint64_t next, now = uv_now(files->context->loop);

	if (files->is_working || files->is_stopping)
		return;
	/* The first pass looks at everything anyway. */
	if (files->settling == SETTLING_EVENTS && (files->has_passed || !files->has_plan))
		drain_events(files);
	if (expand_due(files))
		return;
	if (files->settling == SETTLING_OWNERS && settle(files))
		return;
	if (look_at_due(files, &next))
		return;
	if (files->settling == SETTLING_LOOKS && files->awaited == 0)
		settle_finish(files);
	if (go_on_with_pass(files))
		return;
	if (files->expansions_count > 0 && (next == 0 || files->expansions_due_ms < next))
		next = files->expansions_due_ms;
	if (next != 0)
		uv_timer_start(&files->due_timer, on_due_timer, next > now ? next - now : 0, 0);
}

static enum lane lane_of_key(void *data, struct bytes key)
{
	const struct files *files = data;
	size_t start = strlen("file");
	char *path = text_copy_bytes(BYTES(key.data + start, key.size - start));
	bool is_watched = tree_is_watched(&files->tree, path);

	free(path);
	return is_watched ? LANE_CRITICAL : LANE_DELTA;
}

static void start_pass(void *data)
{
	struct files *files = data;

	if (!files->has_plan || files->is_stopping)
		return;
	if (files->pass != NULL) {
		files->pass_again = true;
		return;
	}
	files->pass = observer_pass_begin(files->context->observer, files_collector.name,
	    LANE_DELTA, bytes_of_text("file/"), BYTES_OF(files->plan_hash));
	observer_pass_lanes(files->pass, lane_of_key, files);
	files->pass_is_expanded = files->pass_has_owners = false;
	files_pump(files);
}

static void finish_stop(struct files *files);

void files_on_job_done(struct files *files)
{
	if (files->is_stopping) {
		files->is_working = false;
		finish_stop(files);
		return;
	}
	if (files->pass != NULL && files->pass_is_expanded && files->pass_next == files->pass_count)
		end_pass(files);
	if (files->watch != NULL) {
		watch_resume(files->watch);
		(void)watch_drain(files->watch);
	}
	files->is_working = false;
	if (files->pass == NULL)
		tree_clean(&files->tree);
	files_pump(files);
}

/* ---- the plan ---- */

static void drop_tree(struct files *files)
{
	/* The pool may be at work by it; by one that came after that it is not. */
	if (files->is_working && files->job.generation == files->generation)
		files->retired = files->tree;
	else
		tree_fini(&files->tree);
	files->tree = (struct tree){ 0 };
	due_drop_directories(files);
	free(files->barred_reason);
	files->barred_reason = NULL;
	files->due_count = files->awaited = 0;
	places_be_stale(&files->places);
	files->owners_stale = true;
	files->generation++;
}

static void on_plan(void *self, const struct plan *plan)
{
	struct files *files = self;
	bool is_same = plan != NULL && files->has_plan
	            && memcmp(plan->hash, files->plan_hash, HASH_SIZE) == 0;

	if (is_same)
		return;
	files_abandon_pass(files);
	drop_tree(files);
	files->has_passed = false;
	files->has_plan = plan != NULL;
	if (plan == NULL) {
		if (files->watch != NULL)
			places_sweep(&files->places, &files->tree, files->watch);
		return;
	}
	memcpy(files->plan_hash, plan->hash, HASH_SIZE);
	tree_init(&files->tree, plan);
	pace_now(&files->pace);
}

static void refresh(void *self)
{
	struct files *files = self;

	report_transaction_again(files);
	pace_now(&files->pace);
}

/* ---- start and stop ---- */

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	struct files *files = memory_new(sizeof(*files));
	struct pace pace = { .on_due = start_pass, .data = files };

	files->context = context;
	files->settings = settings;
	files->digest = digest_new();
	files->md5 = digest_new_md5();
	files->watch = watch_new(context->loop, due_on_event, files);
	pace.reread_ms = files->settings->reread;
	if (files->watch == NULL && pace.reread_ms > FILES_BLIND_REREAD_MS)
		pace.reread_ms = FILES_BLIND_REREAD_MS;
	pace_init(&files->pace, context->loop, &pace);
	REQUIRE(uv_timer_init(context->loop, &files->due_timer) == 0);
	files->due_timer.data = files;
	files->transaction = transaction_new(context, settle_on_transaction, files);
	files->open_handles = 3;
	*self = files;
	return STATUS_OK;
}

static void on_closed(void *data)
{
	struct files *files = data;
	void (*on_stopped)(void *data) = files->on_stopped;
	void *stopped_data = files->data;

	if (--files->open_handles > 0)
		return;
	drop_tree(files);
	places_fini(&files->places);
	free(files->transaction_detail);
	owners_free(files->owners);
	digest_free(files->digest);
	digest_free(files->md5);
	free(files);
	on_stopped(stopped_data);
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_closed(handle->data);
}

/* The pool uses the watch, so this waits for it. */
static void finish_stop(struct files *files)
{
	if (files->watch != NULL) {
		files->open_handles++;
		watch_close(&files->watch, on_closed, files);
	}
	transaction_close(&files->transaction, on_closed, files);
	pace_close(&files->pace, on_closed);
	uv_close((uv_handle_t *)&files->due_timer, on_timer_closed);
}

static void stop(void *self, void (*on_stopped)(void *data), void *data)
{
	struct files *files = self;

	files->on_stopped = on_stopped;
	files->data = data;
	files->is_stopping = true;
	files_abandon_pass(files);
	if (!files->is_working)
		finish_stop(files);
}

static const struct setting settings[] = {
	SETTING_DURATION(struct files_settings, reread, 10 * 60 * 1000, 1000, 7 * 86400 * 1000,
	    "how often to look at every file again, whatever was told of it"),
	SETTING_LIST(struct files_settings, roots,
	    "/bin,/boot,/etc,/home,/lib,/lib64,/opt,/proc/sys,/root,/run,/sbin,/srv,/tmp,/usr,/var",
	    "whatever a plan says, nothing outside of these is read"),
	SETTING_END
};

const struct collector files_collector = {
	.name = "files",
	.summary = "owner, mode, digest and redacted content of the files that the plan means",
	.settings = settings,
	.settings_size = sizeof(struct files_settings),
	.scopes = (const char *const[]){ "file/", NULL },
	.start = start,
	.on_plan = on_plan,
	.refresh = refresh,
	.stop = stop,
};
