/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/target.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

/* A commit is a sync of the disk that the store waits for, too: seldom, then. */
enum { COMMIT_MS = 500, COMMIT_EVENTS = 4000 };

struct target {
	struct target_options options;
	char *name, *where;
	document_kinds kinds;
	struct journal *journal;
	struct queue queue;
	struct names *names;
	struct arena arena;
	struct buffer message;
	uv_timer_t timer;
	uint64_t *beyond;
	unsigned uncommitted; /* events */
	bool has_failed, is_stopping;
};

/* ---- committing ---- */

static void commit(struct target *target)
{
	const struct sink_context *context = target->options.context;
	size_t count = queue_beyond(&target->queue, target->beyond, JOURNAL_BEYOND_MAX);
	uint64_t before = journal_state(target->journal)->position;
	enum status status;

	if (target->has_failed)
		return;
	uv_timer_stop(&target->timer);
	target->uncommitted = 0;
	journal_advance(target->journal, target->queue.position, target->beyond, count);
	status = journal_commit(target->journal);
	if (status != STATUS_OK) {
		target->has_failed = true;
		context->on_failed(context->host, status);
	} else if (target->queue.position > before) {
		context->on_delivered(context->host, target->queue.position);
	}
}

static void on_timer(uv_timer_t *timer)
{
	commit(timer->data);
}

/* Whatever has changed is durable within COMMIT_MS. */
static void commit_soon(struct target *target)
{
	if (!target->is_stopping && !uv_is_active((uv_handle_t *)&target->timer))
		uv_timer_start(&target->timer, on_timer, COMMIT_MS, 0);
}

/* ---- taking ---- */

static void add(struct target *target, uint64_t offset, const struct document *document,
    uint64_t gap_first)
{
	struct queue_event *event;

	buffer_clear(&target->message);
	target->options.encode(target->options.self, document, &target->message);
	event = queue_add(&target->queue, offset, document, buffer_bytes(&target->message));
	event->gap_first = gap_first;
	target->options.on_event(target->options.self, event);
}

static void take_one(struct target *target, uint64_t offset, struct bytes record)
{
	struct document document;
	enum status status;

	arena_reset(&target->arena);
	status = record.size == 0
	           ? STATUS_NOT_FOUND
	           : document_make(record, target->kinds, target->names, &target->arena, &document);
	if (status == STATUS_OK && queue_is_new(&target->queue, offset))
		add(target, offset, &document, 0);
	else
		queue_pass(&target->queue, offset);
	if (status == STATUS_OK)
		document_fini(&document);
	else if (status != STATUS_NOT_FOUND)
		log_write(LOG_ERROR, "sink-refused",
		    LOG_FIELDS(LOG_TEXT("target", target->name), LOG_NUMBER("offset", offset)),
		    "a verdict cannot be understood; it is passed over");
}

void target_take(struct target *target, uint64_t first, const struct bytes *records, size_t count)
{
	if (target->has_failed || target->is_stopping)
		return;
	for (size_t i = 0; i < count; i++)
		if (first + i > target->queue.taken)
			take_one(target, first + i, records[i]);
	if (target->queue.position > journal_state(target->journal)->position)
		commit_soon(target);
	target->options.on_ready(target->options.self);
}

/* ---- gaps ---- */

static void add_notice(struct target *target, uint64_t first, uint64_t last, uint64_t at_ms)
{
	struct document document;

	document_make_gap(target->name, first, last, at_ms, &document);
	add(target, 0, &document, first);
	document_fini(&document);
}

void target_skip(struct target *target, uint64_t last)
{
	uint64_t first = target->queue.position + 1, now_ms = clock_wall_ms();
	bool is_new = target->queue.position == 0 && target->queue.front == NULL;

	if (target->has_failed || last < first)
		return;
	target->options.on_clear(target->options.self);
	queue_skip(&target->queue, last);
	last = target->queue.position;
	if (!is_new) {
		log_write(LOG_WARN, "sink-gap",
		    LOG_FIELDS(LOG_TEXT("target", target->name), LOG_NUMBER("first", first),
			LOG_NUMBER("last", last)),
		    "too far behind: these verdicts are not sent to this target");
		journal_skip(target->journal, first, last, now_ms);
	}
	commit(target);
	if (!is_new)
		add_notice(target, first, last, now_ms);
	target->options.on_ready(target->options.self);
}

static enum status tell_again(void *visitor, const Fettle__SinkGap *gap)
{
	if (!gap->is_told)
		add_notice(visitor, gap->first, gap->last, gap->at_ms);
	return STATUS_OK;
}

void target_begin(struct target *target)
{
	enum status status = journal_visit_gaps(target->options.context->data, target->name,
	    tell_again, target);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		log_write(LOG_ERROR, "sink-journal", LOG_FIELDS(LOG_TEXT("target", target->name)),
		    "its gaps cannot be read: %s", status_text(status));
	target->options.on_ready(target->options.self);
}

