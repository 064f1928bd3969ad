/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a full lane replaces, evicts and refuses, and that all of it is counted.  The lanes are
 * small: 56, 39 and 16 records of a kilobyte, and half of one to spare, which a gap takes.
 */
#include "core/spool.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/observer.h"
#include "core/record.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum {
	SIZE = 113200,
	VALUE_SIZE = 930,
	SET = FETTLE__KIND__KIND_FACT_SET,
	UNSET = FETTLE__KIND__KIND_FACT_UNSET,
	PASS = FETTLE__KIND__KIND_PASS,
	GAP = FETTLE__KIND__KIND_GAP,
	HEARTBEAT = FETTLE__KIND__KIND_HEARTBEAT,
	DIGEST = FETTLE__KIND__KIND_DIGEST,
	BUNDLE = FETTLE__KIND__KIND_BUNDLE,
	JOB = FETTLE__KIND__KIND_JOB_PROGRESS,
};

struct fixture {
	void *directory;
	struct spool *spool;
	struct arena arena;
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	assert_int_equal(spool_open(at->directory, SIZE, &at->spool), STATUS_OK);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	spool_close(at->spool);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* As after a kill: what was not committed is not there. */
static void reopen(struct fixture *at)
{
	spool_close(at->spool);
	assert_int_equal(spool_open(at->directory, SIZE, &at->spool), STATUS_OK);
}

static void commit(struct fixture *at)
{
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
}

static void number(struct fixture *at)
{
	assert_int_equal(spool_number(at->spool), STATUS_OK);
	commit(at);
}

/* ---- what is appended ---- */

static struct bytes fact_body(struct fixture *at, const char *key, char value, bool is_baseline)
{
	Fettle__Fact fact = FETTLE__FACT__INIT;
	struct buffer body = { 0 };
	struct bytes copy;
	char text[VALUE_SIZE];

	memset(text, value, sizeof(text));
	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	RECORD_SET_BYTES(&fact, value, BYTES(text, sizeof(text)));
	fact.collector = RECORD_TEXT("test");
	if (is_baseline)
		RECORD_SET(&fact, is_baseline, true);
	record_pack(&body, &fact.base);
	copy = arena_bytes(&at->arena, buffer_bytes(&body));
	buffer_fini(&body);
	return copy;
}

static enum status set(struct fixture *at, enum lane lane, const char *key, char value)
{
	uint8_t hash[HASH_SIZE] = { (uint8_t)value };

	return spool_append_fact(at->spool, lane, SET, bytes_of_text(key), hash,
	    fact_body(at, key, value, false));
}

static enum status unset(struct fixture *at, enum lane lane, const char *key)
{
	return spool_append_fact(at->spool, lane, UNSET, bytes_of_text(key), NULL,
	    fact_body(at, key, '-', false));
}

static enum status mark(struct fixture *at, enum lane lane, const char *prefix)
{
	Fettle__Pass pass = FETTLE__PASS__INIT;
	struct buffer body = { 0 };
	enum status status;

	pass.collector = RECORD_TEXT("test");
	RECORD_SET_BYTES(&pass, prefix, bytes_of_text(prefix));
	record_pack(&body, &pass.base);
	status = spool_append(at->spool, lane, PASS, 0, buffer_bytes(&body));
	buffer_fini(&body);
	return status;
}

static enum status job(struct fixture *at, enum lane lane)
{
	char output[VALUE_SIZE] = "";

	return spool_append(at->spool, lane, JOB, 0, BYTES(output, sizeof(output)));
}

/* A record of KIND that is as large as a fact. */
static enum status append_large(struct fixture *at, enum lane lane, uint32_t kind)
{
	const uint8_t body[VALUE_SIZE] = { 0 };

