/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of two jobs for the same packages one is over at once: the older while nobody has approved it,
 * else the newer.  So there is never a question which of them a decision was about.
 */
#include "processors/dispatch/proposal.h"

#include <stdlib.h>

#include "core/job_action.h"
#include "processors/dispatch/confirm.h"
#include "processors/dispatch/life.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

/* ---- is it one? ---- */

static const char *check_findings(const Fettle__JobProposal *proposal)
{
	if (proposal->n_findings > PROPOSAL_FINDINGS_MAX)
		return "the proposal names more than 2000 findings";
	for (size_t i = 0; i < proposal->n_findings; i++)
		if (proposal->findings[i].len != HASH_SIZE)
			return "the proposal names a finding that has no id";
	return NULL;
}

static const char *check(const Fettle__JobProposal *proposal)
{
	const char *wrong = job_action_check(proposal->action);
	uint8_t id[JOB_ID_SIZE];

	if (wrong == NULL)
		wrong = check_findings(proposal);
	if (wrong != NULL)
		return wrong;
	job_id_compute(record_bytes(proposal->asset), proposal->action, proposal->generation, id);
	return bytes_equal(record_bytes(proposal->job), BYTES_OF(id))
	         ? NULL
	         : "the job's id is not that of its asset, action and generation";
}

/* ---- is there one for the same packages? ---- */

static bool has_same_packages(const Fettle__JobAction *a, const Fettle__JobAction *b)
{
	Fettle__JobPackage **left, **right;
	bool is_same = true;

	if (a->n_packages != b->n_packages)
		return false;
	left = job_action_sorted(a);
	right = job_action_sorted(b);
	for (size_t i = 0; i < a->n_packages; i++)
		is_same &= strcmp(left[i]->name, right[i]->name) == 0;
	free(left);
	free(right);
	return is_same;
}

/* Rival: an open job of ASSET for the packages of ACTION.  NOT_FOUND; REJECT: there are too many.
 */
static enum status find_rival(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__JobAction *action, struct life *rival)
{
	Fettle__StateJobs *common;
	enum status status = job_get_common(io->txn, asset, io->arena, &common);

	for (size_t i = 0; status == STATUS_OK && i < common->n_open; i++) {
		status = life_load(io, record_bytes(common->open[i]->job), rival);
		if (status != STATUS_OK)
			return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
		if (has_same_packages(rival->job->action, action))
			return STATUS_OK;
	}
	if (status == STATUS_OK && common->n_open >= LIFE_OPEN_MAX)
		return stage_reject(io, "the asset has 16 jobs that are not over");
	return status == STATUS_OK ? STATUS_NOT_FOUND : status;
}

/* ---- taking it ---- */

static void add_package(struct arena *arena, Fettle__JobVerdict *job,
    const Fettle__JobPackage *package)
{
	Fettle__JobPackageState *state = arena_take(arena, sizeof(*state));

	fettle__job_package_state__init(state);
	state->name = package->name;
	state->target = package->version;
	job->packages[job->n_packages++] = state;
}

static Fettle__JobVerdict *draft(struct stage_io *io, const struct event *event)
{
	const Fettle__JobProposal *proposal = event_job_proposal(event);
	Fettle__JobVerdict *job = arena_take(io->arena, sizeof(*job));

	fettle__job_verdict__init(job);
	RECORD_SET_BYTES(job, id, record_bytes(proposal->job));
	RECORD_SET_BYTES(job, asset, record_bytes(proposal->asset));
	job->action = proposal->action;
	job->packages = arena_take(io->arena,
	    proposal->action->n_packages * sizeof(*job->packages));
	for (size_t i = 0; i < proposal->action->n_packages; i++)
		add_package(io->arena, job, proposal->action->packages[i]);
	job->findings = proposal->findings;
	job->n_findings = proposal->n_findings;
	job->proposed_by = RECORD_TEXT(life_person(io->arena, event));
	RECORD_SET(job, proposed_ms, event->stamp->received_ms);
	return job;
}

static enum status propose(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, struct life *out)
{
	bool is_reached;
	enum status status = life_new(io, asset, draft(io, event), out);

	if (status == STATUS_OK)
		status = confirm_observe(out, &is_reached);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < out->job->n_packages; i++)
		out->job->packages[i]->before = out->job->packages[i]->observed;
	RECORD_SET_BYTES(out->open, proposer, record_bytes(event->stamp->writer));
	return life_enter(out, FETTLE__JOB_STATE__JOB_STATE_PROPOSED, out->job->proposed_by,
	    "waits for somebody to approve it");
}

static enum status yield_to(struct life *life, const struct life *other, const char *by)
{
	bool is_newer = other->job->state == FETTLE__JOB_STATE__JOB_STATE_PROPOSED;

	return life_enter(life, FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED, by,
	    arena_format(life->io->arena,
		is_newer ? "%s was proposed later for the same packages"
			 : "%s is approved for the same packages and not over; propose "
			   "this again when it is",
		life_name(other)));
}

static enum status take(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset)
{
	const Fettle__JobProposal *proposal = event_job_proposal(event);
	const char *by = life_person(io->arena, event);
	struct life rival, life;
	enum status status = find_rival(io, asset, proposal->action, &rival);
	bool has_rival = status == STATUS_OK;
	bool is_decided = has_rival && rival.job->state != FETTLE__JOB_STATE__JOB_STATE_PROPOSED;

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	status = propose(io, event, asset, &life);
	if (status == STATUS_OK && is_decided)
		return yield_to(&life, &rival, by);
	if (status == STATUS_OK)
		status = confirm_judge(&life);
	if (status != STATUS_OK || !has_rival
	    || life.job->state != FETTLE__JOB_STATE__JOB_STATE_PROPOSED)
		return status;
	status = life_load(io, record_bytes(rival.job->id), &rival);
	return status == STATUS_OK ? yield_to(&rival, &life, by) : status;
}

enum status proposal_take(struct stage_io *io, const struct event *event)
{
	const Fettle__JobProposal *proposal = event_job_proposal(event);
	const char *wrong = check(proposal);
	struct asset_ref asset;
	struct bytes known;
	enum status status;

	if (wrong != NULL)
		return stage_reject(io, wrong);
	status = txn_get(io->txn, STATE_JOB_OF, record_bytes(proposal->job), &known);
	if (status != STATUS_NOT_FOUND)
		return status;
	status = asset_find(io->txn, record_bytes(proposal->asset), &asset);
	if (status == STATUS_NOT_FOUND)
		return stage_reject(io, "the proposal is for an asset that is not known");
	return status == STATUS_OK ? take(io, event, &asset) : status;
}
