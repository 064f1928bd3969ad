/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook - posts events to a URL, one a request, those of one asset in their order.
 *
 * What the target answers decides: delivered, later, or never.  Where no event would have luck (no
 * answer, "too many requests", a token that is refused) the whole target rests; where only this one
 * had none, only its asset waits.
 */
#include "sinks/webhook/webhook.h"

#include <stdlib.h>

#include "core/clock.h"
#include "sinks/outside/target.h"
#include "sinks/sinks.h"
#include "sinks/webhook/lanes.h"

enum { REST_MS = 500, REST_MOST_MS = 5 * 60 * 1000, LATER_MS = 1000, LATER_DOUBLINGS = 8 };

struct webhook;

/* An event that is under way. */
struct flight {
	struct webhook *webhook;
	struct queue_event *event;
	struct http_request *request;
	struct flight *next;
};

struct webhook {
	const struct sink_context *context;
	const struct webhook_settings *settings;
	struct target *target;
	struct http *http;
	struct lanes *lanes;
	struct flight *flights;
	unsigned under_way;
	uv_timer_t timer;
	uint64_t rests_until_ms, rest_ms;
	char *authorization; /* NULL: not read, or none */
	char source[WEBHOOK_SOURCE_SIZE];
	struct cloudevents_style style;
	struct arena arena;
	bool is_stopping;
};

static void send_more(void *self);

static void encode(void *self, const struct document *document, struct buffer *out)
{
	struct webhook *webhook = self;

	cloudevents_append(&webhook->style, document, out);
}

/* ---- resting ---- */

static void on_timer(uv_timer_t *timer)
{
	send_more(timer->data);
}

/* The target rests, each time for longer, until it takes something. */
static void rest(struct webhook *webhook, uint64_t at_least_ms)
{
	uint64_t now_ms = clock_monotonic_ms(), wait_ms = clock_jitter_ms(webhook->rest_ms);

	if (at_least_ms > wait_ms)
		wait_ms = at_least_ms;
	/* Requests that fail together count once. */
	if (now_ms >= webhook->rests_until_ms)
		webhook->rest_ms = webhook->rest_ms * 2 > REST_MOST_MS ? REST_MOST_MS
		                                                       : webhook->rest_ms * 2;
	if (now_ms + wait_ms > webhook->rests_until_ms)
		webhook->rests_until_ms = now_ms + wait_ms;
}

static void plan_next(struct webhook *webhook)
{
	uint64_t now_ms = clock_monotonic_ms(), due_ms = lanes_due_ms(webhook->lanes);

	if (webhook->rests_until_ms > now_ms)
		due_ms = webhook->rests_until_ms;
	if (due_ms == UINT64_MAX)
		uv_timer_stop(&webhook->timer);
	else
		uv_timer_start(&webhook->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 1, 0);
}

/* ---- answers ---- */

static void on_delivered(struct webhook *webhook, struct queue_event *event)
{
	webhook->rest_ms = REST_MS;
	lanes_done(webhook->lanes, event);
	target_error(webhook->target, NULL);
	target_delivered(webhook->target, event);
}

static void on_later(struct webhook *webhook, struct queue_event *event, uint64_t at_least_ms)
{
	unsigned doublings = event->attempts > LATER_DOUBLINGS ? LATER_DOUBLINGS : event->attempts;
	uint64_t wait_ms = clock_jitter_ms((uint64_t)LATER_MS << (doublings - 1));

	target_retried(webhook->target);
	lanes_again(webhook->lanes, event,
	    clock_monotonic_ms() + (at_least_ms > wait_ms ? at_least_ms : wait_ms));
}

static void on_target_down(struct webhook *webhook, struct queue_event *event,
    const struct http_answer *answer)
{
	webhook_forget(webhook->authorization); /* a new one may be in the file */
	webhook->authorization = NULL;
	target_retried(webhook->target);
	rest(webhook, answer->retry_after_ms);
	lanes_again(webhook->lanes, event, webhook->rests_until_ms);
}

