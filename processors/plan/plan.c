/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - tells every agent what to observe: what the policies in force read, and the watch list.
 *
 * A policy or watch list that changed is durable work over all assets; an agent that has the plan
 * already is not sent it again, unless it began anew: who deletes what an agent keeps must not make
 * it blind.
 */
#include "processors/plan/plan.h"

#include <stdlib.h>

#include "processors/assess/library.h"
#include "processors/detect/ruleset.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"
#include "proto/command.pb-c.h"

enum work_kind { WORK_PLAN = 1 };

/* The plan for all, composed from the state: policies and detections are parsed, and let go. */
struct cache {
	bool is_composed;
	Fettle__Plan plan;
	struct arena arena;
};

static void *cache_new(void)
{
	return memory_new(sizeof(struct cache));
}

static void forget(struct cache *cache)
{
	arena_fini(&cache->arena);
	*cache = (struct cache){ .is_composed = false };
}

static void cache_free(void *cache)
{
	forget(cache);
	free(cache);
}

/* ---- composing ---- */

static Fettle__PlanFile *new_file(struct cache *cache, const char *path, uint64_t content_limit)
{
	Fettle__PlanFile *file = arena_take(&cache->arena, sizeof(*file));

	fettle__plan_file__init(file);
	file->path = arena_text(&cache->arena, path);
	RECORD_SET(file, content_limit, content_limit);
	return file;
}

static Fettle__PlanGlob *new_glob(struct cache *cache, const struct watchlist_path *path)
{
	Fettle__PlanGlob *glob = arena_take(&cache->arena, sizeof(*glob));

	fettle__plan_glob__init(glob);
	glob->directory = arena_text(&cache->arena, path->path);
	glob->glob = arena_text(&cache->arena, path->glob);
	RECORD_SET(glob, content_limit, path->wants_content ? FACT_CONTENT_MAX : 0);
	RECORD_SET(glob, is_watched, true);
	return glob;
}

static void add_policies(struct cache *cache, const Fettle__Plan *wanted)
{
	for (size_t i = 0; i < wanted->n_files; i++)
		cache->plan.files[cache->plan.n_files++] = new_file(cache, wanted->files[i]->path,
		    wanted->files[i]->content_limit);
}

static void add_watchlist(struct cache *cache, const struct watchlist *list,
    const struct watchlist_path *paths, size_t count)
{
	Fettle__Plan *plan = &cache->plan;

	for (size_t i = 0; i < count; i++) {
		Fettle__PlanFile *file;

		if (paths[i].glob != NULL) {
			plan->globs[plan->n_globs++] = new_glob(cache, &paths[i]);
			continue;
		}
		file = new_file(cache, paths[i].path,
		    paths[i].wants_content ? FACT_CONTENT_MAX : 0);
		RECORD_SET(file, is_watched, true);
		plan->files[plan->n_files++] = file;
	}
	plan->exclude = arena_take(&cache->arena, list->exclude_count * sizeof(char *));
	for (size_t i = 0; i < list->exclude_count; i++)
		plan->exclude[plan->n_exclude++] = arena_text(&cache->arena, list->exclude[i]);
}

