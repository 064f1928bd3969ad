/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One piece of work is in the loop's pool at a time: some files of a pass, or some that changed. It
 * first watches what leads to a file and then looks at it, so a change is either seen or told of.
 * While it runs events wait in the kernel, until the watches that it made are known here.
 */
#include "collectors/files/files.h"

#include <stdlib.h>

#include "collectors/files/look.h"
#include "collectors/files/trail.h"
#include "collectors/pace.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

enum {
	BATCH = 32,
	DEBOUNCE_MS = 50,
	CALM_MS = 1000,              /* a file that rests for so long is looked at promptly again */
	PROMPT_LOOKS = 20,           /* before one that does not rest has to wait */
	DEBOUNCE_MAX_MS = 800,       /* within which a change is still told promptly */
	BLIND_REREAD_MS = 60 * 1000, /* where there are no file events */
};

struct file {
	char *path;
	uint64_t content_limit;
	struct trail trail;
	uint64_t due_ms;    /* when to look because of an event; 0: no need */
	uint64_t looked_ms; /* because of an event, the last time */
	unsigned restless;  /* looks since it rested */
};

/* A step of a trail, sorted by directory and name. */
struct place {
	int directory;
	const char *name;
	size_t file;
};

struct item {
	size_t file;
	char *path;
	uint64_t content_limit;
	struct trail trail;
	struct look look;
};

struct batch {
	uv_work_t work;
	struct files *files;
	uint64_t generation;
	bool is_of_pass;
	size_t count;
	struct item items[BATCH];
};

struct files {
	const struct collector_context *context;
	const struct files_settings *settings;
	struct pace pace;     /* of passes */
	uv_timer_t due_timer; /* of files that changed */
	struct watch *watch;  /* or NULL */
	struct digest *digest;
	struct batch batch; /* the one in the pool */
	bool is_working, is_stopping;

	uint64_t generation; /* of the plan */
	bool has_plan;
	uint8_t plan_hash[HASH_SIZE];
	struct file *files;
	size_t count;

	struct observer_pass *pass; /* or NULL */
	size_t pass_next;           /* the first file that it has not taken */
	bool pass_again;

	struct place *places;
	size_t places_count;
	bool places_stale;
	int *watched; /* directories, sorted */
	size_t watched_count;
	bool lacks_watches;

	unsigned open_handles;
	void (*on_stopped)(void *data);
	void *data;
};

static void pump(struct files *files);

/* What leads where */

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->directory != b->directory)
		return a->directory < b->directory ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void refresh_places(struct files *files)
{
	size_t count = 0;

	if (!files->places_stale)
		return;
	files->places_stale = false;
	for (size_t i = 0; i < files->count; i++)
		count += files->files[i].trail.count;
	files->places = memory_grow(files->places, (count + 1) * sizeof(*files->places));
	files->places_count = 0;
	for (size_t i = 0; i < files->count; i++)
		for (size_t j = 0; j < files->files[i].trail.count; j++) {
			const struct trail_step *step = &files->files[i].trail.steps[j];

			files->places[files->places_count++] = (struct place){ step->directory,
				step->name, i };
		}
	qsort(files->places, count, sizeof(*files->places), compare_places);
}

