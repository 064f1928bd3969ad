/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/queue.h"

#include <stdlib.h>

#include "core/require.h"

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void queue_init(struct queue *queue, uint64_t position, const uint64_t *beyond, size_t count)
{
	*queue = (struct queue){ .position = position, .taken = position };
	if (count == 0)
		return;
	queue->beyond = memory_new(count * sizeof(*beyond));
	memcpy(queue->beyond, beyond, count * sizeof(*beyond));
	queue->beyond_count = count;
	qsort(queue->beyond, count, sizeof(*beyond), compare);
}

static void free_event(struct queue_event *event)
{
	free((void *)(uintptr_t)event->message.data);
	free(event);
}

static void clear(struct queue *queue)
{
	while (queue->front != NULL) {
		struct queue_event *event = queue->front;

		queue->front = event->next;
		free_event(event);
	}
	queue->back = NULL;
	queue->count = queue->bytes = 0;
}

void queue_fini(struct queue *queue)
{
	clear(queue);
	free(queue->beyond);
	*queue = (struct queue){ 0 };
}

static bool was_done_before(const struct queue *queue, uint64_t offset)
{
	return queue->beyond_count > 0
	    && bsearch(&offset, queue->beyond, queue->beyond_count, sizeof(offset), compare)
	           != NULL;
}

bool queue_is_new(const struct queue *queue, uint64_t offset)
{
	return offset > queue->taken && !was_done_before(queue, offset);
}

void queue_pass(struct queue *queue, uint64_t offset)
{
	if (offset <= queue->taken)
		return;
	queue->taken = offset;
	if (queue->back == NULL)
		queue->position = offset;
	else
		queue->back->last = offset;
}

struct queue_event *queue_add(struct queue *queue, uint64_t offset, const struct document *document,
    struct bytes message)
{
	struct queue_event *event = memory_new(sizeof(*event));
	uint8_t *copy = memory_new(message.size + 1);

	REQUIRE(offset == 0 || offset > queue->taken);
	if (offset > 0)
		queue->taken = offset;
	memcpy(copy, message.data, message.size);
	event->offset = offset;
	event->last = queue->taken;
	event->event = document->event;
	event->at_ms = document->at_ms;
	event->has_asset = document->has_asset;
	memcpy(event->event_id, document->event_id, sizeof(event->event_id));
	memcpy(event->asset, document->asset, sizeof(event->asset));
	event->message = BYTES(copy, message.size);
	if (queue->back == NULL)
		queue->front = event;
	else
		queue->back->next = event;
	queue->back = event;
	queue->count++;
	queue->bytes += message.size;
	return event;
}

void queue_done(struct queue *queue, struct queue_event *event)
{
	REQUIRE(!event->is_done);
	event->is_done = true;
	queue->count--;
	while (queue->front != NULL && queue->front->is_done) {
		struct queue_event *front = queue->front;

		queue->position = front->last;
		queue->bytes -= front->message.size;
		queue->front = front->next;
		if (queue->front == NULL)
			queue->back = NULL;
		free_event(front);
	}
}

void queue_skip(struct queue *queue, uint64_t last)
{
	clear(queue);
	if (last > queue->taken)
		queue->taken = last;
	queue->position = queue->taken;
}

size_t queue_beyond(const struct queue *queue, uint64_t *out, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < queue->beyond_count && count < most; i++)
		if (queue->beyond[i] > queue->taken)
			out[count++] = queue->beyond[i];
	for (const struct queue_event *event = queue->front; event != NULL && count < most;
	     event = event->next)
		if (event->is_done && event->offset > 0)
			out[count++] = event->offset;
	return count;
}
