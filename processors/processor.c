/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processor - reads the log, runs the chain of stages over it, and serves the verdicts.
 *
 * The glue around core/host: records come by one link from the log, verdicts go by others to the
 * sinks, commands go back to the log.  Where the sinks fall behind by more than a watermark it
 * takes nothing more from the log, which keeps it.
 */
#include <stdlib.h>

#include "core/acceptor.h"
#include "core/clock.h"
#include "core/dialler.h"
#include "core/host.h"
#include "core/log.h"
#include "core/sublog.h"
#include "processors/roles.h"
#include "processors/state/tables.h"

/*
 * A critical record waits for what is before it: for records that wait here, and for verdicts that
 * wait for the store.  Both queues are kept short for what is not urgent, and only the log's, which
 * has lanes, is long.
 */
enum {
	WINDOW_RECORDS = 8192, /* of one flow */
	WINDOW_BYTES = 4 * 1024 * 1024,
	CREDIT_RECORDS = 2048, /* of all that agents say */
	CREDIT_BYTES = 4 * 1024 * 1024,
	BACKLOG_URGENT = 2048, /* verdicts; above it only what is urgent is taken */
	BACKLOG_MAX = 200 * 1000,
	TURN_LONG_MS = 20,
	STEPS_A_TURN = 4,
	FULL_TRIES = 8,
};

struct processor_settings {
	char *log;
	char *log_key;
	char *verdicts;
};

static const struct setting settings[] = {
	SETTING_TEXT(struct processor_settings, log, "tcp://127.0.0.1:7119",
	    "the log's address for processors, where it runs in another process"),
	SETTING_TEXT(struct processor_settings, log_key, "",
	    "file of the log's public key; empty: keys/log.pub in the data directory"),
	SETTING_TEXT(struct processor_settings, verdicts, "tcp://127.0.0.1:7120",
	    "where sinks connect"),
	SETTING_END
};

const struct setting_section processor_section = { .name = "processor",
	.settings = settings,
	.size = sizeof(struct processor_settings),
	.help = "the part that judges" };

struct processor {
	const struct role_host *role_host;
	struct kv *kv;
	struct host *host;
	struct sockets *sockets;
	struct dialler *log;
	struct acceptor *sinks;
	struct peers *peers;        /* NULL: the sinks are in this process */
	struct peers_caller caller; /* towards the log, where that is not */
	uv_timer_t timer;           /* for what is due without input */
	uv_idle_t busy;             /* while there is more to do at once */
	uint64_t gathering_since_ms;
	uint64_t slowest_sink;
	unsigned full_tries; /* batches in a row that did not fit */
	bool is_held_back, has_failed, has_more;
	uint64_t turn_since_ms;
	uint64_t told[SUBLOG_END]; /* position last acknowledged to the log */
};

static const char *const tables[] = { STATE_TABLE_NAMES };

static void fail(struct processor *processor, enum status status)
{
	if (!processor->has_failed)
		log_error("processor-stopped",
		    "the processor cannot go on: %s; nothing was judged "
		    "that is not stored",
		    status_text(status));
	processor->has_failed = true;
	role_fail(processor->role_host, status);
}

/* ---- from the log ---- */

static void on_log_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct processor *processor = self;

	(void)
	    chain; /* the log has its own checksums, and the link loses nothing within a session */
	if (flow >= SUBLOG_END || processor->has_failed)
		return;
	if (host_waiting(processor->host) == 0)
		processor->gathering_since_ms = clock_monotonic_ms();
	host_take(processor->host, flow, first, records, count);
}

static struct credit_grant grant_now(const struct processor *processor)
{
	uint64_t backlog = host_verdict_head(processor->host) - processor->slowest_sink;

	return (
	    struct credit_grant){ .budget = { .records = CREDIT_RECORDS, .bytes = CREDIT_BYTES },
		.is_urgent_only = backlog > BACKLOG_URGENT };
}

static Fettle__Flow *reading_flow(struct processor *processor, struct arena *arena, uint32_t number)
{
	Fettle__Flow *flow = link_new_flow(arena, number);

	RECORD_SET(flow, committed, host_position(processor->host, number));
	RECORD_SET(flow, window_records, processor->is_held_back ? 0 : WINDOW_RECORDS);
	RECORD_SET(flow, window_bytes, processor->is_held_back ? 0 : WINDOW_BYTES);
	if (number >= SUBLOG_FIRST)
		RECORD_SET(flow, lane, sublog_lane(number));
	return flow;
}

/* Whatever waited unprocessed comes again in the new session, from the committed position on. */
static void drop_waiting(struct processor *processor)
{
	while (host_waiting(processor->host) > 0 && !processor->has_failed) {
		enum status status = host_step(processor->host, clock_wall_ms());

		/* What did not fit is forgotten, and so comes again too. */
		if (status != STATUS_OK && status != STATUS_AGAIN && status != STATUS_FULL)
			fail(processor, status);
	}
}

