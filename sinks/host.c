/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the role around a sink: one link to the processor, one flow of verdicts.
 */
#include <stdlib.h>

#include "core/dialler.h"
#include "core/log.h"
#include "core/record.h"
#include "core/sublog.h"
#include "sinks/roles.h"
#include "sinks/sinks.h"

enum { WINDOW_RECORDS = 8192, WINDOW_BYTES = 4 * 1024 * 1024 };

struct sink_settings {
	char *processor;
};

static const struct setting settings[] = {
	SETTING_TEXT(struct sink_settings, processor, "tcp://127.0.0.1:7120",
	    "the processor's address for sinks, where it runs in another process"),
	SETTING_END
};

const struct setting_section sink_section = { .name = "sink", .settings = settings,
	.size = sizeof(struct sink_settings), .help = "the part that delivers verdicts" };

struct sink_host {
	const struct role_host *role_host;
	const struct sink *sink;
	void *self; /* the sink's own */
	struct sink_context context;
	struct sockets *sockets;
	struct dialler *processor;
	char *name;       /* "sink/store" */
	uint8_t store[16];
	uint64_t taken, delivered;
	bool has_failed;
};

/* ---- the sink's callbacks ---- */

static void on_delivered(void *host, uint64_t offset)
{
	struct sink_host *sink_host = host;

	sink_host->delivered = offset;
	if (sink_host->processor != NULL)
		link_committed(dialler_link(sink_host->processor), SUBLOG_VERDICT, offset,
		    WINDOW_RECORDS, WINDOW_BYTES);
}

static void on_failed(void *host, enum status status)
{
	struct sink_host *sink_host = host;

	if (!sink_host->has_failed)
		log_error("sink-stopped", "the sink %s cannot go on: %s", sink_host->sink->name,
		    status_text(status));
	sink_host->has_failed = true;
	role_fail(sink_host->role_host, status);
}

/* ---- the link ---- */

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct sink_host *host = self;

	(void)flow;
	(void)chain;
	if (host->has_failed)
		return;
	host->taken = first + count - 1;
	host->sink->take(host->self, first, records, count);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct sink_host *host = self;
	Fettle__Flow *flow = arena_take(arena, sizeof(*flow));

	/* What was taken and not delivered would come twice. */
	if (host->taken > host->delivered && !host->has_failed)
		host->sink->flush(host->self);
	fettle__flow__init(flow);
	RECORD_SET(flow, flow, SUBLOG_VERDICT);
	RECORD_SET(flow, committed, host->delivered);
	RECORD_SET(flow, window_records, WINDOW_RECORDS);
	RECORD_SET(flow, window_bytes, WINDOW_BYTES);
	hello->name = host->name;
	RECORD_SET_BYTES(hello, store, BYTES_OF(host->store));
	hello->receives = arena_take(arena, sizeof(*hello->receives));
	hello->receives[hello->n_receives++] = flow;
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	(void)self;
	(void)welcome;
	return STATUS_OK;
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	(void)self;
	(void)flow;
	(void)committed; /* nothing is sent upstream but acknowledgements */
}

static const struct link_operations operations = {
	.on_acked = on_acked,
	.on_data = on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
};

static void on_round(void *data, bool has_more)
{
	struct sink_host *host = data;

	if (host->processor == NULL || host->has_failed)
		return;
	if (!has_more && host->taken > host->delivered)
		host->sink->flush(host->self);
	dialler_pump(host->processor);
}

/* ---- opening ---- */

static void stop(void *self)
{
	struct sink_host *host = self;

	if (!host->has_failed && host->taken > host->delivered)
		host->sink->flush(host->self);
	dialler_free(host->processor);
	host->processor = NULL;
	sockets_free(host->sockets);
	host->sink->stop(host->self);
}

static void finish(void *self)
{
	struct sink_host *host = self;

	host->sink->finish(host->self);
	free(host->name);
	free(host);
}

static enum status start(const struct role_host *role_host, const struct role_endpoints *endpoints,
    void **self)
{
	const struct sink_settings *set = settings_of(role_host->settings, "sink");
	struct sink_host *host = memory_new(sizeof(*host));
	struct dialler_options options = { .loop = role_host->loop,
		.endpoint = endpoints->verdicts != NULL ? endpoints->verdicts : set->processor,
		.operations = operations, .self = host };
	enum status status;

	host->role_host = role_host;
	host->sink = sinks_all[0];
	host->name = text_format("sink/%s", host->sink->name);
	hash_bytes(bytes_of_text(host->name), host->store);
	host->context = (struct sink_context){ .loop = role_host->loop, .data = role_host->data,
		.on_delivered = on_delivered, .on_failed = on_failed, .host = host };
	status = host->sink->start(&host->context, NULL, &host->self, &host->delivered);
	if (status != STATUS_OK) {
		free(host->name);
		free(host);
		return status;
	}
	host->taken = host->delivered;
	status = sockets_new(role_host->sockets, role_host->loop, on_round, host, &host->sockets);
	options.sockets = host->sockets;
	if (status == STATUS_OK)
		status = dialler_new(&options, &host->processor);
	if (status != STATUS_OK) {
		*self = host; /* to be taken down */
		return status;
	}
	log_info("sink-ready", "delivering verdicts to %s", host->sink->name);
	*self = host;
	return STATUS_OK;
}

const struct role sink_role = {
	.name = "sink",
	.summary = "keeps the results, where the console finds them",
	.start = start,
	.stop = stop,
	.finish = finish,
};
