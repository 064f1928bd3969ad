/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/job.h"

#include "processors/state/asset.h"
#include "processors/state/tables.h"

static void job_key(struct buffer *key, const struct asset_ref *asset, struct bytes id)
{
	asset_key(key, asset);
	buffer_append(key, id);
}

const char *job_name(struct arena *arena, struct bytes id)
{
	enum { SHOWN = 6 };
	char hex[2 * SHOWN + 1];

	bytes_to_hex(BYTES(id.data, id.size < SHOWN ? id.size : SHOWN), hex);
	return arena_format(arena, "job %s", hex);
}

enum status job_get(struct txn *txn, struct bytes id, struct arena *arena, struct asset_ref *asset,
    Fettle__JobVerdict **out)
{
	struct bytes key, value;
	enum status status = txn_get(txn, STATE_JOB_OF, id, &key);

	if (status != STATUS_OK)
		return status;
	if (!asset_of_key(key, asset))
		return STATUS_CORRUPT;
	status = txn_get(txn, STATE_JOB, key, &value);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
	*out = record_unpack(&fettle__job_verdict__descriptor, value, arena);
	return *out == NULL || (*out)->action == NULL ? STATUS_CORRUPT : STATUS_OK;
}

void job_put(struct txn *txn, const struct asset_ref *asset, const Fettle__JobVerdict *job)
{
	struct buffer key = { 0 }, value = { 0 };

	job_key(&key, asset, record_bytes(job->id));
	record_pack(&value, &job->base);
	txn_put(txn, STATE_JOB, buffer_bytes(&key), buffer_bytes(&value));
	txn_put(txn, STATE_JOB_OF, record_bytes(job->id), buffer_bytes(&key));
	buffer_fini(&key);
	buffer_fini(&value);
}

void job_delete(struct txn *txn, const struct asset_ref *asset, struct bytes id)
{
	struct buffer key = { 0 };

	job_key(&key, asset, id);
	txn_delete(txn, STATE_JOB, buffer_bytes(&key));
	txn_delete(txn, STATE_JOB_OF, id);
	buffer_fini(&key);
}

enum status job_get_common(struct txn *txn, const struct asset_ref *asset, struct arena *arena,
    Fettle__StateJobs **out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	asset_key(&key, asset);
	status = txn_get(txn, STATE_ASSET_JOBS, buffer_bytes(&key), &value);
	buffer_fini(&key);
	if (status == STATUS_NOT_FOUND)
		value = BYTES_NONE;
	else if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__state_jobs__descriptor, value, arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

void job_put_common(struct txn *txn, const struct asset_ref *asset, const Fettle__StateJobs *jobs)
{
	struct buffer key = { 0 }, value = { 0 };

	asset_key(&key, asset);
	record_pack(&value, &jobs->base);
	txn_put(txn, STATE_ASSET_JOBS, buffer_bytes(&key), buffer_bytes(&value));
	buffer_fini(&key);
	buffer_fini(&value);
}

static bool was_at_work(const Fettle__StateJobWork *work, uint64_t at_ms)
{
	return work->from_ms <= at_ms
	    && (work->until_ms == 0 || at_ms < work->until_ms + JOB_GRACE_MS);
}

enum status job_explains(struct txn *txn, const struct asset_ref *asset, uint64_t received_ms,
    struct arena *arena, const char **out)
{
	Fettle__StateJobs *jobs;
	enum status status = job_get_common(txn, asset, arena, &jobs);

	if (status != STATUS_OK)
		return status;
	for (size_t i = jobs->n_works; i > 0; i--) {
		const Fettle__StateJobWork *work = jobs->works[i - 1];

		if (!was_at_work(work, received_ms))
			continue;
		*out = job_name(arena, record_bytes(work->job));
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}
