/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/inventory/heal.h"

#include "core/lane.h"
#include "processors/state/agreement.h"
#include "processors/state/facts.h"
#include "proto/command.pb-c.h"

enum { ALL_LANES = 1 << LANE_CRITICAL | 1 << LANE_DELTA | 1 << LANE_BULK };

/* ---- marks ---- */

static bool is_well_formed(const Fettle__Digest *digest)
{
	return digest->id.len == HASH_SIZE && digest->root.len == HASH_SIZE
	    && (digest->buckets.len == 0 || digest->buckets.len == DIGEST_SIZE)
	    && digest->complete.len <= DIGEST_BUCKETS;
}

static void take_over(const struct heal *heal, const Fettle__Digest *digest,
    Fettle__StateDigest *state)
{
	RECORD_SET_BYTES(state, id, record_bytes(digest->id));
	RECORD_SET(state, epoch, heal->event->stamp->epoch);
	RECORD_SET(state, lanes, 0);
	RECORD_SET(state, revision, digest->revision);
	RECORD_SET_BYTES(state, root, record_bytes(digest->root));
	RECORD_SET_BYTES(state, buckets, record_bytes(digest->buckets));
	RECORD_SET(state, facts, digest->facts);
	RECORD_SET(state, floor, digest->floor);
	RECORD_SET_BYTES(state, complete, record_bytes(digest->complete));
}

/* Lanes overtake each other: a mark may be of a digest that a newer one has taken over from. */
static bool takes_mark(const struct heal *heal, const Fettle__Digest *digest,
    Fettle__StateDigest *state)
{
	uint64_t epoch = heal->event->stamp->epoch;
	int order = bytes_compare(record_bytes(digest->id), record_bytes(state->id));

	if (epoch < state->epoch || (epoch == state->epoch && order < 0))
		return false;
	if (epoch > state->epoch || order > 0)
		take_over(heal, digest, state);
	RECORD_SET(state, lanes, state->lanes | 1U << heal->event->stamp->lane);
	return true;
}

/* ---- verdicts ---- */

struct count {
	struct digest_set buckets;
	uint64_t facts;
};

static enum status count_in_bucket(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct count *count = data;

	count->facts += entry->record->status != FACT_NONE
	             && count->buckets.has[digest_bucket(key)];
	return STATUS_OK;
}

static enum status say_resync(const struct heal *heal, const Fettle__StateDigest *state,
    bool is_over)
{
	Fettle__HealthVerdict verdict = FETTLE__HEALTH_VERDICT__INIT;
	struct count count = { 0 };
	enum status status;

	digest_set_decode(record_bytes(state->asked), &count.buckets);
	status = facts_visit(heal->io->txn, heal->asset, BYTES_NONE, count_in_bucket, &count);
	if (status != STATUS_OK)
		return status;
	RECORD_SET_BYTES(&verdict, asset, BYTES_OF(heal->asset->id));
	RECORD_SET(&verdict, what, FETTLE__HEALTH_WHAT__HEALTH_WHAT_RESYNC);
	RECORD_SET(&verdict, since_ms, state->differed_ms);
	if (is_over) {
		RECORD_SET(&verdict, is_over, true);
		RECORD_SET(&verdict, until_ms, heal->io->now_ms);
	}
	RECORD_SET(&verdict, facts, count.facts);
	RECORD_SET(&verdict, buckets, count.buckets.count);
	stage_verdict(heal->io, FETTLE__KIND__KIND_HEALTH, &verdict.base);
	return STATUS_OK;
}

/* ---- comparing ---- */

static enum status agree(const struct heal *heal, Fettle__StateDigest *state)
{
	enum status status = state->asked.len > 0 ? say_resync(heal, state, true) : STATUS_OK;

	RECORD_SET(state, agreed_ms, heal->io->now_ms);
	RECORD_SET_BYTES(state, agreed_root, record_bytes(state->root));
	RECORD_SET(state, agreed_facts, state->facts);
	RECORD_SET(state, differed_ms, 0);
	RECORD_SET_BYTES(state, asked, BYTES_NONE);
	return status;
}

static void ask_for_buckets(const struct heal *heal)
{
	Fettle__Resync resync = FETTLE__RESYNC__INIT;

	RECORD_SET(&resync, wants_digest, true);
	stage_command(heal->io, heal->record->agent.data, "digest", FETTLE__KIND__KIND_RESYNC,
	    &resync.base);
}

