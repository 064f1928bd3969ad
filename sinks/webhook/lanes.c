/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane an asset, as long as it has events.  A lane is in one list: of those that are ready, or of
 * those that wait for their time; while its first event is under way it is in none.
 */
#include "sinks/webhook/lanes.h"

#include <stdlib.h>

#include "core/hashmap.h"

enum lane_place { UNDER_WAY, READY, WAITING };

struct lane {
	uint8_t key[1 + 16]; /* whether it has an asset, and which */
	struct queue_event *front, *back;
	enum lane_place place;
	uint64_t at_ms;
	struct lane *next, *previous; /* in its list */
	UT_hash_handle hh;
};

struct list {
	struct lane *front, *back;
};

struct lanes {
	struct lane *by_key;
	struct list ready, waiting;
};

static struct list *list_of(struct lanes *lanes, enum lane_place place)
{
	return place == READY ? &lanes->ready : place == WAITING ? &lanes->waiting : NULL;
}

static void move(struct lanes *lanes, struct lane *lane, enum lane_place place)
{
	struct list *from = list_of(lanes, lane->place), *to = list_of(lanes, place);

	if (from != NULL) {
		*(lane->previous == NULL ? &from->front : &lane->previous->next) = lane->next;
		*(lane->next == NULL ? &from->back : &lane->next->previous) = lane->previous;
	}
	lane->next = lane->previous = NULL;
	lane->place = place;
	if (to != NULL) {
		lane->previous = to->back;
		*(to->back == NULL ? &to->front : &to->back->next) = lane;
		to->back = lane;
	}
}

static struct lane *find(struct lanes *lanes, const struct queue_event *event, uint8_t key[17])
{
	struct lane *lane;

	memset(key, 0, 17);
	key[0] = event->has_asset;
	if (event->has_asset)
		memcpy(key + 1, event->asset, sizeof(event->asset));
	HASH_FIND(hh, lanes->by_key, key, sizeof(lane->key), lane);
	return lane;
}

struct lanes *lanes_new(void)
{
	return memory_new(sizeof(struct lanes));
}

void lanes_add(struct lanes *lanes, struct queue_event *event)
{
	uint8_t key[17];
	struct lane *lane = find(lanes, event, key);

	event->lane_next = NULL;
	if (lane == NULL) {
		lane = memory_new(sizeof(*lane));
		memcpy(lane->key, key, sizeof(lane->key));
		lane->front = event;
		HASH_ADD(hh, lanes->by_key, key, sizeof(lane->key), lane);
		move(lanes, lane, READY);
	} else {
		lane->back->lane_next = event;
	}
	lane->back = event;
}

struct queue_event *lanes_next(struct lanes *lanes, uint64_t now_ms)
{
	struct lane *lane, *next;

	for (lane = lanes->waiting.front; lane != NULL; lane = next) {
		next = lane->next;
		if (lane->at_ms <= now_ms)
			move(lanes, lane, READY);
	}
	lane = lanes->ready.front;
	if (lane == NULL)
		return NULL;
	move(lanes, lane, UNDER_WAY);
	return lane->front;
}

void lanes_done(struct lanes *lanes, struct queue_event *event)
{
	uint8_t key[17];
	struct lane *lane = find(lanes, event, key);

	REQUIRE(lane != NULL && lane->place == UNDER_WAY && lane->front == event);
	lane->front = event->lane_next;
	if (lane->front != NULL) {
		move(lanes, lane, READY);
		return;
	}
	HASH_DELETE(hh, lanes->by_key, lane);
	free(lane);
}

void lanes_again(struct lanes *lanes, struct queue_event *event, uint64_t at_ms)
{
	uint8_t key[17];
	struct lane *lane = find(lanes, event, key);

	REQUIRE(lane != NULL && lane->place == UNDER_WAY && lane->front == event);
	lane->at_ms = at_ms;
	move(lanes, lane, WAITING);
}

uint64_t lanes_due_ms(const struct lanes *lanes)
{
	uint64_t due_ms = UINT64_MAX;

	for (const struct lane *lane = lanes->waiting.front; lane != NULL; lane = lane->next)
		if (lane->at_ms < due_ms)
			due_ms = lane->at_ms;
	return due_ms;
}

void lanes_clear(struct lanes *lanes)
{
	struct lane *lane, *next;

	HASH_ITER (hh, lanes->by_key, lane, next) {
		HASH_DELETE(hh, lanes->by_key, lane);
		free(lane);
	}
	lanes->ready = lanes->waiting = (struct list){ 0 };
}

void lanes_free(struct lanes *lanes)
{
	if (lanes == NULL)
		return;
	lanes_clear(lanes);
	free(lanes);
}
