/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - a log's store in a directory of its own, for the tests of those who keep tables in it.
 */
#ifndef TESTS_UNIT_BROKERS_LOG_WORLD_H
#define TESTS_UNIT_BROKERS_LOG_WORLD_H

#include <stdlib.h>

#include "brokers/log/members.h"
#include "core/keys.h"
#include "tests/support/scratch.h"

enum { NOW_MS = 1000 * 1000 };

struct world {
	void *directory;
	struct log_store *store;
	struct arena arena;
	struct link_batch batch;
};

static inline int world_start(void **test)
{
	struct world *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	assert_int_equal(log_store_open(at->directory, &at->store), STATUS_OK);
	*test = at;
	return 0;
}

static inline int world_stop(void **test)
{
	struct world *at = *test;
	int result;

	log_store_close(at->store);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static inline void begin(struct world *at)
{
	log_store_release(at->store);
	assert_int_equal(log_store_begin(at->store), STATUS_OK);
}

static inline void commit(struct world *at)
{
	assert_int_equal(log_store_commit(at->store), STATUS_OK);
}

static inline struct log_members_word word_of(const char *by, const char *reason)
{
	return (struct log_members_word){ .by = by, .reason = reason, .now_ms = NOW_MS };
}

/* The record of NUMBER of FLOW, decoded; NULL: it is gone. */
static inline Fettle__Record *world_record(struct world *at, uint32_t flow, uint64_t number)
{
	Fettle__Record *record;

	at->batch = (struct link_batch){ 0 };
	assert_int_equal(log_store_read(at->store, flow, number, 1, &at->batch), STATUS_OK);
	if (at->batch.count == 0 || at->batch.records[0].size == 0)
		return NULL;
	assert_int_equal(record_decode(at->batch.records[0], &at->arena, &record), STATUS_OK);
	return record;
}

/* The newest notice, or NULL. */
static inline Fettle__Notice *world_notice(struct world *at)
{
	uint64_t head = log_store_head(at->store, SUBLOG_NOTICE);
	Fettle__Record *record = head == 0 ? NULL : world_record(at, SUBLOG_NOTICE, head);

	return record == NULL ? NULL
	                      : record_unpack(&fettle__notice__descriptor,
				  record_bytes(record->body), &at->arena);
}

/* What gateways read of KEY: in the newest of its records. */
static inline Fettle__Member *world_member(struct world *at, const uint8_t key[SOCKET_KEY_SIZE])
{
	for (uint64_t number = log_store_head(at->store, SUBLOG_MEMBER); number > 0; number--) {
		Fettle__Record *record = world_record(at, SUBLOG_MEMBER, number);
		Fettle__Member *member = record == NULL ? NULL
		                                        : record_unpack(&fettle__member__descriptor,
							    record_bytes(record->body), &at->arena);

		if (member != NULL
		    && bytes_equal(record_bytes(member->key), BYTES(key, SOCKET_KEY_SIZE)))
			return member;
	}
	return NULL;
}

#endif
