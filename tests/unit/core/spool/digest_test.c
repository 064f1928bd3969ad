/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/observer.h"
#include "core/record.h"
#include "core/spool.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { SPOOL_SIZE = 4 * 1024 * 1024 };

struct fixture {
	void *directory;
	struct spool *spool;
	struct observer *observer;
	struct arena arena;
};

static void open_spool(struct fixture *at)
{
	assert_int_equal(spool_open(at->directory, SPOOL_SIZE, &at->spool), STATUS_OK);
	at->observer = observer_new(at->spool);
}

static void close_spool(struct fixture *at)
{
	observer_free(at->observer);
	spool_close(at->spool);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	open_spool(at);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	close_spool(at);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static void see(struct fixture *at, const char *key, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	const struct fact fact = { .key = bytes_of_text(key),
		.status = FACT_PRESENT,
		.fields = &field,
		.fields_count = 1 };

	assert_int_equal(observer_set(at->observer, "files", LANE_DELTA, &fact), STATUS_OK);
}

/* A whole look, at nothing but KEY. */
static enum status look(struct fixture *at, const char *key)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", "seen");
	const struct fact fact = { .key = bytes_of_text(key),
		.status = FACT_PRESENT,
		.fields = &field,
		.fields_count = 1 };
	struct observer_pass *pass = observer_pass_begin(at->observer, "files", LANE_DELTA,
	    bytes_of_text("file/"), BYTES_NONE);

	assert_int_equal(observer_pass_set(pass, &fact), STATUS_OK);
	return observer_pass_end(&pass);
}

static struct digest kept(const struct fixture *at)
{
	return *spool_digest(at->spool);
}

static void commit(struct fixture *at)
{
	assert_int_equal(spool_number(at->spool), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
}

/* The digest that LANE's last record is. */
static const Fettle__Digest *mark(struct fixture *at, enum lane lane)
{
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record;
	const Fettle__Digest *digest;

	assert_int_equal(spool_read(at->spool, lane, spool_head(at->spool, lane), 1, &batch),
	    STATUS_OK);
	assert_int_equal(batch.count, 1);
	assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_DIGEST);
	digest = record_unpack(&fettle__digest__descriptor, record_bytes(record->body), &at->arena);
	assert_non_null(digest);
	spool_release(at->spool);
	return digest;
}

static void send(struct fixture *at, bool with_buckets, bool is_complete)
{
	assert_int_equal(spool_append_digest(at->spool, with_buckets, is_complete), STATUS_OK);
	commit(at);
}

static struct digest_set set_of(const char *key)
{
	struct digest_set set = { .count = 1 };

	set.has[digest_bucket(bytes_of_text(key))] = true;
	return set;
}

