/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the role around the sinks: the store, and one sink a configured target, each with a link
 * of its own to the processor and a flow of verdicts at its own pace.
 *
 * Only the store is required.  A sink to the outside that fails ends alone, and one that cannot
 * deliver holds nobody up: upstream keeps what it lacks, up to a bound.
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
	char *processor_key;
};

static const struct setting settings[] = {
	SETTING_TEXT(struct sink_settings, processor, "tcp://127.0.0.1:7120",
	    "the processor's address for sinks, where it runs in another process"),
	SETTING_TEXT(struct sink_settings, processor_key, "",
	    "file of the processor's public key; empty: keys/processor.pub in the data directory"),
	SETTING_END
};

const struct setting_section sink_section = { .name = "sink",
	.settings = settings,
	.size = sizeof(struct sink_settings),
	.help = "the part that delivers verdicts" };

struct sinks_host;

/* One sink that runs. */
struct running {
	struct sinks_host *host;
	const struct sink *sink;
	struct sink_target target; /* all zeroes where it has none */
	void *self;                /* the sink's own */
	struct sink_context context;
	struct dialler *processor;
	char *name; /* "sink/store" */
	uint8_t store[16];
	uint64_t taken, delivered;
	bool has_failed, has_stopped;
	struct running *next;
};

struct sinks_host {
	const struct role_host *role_host;
	const char *endpoint;
	struct sockets *sockets;
	struct peers_caller caller; /* where the processor is another process */
	struct running *first;
};

/* ---- the sink's callbacks ---- */

static void on_delivered(void *self, uint64_t offset)
{
	struct running *running = self;

	running->delivered = offset;
	if (running->processor != NULL)
		link_committed(dialler_link(running->processor), SUBLOG_VERDICT, offset,
		    WINDOW_RECORDS, WINDOW_BYTES);
}

static void on_failed(void *self, enum status status)
{
	struct running *running = self;
	bool is_required = !running->sink->has_targets;

	if (!running->has_failed)
		log_error("sink-stopped", "%s cannot go on: %s%s", running->name,
		    status_text(status),
		    is_required ? "" : "; the other sinks do, and it does after a restart");
	running->has_failed = true;
	if (is_required)
		role_fail(running->host->role_host, status);
}

/* ---- the link ---- */

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct running *running = self;

	(void)flow;
	(void)chain;
	if (running->has_failed)
		return;
	running->taken = first + count - 1;
	running->sink->take(running->self, first, records, count);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct running *running = self;
	Fettle__Flow *flow = link_new_flow(arena, SUBLOG_VERDICT);

	/* What was taken and not delivered comes twice. */
	if (running->taken > running->delivered && !running->has_failed)
		running->sink->flush(running->self);
	RECORD_SET(flow, committed, running->delivered);
	RECORD_SET(flow, window_records, WINDOW_RECORDS);
	RECORD_SET(flow, window_bytes, WINDOW_BYTES);
	if (running->target.lag_max > 0)
		RECORD_SET(flow, lag_max, running->target.lag_max);
	hello->name = running->name;
	RECORD_SET_BYTES(hello, store, BYTES_OF(running->store));
	hello->receives = arena_take(arena, sizeof(*hello->receives));
	hello->receives[hello->n_receives++] = flow;
}

/* The first verdict that is still kept for this sink; 0: all that it lacks. */
static uint64_t kept_from(const struct running *running, const Fettle__Welcome *welcome)
{
	for (size_t i = 0; i < welcome->n_sends; i++)
		if (welcome->sends[i]->flow == SUBLOG_VERDICT
		    && welcome->sends[i]->tail > running->delivered + 1)
			return welcome->sends[i]->tail;
	return 0;
}

/* AGAIN: the position is another one now, so that hello has to be said anew. */
static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct running *running = self;
	uint64_t kept = kept_from(running, welcome);

	if (kept == 0 || running->has_failed)
		return STATUS_OK;
	if (running->sink->skip == NULL) {
		if (running->delivered > 0)
			log_write(LOG_ERROR, "sink-gap",
			    LOG_FIELDS(LOG_TEXT("target", running->name),
				LOG_NUMBER("first", running->delivered + 1),
				LOG_NUMBER("last", kept - 1)),
			    "these verdicts are not kept any more: was a backup restored?");
		return STATUS_OK;
	}
	running->sink->skip(running->self, kept - 1);
	running->taken = running->delivered;
	return running->delivered >= kept - 1 ? STATUS_AGAIN : STATUS_OK;
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

/* ---- turns ---- */

static void stop_running(struct running *running)
{
	if (running->has_stopped)
		return;
	running->has_stopped = true;
	dialler_free(running->processor);
	running->processor = NULL;
	running->sink->stop(running->self);
}

static void turn(struct running *running, bool has_more)
{
	if (running->processor == NULL)
		return;
	if (running->has_failed) {
		stop_running(running);
		return;
	}
	if (!has_more && running->taken > running->delivered)
		running->sink->flush(running->self);
	dialler_pump(running->processor);
}