static void on_dead(struct webhook *webhook, struct queue_event *event, unsigned code,
    const char *reason)
{
	lanes_done(webhook->lanes, event);
	target_bury(webhook->target, event, code, reason);
}

/* Whether the target has had its own trouble with EVENT for too long. */
static bool is_out_of_patience(const struct webhook *webhook, struct queue_event *event,
    unsigned code)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (code < 500)
		return false;
	if (event->failing_since_ms == 0)
		event->failing_since_ms = now_ms;
	return webhook->settings->retry_for > 0
	    && now_ms - event->failing_since_ms >= webhook->settings->retry_for;
}

static void judge(struct webhook *webhook, struct queue_event *event,
    const struct http_answer *answer)
{
	enum webhook_fate fate = webhook_fate_of(answer->code);
	struct buffer reason = { 0 };

	webhook_append_answer(answer, &reason);
	if (fate == WEBHOOK_TARGET_DOWN || fate == WEBHOOK_LATER)
		target_error(webhook->target, buffer_text(&reason));
	if (fate == WEBHOOK_DELIVERED)
		on_delivered(webhook, event);
	else if (fate == WEBHOOK_DEAD || is_out_of_patience(webhook, event, answer->code))
		on_dead(webhook, event, answer->code, buffer_text(&reason));
	else if (fate == WEBHOOK_LATER)
		on_later(webhook, event, answer->retry_after_ms);
	else
		on_target_down(webhook, event, answer);
	buffer_fini(&reason);
}

static void forget_flight(struct webhook *webhook, struct flight *flight)
{
	struct flight **at = &webhook->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	webhook->under_way--;
	free(flight);
}

static void on_answer(void *data, const struct http_answer *answer)
{
	struct flight *flight = data;
	struct webhook *webhook = flight->webhook;
	struct queue_event *event = flight->event;

	forget_flight(webhook, flight);
	judge(webhook, event, answer);
	send_more(webhook);
}

/* ---- sending ---- */

static void send_event(struct webhook *webhook, struct queue_event *event)
{
	const char *headers[CLOUDEVENTS_HEADERS_MAX + 2];
	struct flight *flight = memory_new(sizeof(*flight));
	struct bytes body;
	size_t count = 0;

	arena_reset(&webhook->arena);
	body = cloudevents_split(event->message, &webhook->arena, headers);
	while (headers[count] != NULL)
		count++;
	headers[count] = webhook->authorization;
	headers[count + 1] = NULL;
	event->attempts++;
	flight->webhook = webhook;
	flight->event = event;
	flight->next = webhook->flights;
	webhook->flights = flight;
	webhook->under_way++;
	flight->request = http_post(webhook->http, headers, body, on_answer, flight);
}

/* False where a token is wanted and there is none: then the target rests. */
static bool has_token(struct webhook *webhook)
{
	struct buffer why = { 0 };

	if (webhook->settings->token_file[0] == '\0' || webhook->authorization != NULL)
		return true;
	webhook->authorization = webhook_authorization(webhook->settings->token_file, &why);
	if (webhook->authorization == NULL) {
		target_error(webhook->target, buffer_text(&why));
		rest(webhook, 0);
	}
	buffer_fini(&why);
	return webhook->authorization != NULL;
}

static bool may_send(struct webhook *webhook)
{
	return !webhook->is_stopping && webhook->under_way < webhook->settings->parallel
	    && clock_monotonic_ms() >= webhook->rests_until_ms
	    && target_queue(webhook->target)->count > webhook->under_way && has_token(webhook);
}

static void send_more(void *self)
{
	struct webhook *webhook = self;
	struct queue_event *event;

	while (
	    may_send(webhook) && (event = lanes_next(webhook->lanes, clock_monotonic_ms())) != NULL)
		send_event(webhook, event);
	if (!webhook->is_stopping)
		plan_next(webhook);
}

static void on_event(void *self, struct queue_event *event)
{
	struct webhook *webhook = self;

	lanes_add(webhook->lanes, event);
}

static void cancel_all(struct webhook *webhook)
{
	while (webhook->flights != NULL) {
		http_cancel(webhook->http, webhook->flights->request);
		forget_flight(webhook, webhook->flights);
	}
}

