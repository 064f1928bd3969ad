/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/job.h"

#include "core/record.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

static bool was_at_work(const Fettle__JobVerdict *job, uint64_t at_ms)
{
	return job->started_ms != 0 && at_ms >= job->started_ms
	    && (job->ended_ms == 0 || at_ms <= job->ended_ms + JOB_GRACE_MS);
}

enum status job_explains(struct txn *txn, const struct asset_ref *asset, uint64_t received_ms,
    struct arena *arena, const char **out)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value;
	enum status status;

	asset_key(&prefix, asset);
	status = txn_scan_open(txn, STATE_JOB, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		Fettle__JobVerdict *job;

		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK)
			break;
		job = record_unpack(&fettle__job_verdict__descriptor, value, arena);
		if (job == NULL || job->id.len != JOB_ID_SIZE) {
			status = STATUS_CORRUPT;
		} else if (was_at_work(job, received_ms)) {
			char hex[2 * JOB_ID_SIZE + 1];

			bytes_to_hex(record_bytes(job->id), hex);
			*out = arena_format(arena, "job %.12s", hex);
			break;
		}
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status;
}