/* What differs and was not touched after what the digest covers; later digests tell of the rest. */
static void find_differing(const struct agreement *here, const Fettle__StateDigest *state,
    struct digest_set *out)
{
	struct digest there;

	memcpy(&there, state->buckets.data, DIGEST_SIZE);
	digest_compare(&here->digest, &there, out);
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
		if (out->has[i]
		    && (here->epochs[i] > state->epoch
			|| (here->epochs[i] == state->epoch
			    && here->revisions[i] > state->revision))) {
			out->has[i] = false;
			out->count--;
		}
}

/* One that was asked for before and has not come yet is asked for with the others. */
static enum status ask_for_facts(const struct heal *heal, Fettle__StateDigest *state,
    struct digest_set *differing)
{
	Fettle__Resync resync = FETTLE__RESYNC__INIT;
	struct digest_set before;
	struct buffer numbers = { 0 };

	digest_set_decode(record_bytes(state->asked), &before);
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
		differing->has[i] |= before.has[i];
	digest_set_encode(differing, &numbers);
	RECORD_SET_BYTES(state, asked, arena_bytes(heal->io->arena, buffer_bytes(&numbers)));
	buffer_fini(&numbers);
	RECORD_SET(state, asked_ms, heal->io->now_ms);
	RECORD_SET(state, resyncs, state->resyncs + 1);
	RECORD_SET_BYTES(&resync, buckets, record_bytes(state->asked));
	stage_command(heal->io, heal->record->agent.data, "resync", FETTLE__KIND__KIND_RESYNC,
	    &resync.base);
	stage_count(heal->io, "resyncs", 1);
	return say_resync(heal, state, false);
}

static enum status compare(const struct heal *heal, Fettle__StateDigest *state)
{
	struct agreement here;
	struct digest_set differing;
	uint8_t root[HASH_SIZE];
	enum status status = agreement_load(heal->io->txn, heal->asset, &here);

	if (status != STATUS_OK)
		return status;
	digest_root(&here.digest, root);
	if (bytes_equal(BYTES_OF(root), record_bytes(state->root)))
		return agree(heal, state);
	if (state->differed_ms == 0)
		RECORD_SET(state, differed_ms, heal->io->now_ms);
	if (state->asked_ms > 0 && heal->io->now_ms < state->asked_ms + heal->pause_ms)
		return STATUS_OK;
	if (state->buckets.len == 0) {
		ask_for_buckets(heal);
		return STATUS_OK;
	}
	find_differing(&here, state, &differing);
	return differing.count > 0 ? ask_for_facts(heal, state, &differing) : STATUS_OK;
}

/* What the agent has told anew is all there is in these buckets. */
static enum status complete(const struct heal *heal, Fettle__StateDigest *state)
{
	struct digest_set buckets;
	enum status status;

	if (state->complete.len == 0
	    || (state->done_epoch == state->epoch && state->done_floor >= state->floor))
		return STATUS_OK;
	digest_set_decode(record_bytes(state->complete), &buckets);
	status = heal->unset_untold(heal, &buckets, state->floor);
	RECORD_SET(state, done_epoch, state->epoch);
	RECORD_SET(state, done_floor, state->floor);
	return status;
}

static enum status judge(const struct heal *heal, Fettle__StateDigest *state)
{
	enum status status = STATUS_OK;

	if (!state->is_counted)
		status = agreement_recount(heal->io->txn, heal->asset);
	RECORD_SET(state, is_counted, true);
	if (status == STATUS_OK)
		status = complete(heal, state);
	if (status == STATUS_OK)
		status = compare(heal, state);
	/* Its buckets are worth keeping only until they were compared. */
	RECORD_SET_BYTES(state, buckets, BYTES_NONE);
	return status;
}

enum status heal_on_digest(const struct heal *heal)
{
	const Fettle__Digest *digest = event_digest(heal->event);
	Fettle__StateDigest *state;
	enum status status;

	if (!is_well_formed(digest))
		return stage_reject(heal->io, "the digest has fields of a wrong size");
	status = agreement_get(heal->io->txn, heal->asset, heal->io->arena, &state);
	if (status != STATUS_OK || !takes_mark(heal, digest, state))
		return status;
	if (state->lanes == ALL_LANES)
		status = judge(heal, state);
	agreement_put(heal->io->txn, heal->asset, state);
	return status;
}
