/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's life, and the records that wait for its next batch.
 */
#include "core/host/parts.h"

#include <stdlib.h>

#include "core/require.h"

void host_new_caches(struct host *host)
{
	for (size_t i = 0; i < host->stages_count; i++) {
		struct host_stage *at = &host->stages[i];

		if (at->cache != NULL)
			at->stage->cache_free(at->cache);
		at->cache = at->stage->cache_new == NULL ? NULL : at->stage->cache_new();
	}
}

enum status host_new(struct kv *kv, const struct stage *const *stages,
    const struct settings *settings, struct host **out)
{
	struct host *host = memory_new(sizeof(*host));
	enum status status;

	host->kv = kv;
	for (; *stages != NULL; stages++) {
		const struct stage *stage = *stages;

		REQUIRE(host->stages_count < HOST_STAGES_MAX);
		REQUIRE(stage->name != NULL && stage->consumes != NULL && stage->on_event != NULL);
		REQUIRE((stage->tick_ms == 0) == (stage->on_tick == NULL));
		REQUIRE((stage->cache_new == NULL) == (stage->cache_free == NULL));
		host->stages[host->stages_count++] = (struct host_stage){ .stage = stage,
			.settings = stage->settings == NULL || settings == NULL
			              ? NULL
			              : settings_of(settings, stage->name) };
	}
	status = host_load(host);
	if (status != STATUS_OK) {
		host_free(host);
		return status;
	}
	host_new_caches(host);
	*out = host;
	return STATUS_OK;
}

void host_free(struct host *host)
{
	if (host == NULL)
		return;
	host_release(host);
	txn_abort(&host->txn);
	for (size_t i = 0; i < host->stages_count; i++)
		if (host->stages[i].cache != NULL)
			host->stages[i].stage->cache_free(host->stages[i].cache);
	for (size_t i = 0; i < SUBLOG_END; i++)
		buffer_fini(&host->queues[i].bytes);
	arena_fini(&host->arena);
	buffer_fini(&host->scratch);
	buffer_fini(&host->key);
	free(host);
}

struct bytes host_uuid(const struct host *host)
{
	return BYTES_OF(host->now.uuid);
}

uint64_t host_position(const struct host *host, uint32_t flow)
{
	return host->committed.positions[flow];
}

uint64_t host_batches(const struct host *host)
{
	return host->committed.batches;
}

size_t host_waiting(const struct host *host)
{
	return host->waiting;
}

uint64_t host_due_ms(const struct host *host)
{
	uint64_t due_ms = host->has_work ? 0 : host->next_timer_ms;

	for (size_t i = 0; i < host->stages_count; i++) {
		const struct stage *stage = host->stages[i].stage;
		uint64_t tick_ms = host->committed.ticks[i] + stage->tick_ms;

		if (stage->tick_ms > 0 && tick_ms < due_ms)
			due_ms = tick_ms;
	}
	return due_ms;
}

void host_set_patience(struct host *host, bool (*is_long)(void *data), void *data)
{
	host->is_long = is_long;
	host->is_long_data = data;
}

enum status host_step(struct host *host, uint64_t now_ms)
{
	const struct host_lot everything = { .flow = HOST_ANY_FLOW, .records = HOST_BATCH_RECORDS };

	if (host->waiting == 0 && host_due_ms(host) > now_ms)
		return STATUS_AGAIN;
	return attempts_is_careful(&host->attempts) ? host_step_carefully(host, now_ms)
	                                            : host_run_batch(host, &everything, now_ms);
}

/* ---- input ---- */

/* A queue that never runs empty must not grow for ever. */
static void make_compact(struct host_queue *queue)
{
	if (queue->at == 0 || queue->at < queue->bytes.size / 2)
		return;
	memmove(queue->bytes.data, queue->bytes.data + queue->at, queue->bytes.size - queue->at);
	queue->bytes.size -= queue->at;
	queue->at = 0;
}

void host_take(struct host *host, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count)
{
	struct host_queue *queue;

	REQUIRE(flow < SUBLOG_END);
	queue = &host->queues[flow];
	if (queue->count == 0) {
		buffer_clear(&queue->bytes);
		queue->at = 0;
		queue->first = first;
	}
	REQUIRE(first == queue->first + queue->count);
	make_compact(queue);
	for (size_t i = 0; i < count; i++) {
		buffer_append_u32(&queue->bytes, (uint32_t)records[i].size);
		buffer_append(&queue->bytes, records[i]);
	}
	queue->count += count;
	host->waiting += count;
}

struct bytes host_queue_next(struct host *host, struct host_queue *queue)
{
	uint32_t size = bytes_u32(queue->bytes.data + queue->at);
	struct bytes record = BYTES(queue->bytes.data + queue->at + 4, size);

	queue->at += 4 + (size_t)size;
	queue->first++;
	queue->count--;
	host->waiting--;
	return record;
}

void host_forget_input(struct host *host)
{
	for (size_t i = 0; i < SUBLOG_END; i++)
		host->queues[i].count = 0;
	host->waiting = 0;
}
