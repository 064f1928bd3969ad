/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - what the server asks of the agent.  A command is taken with the transaction that
 * holds what came of it; undone with that, it comes again.
 */
#include "collectors/agent/parts.h"

#include "core/log.h"
#include "proto/command.pb-c.h"

static void take_plan(struct agent *agent, struct bytes body)
{
	struct arena arena = { 0 };
	struct plan *plan;

	if (plan_decode(body, &arena, &plan) != STATUS_OK) {
		arena_fini(&arena);
		return;
	}
	if (spool_note_put(agent->spool, "plan", body) != STATUS_OK) {
		/* The transaction is undone, its command's number with it: it comes again. */
		arena_fini(&arena);
		return;
	}
	arena_fini(&agent->plan_arena);
	agent->plan_arena = arena;
	agent->plan = plan;
	log_write(LOG_INFO, "plan",
	    LOG_FIELDS(LOG_NUMBER("files", plan->files_count),
		LOG_NUMBER("globs", plan->globs_count)),
	    "a new observation plan is in force");
	agent_tell_plan(agent);
}

static void take_resync(struct agent *agent, struct bytes body, struct arena *arena)
{
	Fettle__Resync *resync = record_unpack(&fettle__resync__descriptor, body, arena);
	enum status status = STATUS_OK;

	if (resync == NULL)
		return;
	if (resync->wants_digest || resync->buckets.len > 0) {
		healing_resync(agent->healing, resync);
		return;
	}
	if (resync->n_prefixes == 0)
		status = spool_ledger_forget(agent->spool, BYTES_NONE);
	for (size_t i = 0; status == STATUS_OK && i < resync->n_prefixes; i++)
		status = spool_ledger_forget(agent->spool, record_bytes(resync->prefixes[i]));
	if (status == STATUS_OK)
		agent_refresh(agent);
}

/*
 * The server lacks bundles.  Those that are not kept here any more are withdrawn: no number of
 * questions would bring them back, so what they held is looked at again.
 */
static void take_need(struct agent *agent, struct bytes body, struct arena *arena)
{
	Fettle__Need *need = record_unpack(&fettle__need__descriptor, body, arena);
	struct spool_withdrawn *lost;
	size_t count = 0;
	enum status status = STATUS_OK;

	if (need == NULL || need->n_revisions != need->n_hashes || need->n_facts != need->n_hashes)
		return;
	lost = arena_take(arena, need->n_hashes * sizeof(*lost));
	for (size_t i = 0; status == STATUS_OK && i < need->n_hashes; i++) {
		struct bytes hash = record_bytes(need->hashes[i]);

		if (hash.size != BUNDLE_HASH_SIZE)
			continue;
		status = spool_append_bundle(agent->spool, hash.data);
		if (status != STATUS_NOT_FOUND)
			continue;
		lost[count++] = (struct spool_withdrawn){ hash, need->revisions[i],
			need->facts[i] };
		status = STATUS_OK;
	}
	if (status == STATUS_OK && count > 0)
		status = spool_withdraw_bundles(agent->spool, lost, count);
	if (status != STATUS_OK || count == 0)
		return;
	log_write(LOG_INFO, "bundles-withdrawn", LOG_FIELDS(LOG_NUMBER("bundles", count)),
	    "the server asks for what is not kept any more; it is looked at again (settings "
	    "agent.bundles_kept, agent.spool_size)");
	agent_refresh(agent);
}

/*
 * On the disk before the command is acknowledged; offered in the next hello.  Where it could not be
 * made, a log line said so; asking for it again and again would not help.
 */
static void take_rotate(struct agent *agent)
{
	agent->offers_key |= rotation_begin(agent->rotation) == STATUS_OK;
}

/* Any status but OK: it was not taken, and is to come again. */
static enum status take_command(struct agent *agent, struct bytes bytes)
{
	uint64_t undone = spool_undone(agent->spool);
	enum status status = STATUS_OK;
	struct arena arena = { 0 };
	Fettle__Record *record;

	if (bytes.size == 0)
		return STATUS_OK; /* replaced by a later one */
	if (record_decode(bytes, &arena, &record) != STATUS_OK) {
		log_warn("command-refused", "the server sent a command that is not well-formed");
	} else if (record->envelope->kind == FETTLE__KIND__KIND_PLAN) {
		take_plan(agent, record_bytes(record->body));
	} else if (record->envelope->kind == FETTLE__KIND__KIND_RESYNC) {
		take_resync(agent, record_bytes(record->body), &arena);
	} else if (record->envelope->kind == FETTLE__KIND__KIND_NEED) {
		take_need(agent, record_bytes(record->body), &arena);
	} else if (record->envelope->kind == FETTLE__KIND__KIND_JOB_LEASE) {
		status = job_runner_lease(agent->jobs, record_bytes(record->body));
	} else if (record->envelope->kind == FETTLE__KIND__KIND_JOB_CANCEL) {
		status = job_runner_cancel(agent->jobs, record_bytes(record->body));
	} else if (record->envelope->kind == FETTLE__KIND__KIND_ROTATE) {
		take_rotate(agent);
	} else {
		log_write(LOG_WARN, "command-unknown",
		    LOG_FIELDS(LOG_NUMBER("kind", record->envelope->kind)),
		    "the server sent a command that this version does not know; update the agent");
	}
	arena_fini(&arena);
	/* What was undone with its transaction took the commands before this one along. */
	return undone == spool_undone(agent->spool) ? status : STATUS_AGAIN;
}

void agent_on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct agent *agent = self;
	enum status status = STATUS_OK;

	(void)chain;
	if (flow != SPOOL_COMMAND_FLOW)
		return;
	for (size_t i = 0; status == STATUS_OK && i < count; i++)
		status = take_command(agent, records[i]);
	/* Also where nothing came of it: the number itself is to be remembered. */
	if (status == STATUS_OK && spool_set_command(agent->spool, first + count - 1) == STATUS_OK)
		agent->command_taken = first + count - 1;
	else
		link_rewind(dialler_link(agent->server), flow, spool_command(agent->spool));
}
