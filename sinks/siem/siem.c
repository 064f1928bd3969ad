/* SPDX-License-Identifier: Apache-2.0 */
/*
 * siem - sends events to a SIEM, in their order, by syslog or into a file.
 *
 * What was written and has not arrived when a connection ends is written again to the next one: an
 * event may come twice, with the same event_id, and is never left out.
 */
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "sinks/outside/target.h"
#include "sinks/siem/carrier.h"
#include "sinks/siem/siem.h"
#include "sinks/siem/syslog.h"
#include "sinks/sinks.h"

enum { RETRY_MS = 300, RETRY_MOST_MS = 60 * 1000, CHUNK = 64 * 1024 };

struct siem {
	const struct sink_context *context;
	const struct siem_settings *settings;
	struct siem_place place;
	struct siem_form form;
	struct target *target;
	const struct carrier_way *way;
	void *carrier; /* NULL: none now */
	uv_timer_t retry;
	uint64_t retry_ms;
	struct queue_event *unsent; /* the first; NULL: all are sent */
	struct buffer chunk;
	bool is_stopping;
};

/* ---- the form of a message ---- */

void siem_form_init(struct siem_form *form, const struct siem_settings *set,
    const struct siem_place *place)
{
	bool has_data = strcmp(set->format, "rfc5424") == 0;

	*form = (struct siem_form){ .is_syslog = has_data || place->way == SIEM_TCP,
		.is_counted = place->way == SIEM_TCP };
	if (gethostname(form->host, sizeof(form->host) - 1) != 0)
		form->host[0] = '\0';
	form->style = (struct syslog_style){ .host = form->host,
		.sd_id = has_data ? set->sd_id : NULL,
		.message_max = (size_t)set->message_max };
	(void)syslog_facility_parse(set->facility, &form->style.facility);
}

void siem_form_append(const struct siem_form *form, const struct document *document,
    struct buffer *out)
{
	struct buffer message = { 0 };

	if (form->is_syslog)
		syslog_append(&form->style, document, &message);
	else
		document_append(document, form->style.message_max, &message);
	if (form->is_counted) {
		syslog_append_counted(buffer_bytes(&message), out);
	} else {
		buffer_append(out, buffer_bytes(&message));
		buffer_append_u8(out, '\n');
	}
	buffer_fini(&message);
}

static void encode(void *self, const struct document *document, struct buffer *out)
{
	struct siem *siem = self;

	siem_form_append(&siem->form, document, out);
}

/* ---- sending ---- */

/* One chunk of whole messages. */
static void send_chunk(struct siem *siem)
{
	struct queue_event *first = siem->unsent;
	uint64_t end;

	buffer_clear(&siem->chunk);
	for (; siem->unsent != NULL && siem->chunk.size < CHUNK;
	     siem->unsent = siem->unsent->next) {
		buffer_append(&siem->chunk, siem->unsent->message);
		siem->unsent->sent_end = siem->chunk.size;
		if (siem->unsent->attempts++ > 0)
			target_retried(siem->target);
	}
	end = siem->way->write(siem->carrier, buffer_bytes(&siem->chunk));
	for (; first != siem->unsent; first = first->next)
		first->sent_end += end - siem->chunk.size;
}

static void send_more(void *self)
{
	struct siem *siem = self;

	while (!siem->is_stopping && siem->carrier != NULL && siem->unsent != NULL
	       && siem->way->has_room(siem->carrier))
		send_chunk(siem);
}

static void on_event(void *self, struct queue_event *event)
{
	struct siem *siem = self;

	if (siem->unsent == NULL)
		siem->unsent = event;
}

static void on_clear(void *self)
{
	struct siem *siem = self;

	siem->unsent = NULL;
}

static void on_arrived(void *self, uint64_t end)
{
	struct siem *siem = self;
	struct queue *queue = target_queue(siem->target);

	siem->retry_ms = RETRY_MS;
	target_error(siem->target, NULL);
	while (queue->front != siem->unsent && queue->front->sent_end <= end)
		target_delivered(siem->target, queue->front);
}

/* ---- connecting ---- */

static void open_carrier(struct siem *siem);

static void on_retry(uv_timer_t *timer)
{
	open_carrier(timer->data);
}