	return spool_append(at->spool, lane, kind, 0, BYTES_OF(body));
}

/* The server asks for the bucket of KEY, which is told anew, and then said to be complete. */
static void retell(struct fixture *at, enum lane lane, const char *key)
{
	struct digest_set buckets = { .count = 1 };

	buckets.has[digest_bucket(bytes_of_text(key))] = true;
	assert_int_equal(spool_resync(at->spool, &buckets), STATUS_OK);
	assert_int_equal(set(at, lane, key, 'a'), STATUS_OK);
	assert_int_equal(spool_append_digest(at->spool, false, true), STATUS_OK);
	commit(at);
}

/* Sets k0, k1, ... to "a" while they fit: how many did. */
static unsigned fill(struct fixture *at, enum lane lane)
{
	unsigned count = 0;

	while (spool_evicted(at->spool) == 0 && spool_refused(at->spool) == 0) {
		char *key = arena_format(&at->arena, "k%u", count);

		commit(at);
		count += set(at, lane, key, 'a') == STATUS_OK;
	}
	spool_abort(at->spool); /* of the one for which another had to go, if any */
	if (spool_refused(at->spool) > 0)
		return count;
	return count - 1;
}

/* ---- what is there ---- */

static const char *name_of(uint32_t kind)
{
	return kind == PASS      ? "pass"
	     : kind == HEARTBEAT ? "heartbeat"
	     : kind == DIGEST    ? "digest"
	                         : "job";
}

/* As "k1=a k2=b k3 pass job gap(from-to: count)"; baselines in brackets.  Numbers all. */
static const char *queue(struct fixture *at, enum lane lane)
{
	struct buffer out = { 0 };
	char *copy;

	number(at);
	for (uint64_t next = 1;; next++) {
		struct link_batch batch = { .count = 0 };
		Fettle__Record *record;
		const Fettle__Fact *fact;
		const Fettle__Gap *gap;

		assert_int_equal(spool_read(at->spool, lane, next, 1, &batch), STATUS_OK);
		if (batch.count == 0)
			break;
		assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
		fact = record_unpack(&fettle__fact__descriptor, record_bytes(record->body),
		    &at->arena);
		if (next > 1)
			buffer_append_text(&out, " ");
		switch (record->envelope->kind) {
		case SET:
			buffer_append_format(&out, fact->is_baseline ? "[%.*s=%c]" : "%.*s=%c",
			    (int)fact->key.len, (const char *)fact->key.data, fact->value.data[0]);
			break;
		case UNSET:
			buffer_append_format(&out, "-%.*s", (int)fact->key.len,
			    (const char *)fact->key.data);
			break;
		case GAP:
			gap = record_unpack(&fettle__gap__descriptor, record_bytes(record->body),
			    &at->arena);
			assert_int_equal(gap->lane, lane);
			buffer_append_format(&out, gap->has_from ? "gap(%u-%u: %u)" : "gap(%u%u%u)",
			    (unsigned)gap->from, (unsigned)gap->to, (unsigned)gap->count);
			break;
		default:
			buffer_append_text(&out, name_of(record->envelope->kind));
		}
		spool_release(at->spool);
	}
	spool_release(at->spool);
	copy = arena_text(&at->arena, buffer_text(&out));
	buffer_fini(&out);
	return copy;
}

/* "k<first>=a ... k<last>=a", after BEFORE and before AFTER. */
static const char *expected(struct fixture *at, const char *before, unsigned first, unsigned end,
    const char *after)
{
	struct buffer out = { 0 };
	char *copy;

	buffer_append_text(&out, before);
	for (unsigned i = first; i < end; i++)
		buffer_append_format(&out, "%sk%u=a", out.size > 0 ? " " : "", i);
	buffer_append_format(&out, "%s%s", after[0] != '\0' && out.size > 0 ? " " : "", after);
	copy = arena_text(&at->arena, buffer_text(&out));
	buffer_fini(&out);
	return copy;
}

/* Whether the digest that LANE's last record is calls anything complete. */
static bool is_complete(struct fixture *at, enum lane lane)
{
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record;
	const Fettle__Digest *digest;

	number(at);
	assert_int_equal(spool_read(at->spool, lane, spool_head(at->spool, lane), 1, &batch),
	    STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
	assert_int_equal(record->envelope->kind, DIGEST);
	digest = record_unpack(&fettle__digest__descriptor, record_bytes(record->body), &at->arena);
	assert_non_null(digest);
	spool_release(at->spool);
	return digest->complete.len > 0;
}

static void acknowledge(struct fixture *at)
{
	number(at);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		assert_int_equal(
		    spool_acked(at->spool, (enum lane)lane, spool_head(at->spool, (enum lane)lane)),
		    STATUS_OK);
	commit(at);
}

static bool is_untold(struct fixture *at, const char *key)
{
	static const uint8_t none[HASH_SIZE];
	uint8_t hash[HASH_SIZE];

	assert_int_equal(spool_ledger_get(at->spool, bytes_of_text(key), hash), STATUS_OK);
	return memcmp(hash, none, HASH_SIZE) == 0;
}

/* ---- replacing ---- */

static void while_there_is_room_every_state_is_kept(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(set(at, LANE_DELTA, "k", 'a'), STATUS_OK);
	assert_int_equal(unset(at, LANE_DELTA, "k"), STATUS_OK);
	assert_int_equal(set(at, LANE_DELTA, "k", 'b'), STATUS_OK);
	assert_string_equal(queue(at, LANE_DELTA), "k=a -k k=b");
}

static void in_a_full_lane_the_newer_takes_the_place_of_the_older(void **test)
{
	static const enum lane lanes[] = { LANE_CRITICAL, LANE_DELTA, LANE_BULK };
	struct fixture *at = *test;

	for (size_t i = 0; i < 3; i++) {
		unsigned count = fill(at, lanes[i]);

		assert_in_range(count, 14, 60);
		assert_int_equal(set(at, lanes[i], "k0", 'b'), STATUS_OK);
		assert_int_equal(unset(at, lanes[i], "k1"), STATUS_OK);
		assert_int_equal(set(at, lanes[i], "k1", 'c'), STATUS_OK);
		assert_int_equal(spool_evicted(at->spool), 0);
		assert_string_equal(queue(at, lanes[i]), expected(at, "", 2, count, "k0=b k1=c"));
		assert_int_equal(spool_coalesced(at->spool), 3 * (i + 1));
		reopen(at);
		if (lanes[i] != LANE_DELTA) /* the next is to find nothing refused */
			assert_int_equal(spool_report_refused(at->spool), STATUS_OK);
		commit(at);
	}
}

static void what_takes_the_place_of_a_baseline_is_baseline(void **test)
{
	struct fixture *at = *test;
	uint8_t hash[HASH_SIZE] = { 1 };

	assert_int_equal(spool_append_fact(at->spool, LANE_BULK, SET, bytes_of_text("k"), hash,
			     fact_body(at, "k", 'a', true)),
	    STATUS_OK);
	fill(at, LANE_BULK);
	assert_int_equal(set(at, LANE_BULK, "k", 'b'), STATUS_OK);
	assert_int_equal(set(at, LANE_BULK, "k0", 'b'), STATUS_OK);
	assert_non_null(strstr(queue(at, LANE_BULK), " [k=b] k0=b"));
}

static void of_a_pass_and_of_heartbeats_only_the_last_waits(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(mark(at, LANE_DELTA, "k"), STATUS_OK);
		assert_int_equal(mark(at, LANE_DELTA, "other"), STATUS_OK);
		assert_int_equal(spool_append(at->spool, LANE_DELTA, HEARTBEAT, 0, BYTES_NONE),
		    STATUS_OK);
	}
	assert_int_equal(set(at, LANE_DELTA, "k", 'a'), STATUS_OK);
	assert_int_equal(mark(at, LANE_DELTA, "k"), STATUS_OK);
	assert_string_equal(queue(at, LANE_DELTA), "pass heartbeat k=a pass");
	assert_int_equal(mark(at, LANE_DELTA, "k"), STATUS_OK);
	assert_string_equal(queue(at, LANE_DELTA), "pass heartbeat k=a pass pass");
}

static void after_a_new_epoch_what_waits_is_replaced_too(void **test)
{
	struct fixture *at = *test;
	Fettle__Welcome message = FETTLE__WELCOME__INIT;
	unsigned count;

	RECORD_SET(&message, epoch, 1);
	assert_int_equal(spool_welcome(at->spool, &message), STATUS_OK);
	count = fill(at, LANE_BULK);
	number(at);
	RECORD_SET(&message, epoch, 7);
	assert_int_equal(spool_welcome(at->spool, &message), STATUS_AGAIN);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(set(at, LANE_BULK, arena_format(&at->arena, "k%u", i), 'a'),
		    STATUS_OK);
	assert_int_equal(spool_coalesced(at->spool), count);
	assert_string_equal(queue(at, LANE_BULK), expected(at, "", 0, count, ""));
}

/* ---- evicting ---- */

static void the_oldest_deltas_go_and_a_gap_takes_their_place(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_DELTA);

	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	commit(at);
	assert_int_equal(spool_evicted(at->spool), 1);
	assert_int_equal(set(at, LANE_DELTA, "newer", 'a'), STATUS_OK);
	assert_string_equal(queue(at, LANE_DELTA),
	    expected(at, "gap(1-2: 2)", 2, count, "new=a newer=a"));
	assert_int_equal(spool_refused(at->spool), 0);
}