static int by_path(const void *a, const void *b)
{
	const Fettle__PlanFile *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

/* A file that several ask for is one. */
static void merge_files(Fettle__Plan *plan)
{
	size_t kept = 0;

	if (plan->n_files > 1)
		qsort(plan->files, plan->n_files, sizeof(*plan->files), by_path);
	for (size_t i = 0; i < plan->n_files; i++) {
		Fettle__PlanFile *last = kept == 0 ? NULL : plan->files[kept - 1];

		if (last == NULL || strcmp(last->path, plan->files[i]->path) != 0) {
			plan->files[kept++] = plan->files[i];
			continue;
		}
		if (plan->files[i]->content_limit > last->content_limit)
			RECORD_SET(last, content_limit, plan->files[i]->content_limit);
		if (plan->files[i]->is_watched)
			RECORD_SET(last, is_watched, true);
	}
	plan->n_files = kept;
}

static void seal(struct cache *cache)
{
	struct buffer all = { 0 };
	uint8_t *hash = arena_take(&cache->arena, HASH_SIZE);

	record_pack(&all, &cache->plan.base);
	hash_bytes(buffer_bytes(&all), hash);
	RECORD_SET_BYTES(&cache->plan, hash, BYTES(hash, HASH_SIZE));
	buffer_fini(&all);
	cache->is_composed = true;
}

static void compose_from(struct cache *cache, const Fettle__Plan *wanted,
    const struct watchlist *list)
{
	struct watchlist_path *paths = NULL;
	size_t count = 0;

	if (list != NULL)
		paths = watchlist_plan(list, &cache->arena, &count);
	fettle__plan__init(&cache->plan);
	cache->plan.files = arena_take(&cache->arena,
	    (wanted->n_files + count) * sizeof(*cache->plan.files));
	cache->plan.globs = arena_take(&cache->arena, count * sizeof(*cache->plan.globs));
	add_policies(cache, wanted);
	if (list != NULL)
		add_watchlist(cache, list, paths, count);
	merge_files(&cache->plan);
	seal(cache);
}

static enum status compose(struct stage_io *io)
{
	struct cache *cache = io->cache;
	struct library *library;
	struct ruleset *rules;
	enum status status;

	if (cache->is_composed)
		return STATUS_OK;
	library = library_new();
	rules = ruleset_new();
	status = library_load(library, io->txn);
	if (status == STATUS_OK)
		status = ruleset_load(rules, io->txn);
	if (status == STATUS_OK)
		compose_from(cache, library_plan(library), ruleset_watchlist(rules));
	library_free(library);
	ruleset_free(rules);
	return status;
}

/* ---- sending ---- */

/* Unless the asset's agent has been sent it. */
static enum status send(void *data, const struct asset_ref *asset)
{
	struct stage_io *io = data;
	const struct cache *cache = io->cache;
	struct bytes hash = record_bytes(cache->plan.hash);
	Fettle__StateAsset *record;
	struct buffer key = { 0 };
	struct bytes sent;
	enum status status;

	asset_key(&key, asset);
	status = txn_get(io->txn, STATE_PLANNED, buffer_bytes(&key), &sent);
	if (status == STATUS_OK && bytes_equal(sent, hash))
		goto out;
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = asset_get(io->txn, asset, io->arena, &record);
	if (status != STATUS_OK)
		goto out;
	txn_put(io->txn, STATE_PLANNED, buffer_bytes(&key), hash);
	stage_command(io, record->agent.data, "plan", FETTLE__KIND__KIND_PLAN, &cache->plan.base);
out:
	buffer_fini(&key);
	return status;
}

/* What it was sent before, if anything, it does not have. */
static enum status send_anew(struct stage_io *io, const struct asset_ref *asset)
{
	struct buffer key = { 0 };
	enum status status = compose(io);

	asset_key(&key, asset);
	txn_delete(io->txn, STATE_PLANNED, buffer_bytes(&key));
	buffer_fini(&key);
	return status == STATUS_OK ? send(io, asset) : status;
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	if (event_asset(event) != NULL)
		return send_anew(io, event_asset(event));
	forget(io->cache);
	stage_enqueue(io, WORK_PLAN, BYTES_NONE);
	return STATUS_OK;
}

static enum status on_work(struct stage_io *io, struct stage_work *work)
{
	enum status status = compose(io);

	if (status != STATUS_OK || work->kind != WORK_PLAN)
		return status;
	return asset_slice(io->txn, work->cursor, work->budget, work->next, send, io);
}

const struct stage plan_stage = {
	.name = "plan",
	.summary = "tells every agent what to observe",
	.consumes = (const enum event_kind[]){ EVENT_POLICY, EVENT_POLICY_REMOVED, EVENT_WATCHLIST,
	    EVENT_ASSET_NEW, EVENT_ASSET_ANEW, EVENT_NONE },
	.cache_new = cache_new,
	.cache_free = cache_free,
	.on_event = on_event,
	.on_work = on_work,
};
