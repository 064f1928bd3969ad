/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict_feed ENDPOINT DATA ASSETS [mixed] - serves verdicts to sinks as a processor does that
 * has its keys in DATA/keys, as many as it is told to: each line on standard input ("5000", or
 * "5000 4001") is the newest verdict's number and the first that is still kept.  Verdict N is a
 * finding of asset N modulo ASSETS, titled "N".  Mixed: of six in a row two are findings, the
 * others an alert that opens, a job that begins, the alert undone, and the job failed; alerts are
 * titled "N" as well, and a job's reason is "N". Writes "listening", and "acked NAME N" as sinks
 * acknowledge.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/acceptor.h"
#include "core/log.h"
#include "core/record.h"
#include "core/require.h"
#include "core/sublog.h"
#include "proto/verdict.pb-c.h"

/* Of a series of mixed verdicts, what the one is whose number leaves that remainder; else a
 * finding. */
enum { ALERT_OPENS = 1, JOB_BEGINS = 2, ALERT_UNDONE = 3, JOB_ENDS = 4, SERIES = 6 };

struct feed {
	uv_loop_t loop;
	struct sockets *sockets;
	struct acceptor *sinks;
	uv_pipe_t commands;
	struct buffer line;
	char chunk[256];
	uint64_t head, tail, assets;
	bool is_mixed;
	struct arena arena;
};

static char hostile[] = "policy/check \"]\\ \x1b[31m\n\xe2\x80\xae";

static struct bytes id_of(struct arena *arena, const char *what, uint64_t number)
{
	uint8_t id[HASH_SIZE];

	hash_bytes(bytes_of_text(arena_format(arena, "%s %llu", what, (unsigned long long)number)),
	    id);
	return arena_bytes(arena, BYTES_OF(id));
}

static void append_finding(struct feed *feed, uint64_t number, struct buffer *out)
{
	Fettle__FindingVerdict finding = FETTLE__FINDING_VERDICT__INIT;

	RECORD_SET_BYTES(&finding, id, id_of(&feed->arena, "finding", number));
	RECORD_SET_BYTES(&finding, asset, id_of(&feed->arena, "asset", number % feed->assets));
	finding.title = arena_format(&feed->arena, "%llu", (unsigned long long)number);
	finding.subject = hostile;
	finding.severity = RECORD_TEXT("high");
	RECORD_SET(&finding, state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	record_pack(out, &finding.base);
}

static void append_alert(struct feed *feed, uint64_t number, bool is_undone, struct buffer *out)
{
	Fettle__AlertVerdict alert = FETTLE__ALERT_VERDICT__INIT;
	uint64_t which = number / SERIES;

	RECORD_SET_BYTES(&alert, id, id_of(&feed->arena, "alert", which));
	RECORD_SET_BYTES(&alert, asset, id_of(&feed->arena, "asset", which % feed->assets));
	RECORD_SET(&alert, state,
	    is_undone ? FETTLE__ALERT_STATE__ALERT_STATE_UNDONE
		      : FETTLE__ALERT_STATE__ALERT_STATE_OPEN);
	alert.title = arena_format(&feed->arena, "%llu", (unsigned long long)number);
	alert.severity = RECORD_TEXT("critical");
	alert.note = hostile;
	RECORD_SET_BYTES(&alert, key, bytes_of_text(hostile));
	RECORD_SET(&alert, opened_ms, 1700000000000 + which);
	record_pack(out, &alert.base);
}

static void append_job(struct feed *feed, uint64_t number, bool has_failed, struct buffer *out)
{
	Fettle__JobVerdict job = FETTLE__JOB_VERDICT__INIT;
	uint64_t which = number / SERIES;
	struct buffer id = { 0 };

	buffer_append(&id, id_of(&feed->arena, "job", which));
	buffer_append(&id, id_of(&feed->arena, "job", which));
	RECORD_SET_BYTES(&job, id, arena_bytes(&feed->arena, buffer_bytes(&id)));
	buffer_fini(&id);
	RECORD_SET_BYTES(&job, asset, id_of(&feed->arena, "asset", which % feed->assets));
	RECORD_SET(&job, state,
	    has_failed ? FETTLE__JOB_STATE__JOB_STATE_FAILED
		       : FETTLE__JOB_STATE__JOB_STATE_APPLYING);
	job.reason = arena_format(&feed->arena, "%llu", (unsigned long long)number);
	RECORD_SET_BYTES(&job, output, BYTES("\xff\x1b[31m\n", 7));
	RECORD_SET(&job, proposed_ms, 1700000000000 + which);
	record_pack(out, &job.base);
}

/* What verdict NUMBER is. */
static uint32_t append_body(struct feed *feed, uint64_t number, struct buffer *out)
{
	unsigned turn = feed->is_mixed ? (unsigned)(number % SERIES) : 0;

	if (turn == ALERT_OPENS || turn == ALERT_UNDONE) {
		append_alert(feed, number, turn == ALERT_UNDONE, out);
		return FETTLE__KIND__KIND_ALERT;
	}
	if (turn == JOB_BEGINS || turn == JOB_ENDS) {
		append_job(feed, number, turn == JOB_ENDS, out);
		return FETTLE__KIND__KIND_JOB;
	}
	append_finding(feed, number, out);
	return FETTLE__KIND__KIND_FINDING;
}

static struct bytes record_of(struct feed *feed, uint64_t number)
{
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT;
	struct buffer body = { 0 }, out = { 0 };
	uint32_t kind = append_body(feed, number, &body);
	struct bytes result;

	RECORD_SET_BYTES(&envelope, event_id, id_of(&feed->arena, "event", number));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET(&envelope, wall_ms, 1700000000000 + number);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&out, &record.base);
	result = arena_bytes(&feed->arena, buffer_bytes(&out));
	buffer_fini(&body);
	buffer_fini(&out);
	return result;
}