static void a_gap_that_has_a_number_grows_no_more(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_DELTA);
	const char *before;

	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	before = queue(at, LANE_DELTA);
	assert_int_equal(spool_acked(at->spool, LANE_DELTA, 5), STATUS_OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(set(at, LANE_DELTA, arena_format(&at->arena, "x%d", i), 'a'),
		    STATUS_OK);
	number(at);
	assert_int_equal(spool_acked(at->spool, LANE_DELTA, count), STATUS_OK);
	assert_non_null(strstr(before, "gap(1-1: 1)"));
	assert_null(strstr(queue(at, LANE_DELTA), "gap(1-"));
}

static void nothing_that_has_a_number_goes(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_DELTA);
	const char *before = queue(at, LANE_DELTA);
	uint8_t last[EVENT_ID_SIZE], now[EVENT_ID_SIZE];

	spool_last_event(at->spool, last);
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_FULL);
	spool_last_event(at->spool, now);
	assert_memory_equal(now, last, EVENT_ID_SIZE);
	assert_int_equal(set(at, LANE_DELTA, "k0", 'b'), STATUS_FULL);
	assert_int_equal(job(at, LANE_DELTA), STATUS_FULL);
	assert_string_equal(queue(at, LANE_DELTA), before);
	assert_int_equal(spool_refused(at->spool), 3);
	assert_int_equal(spool_kept(at->spool), count);
}