static void on_log_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct processor *processor = self;
	Fettle__Flow *outbox = link_new_flow(arena, SUBLOG_OUTBOX);

	drop_waiting(processor);
	hello->name = RECORD_TEXT("processor");
	RECORD_SET_BYTES(hello, store, host_uuid(processor->host));
	hello->receives = arena_take(arena, (SUBLOG_COUNT + 2) * sizeof(*hello->receives));
	hello->receives[hello->n_receives++] = reading_flow(processor, arena, SUBLOG_INTENT);
	hello->receives[hello->n_receives++] = reading_flow(processor, arena, SUBLOG_NOTICE);
	for (uint32_t flow = SUBLOG_FIRST; flow < SUBLOG_END; flow++)
		hello->receives[hello->n_receives++] = reading_flow(processor, arena, flow);
	hello->credit = link_new_credit(arena, grant_now(processor));
	RECORD_SET(outbox, head, host_outbox_head(processor->host));
	hello->sends = arena_take(arena, sizeof(*hello->sends));
	hello->sends[hello->n_sends++] = outbox;
}

static enum status on_log_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct processor *processor = self;

	(void)welcome;
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++)
		processor->told[flow] = host_position(processor->host, flow);
	return STATUS_OK;
}

static enum status read_outbox(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct processor *processor = self;

	(void)flow;
	return host_read_outbox(processor->host, from, most, batch);
}

static void release_outbox(void *self)
{
	struct processor *processor = self;

	host_release(processor->host);
}

static void on_outbox_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct processor *processor = self;

	(void)flow;
	host_outbox_taken(processor->host, committed);
}

static const struct link_operations log_operations = {
	.read = read_outbox,
	.release = release_outbox,
	.on_acked = on_outbox_acked,
	.on_data = on_log_data,
	.on_hello = on_log_hello,
	.on_welcome = on_log_welcome,
};

/* ---- towards the sinks ---- */

/* It gets empty records for those: what it lacks is to be known at least. */
static void report_missed(const struct processor *processor, const char *sink, uint64_t taken)
{
	uint64_t tail = host_verdict_tail(processor->host);

	if (taken + 1 < tail)
		log_write(LOG_ERROR, "sink-behind",
		    LOG_FIELDS(LOG_TEXT("name", sink), LOG_NUMBER("missed", tail - taken - 1)),
		    "a sink has not had verdicts that are no longer kept: it is new, or was "
		    "restored from a backup older than the processor's");
}

static enum status on_sink_hello(void *self, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct processor *processor = self;
	Fettle__Flow *flow = link_new_flow(arena, SUBLOG_VERDICT);

	(void)identity;
	(void)data;
	if (hello->n_receives != 1) {
		*reason = "a sink reads one flow";
		return STATUS_REJECT;
	}
	if (hello->receives[0]->committed > host_verdict_head(processor->host)) {
		*reason = "the sink has more verdicts than this processor has made: one of the two "
			  "was restored from a backup";
		log_error("sink-ahead", "%s", *reason);
		return STATUS_REJECT;
	}
	if (host_verdicts_reader(processor->host, hello->name, hello->receives[0]->committed,
		hello->receives[0]->lag_max)
	    != STATUS_OK) {
		*reason = "there are too many sinks";
		return STATUS_REJECT;
	}
	report_missed(processor, hello->name, hello->receives[0]->committed);
	RECORD_SET(flow, head, host_verdict_head(processor->host));
	RECORD_SET(flow, tail, host_verdicts_kept(processor->host, hello->name));
	welcome->sends = arena_take(arena, sizeof(*welcome->sends));
	welcome->sends[welcome->n_sends++] = flow;
	return STATUS_OK;
}

static enum status read_verdicts(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct acceptor_peer *peer = self;
	struct processor *processor = acceptor_host(peer->acceptor);

	(void)flow;
	return host_read_verdicts(processor->host, from, most, batch);
}

static void release_verdicts(void *self)
{
	struct acceptor_peer *peer = self;
	struct processor *processor = acceptor_host(peer->acceptor);

	host_release(processor->host);
}

static void on_verdicts_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct acceptor_peer *peer = self;
	struct processor *processor = acceptor_host(peer->acceptor);
	char *name = text_copy_bytes(BYTES(peer->identity, peer->identity_size));

	(void)flow;
	host_verdicts_read(processor->host, name, committed);
	if (strcmp(name, "sink/store") == 0)
		processor->slowest_sink = committed;
	free(name);
}

