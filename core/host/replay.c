/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch once more, by its record.
 */
#include "core/host/parts.h"

static enum status replay_condemned(struct host *host, uint32_t flow, uint64_t number,
    struct bytes record)
{
	host_condemn(host, flow, number, record);
	return STATUS_OK;
}

static enum status replay_range(struct host *host, const Fettle__BatchRange *range,
    host_fetch fetch, void *data)
{
	enum status status = STATUS_OK;

	if (range->flow >= SUBLOG_END)
		return STATUS_CORRUPT;
	for (uint64_t number = range->first; status == STATUS_OK && number <= range->last;
	     number++) {
		struct bytes record;

		status = fetch(data, range->flow, number, &record);
		if (status == STATUS_OK)
			status = range->is_condemned
			           ? replay_condemned(host, range->flow, number, record)
			           : host_process(host, range->flow, number, record);
		host->now.positions[range->flow] = number;
	}
	return status;
}

enum status host_replay(struct host *host, struct bytes record, host_fetch fetch, void *data)
{
	struct arena arena = { 0 };
	Fettle__BatchRecord *batch = record_unpack(&fettle__batch_record__descriptor, record,
	    &arena);
	enum status status = batch == NULL ? STATUS_CORRUPT
	                                   : host_begin_batch(host, batch->stamp_ms);

	if (status != STATUS_OK)
		goto out;
	status = host_run_due(host);
	if (status == STATUS_OK && batch->has_work)
		status = host_work(host, record_bytes(batch->work), batch, &arena);
	for (size_t i = 0; status == STATUS_OK && i < batch->n_ranges; i++)
		status = replay_range(host, batch->ranges[i], fetch, data);
	status = host_finish_batch(host, status, batch);
out:
	arena_fini(&arena);
	return status;
}