static void what_is_critical_or_bulk_waits_for_room(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_BULK);
	const char *before = expected(at, "", 0, count, "");

	assert_int_equal(set(at, LANE_BULK, "new", 'a'), STATUS_FULL);
	assert_int_equal(mark(at, LANE_BULK, "k"), STATUS_OK); /* small: it fits */
	assert_string_equal(queue(at, LANE_BULK), expected(at, before, 0, 0, "pass"));
	assert_int_equal(spool_evicted(at->spool), 0);
	assert_int_equal(spool_refused(at->spool), 2);
	assert_int_equal(spool_report_refused(at->spool), STATUS_OK);
	commit(at);
	count = fill(at, LANE_CRITICAL);
	assert_int_equal(set(at, LANE_CRITICAL, "new", 'a'), STATUS_FULL);
	assert_string_equal(queue(at, LANE_CRITICAL), expected(at, "", 0, count, ""));
	assert_int_equal(spool_evicted(at->spool), 0);
}

static void what_cannot_be_observed_again_does_not_wait(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_CRITICAL);

	assert_int_equal(job(at, LANE_CRITICAL), STATUS_OK);
	assert_string_equal(queue(at, LANE_CRITICAL), expected(at, "gap(1-1: 1)", 1, count, "job"));
}

static void what_cannot_be_observed_again_never_goes(void **test)
{
	struct fixture *at = *test;
	unsigned count;

	assert_int_equal(set(at, LANE_DELTA, "first", 'a'), STATUS_OK);
	assert_int_equal(job(at, LANE_DELTA), STATUS_OK);
	count = fill(at, LANE_DELTA);
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	assert_int_equal(set(at, LANE_DELTA, "newer", 'a'), STATUS_OK);
	assert_string_equal(queue(at, LANE_DELTA),
	    expected(at, "gap(1-1: 1) job gap(3-3: 1)", 1, count, "new=a newer=a"));
}