static void on_round(void *data, bool has_more)
{
	struct sinks_host *host = data;

	for (struct running *at = host->first; at != NULL; at = at->next)
		turn(at, has_more);
}

/* ---- opening ---- */

static void stop(void *self)
{
	struct sinks_host *host = self;

	for (struct running *at = host->first; at != NULL; at = at->next) {
		if (!at->has_failed && !at->has_stopped && at->taken > at->delivered)
			at->sink->flush(at->self);
		stop_running(at);
	}
	sockets_free(host->sockets);
}

static void finish(void *self)
{
	struct sinks_host *host = self;

	while (host->first != NULL) {
		struct running *running = host->first;

		host->first = running->next;
		running->sink->finish(running->self);
		free(running->name);
		free(running);
	}
	peers_caller_fini(&host->caller);
	free(host);
}

static void append(struct sinks_host *host, struct running *running)
{
	struct running **end = &host->first;

	while (*end != NULL)
		end = &(*end)->next;
	*end = running;
}

static enum status start_link(struct running *running)
{
	const struct dialler_options options = { .loop = running->host->role_host->loop,
		.sockets = running->host->sockets,
		.endpoint = running->host->endpoint,
		.operations = operations,
		.self = running,
		.caller = &running->host->caller,
		.is_inner = true };

	return dialler_new(&options, &running->processor);
}

/* SET: the settings of its target, or NULL. */
static enum status start_sink(struct sinks_host *host, const struct sink *sink, const void *set)
{
	struct running *running = memory_new(sizeof(*running));
	struct buffer why = { 0 };
	enum status status = STATUS_OK;

	running->host = host;
	running->sink = sink;
	if (sink->describe != NULL)
		status = sink->describe(set, &running->target, &why);
	buffer_fini(&why);
	running->context = (struct sink_context){ .loop = host->role_host->loop,
		.data = host->role_host->data,
		.name = set == NULL ? sink->name : running->target.name,
		.on_delivered = on_delivered,
		.on_failed = on_failed,
		.host = running };
	running->name = text_format("sink/%s", running->context.name);
	hash_bytes(bytes_of_text(running->name), running->store);
	if (status == STATUS_OK)
		status = sink->start(&running->context, set, &running->self, &running->delivered);
	if (status != STATUS_OK) {
		free(running->name);
		free(running);
		return status;
	}
	running->taken = running->delivered;
	append(host, running);
	return start_link(running);
}

/* A target that cannot begin is left out: what is wrong has been said. */
static void start_targets(struct sinks_host *host, const struct sink *sink)
{
	const struct settings *all = host->role_host->settings;

	for (size_t i = 0; i < settings_count(all, sink->name); i++) {
		const void *set = settings_at(all, sink->name, i);
		enum status status = start_sink(host, sink, set);

		if (status != STATUS_OK)
			log_error("sink-not-started", "%s number %zu does not run: %s", sink->name,
			    i + 1, status_text(status));
	}
}

static enum status start_all(struct sinks_host *host)
{
	enum status status = STATUS_OK;
	size_t count = 0;

	for (const struct sink *const *at = sinks_all; *at != NULL && status == STATUS_OK; at++) {
		if ((*at)->has_targets)
			start_targets(host, *at);
		else
			status = start_sink(host, *at, NULL);
	}
	for (const struct running *at = host->first; at != NULL; at = at->next)
		count++;
	if (status == STATUS_OK)
		log_write(LOG_INFO, "sink-ready", LOG_FIELDS(LOG_NUMBER("sinks", count)),
		    "delivering verdicts");
	return status;
}

static enum status check(const struct role_host *role_host)
{
	struct buffer why = { 0 };
	enum status status = sinks_check(role_host->settings, &why);

	if (status != STATUS_OK)
		log_error("sink-settings", "%s", buffer_text(&why));
	buffer_fini(&why);
	return status;
}

static enum status start(const struct role_host *role_host, const struct role_endpoints *endpoints,
    void **self)
{
	const struct sink_settings *set = settings_of(role_host->settings, "sink");
	struct sinks_host *host;
	enum status status = check(role_host);

	if (status != STATUS_OK)
		return status;
	host = memory_new(sizeof(*host));
	host->role_host = role_host;
	host->endpoint = endpoints->verdicts != NULL ? endpoints->verdicts : set->processor;
	*self = host;
	if (endpoints->verdicts == NULL)
		status = peers_call(role_host->data, "sink", "processor", set->processor_key,
		    &host->caller);
	if (status == STATUS_OK)
		status = sockets_new(role_host->sockets, role_host->loop, on_round, host,
		    &host->sockets);
	return status == STATUS_OK ? start_all(host) : status;
}

const struct role sink_role = {
	.name = "sink",
	.summary = "keeps the results where the console finds them, and sends them on",
	.start = start,
	.stop = stop,
	.finish = finish,
};