static enum status read_verdicts(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct acceptor_peer *peer = self;
	struct feed *feed = acceptor_host(peer->acceptor);

	(void)flow;
	for (; from <= feed->head && batch->count < most; from++) {
		struct bytes record = from < feed->tail ? BYTES("", 0) : record_of(feed, from);

		if (!link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
	}
	return STATUS_OK;
}

static void release(void *self)
{
	struct acceptor_peer *peer = self;
	struct feed *feed = acceptor_host(peer->acceptor);

	arena_reset(&feed->arena);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct acceptor_peer *peer = self;

	(void)flow;
	printf("acked %.*s %llu\n", (int)peer->identity_size, (const char *)peer->identity,
	    (unsigned long long)committed);
	fflush(stdout);
}

static enum status on_hello(void *self, struct bytes identity, const Fettle__Hello *hello,
    Fettle__Welcome *welcome, struct arena *arena, void **data, const char **reason)
{
	struct feed *feed = self;
	Fettle__Flow *flow = arena_take(arena, sizeof(*flow));

	(void)identity;
	(void)hello;
	(void)data;
	(void)reason;
	fettle__flow__init(flow);
	RECORD_SET(flow, flow, SUBLOG_VERDICT);
	RECORD_SET(flow, head, feed->head);
	RECORD_SET(flow, tail, feed->tail);
	welcome->sends = arena_take(arena, sizeof(*welcome->sends));
	welcome->sends[welcome->n_sends++] = flow;
	return STATUS_OK;
}

/* ---- what it is told ---- */

static void obey(struct feed *feed, const char *line)
{
	char *rest;

	feed->head = strtoull(line, &rest, 10);
	if (*rest == ' ')
		feed->tail = strtoull(rest, NULL, 10);
	for (struct acceptor_peer *peer = acceptor_next(feed->sinks, NULL); peer != NULL;
	     peer = acceptor_next(feed->sinks, peer)) {
		link_wake(peer->link, SUBLOG_VERDICT, feed->head);
		acceptor_mark(peer);
	}
	acceptor_pump(feed->sinks);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct feed *feed = handle->data;

	(void)suggested;
	*out = uv_buf_init(feed->chunk, sizeof(feed->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct feed *feed = stream->data;

	if (size < 0)
		exit(0); /* whoever runs it has gone */
	for (ssize_t i = 0; i < size; i++) {
		if (buffer->base[i] != '\n') {
			buffer_append_u8(&feed->line, (uint8_t)buffer->base[i]);
			continue;
		}
		obey(feed, buffer_text(&feed->line));
		buffer_clear(&feed->line);
	}
}

static void on_round(void *data, bool has_more)
{
	struct feed *feed = data;

	(void)has_more;
	if (feed->sinks != NULL)
		acceptor_pump(feed->sinks);
}

int main(int argc, char **argv)
{
	static struct feed feed = { .tail = 1 };
	static const char *const callers[] = { "sink", NULL };
	struct socket_context *context;
	struct peers *peers;
	struct acceptor_options options = { .loop = &feed.loop,
		.on_hello = on_hello,
		.operations = { .read = read_verdicts, .release = release, .on_acked = on_acked },
		.host = &feed };

	if (argc < 4)
		return 2;
	feed.is_mixed = argc > 4 && strcmp(argv[4], "mixed") == 0;
	options.endpoint = argv[1];
	feed.assets = strtoull(argv[3], NULL, 10);
	REQUIRE(uv_loop_init(&feed.loop) == 0 && feed.assets > 0);
	if (socket_context_new(&context) != STATUS_OK
	    || sockets_new(context, &feed.loop, on_round, &feed, &feed.sockets) != STATUS_OK)
		return 74;
	options.sockets = feed.sockets;
	if (peers_open(argv[2], "processor", feed.sockets, &peers) != STATUS_OK)
		return 74;
	options.door = peers_add_door(peers, "processor.verdicts", callers);
	if (acceptor_new(&options, &feed.sinks) != STATUS_OK)
		return 74;
	uv_pipe_init(&feed.loop, &feed.commands, 0);
	feed.commands.data = &feed;
	REQUIRE(uv_pipe_open(&feed.commands, 0) == 0);
	uv_read_start((uv_stream_t *)&feed.commands, on_allocate, on_read);
	printf("listening\n");
	fflush(stdout);
	uv_run(&feed.loop, UV_RUN_DEFAULT);
	return 0;
}