/* The first place that is not below DIRECTORY and NAME. */
static size_t lower_bound(const struct files *files, int directory, const char *name)
{
	struct place key = { directory, name, 0 };
	size_t low = 0, high = files->places_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_places(&files->places[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int compare_numbers(const void *left, const void *right)
{
	int a = *(const int *)left, b = *(const int *)right;

	return (a > b) - (a < b);
}

static void remember_watched(struct files *files, const struct trail *trail)
{
	for (size_t i = 0; i < trail->count; i++) {
		const int *directory = &trail->steps[i].directory;

		if (files->watched_count > 0
		    && bsearch(directory, files->watched, files->watched_count, sizeof(int),
			   compare_numbers)
			   != NULL)
			continue;
		files->watched = memory_grow(files->watched,
		    (files->watched_count + 1) * sizeof(int));
		files->watched[files->watched_count++] = *directory;
		qsort(files->watched, files->watched_count, sizeof(int), compare_numbers);
	}
}

/* Stops watching what no trail passes any more. */
static void sweep_watched(struct files *files)
{
	size_t kept = 0;

	refresh_places(files);
	for (size_t i = 0; i < files->watched_count; i++) {
		int directory = files->watched[i];
		size_t at = lower_bound(files, directory, "");

		if (at < files->places_count && files->places[at].directory == directory)
			files->watched[kept++] = directory;
		else
			watch_remove(files->watch, directory);
	}
	files->watched_count = kept;
}

/* Events */

static uint64_t debounce_ms(const struct file *file)
{
	unsigned shift = file->restless > PROMPT_LOOKS ? file->restless - PROMPT_LOOKS : 0;
	uint64_t delay = shift > 8 ? DEBOUNCE_MAX_MS : (uint64_t)DEBOUNCE_MS << shift;

	return delay < DEBOUNCE_MAX_MS ? delay : DEBOUNCE_MAX_MS;
}

static void make_due(struct files *files, struct file *file)
{
	uint64_t now = uv_now(files->context->loop);

	if (file->due_ms != 0)
		return;
	if (now - file->looked_ms > CALM_MS + 2 * debounce_ms(file))
		file->restless = 0;
	file->due_ms = now + debounce_ms(file);
}

static void start_pass(void *data);

static void on_event(void *data, const struct watch_event *event)
{
	struct files *files = data;

	if (event->is_lost) {
		log_warn("files-events-lost", "too many file events at once, reading all again");
		pace_now(&files->pace);
		return;
	}
	refresh_places(files);
	for (size_t i = lower_bound(files, event->directory, event->name);
	     i < files->places_count && files->places[i].directory == event->directory
	     && strcmp(files->places[i].name, event->name) == 0;
	     i++)
		make_due(files, &files->files[files->places[i].file]);
	if (!files->is_working)
		pump(files);
}

static void on_due_timer(uv_timer_t *timer)
{
	pump(timer->data);
}

/* Reports */

static void end_pass(struct files *files)
{
	/* Where it does not succeed the observer asks for another one. */
	(void)!observer_pass_end(&files->pass);
	if (files->watch != NULL)
		sweep_watched(files);
	if (files->pass_again)
		pace_now(&files->pace);
	files->pass_again = false;
}

static void abandon_pass(struct files *files)
{
	if (files->pass != NULL)
		observer_pass_abandon(&files->pass);
	files->pass_again = false;
}

static void report(struct files *files, const struct item *item, bool is_of_pass)
{
	struct buffer key = { 0 };
	struct fact fact = {
		.status = item->look.status,
		.reason = item->look.reason,
		.fields = item->look.fields,
		.fields_count = item->look.fields_count,
	};

	fact_key(&key, "file", bytes_of_text(item->path + 1));
	fact.key = buffer_bytes(&key);
	if (!is_of_pass)
		(void)!observer_set(files->context->observer, files_collector.name, LANE_DELTA,
		    &fact);
	else if (files->pass != NULL && observer_pass_set(files->pass, &fact) != STATUS_OK)
		abandon_pass(files);
	buffer_fini(&key);
}

static void note_limit(struct files *files, const struct trail *trail)
{
	if (!trail->lacks_watches || files->lacks_watches)
		return;
	files->lacks_watches = true;
	log_warn("files-watch-limit", "fs.inotify.max_user_watches is reached: what is not watched "
				      "is read again every minute");
	if (files->pace.reread_ms > BLIND_REREAD_MS)
		files->pace.reread_ms = BLIND_REREAD_MS;
}

static void take_trail(struct files *files, struct item *item)
{
	struct file *file = &files->files[item->file];

	note_limit(files, &item->trail);
	remember_watched(files, &item->trail);
	trail_fini(&file->trail);
	file->trail = item->trail;
	item->trail = (struct trail){ 0 };
	files->places_stale = true;
}

/* The batch in the pool */

static void on_pool(uv_work_t *work)
{
	struct batch *batch = work->data;
	const struct files *files = batch->files;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		struct look_request request = {
			.root = files->context->root,
			.path = item->path,
			.content_limit = item->content_limit,
			.secret = files->context->secret,
			.digest = files->digest,
			.roots = &files->settings->roots,
		};

		if (files->watch != NULL)
			trail_walk(files->watch, files->context->root, item->path, &item->trail);
		look_at(&request, &item->look);
	}
}

static void finish_stop(struct files *files);

static void finish_items(struct files *files)
{
	struct batch *batch = &files->batch;
	bool is_current = batch->generation == files->generation && !files->is_stopping;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (is_current) {
			take_trail(files, item);
			report(files, item, batch->is_of_pass);
		} else {
			remember_watched(files, &item->trail);
		}
		trail_fini(&item->trail);
		look_fini(&item->look);
		free(item->path);
	}
	batch->count = 0;
}

static void on_pool_done(uv_work_t *work, int status)
{
	struct files *files = ((struct batch *)work->data)->files;

	(void)status;
	finish_items(files);
	if (files->is_stopping) {
		files->is_working = false;
		finish_stop(files);
		return;
	}
	if (files->pass != NULL && files->pass_next == files->count)
		end_pass(files);
	if (files->watch != NULL) {
		watch_resume(files->watch);
		watch_drain(files->watch);
	}
	files->is_working = false;
	pump(files);
}

static void add_item(struct files *files, size_t index)
{
	struct batch *batch = &files->batch;
	struct item *item = &batch->items[batch->count++];
	struct file *file = &files->files[index];

	*item = (struct item){ .file = index,
		.path = text_copy(file->path),
		.content_limit = file->content_limit };
	file->due_ms = 0;
}

static void submit(struct files *files, bool is_of_pass)
{
	files->is_working = true;
	files->batch.work.data = &files->batch;
	files->batch.files = files;
	files->batch.generation = files->generation;
	files->batch.is_of_pass = is_of_pass;
	if (files->watch != NULL)
		watch_pause(files->watch);
	REQUIRE(
	    uv_queue_work(files->context->loop, &files->batch.work, on_pool, on_pool_done) == 0);
}

/* Takes what is due; gives when the next will be, 0: none. */
static uint64_t take_due(struct files *files)
{
	uint64_t now = uv_now(files->context->loop), next = 0;

	for (size_t i = 0; i < files->count; i++) {
		struct file *file = &files->files[i];

		if (file->due_ms != 0 && file->due_ms <= now && files->batch.count < BATCH) {
			file->looked_ms = now;
			file->restless++;
			add_item(files, i);
		} else if (file->due_ms != 0 && (next == 0 || file->due_ms < next)) {
			next = file->due_ms;
		}
	}
	return next;
}

static void take_of_pass(struct files *files)
{
	while (files->pass_next < files->count && files->batch.count < BATCH)
		add_item(files, files->pass_next++);
}

/* Begins whatever comes next; what changed goes before the pass. */
static void pump(struct files *files)
{
	uint64_t next, now = uv_now(files->context->loop);

	if (files->is_working || files->is_stopping)
		return;
	next = take_due(files);
	if (files->batch.count > 0) {
		submit(files, false);
		return;
	}
	if (files->pass != NULL) {
		take_of_pass(files);
		submit(files, true);
		return;
	}
	if (next != 0)
		uv_timer_start(&files->due_timer, on_due_timer, next > now ? next - now : 0, 0);
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
	files->pass_next = 0;
	pump(files);
}

/* The plan */

static void drop_files(struct files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->files[i].path);
		trail_fini(&files->files[i].trail);
	}
	free(files->files);
	files->files = NULL;
	files->count = 0;
	files->places_stale = true;
	files->generation++;
}