static void a_pass_is_not_said_to_be_whole_when_a_part_of_it_went(void **test)
{
	struct fixture *at = *test;
	unsigned count;

	assert_int_equal(set(at, LANE_DELTA, "k/first", 'a'), STATUS_OK);
	assert_int_equal(mark(at, LANE_DELTA, "k/"), STATUS_OK);
	assert_int_equal(mark(at, LANE_DELTA, "l/"), STATUS_OK);
	count = fill(at, LANE_DELTA);
	assert_int_equal(job(at, LANE_DELTA), STATUS_OK);
	/* The other mark is only the next to go. */
	assert_string_equal(queue(at, LANE_DELTA),
	    expected(at, "gap(1-1: 1) pass", 0, count, "job"));
	assert_int_equal(spool_evicted(at->spool), 1);
}

/* The server waits for it, and believes no later one by another lane before. */
static void a_bulk_pass_whose_mark_went_was_not_completed(void **test)
{
	struct fixture *at = *test;
	char *name = spool_pass_note("test", bytes_of_text("k"));
	struct buffer note = { 0 };

	assert_int_equal(mark(at, LANE_BULK, "k"), STATUS_OK);
	assert_int_equal(spool_note_put(at->spool, name, BYTES_NONE), STATUS_OK);
	fill(at, LANE_BULK);
	assert_int_equal(spool_note_get(at->spool, name, &note), STATUS_OK);
	assert_int_equal(job(at, LANE_BULK), STATUS_OK);
	assert_int_equal(spool_note_get(at->spool, name, &note), STATUS_NOT_FOUND);
	assert_null(strstr(queue(at, LANE_BULK), "pass"));
	buffer_fini(&note);
	free(name);
}

static void what_is_said_again_of_its_own_accord_is_no_loss_when_it_goes(void **test)
{
	struct fixture *at = *test;
	unsigned count;

	assert_int_equal(append_large(at, LANE_DELTA, HEARTBEAT), STATUS_OK);
	count = fill(at, LANE_DELTA);
	assert_int_equal(spool_evicted(at->spool), 0);
	assert_int_equal(spool_coalesced(at->spool), 1);
	assert_string_equal(queue(at, LANE_DELTA), expected(at, "", 0, count, ""));
}

static void what_is_said_again_of_its_own_accord_is_no_loss_when_it_is_refused(void **test)
{
	static const uint32_t kinds[] = { PASS, HEARTBEAT, DIGEST, GAP, BUNDLE };
	struct fixture *at = *test;

	fill(at, LANE_DELTA);
	number(at);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(append_large(at, LANE_DELTA, kinds[i]), STATUS_FULL);
	assert_int_equal(spool_refused(at->spool), 0);
	assert_int_equal(append_large(at, LANE_DELTA, JOB), STATUS_FULL);
	assert_int_equal(spool_refused(at->spool), 1);
}

/* ---- digests behind what goes ---- */