static void it_is_the_same_after_the_spool_was_opened_again(void **test)
{
	struct fixture *at = *test;
	struct digest before, after;

	see(at, "file/a", "1");
	see(at, "file/b", "1");
	see(at, "file/a", "2");
	commit(at);
	before = kept(at);
	close_spool(at);
	open_spool(at);
	after = kept(at);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void what_is_undone_leaves_no_trace_in_it(void **test)
{
	struct fixture *at = *test;
	struct digest before, after;

	see(at, "file/a", "1");
	commit(at);
	before = kept(at);
	see(at, "file/a", "2");
	see(at, "file/b", "1");
	spool_abort(at->spool);
	after = kept(at);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void unset_and_forgotten_facts_are_not_in_it(void **test)
{
	struct fixture *at = *test;
	const struct digest empty = { 0 };
	struct digest after;

	see(at, "file/a", "1");
	see(at, "file/b", "1");
	assert_int_equal(observer_unset(at->observer, "files", LANE_DELTA, bytes_of_text("file/a")),
	    STATUS_OK);
	assert_int_equal(spool_ledger_forget(at->spool, BYTES_NONE), STATUS_OK);
	after = kept(at);
	assert_memory_equal(&empty, &after, sizeof(empty));
}

static void every_lane_gets_a_mark_of_the_same_id(void **test)
{
	struct fixture *at = *test;
	struct bytes id;

	see(at, "file/a", "1");
	send(at, true, true);
	id = record_bytes(mark(at, LANE_DELTA)->id);
	assert_int_equal(mark(at, LANE_DELTA)->buckets.len, DIGEST_SIZE);
	assert_int_equal(mark(at, LANE_DELTA)->facts, 1);
	assert_int_equal(mark(at, LANE_DELTA)->revision, 1);
	assert_true(bytes_equal(record_bytes(mark(at, LANE_CRITICAL)->id), id));
	assert_true(bytes_equal(record_bytes(mark(at, LANE_BULK)->id), id));
	send(at, false, true);
	assert_int_equal(mark(at, LANE_DELTA)->buckets.len, 0);
	assert_true(bytes_compare(record_bytes(mark(at, LANE_DELTA)->id), id) > 0);
}

/* The server asked for them, and a new session begins with a digest. */
static void what_takes_the_place_of_one_with_buckets_has_them_too(void **test)
{
	struct fixture *at = *test;

	see(at, "file/a", "1");
	assert_int_equal(spool_append_digest(at->spool, true, true), STATUS_OK);
	assert_int_equal(spool_commit(at->spool), STATUS_OK);
	see(at, "file/a", "2");
	send(at, false, true);
	for (unsigned lane = 1; lane < LANE_END; lane++) {
		assert_int_equal(spool_head(at->spool, (enum lane)lane),
		    lane == LANE_DELTA ? 3 : 1);
		assert_int_equal(mark(at, (enum lane)lane)->buckets.len, DIGEST_SIZE);
		assert_memory_equal(mark(at, (enum lane)lane)->buckets.data,
		    spool_digest(at->spool)->buckets, DIGEST_SIZE);
	}
}

static void buckets_that_are_asked_for_are_observed_anew_and_only_they(void **test)
{
	struct fixture *at = *test;
	struct digest_set set = set_of("file/a");
	uint8_t hash[HASH_SIZE];

	see(at, "file/a", "1");
	see(at, "file/b", "1");
	assert_true(
	    digest_bucket(bytes_of_text("file/a")) != digest_bucket(bytes_of_text("file/b")));
	assert_int_equal(spool_resync(at->spool, &set), STATUS_OK);
	assert_int_equal(spool_ledger_get(at->spool, bytes_of_text("file/a"), hash),
	    STATUS_NOT_FOUND);
	assert_int_equal(spool_ledger_get(at->spool, bytes_of_text("file/b"), hash), STATUS_OK);
}

static void what_was_asked_for_is_complete_only_after_a_whole_look(void **test)
{
	struct fixture *at = *test;
	struct digest_set set = set_of("file/a");

	see(at, "file/a", "1");
	assert_int_equal(spool_resync(at->spool, &set), STATUS_OK);
	send(at, false, false);
	assert_int_equal(mark(at, LANE_BULK)->complete.len, 0);
	see(at, "file/a", "1");
	send(at, false, true);
	assert_int_equal(mark(at, LANE_BULK)->complete.len, 1);
	assert_int_equal(mark(at, LANE_BULK)->floor, 2);
	assert_int_equal(mark(at, LANE_BULK)->revision, 3);
	/* A newer digest that takes the place of that one says it, too. */
	send(at, false, false);
	assert_int_equal(mark(at, LANE_BULK)->complete.len, 1);
}

static void what_was_asked_for_is_not_forgotten_by_a_restart(void **test)
{
	struct fixture *at = *test;
	struct digest_set a = set_of("file/a"), b = set_of("file/b");

	assert_int_equal(spool_resync(at->spool, &a), STATUS_OK);
	commit(at);
	close_spool(at);
	open_spool(at);
	assert_int_equal(spool_resync(at->spool, &b), STATUS_OK);
	send(at, false, true);
	assert_int_equal(mark(at, LANE_BULK)->complete.len, 2);
}

static void a_look_during_which_facts_were_forgotten_counts_for_none(void **test)
{
	struct fixture *at = *test;
	struct digest_set set = set_of("file/a");
	struct observer_pass *pass;

	assert_false(observer_is_complete(at->observer));
	assert_int_equal(look(at, "file/a"), STATUS_OK);
	assert_true(observer_is_complete(at->observer));
	pass = observer_pass_begin(at->observer, "files", LANE_DELTA, bytes_of_text("file/"),
	    BYTES_NONE);
	assert_int_equal(spool_resync(at->spool, &set), STATUS_OK);
	assert_int_equal(observer_pass_end(&pass), STATUS_AGAIN);
	assert_false(observer_is_complete(at->observer));
	assert_true(observer_wants_refresh(at->observer));
	assert_int_equal(look(at, "file/a"), STATUS_OK);
	assert_true(observer_is_complete(at->observer));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_same_after_the_spool_was_opened_again),
		TEST(what_is_undone_leaves_no_trace_in_it),
		TEST(unset_and_forgotten_facts_are_not_in_it),
		TEST(every_lane_gets_a_mark_of_the_same_id),
		TEST(what_takes_the_place_of_one_with_buckets_has_them_too),
		TEST(buckets_that_are_asked_for_are_observed_anew_and_only_they),
		TEST(what_was_asked_for_is_complete_only_after_a_whole_look),
		TEST(what_was_asked_for_is_not_forgotten_by_a_restart),
		TEST(a_look_during_which_facts_were_forgotten_counts_for_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
