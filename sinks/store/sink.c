/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a sink: gathers verdicts in one transaction and reports them once it is committed.
 */
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "sinks/sinks.h"
#include "sinks/store/store.h"

struct store_sink {
	const struct sink_context *context;
	struct store *store;
	bool has_failed;
};

static enum status start(const struct sink_context *context, const void *settings, void **self,
    uint64_t *position)
{
	struct store_sink *sink = memory_new(sizeof(*sink));
	enum status status = store_open(context->data, &sink->store);

	(void)settings;
	if (status != STATUS_OK) {
		free(sink);
		return status;
	}
	sink->context = context;
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

static void stop(void *self)
{
	(void)self; /* it has no handles; what is not committed comes again */
}

static void finish(void *self)
{
	struct store_sink *sink = self;

	store_close(sink->store);
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