static const struct link_operations sink_operations = {
	.read = read_verdicts,
	.release = release_verdicts,
	.on_acked = on_verdicts_acked,
};

/* ---- turns ---- */

static void acknowledge(struct processor *processor, bool is_held_back)
{
	struct link *link = dialler_link(processor->log);
	bool has_changed = is_held_back != processor->is_held_back;

	processor->is_held_back = is_held_back;
	link_grant(link, grant_now(processor));
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++) {
		uint64_t position = host_position(processor->host, flow);

		if (!has_changed && position == processor->told[flow])
			continue;
		processor->told[flow] = position;
		link_committed(link, flow, position, is_held_back ? 0 : WINDOW_RECORDS,
		    is_held_back ? 0 : WINDOW_BYTES);
	}
}

/* Verdicts are no longer kept for it.  It learns from a new session where it has to go on. */
static bool has_been_left_behind(struct processor *processor, const struct acceptor_peer *peer)
{
	char *name = text_copy_bytes(BYTES(peer->identity, peer->identity_size));
	bool is_behind = host_verdicts_overrun(processor->host, name);

	free(name);
	return is_behind;
}

static void drop_left_behind(struct processor *processor)
{
	struct acceptor_peer *next = acceptor_next(processor->sinks, NULL);

	while (next != NULL) {
		struct acceptor_peer *peer = next;

		next = acceptor_next(processor->sinks, peer);
		if (has_been_left_behind(processor, peer))
			acceptor_drop(peer, "it is too far behind");
	}
}

static void announce_news(struct processor *processor)
{
	uint64_t verdicts = host_verdict_head(processor->host);

	link_wake(dialler_link(processor->log), SUBLOG_OUTBOX, host_outbox_head(processor->host));
	for (struct acceptor_peer *peer = acceptor_next(processor->sinks, NULL); peer != NULL;
	     peer = acceptor_next(processor->sinks, peer)) {
		link_wake(peer->link, SUBLOG_VERDICT, verdicts);
		acceptor_mark(peer);
	}
}

static void on_timer(uv_timer_t *timer);

static void on_busy(uv_idle_t *idle)
{
	(void)idle;
}

/* Wakes up for the next timer, tick or slice of work. */
static void plan_next(struct processor *processor, bool is_due_now)
{
	uint64_t due_ms = host_due_ms(processor->host), now_ms = clock_wall_ms();

	if (is_due_now)
		uv_idle_start(&processor->busy, on_busy);
	else
		uv_idle_stop(&processor->busy);
	if (!is_due_now && due_ms != UINT64_MAX)
		uv_timer_start(&processor->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 1,
		    0);
}

static bool is_time(const struct processor *processor)
{
	size_t waiting = host_waiting(processor->host);

	return waiting == 0 || !processor->has_more || waiting >= HOST_BATCH_RECORDS
	    || clock_monotonic_ms() - processor->gathering_since_ms >= HOST_BATCH_MS;
}

/* A batch that did not fit has made the state grow; what it held was forgotten and is sent again.
 */
static void ask_again(struct processor *processor)
{
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++)
		link_rewind(dialler_link(processor->log), flow,
		    host_position(processor->host, flow));
}

static bool is_long(void *data)
{
	const struct processor *processor = data;

	return clock_monotonic_ms() - processor->turn_since_ms >= TURN_LONG_MS;
}

static enum status step(struct processor *processor)
{
	enum status status = host_step(processor->host, clock_wall_ms());

	if (status == STATUS_OK)
		processor->full_tries = 0;
	if (status != STATUS_FULL || ++processor->full_tries > FULL_TRIES)
		return status;
	ask_again(processor);
	return STATUS_AGAIN;
}

static void turn(struct processor *processor)
{
	enum status status = STATUS_OK;
	int steps = 0;

	if (processor->has_failed || processor->log == NULL || processor->sinks == NULL)
		return;
	host_release(processor->host);
	processor->turn_since_ms = clock_monotonic_ms();
	while (steps < STEPS_A_TURN && status == STATUS_OK && is_time(processor)
	       && (steps == 0 || !is_long(processor))) {
		status = step(processor);
		steps++;
	}
	if (status != STATUS_OK && status != STATUS_AGAIN) {
		fail(processor, status);
		return;
	}
	if (steps > 0) {
		acknowledge(processor,
		    host_verdict_head(processor->host) > processor->slowest_sink + BACKLOG_MAX);
		drop_left_behind(processor);
		announce_news(processor);
	}
	dialler_pump(processor->log);
	acceptor_pump(processor->sinks);
	plan_next(processor, status == STATUS_OK && !processor->has_more);
}

static void on_timer(uv_timer_t *timer)
{
	struct processor *processor = timer->data;

	processor->has_more = false;
	turn(processor);
}