static void on_clear(void *self)
{
	struct webhook *webhook = self;

	cancel_all(webhook);
	lanes_clear(webhook->lanes);
}

/* ---- the sink ---- */

static enum status describe(const void *settings, struct sink_target *out, struct buffer *why)
{
	const struct webhook_settings *set = settings;

	*out =
	    (struct sink_target){ .name = set->name, .where = set->url, .lag_max = set->lag_max };
	if (target_check(set->name, &set->events, why) != STATUS_OK
	    || !http_url_is_valid(set->url, why))
		return STATUS_INVALID;
	if (strcmp(set->format, "cloudevents") != 0
	    && strcmp(set->format, "cloudevents-binary") != 0)
		buffer_append_format(why,
		    "its format is cloudevents or cloudevents-binary, not "
		    "`%s`",
		    set->format);
	else if (set->source[0] != '\0' && !cloudevents_source_is_valid(set->source))
		buffer_append_format(why,
		    "its source is a URI, or what may follow in one, not `%s`", set->source);
	else
		return STATUS_OK;
	return STATUS_INVALID;
}

static enum status open_parts(struct webhook *webhook, const struct target_options *options,
    uint64_t *position)
{
	const struct webhook_settings *set = webhook->settings;
	const struct http_options http = { .loop = webhook->context->loop,
		.url = set->url,
		.ca_file = set->ca_file[0] == '\0' ? NULL : set->ca_file,
		.timeout_ms = set->timeout,
		.parallel = set->parallel };
	enum status status = target_open(options, &webhook->target, position);

	if (status == STATUS_OK)
		webhook->http = http_new(&http);
	return status;
}

static enum status start(const struct sink_context *context, const void *settings, void **self,
    uint64_t *position)
{
	struct webhook *webhook = memory_new(sizeof(*webhook));
	struct buffer why = { 0 };
	struct target_options options = { .context = context,
		.kind = "webhook",
		.encode = encode,
		.on_event = on_event,
		.on_clear = on_clear,
		.on_ready = send_more,
		.self = webhook };
	enum status status = describe(settings, &options.target, &why);

	buffer_fini(&why);
	webhook->context = context;
	webhook->settings = settings;
	webhook->rest_ms = REST_MS;
	webhook_style(settings, webhook->source, &webhook->style);
	options.events = &webhook->settings->events;
	if (status == STATUS_OK)
		status = open_parts(webhook, &options, position);
	if (status != STATUS_OK) {
		free(webhook);
		return status;
	}
	webhook->lanes = lanes_new();
	uv_timer_init(context->loop, &webhook->timer);
	webhook->timer.data = webhook;
	target_begin(webhook->target);
	*self = webhook;
	return STATUS_OK;
}

static void take(void *self, uint64_t first, const struct bytes *records, size_t count)
{
	struct webhook *webhook = self;

	target_take(webhook->target, first, records, count);
}

static void skip(void *self, uint64_t last)
{
	struct webhook *webhook = self;

	target_skip(webhook->target, last);
}

static void flush(void *self)
{
	(void)self; /* the target commits by its own timer */
}

static void stop(void *self)
{
	struct webhook *webhook = self;

	webhook->is_stopping = true;
	target_stop(webhook->target);
	cancel_all(webhook);
	http_free(webhook->http);
	uv_close((uv_handle_t *)&webhook->timer, NULL);
}

static void finish(void *self)
{
	struct webhook *webhook = self;

	target_finish(webhook->target);
	lanes_free(webhook->lanes);
	webhook_forget(webhook->authorization);
	arena_fini(&webhook->arena);
	free(webhook);
}

const struct sink webhook_sink = {
	.name = "webhook",
	.summary = "posts events to URLs, as CloudEvents",
	.settings = webhook_settings,
	.settings_size = sizeof(struct webhook_settings),
	.has_targets = true,
	.describe = describe,
	.start = start,
	.take = take,
	.skip = skip,
	.flush = flush,
	.stop = stop,
	.finish = finish,
};