/* ---- what became of an event ---- */

static void end_event(struct target *target, struct queue_event *event)
{
	if (event->offset == 0)
		journal_told(target->journal, event->gap_first);
	queue_done(&target->queue, event);
	if (++target->uncommitted >= COMMIT_EVENTS && !target->is_stopping)
		commit(target);
	else
		commit_soon(target);
}

void target_delivered(struct target *target, struct queue_event *event)
{
	journal_count(target->journal, 1, 0, clock_wall_ms());
	end_event(target, event);
}

void target_bury(struct target *target, struct queue_event *event, unsigned answer,
    const char *reason)
{
	Fettle__SinkDeadLetter letter = FETTLE__SINK_DEAD_LETTER__INIT;

	log_write(LOG_ERROR, "sink-dead-letter",
	    LOG_FIELDS(LOG_TEXT("target", target->name), LOG_NUMBER("offset", event->offset),
		LOG_NUMBER("answer", answer)),
	    "given up for good: %s", reason);
	RECORD_SET(&letter, offset, event->offset);
	RECORD_SET(&letter, at_ms, clock_wall_ms());
	RECORD_SET_BYTES(&letter, event_id, BYTES_OF(event->event_id));
	letter.event = RECORD_TEXT(event->event);
	if (event->has_asset)
		RECORD_SET_BYTES(&letter, asset, BYTES_OF(event->asset));
	RECORD_SET(&letter, answer, answer);
	letter.reason = RECORD_TEXT(reason);
	RECORD_SET(&letter, attempts, event->attempts);
	RECORD_SET_BYTES(&letter, body, event->message);
	journal_bury(target->journal, &letter);
	end_event(target, event);
}

void target_retried(struct target *target)
{
	journal_count(target->journal, 0, 1, 0);
	commit_soon(target);
}

void target_error(struct target *target, const char *error)
{
	const char *before = journal_state(target->journal)->error;
	bool was_failing = before != NULL && before[0] != '\0';

	if (error != NULL && !was_failing)
		log_write(LOG_WARN, "sink-failing", LOG_FIELDS(LOG_TEXT("target", target->name)),
		    "cannot deliver: %s; everything is kept and tried again", error);
	else if (error == NULL && was_failing)
		log_write(LOG_INFO, "sink-working", LOG_FIELDS(LOG_TEXT("target", target->name)),
		    "delivers again");
	else if (error == NULL)
		return;
	journal_error(target->journal, error, clock_wall_ms());
	commit_soon(target);
}

struct queue *target_queue(struct target *target)
{
	return &target->queue;
}

/* ---- life ---- */

static void free_target(struct target *target)
{
	journal_close(target->journal);
	queue_fini(&target->queue);
	names_free(target->names);
	arena_fini(&target->arena);
	buffer_fini(&target->message);
	free(target->beyond);
	free(target->name);
	free(target->where);
	free(target);
}

enum status target_open(const struct target_options *options, struct target **out,
    uint64_t *position)
{
	struct target *target = memory_new(sizeof(*target));
	struct buffer why = { 0 };
	const Fettle__SinkState *state;
	enum status status;

	target->options = *options;
	target->name = text_copy(options->target.name);
	target->where = text_copy(options->target.where);
	REQUIRE(document_kinds_parse(options->events, &target->kinds, &why));
	status = journal_open(options->context->data, target->name, options->kind, target->where,
	    &target->journal);
	if (status != STATUS_OK) {
		free_target(target);
		return status;
	}
	state = journal_state(target->journal);
	queue_init(&target->queue, state->position, state->beyond, state->n_beyond);
	target->beyond = memory_new(JOURNAL_BEYOND_MAX * sizeof(*target->beyond));
	target->names = names_new(options->context->data);
	uv_timer_init(options->context->loop, &target->timer);
	target->timer.data = target;
	*position = state->position;
	*out = target;
	return STATUS_OK;
}

void target_stop(struct target *target)
{
	if (target->is_stopping)
		return;
	commit(target);
	target->is_stopping = true;
	uv_close((uv_handle_t *)&target->timer, NULL);
}

void target_finish(struct target *target)
{
	if (target != NULL)
		free_target(target);
}

/* ---- settings ---- */

static bool is_name(const char *name)
{
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return size > 0 && size <= TARGET_NAME_MAX && name[size] == '\0' && name[0] != '-'
	    && strcmp(name, "store") != 0;
}

enum status target_check(const char *name, const struct setting_list *events, struct buffer *why)
{
	document_kinds kinds;

	if (name[0] == '\0') {
		buffer_append_text(why, "it has no `name`");
		return STATUS_INVALID;
	}
	if (!is_name(name)) {
		buffer_append_format(why,
		    "its name may have up to %d of a-z, 0-9, - and _, and "
		    "is not `store`",
		    TARGET_NAME_MAX);
		return STATUS_INVALID;
	}
	return document_kinds_parse(events, &kinds, why) ? STATUS_OK : STATUS_INVALID;
}