static void on_round(void *data, bool has_more)
{
	struct processor *processor = data;

	processor->has_more = has_more;
	turn(processor);
}

/* ---- opening ---- */

static void stop(void *self)
{
	struct processor *processor = self;

	if (processor->log != NULL && processor->sinks != NULL)
		drop_waiting(processor);
	dialler_free(processor->log);
	acceptor_free(processor->sinks);
	peers_close(processor->peers);
	processor->peers = NULL;
	processor->log = NULL;
	processor->sinks = NULL;
	sockets_free(processor->sockets);
	uv_close((uv_handle_t *)&processor->timer, NULL);
	uv_close((uv_handle_t *)&processor->busy, NULL);
}

static void finish(void *self)
{
	struct processor *processor = self;

	peers_caller_fini(&processor->caller);
	/* Where this fails, the next run is careful for nothing. */
	if (processor->host != NULL)
		(void)!host_end(processor->host);
	host_free(processor->host);
	kv_close(processor->kv);
	free(processor);
}

static const char *const callers[] = { "sink", NULL };

/* The keys of both ends; none where they are in this process. */
static enum status load_keys(struct processor *processor, const struct processor_settings *set,
    const struct role_endpoints *endpoints)
{
	const char *data = processor->role_host->data;
	enum status status = STATUS_OK;

	if (endpoints->verdicts == NULL)
		status = peers_open(data, "processor", processor->sockets, &processor->peers);
	if (status == STATUS_OK && endpoints->log_readers == NULL)
		status = peers_call(data, "processor", "log", set->log_key, &processor->caller);
	return status;
}

static void reload(void *self)
{
	struct processor *processor = self;

	if (processor->peers == NULL)
		return;
	peers_reload(processor->peers);
	acceptor_recheck(processor->sinks);
}

static enum status open_links(struct processor *processor, const struct processor_settings *set,
    const struct role_endpoints *endpoints)
{
	const struct role_host *role_host = processor->role_host;
	struct acceptor_options sinks = { .loop = role_host->loop,
		.sockets = processor->sockets,
		.endpoint = endpoints->verdicts != NULL ? endpoints->verdicts : set->verdicts,
		.on_hello = on_sink_hello,
		.operations = sink_operations,
		.host = processor };
	struct dialler_options log = { .loop = role_host->loop,
		.sockets = processor->sockets,
		.endpoint = endpoints->log_readers != NULL ? endpoints->log_readers : set->log,
		.operations = log_operations,
		.self = processor,
		.caller = &processor->caller,
		.is_inner = true };
	enum status status = load_keys(processor, set, endpoints);

	if (status == STATUS_OK && processor->peers != NULL)
		sinks.door = peers_add_door(processor->peers, "processor.verdicts", callers);
	if (status == STATUS_OK)
		status = acceptor_new(&sinks, &processor->sinks);

	return status == STATUS_OK ? dialler_new(&log, &processor->log) : status;
}

static enum status start(const struct role_host *role_host, const struct role_endpoints *endpoints,
    void **self)
{
	struct processor *processor = memory_new(sizeof(*processor));
	const struct kv_options options = { .tables = tables,
		.format = STATE_FORMAT,
		.is_writer = true };
	char *directory = text_format("%s/state", role_host->data);
	enum status status = kv_open(directory, &options, &processor->kv);

	processor->role_host = role_host;
	if (status == STATUS_OK)
		status = host_new(processor->kv, processor_stages, role_host->settings,
		    &processor->host);
	if (status == STATUS_OK)
		status = host_begin(processor->host);
	if (status != STATUS_OK) {
		finish(processor);
		goto out;
	}
	processor->slowest_sink = host_verdict_head(processor->host);
	host_set_patience(processor->host, is_long, processor);
	uv_timer_init(role_host->loop, &processor->timer);
	uv_idle_init(role_host->loop, &processor->busy);
	processor->timer.data = processor->busy.data = processor;
	status = sockets_new(role_host->sockets, role_host->loop, on_round, processor,
	    &processor->sockets);
	if (status == STATUS_OK)
		status = open_links(processor, settings_of(role_host->settings, "processor"),
		    endpoints);
	if (status != STATUS_OK) {
		*self = processor; /* to be taken down */
		goto out;
	}
	uv_timer_start(&processor->timer, on_timer, 0, 0);
	log_write(LOG_INFO, "processor-ready", LOG_FIELDS(LOG_TEXT("path", directory)),
	    "judging what the log has");
	*self = processor;
out:
	free(directory);
	return status;
}

const struct role processor_role = {
	.name = "processor",
	.summary = "assesses what the log has, and says what is wrong",
	.start = start,
	.reload = reload,
	.stop = stop,
	.finish = finish,
};