static void a_digest_goes_with_what_it_called_complete(void **test)
{
	struct fixture *at = *test;

	retell(at, LANE_DELTA, "first");
	fill(at, LANE_DELTA);
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	commit(at);
	assert_int_equal(spool_evicted(at->spool), 1);
	reopen(at);
	assert_null(strstr(queue(at, LANE_DELTA), "digest"));
	assert_string_equal(queue(at, LANE_CRITICAL), "digest");
	acknowledge(at);
	assert_int_equal(spool_append_digest(at->spool, false, false), STATUS_OK);
	assert_false(is_complete(at, LANE_DELTA));
	assert_int_equal(spool_append_digest(at->spool, false, true), STATUS_OK);
	assert_true(is_complete(at, LANE_DELTA));
}

static void a_digest_goes_when_what_it_called_complete_moves_behind_it(void **test)
{
	struct fixture *at = *test;

	retell(at, LANE_BULK, "first");
	fill(at, LANE_BULK);
	assert_int_equal(set(at, LANE_BULK, "first", 'b'), STATUS_OK);
	commit(at);
	assert_null(strstr(queue(at, LANE_BULK), "digest"));
	acknowledge(at);
	assert_int_equal(spool_append_digest(at->spool, false, false), STATUS_OK);
	assert_false(is_complete(at, LANE_BULK));
}

static void a_digest_before_what_goes_stays(void **test)
{
	struct fixture *at = *test;

	assert_int_equal(job(at, LANE_DELTA), STATUS_OK);
	assert_int_equal(spool_append_digest(at->spool, false, true), STATUS_OK);
	assert_int_equal(set(at, LANE_DELTA, "k0", 'a'), STATUS_OK);
	fill(at, LANE_DELTA);
	assert_int_equal(set(at, LANE_DELTA, "k0", 'b'), STATUS_OK);
	assert_non_null(strstr(queue(at, LANE_DELTA), "job digest k"));
}

/* ---- what is remembered of what went ---- */

static void what_went_is_told_when_it_is_seen_again_or_gone(void **test)
{
	struct fixture *at = *test;

	fill(at, LANE_DELTA);
	assert_false(is_untold(at, "k0"));
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	commit(at);
	reopen(at);
	assert_true(is_untold(at, "k0"));
	assert_false(is_untold(at, "k1"));
}

static void that_something_is_gone_is_not_forgotten_either(void **test)
{
	struct fixture *at = *test;
	uint8_t hash[HASH_SIZE];

	assert_int_equal(unset(at, LANE_DELTA, "gone"), STATUS_OK);
	assert_int_equal(spool_ledger_get(at->spool, bytes_of_text("gone"), hash),
	    STATUS_NOT_FOUND);
	fill(at, LANE_DELTA);
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	assert_true(is_untold(at, "gone"));
}

static void what_was_told_since_is_not_told_again(void **test)
{
	struct fixture *at = *test;

	fill(at, LANE_DELTA);
	assert_int_equal(set(at, LANE_CRITICAL, "k0", 'b'), STATUS_OK);
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	assert_int_equal(spool_evicted(at->spool), 1);
	assert_false(is_untold(at, "k0"));
}

static void a_collector_is_asked_to_look_again(void **test)
{
	struct fixture *at = *test;
	struct observer *observer = observer_new(at->spool);
	struct observer_pass *pass = observer_pass_begin(observer, "test", LANE_DELTA,
	    bytes_of_text("p/"), BYTES_NONE);

	fill(at, LANE_DELTA);
	assert_false(observer_wants_refresh(observer));
	assert_int_equal(observer_pass_end(&pass), STATUS_AGAIN); /* fill undoes its last */
	assert_true(observer_wants_refresh(observer));
	pass = observer_pass_begin(observer, "test", LANE_DELTA, bytes_of_text("p/"), BYTES_NONE);
	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_AGAIN);
	assert_true(observer_wants_refresh(observer));
	assert_false(observer_wants_refresh(observer));
	observer_free(observer);
}

/* ---- together or not at all ---- */