static void on_broken(void *self, const char *reason)
{
	struct siem *siem = self;
	uint64_t wait_ms = clock_jitter_ms(siem->retry_ms);

	log_write(LOG_DEBUG, "siem-lost", LOG_FIELDS(LOG_NUMBER("again_in_ms", wait_ms)), "%s",
	    reason);
	target_error(siem->target, reason);
	siem->way->close(siem->carrier);
	siem->carrier = NULL;
	siem->unsent = target_queue(siem->target)->front;
	siem->retry_ms = siem->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : siem->retry_ms * 2;
	uv_timer_start(&siem->retry, on_retry, wait_ms, 0);
}

static void open_carrier(struct siem *siem)
{
	const struct carrier_options options = { .loop = siem->context->loop,
		.place = &siem->place,
		.confirm_ms = siem->settings->confirm,
		.on_room = send_more,
		.on_arrived = on_arrived,
		.on_broken = on_broken,
		.self = siem };

	siem->carrier = siem->way->open(&options);
}

/* ---- the sink ---- */

static enum status describe(const void *settings, struct sink_target *out, struct buffer *why)
{
	const struct siem_settings *set = settings;
	struct siem_place place;
	unsigned facility;

	*out = (struct sink_target){ .name = set->name,
		.where = set->target,
		.lag_max = set->lag_max };
	if (target_check(set->name, &set->events, why) != STATUS_OK
	    || siem_settings_place(set, &place, why) != STATUS_OK)
		return STATUS_INVALID;
	if (strcmp(set->format, "json") != 0 && strcmp(set->format, "rfc5424") != 0)
		buffer_append_format(why, "its format is json or rfc5424, not `%s`", set->format);
	else if (!syslog_facility_parse(set->facility, &facility))
		buffer_append_format(why, "`%s` is no facility of syslog", set->facility);
	else if (!syslog_sd_id_is_valid(set->sd_id))
		buffer_append_format(why, "its sd_id is NAME@NUMBER, not `%s`", set->sd_id);
	else
		return STATUS_OK;
	return STATUS_INVALID;
}

static enum status start(const struct sink_context *context, const void *settings, void **self,
    uint64_t *position)
{
	struct siem *siem = memory_new(sizeof(*siem));
	struct buffer why = { 0 };
	struct target_options options = { .context = context,
		.kind = "siem",
		.encode = encode,
		.on_event = on_event,
		.on_clear = on_clear,
		.on_ready = send_more,
		.self = siem };
	enum status status = describe(settings, &options.target, &why);

	siem->context = context;
	siem->settings = settings;
	siem->retry_ms = RETRY_MS;
	options.events = &siem->settings->events;
	if (status == STATUS_OK)
		status = siem_settings_place(settings, &siem->place, &why);
	if (status == STATUS_OK) {
		siem_form_init(&siem->form, settings, &siem->place);
		status = target_open(&options, &siem->target, position);
	}
	buffer_fini(&why);
	if (status != STATUS_OK) {
		free(siem);
		return status;
	}
	siem->way = carrier_way_of(&siem->place);
	uv_timer_init(context->loop, &siem->retry);
	siem->retry.data = siem;
	open_carrier(siem);
	target_begin(siem->target);
	*self = siem;
	return STATUS_OK;
}

static void take(void *self, uint64_t first, const struct bytes *records, size_t count)
{
	struct siem *siem = self;

	target_take(siem->target, first, records, count);
}

static void skip(void *self, uint64_t last)
{
	struct siem *siem = self;

	target_skip(siem->target, last);
}

static void flush(void *self)
{
	(void)self; /* the target commits by its own timer */
}

static void stop(void *self)
{
	struct siem *siem = self;

	siem->is_stopping = true;
	target_stop(siem->target);
	if (siem->carrier != NULL)
		siem->way->close(siem->carrier);
	siem->carrier = NULL;
	uv_close((uv_handle_t *)&siem->retry, NULL);
}

static void finish(void *self)
{
	struct siem *siem = self;

	target_finish(siem->target);
	buffer_fini(&siem->chunk);
	free(siem);
}

const struct sink siem_sink = {
	.name = "siem",
	.summary = "sends events to SIEMs, by syslog over TCP or into files",
	.settings = siem_settings,
	.settings_size = sizeof(struct siem_settings),
	.has_targets = true,
	.describe = describe,
	.start = start,
	.take = take,
	.skip = skip,
	.flush = flush,
	.stop = stop,
	.finish = finish,
};
