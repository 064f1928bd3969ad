/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/dispatch/lease.h"

#include "processors/dispatch/dispatch.h"
#include "processors/state/asset.h"
#include "proto/command.pb-c.h"

/* To the agent of its asset; a later command of the same job replaces it. */
static enum status command(struct life *life, uint32_t kind, const ProtobufCMessage *message)
{
	char hex[2 * JOB_ID_SIZE + 1];
	Fettle__StateAsset *asset;
	enum status status = asset_get(life->io->txn, &life->asset, life->io->arena, &asset);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
	bytes_to_hex(record_bytes(life->job->id), hex);
	stage_command(life->io, asset->agent.data, arena_format(life->io->arena, "job/%s", hex),
	    kind, message);
	return STATUS_OK;
}

static void forget_attempt(Fettle__JobVerdict *job)
{
	job->has_started_ms = job->has_ended_ms = job->has_exit_code = job->has_output = 0;
	job->started_ms = job->ended_ms = 0;
	job->exit_code = 0;
}

enum status lease_give(struct life *life, const char *by, const char *note)
{
	Fettle__JobVerdict *job = life->job;
	Fettle__JobLease lease = FETTLE__JOB_LEASE__INIT;
	enum status status;

	forget_attempt(job);
	RECORD_SET(life->common, token, life->common->token + 1);
	RECORD_SET(job, token, life->common->token);
	RECORD_SET(job, attempt, job->attempt + 1);
	RECORD_SET(job, lease_until_ms, life->io->now_ms + dispatch_settings_of(life->io)->lease);
	RECORD_SET_BYTES(&lease, job, record_bytes(job->id));
	RECORD_SET(&lease, attempt, job->attempt);
	RECORD_SET(&lease, token, job->token);
	RECORD_SET(&lease, valid_until_ms, job->lease_until_ms);
	lease.action = job->action;
	status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_SCHEDULED, by, note);
	return status == STATUS_OK ? command(life, FETTLE__KIND__KIND_JOB_LEASE, &lease.base)
	                           : status;
}

enum status lease_take_back(struct life *life)
{
	Fettle__JobCancel cancel = FETTLE__JOB_CANCEL__INIT;

	if (life->job->token == 0)
		return STATUS_OK;
	RECORD_SET_BYTES(&cancel, job, record_bytes(life->job->id));
	RECORD_SET(&cancel, token, life->job->token);
	return command(life, FETTLE__KIND__KIND_JOB_CANCEL, &cancel.base);
}

/* ---- whose turn it is ---- */

struct queue {
	struct life out;   /* job NULL: none is out */
	struct life first; /* job NULL: none is approved and waits */
	struct bytes waiting[LIFE_OPEN_MAX];
	size_t waiting_count;
};

static void enqueue(struct queue *queue, const struct life *life)
{
	if (life_is_out(life))
		queue->out = *life;
	if (life->job->state != FETTLE__JOB_STATE__JOB_STATE_APPROVED)
		return;
	if (queue->first.job == NULL || life->job->decided_ms < queue->first.job->decided_ms)
		queue->first = *life;
	if (queue->waiting_count < LIFE_OPEN_MAX)
		queue->waiting[queue->waiting_count++] = record_bytes(life->job->id);
}

static enum status find_queue(struct stage_io *io, const struct asset_ref *asset,
    struct queue *queue)
{
	Fettle__StateJobs *common;
	enum status status = job_get_common(io->txn, asset, io->arena, &common);

	for (size_t i = 0; status == STATUS_OK && i < common->n_open; i++) {
		struct life life;

		status = life_load(io, record_bytes(common->open[i]->job), &life);
		if (status == STATUS_OK)
			enqueue(queue, &life);
	}
	return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

static const char *why_it_waits(const struct life *out)
{
	const char *more = out->job->state == FETTLE__JOB_STATE__JOB_STATE_LOST
	                     ? ", of which nothing was heard; cancel that one to wait no longer"
	                     : "";

	return arena_format(out->io->arena, "waits for %s%s", life_name(out), more);
}

static enum status say_who_waits(const struct queue *queue)
{
	const char *reason = why_it_waits(&queue->out);
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < queue->waiting_count; i++) {
		struct life life;

		status = life_load(queue->out.io, queue->waiting[i], &life);
		if (status != STATUS_OK || life.job->state != FETTLE__JOB_STATE__JOB_STATE_APPROVED
		    || (life.job->reason != NULL && strcmp(life.job->reason, reason) == 0))
			continue;
		life.job->reason = RECORD_TEXT(reason);
		life_keep(&life);
	}
	return status;
}

enum status lease_next(struct stage_io *io, const struct asset_ref *asset)
{
	struct queue queue = { .waiting_count = 0 };
	enum status status = find_queue(io, asset, &queue);

	if (status == STATUS_OK && queue.out.job == NULL && queue.first.job != NULL) {
		status = lease_give(&queue.first, "dispatch", "it is its turn: its agent is told");
		queue.out = queue.first;
	}
	if (status == STATUS_OK && queue.out.job != NULL)
		status = say_who_waits(&queue);
	return status;
}