static void copy_files(struct files *files, const struct plan *plan)
{
	files->count = plan->files_count;
	files->files = memory_new((plan->files_count + 1) * sizeof(*files->files));
	for (size_t i = 0; i < plan->files_count; i++) {
		files->files[i].path = text_copy(plan->files[i].path);
		files->files[i].content_limit = plan->files[i].content_limit;
	}
}

static void on_plan(void *self, const struct plan *plan)
{
	struct files *files = self;
	bool is_same = plan != NULL && files->has_plan
	            && memcmp(plan->hash, files->plan_hash, HASH_SIZE) == 0;

	if (is_same)
		return;
	abandon_pass(files);
	drop_files(files);
	files->has_plan = plan != NULL;
	if (plan == NULL) {
		if (files->watch != NULL)
			sweep_watched(files);
		return;
	}
	memcpy(files->plan_hash, plan->hash, HASH_SIZE);
	copy_files(files, plan);
	pace_now(&files->pace);
}

static void refresh(void *self)
{
	struct files *files = self;

	pace_now(&files->pace);
}

/* Start and stop */

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	struct files *files = memory_new(sizeof(*files));
	struct pace pace = { .on_due = start_pass, .data = files };

	files->context = context;
	files->settings = settings;
	files->digest = digest_new();
	files->watch = watch_new(context->loop, on_event, files);
	pace.reread_ms = files->settings->reread;
	if (files->watch == NULL && pace.reread_ms > BLIND_REREAD_MS)
		pace.reread_ms = BLIND_REREAD_MS;
	pace_init(&files->pace, context->loop, &pace);
	REQUIRE(uv_timer_init(context->loop, &files->due_timer) == 0);
	files->due_timer.data = files;
	files->open_handles = 2;
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
	drop_files(files);
	free(files->places);
	free(files->watched);
	digest_free(files->digest);
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
	pace_close(&files->pace, on_closed);
	uv_close((uv_handle_t *)&files->due_timer, on_timer_closed);
}

static void stop(void *self, void (*on_stopped)(void *data), void *data)
{
	struct files *files = self;

	files->on_stopped = on_stopped;
	files->data = data;
	files->is_stopping = true;
	abandon_pass(files);
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
	.summary = "owner, mode, digest and redacted content of the files that the plan names",
	.settings = settings,
	.settings_size = sizeof(struct files_settings),
	.scopes = (const char *const[]){ "file/", NULL },
	.start = start,
	.on_plan = on_plan,
	.refresh = refresh,
	.stop = stop,
};
