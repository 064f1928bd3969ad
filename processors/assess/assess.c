/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assess - holds assets against policies.
 *
 * A changed fact re-runs only the checks that read it.  A changed policy is durable work over all
 * assets, in slices; nothing is observed again for what is known already.
 */
#include "processors/assess/assess.h"

#include <stdlib.h>

#include "processors/assess/judge.h"
#include "processors/assess/library.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

enum work_kind { WORK_POLICY = 1 };

static void *cache_new(void)
{
	return library_new();
}

static void cache_free(void *cache)
{
	library_free(cache);
}

/* ---- policies ---- */

static enum status on_policy(struct stage_io *io, const struct event *event)
{
	const Fettle__Document *message = event_document(event);
	struct yaml_errors errors = { 0 };
	struct buffer value = { 0 };
	struct policy *policy = NULL;
	enum status status = STATUS_OK;

	if (message->id == NULL || message->id[0] == '\0' || strlen(message->id) > POLICY_ID_MAX)
		return stage_reject(io, "the policy has no id, or too long a one");
	if (event->kind == EVENT_POLICY_REMOVED) {
		txn_delete(io->txn, STATE_POLICY, bytes_of_text(message->id));
	} else if (message->text == NULL
		   || policy_parse(message->file == NULL ? message->id : message->file,
			  bytes_of_text(message->text),
			  message->dialect != NULL && message->dialect[0] != '\0' ? message->dialect
										  : NULL,
			  &policy, &errors)
			  != STATUS_OK) {
		status = stage_reject(io,
		    arena_format(io->arena, "the policy is broken: %s", yaml_errors_text(&errors)));
	} else if (strcmp(policy->id, message->id) != 0) {
		status = stage_reject(io, "the policy's text has another id than its envelope");
	} else {
		record_pack(&value, &message->base);
		txn_put(io->txn, STATE_POLICY, bytes_of_text(message->id), buffer_bytes(&value));
	}
	if (status == STATUS_OK) {
		library_invalidate(io->cache);
		stage_enqueue(io, WORK_POLICY, bytes_of_text(message->id));
	}
	policy_free(policy);
	yaml_errors_fini(&errors);
	buffer_fini(&value);
	return status;
}

struct slice {
	struct stage_io *io;
	const char *policy_id;
	const struct policy *policy; /* NULL: it was withdrawn */
};

static enum status judge_one(void *data, const struct asset_ref *asset)
{
	struct slice *slice = data;

	return slice->policy == NULL ? judge_withdraw(slice->io, asset, slice->policy_id)
	                             : judge(slice->io, asset, slice->policy, NULL);
}

static enum status on_work(struct stage_io *io, struct stage_work *work)
{
	struct slice slice = { .io = io };
	enum status status = library_load(io->cache, io->txn);

	if (status != STATUS_OK || work->kind != WORK_POLICY)
		return status;
	slice.policy_id = arena_format(io->arena, "%.*s", (int)work->subject.size,
	    (const char *)work->subject.data);
	slice.policy = library_find(io->cache, slice.policy_id);
	return asset_slice(io->txn, work->cursor, work->budget, work->next, judge_one, &slice);
}

/* ---- assets and facts ---- */

static enum status on_new_asset(struct stage_io *io, const struct asset_ref *asset)
{
	enum status status = library_load(io->cache, io->txn);

	for (size_t i = 0; status == STATUS_OK && i < library_count(io->cache); i++)
		status = judge(io, asset, library_at(io->cache, i), NULL);
	return status;
}

/* The readers of a fact stand by policy: each policy's are judged together. */
static enum status judge_readers(struct stage_io *io, const struct asset_ref *asset,
    const struct library_reader *readers, size_t count)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < count;) {
		const struct policy *policy = readers[i].policy;
		bool *selected = arena_take(io->arena, policy->checks_count * sizeof(*selected));
		bool is_all = false;

		for (; i < count && readers[i].policy == policy; i++) {
			if (readers[i].check == (size_t)LIBRARY_ALL_CHECKS)
				is_all = true;
			else
				selected[readers[i].check] = true;
		}
		status = judge(io, asset, policy, is_all ? NULL : selected);
	}
	return status;
}

static enum status on_change(struct stage_io *io, const struct event_change *change)
{
	const struct library_reader *readers;
	size_t count;
	enum status status = library_load(io->cache, io->txn);

	if (status != STATUS_OK)
		return status;
	readers = library_readers(io->cache, change->key, &count);
	return count == 0 ? STATUS_OK : judge_readers(io, change->asset, readers, count);
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	switch (event->kind) {
	case EVENT_POLICY:
	case EVENT_POLICY_REMOVED:
		return on_policy(io, event);
	case EVENT_ASSET_NEW:
		return on_new_asset(io, event_asset(event));
	case EVENT_FACT_CHANGED:
		return on_change(io, event_change(event));
	default:
		return STATUS_OK;
	}
}

const struct stage assess_stage = {
	.name = "assess",
	.summary = "holds assets against policies",
	.consumes = (const enum event_kind[]){ EVENT_POLICY, EVENT_POLICY_REMOVED, EVENT_ASSET_NEW,
	    EVENT_FACT_CHANGED, EVENT_NONE },
	.cache_new = cache_new,
	.cache_free = cache_free,
	.on_event = on_event,
	.on_work = on_work,
};