static void an_eviction_and_its_gap_are_undone_together(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_DELTA);

	for (int is_killed = 0; is_killed < 2; is_killed++) {
		assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
		assert_int_equal(set(at, LANE_DELTA, "k5", 'b'), STATUS_OK);
		assert_int_not_equal(spool_evicted(at->spool), 0);
		if (is_killed)
			reopen(at);
		else
			spool_abort(at->spool);
		assert_int_equal(spool_evicted(at->spool), 0);
		assert_int_equal(spool_coalesced(at->spool), 0);
		assert_false(is_untold(at, "k0"));
	}
	assert_string_equal(queue(at, LANE_DELTA), expected(at, "", 0, count, ""));
}

static void an_eviction_and_its_gap_are_kept_together(void **test)
{
	struct fixture *at = *test;
	unsigned count = fill(at, LANE_DELTA);

	assert_int_equal(set(at, LANE_DELTA, "new", 'a'), STATUS_OK);
	commit(at);
	reopen(at);
	assert_int_equal(spool_evicted(at->spool), 1);
	assert_string_equal(queue(at, LANE_DELTA), expected(at, "gap(1-1: 1)", 1, count, "new=a"));
}

static void what_was_refused_is_counted_once_whatever_is_undone(void **test)
{
	struct fixture *at = *test;
	uint64_t kept;

	fill(at, LANE_BULK);
	spool_abort(at->spool);
	assert_int_equal(spool_refused(at->spool), 1);
	assert_int_equal(spool_report_refused(at->spool), STATUS_OK);
	assert_int_equal(spool_refused(at->spool), 0);
	spool_abort(at->spool);
	assert_int_equal(spool_refused(at->spool), 1);
	kept = spool_kept(at->spool);
	assert_int_equal(spool_report_refused(at->spool), STATUS_OK);
	commit(at);
	reopen(at);
	assert_int_equal(spool_refused(at->spool), 0);
	assert_int_equal(spool_report_refused(at->spool), STATUS_OK);
	commit(at);
	assert_int_equal(spool_kept(at->spool), kept + 1);
	assert_non_null(strstr(queue(at, LANE_BULK), " gap(001)"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(while_there_is_room_every_state_is_kept),
		TEST(in_a_full_lane_the_newer_takes_the_place_of_the_older),
		TEST(what_takes_the_place_of_a_baseline_is_baseline),
		TEST(of_a_pass_and_of_heartbeats_only_the_last_waits),
		TEST(after_a_new_epoch_what_waits_is_replaced_too),
		TEST(the_oldest_deltas_go_and_a_gap_takes_their_place),
		TEST(a_gap_that_has_a_number_grows_no_more),
		TEST(nothing_that_has_a_number_goes),
		TEST(what_is_critical_or_bulk_waits_for_room),
		TEST(what_cannot_be_observed_again_does_not_wait),
		TEST(what_cannot_be_observed_again_never_goes),
		TEST(a_pass_is_not_said_to_be_whole_when_a_part_of_it_went),
		TEST(a_bulk_pass_whose_mark_went_was_not_completed),
		TEST(what_is_said_again_of_its_own_accord_is_no_loss_when_it_goes),
		TEST(what_is_said_again_of_its_own_accord_is_no_loss_when_it_is_refused),
		TEST(a_digest_goes_with_what_it_called_complete),
		TEST(a_digest_goes_when_what_it_called_complete_moves_behind_it),
		TEST(a_digest_before_what_goes_stays),
		TEST(what_went_is_told_when_it_is_seen_again_or_gone),
		TEST(that_something_is_gone_is_not_forgotten_either),
		TEST(what_was_told_since_is_not_told_again),
		TEST(a_collector_is_asked_to_look_again),
		TEST(an_eviction_and_its_gap_are_undone_together),
		TEST(an_eviction_and_its_gap_are_kept_together),
		TEST(what_was_refused_is_counted_once_whatever_is_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
