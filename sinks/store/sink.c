/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a sink: gathers verdicts in one transaction and reports them once it is committed.
 */
#include <stdlib.h>

#include "core/clock.h"
#include "core/keys.h"
#include "core/log.h"
#include "sinks/sinks.h"
#include "sinks/store/store.h"

enum { MINUTE_MS = 60 * 1000, CHECKPOINT_MS = 60 * MINUTE_MS };

struct store_sink {
	const struct sink_context *context;
	struct store *store;
	struct sign_pair signer; /* of the audit's checkpoints */
	uv_timer_t minute;
	bool has_failed;
};

static void on_minute(uv_timer_t *timer);

static enum status load_signer(struct store_sink *sink, const char *data)
{
	char *directory = text_format("%s/keys", data);
	enum status status = keys_load_signing(directory, "audit", &sink->signer);

	free(directory);
	return status;
}

static enum status start(const struct sink_context *context, const void *settings, void **self,
    uint64_t *position)
{
	struct store_sink *sink = memory_new(sizeof(*sink));
	enum status status = store_open(context->data, &sink->store);

	(void)settings;
	if (status == STATUS_OK)
		status = load_signer(sink, context->data);
	if (status != STATUS_OK) {
		store_close(sink->store);
		free(sink);
		return status;
	}
	sink->context = context;
	store_sign_with(sink->store, &sink->signer);
	uv_timer_init(context->loop, &sink->minute);
	sink->minute.data = sink;
	uv_timer_start(&sink->minute, on_minute, MINUTE_MS, MINUTE_MS);
	*position = store_position(sink->store);
	*self = sink;
	return STATUS_OK;
}

static void fail(struct store_sink *sink, enum status status)
{
	log_error("store-failed", "verdicts cannot be stored: %s", status_text(status));
	sink->has_failed = true;
	sink->context->on_failed(sink->context->host, status);
}

static void commit(struct store_sink *sink)
{
	uint64_t before = store_position(sink->store);
	enum status status = store_commit(sink->store);

	if (status != STATUS_OK)
		fail(sink, status);
	else if (store_position(sink->store) > before)
		sink->context->on_delivered(sink->context->host, store_position(sink->store));
}

static void checkpoint(struct store_sink *sink, uint64_t age_ms)
{
	enum status status;

	if (sink->has_failed)
		return;
	status = store_checkpoint(sink->store, clock_wall_ms(), age_ms);
	if (status != STATUS_OK)
		fail(sink, status);
}

static void take(void *self, uint64_t first, const struct bytes *records, size_t count)
{
	struct store_sink *sink = self;
	uint64_t now_ms = clock_wall_ms();

	for (size_t i = 0; i < count && !sink->has_failed; i++) {
		enum status status = store_apply(sink->store, first + i, records[i], now_ms);

		if (status != STATUS_OK)
			fail(sink, status);
		else if (store_wants_commit(sink->store))
			commit(sink);
	}
}

static void flush(void *self)
{
	struct store_sink *sink = self;

	if (!sink->has_failed)
		commit(sink);
}

static void on_minute(uv_timer_t *timer)
{
	flush(timer->data);
	checkpoint(timer->data, CHECKPOINT_MS);
}

static void stop(void *self)
{
	struct store_sink *sink = self;

	checkpoint(sink, 0); /* of what is committed; what is not comes again */
	uv_close((uv_handle_t *)&sink->minute, NULL);
}

static void finish(void *self)
{
	struct store_sink *sink = self;

	store_close(sink->store);
	sign_pair_fini(&sink->signer);
	free(sink);
}

const struct sink store_sink = {
	.name = "store",
	.summary = "keeps verdicts for the console: assets, findings, changes, results",
	.start = start,
	.take = take,
	.flush = flush,
	.stop = stop,
	.finish = finish,
};
