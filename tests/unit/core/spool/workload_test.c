/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seeded workload over a small spool: facts that change, jobs, passes, a server that is away for
 * long, kills.  Whatever happens, every record is delivered, counted in a gap, replaced by a newer
 * one or still there; lanes are numbered 1 to n, each number delivered once; and once all is
 * drained and looked at again, the server knows what the endpoint holds.
 */
#include "core/spool.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/record.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { SIZE = 60 * 1024, KEYS = 60, VALUE_MAX = 1500, STEPS = 1200, SEEDS = 12 };

/* What was appended, of which what was not committed is taken back. */
struct produced {
	uint64_t records, jobs;
};

/* What the server has of a lane. */
struct received {
	uint64_t sequence, records, gaps, lost, refused, jobs, last_to;
	uint8_t chain[HASH_SIZE];
};

struct world {
	void *directory;
	struct spool *spool;
	struct arena arena;
	uint64_t random;
	unsigned endpoint[KEYS]; /* the value of each key; 0: absent */
	unsigned known[KEYS];    /* the same, as the server knows it */
	uint64_t revisions[KEYS];
	struct produced now, committed;
	struct received received[LANE_END];
	uint64_t refusals; /* counted by the test */
};

static uint64_t draw(struct world *world, uint64_t below)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return world->random % below;
}

static void commit(struct world *world)
{
	assert_int_equal(spool_commit(world->spool), STATUS_OK);
	world->committed = world->now;
}

/* ---- the endpoint ---- */

static enum lane lane_of(unsigned key)
{
	static const enum lane lanes[] = { LANE_DELTA, LANE_CRITICAL, LANE_DELTA, LANE_BULK };

	return lanes[key % 4];
}

static struct bytes body_of(struct world *world, unsigned number, unsigned value)
{
	Fettle__Fact fact = FETTLE__FACT__INIT;
	struct buffer body = { 0 };
	uint8_t content[VALUE_MAX] = { (uint8_t)(value >> 8), (uint8_t)value };
	struct bytes copy;

	RECORD_SET_BYTES(&fact, key, bytes_of_text(arena_format(&world->arena, "k%u", number)));
	RECORD_SET_BYTES(&fact, value, BYTES(content, 2 + draw(world, VALUE_MAX - 2)));
	fact.collector = RECORD_TEXT("test");
	record_pack(&body, &fact.base);
	copy = arena_bytes(&world->arena, buffer_bytes(&body));
	buffer_fini(&body);
	return copy;
}

static void note(struct world *world, enum status status)
{
	if (status == STATUS_OK)
		world->now.records++;
	else
		world->refusals++;
	assert_true(status == STATUS_OK || status == STATUS_FULL);
}

/* As an observer does it: told is what differs from what was last told. */
static void observe(struct world *world, unsigned number)
{
	struct bytes key = bytes_of_text(arena_format(&world->arena, "k%u", number));
	unsigned value = world->endpoint[number];
	uint8_t hash[HASH_SIZE] = { 1, (uint8_t)(value >> 8), (uint8_t)value }, before[HASH_SIZE];
	enum status status = spool_ledger_get(world->spool, key, before);

	if (value == 0 && status == STATUS_NOT_FOUND)
		return;
	if (value != 0 && status == STATUS_OK && memcmp(before, hash, HASH_SIZE) == 0)
		return;
	note(world, spool_append_fact(world->spool, lane_of(number),
			value == 0 ? FETTLE__KIND__KIND_FACT_UNSET : FETTLE__KIND__KIND_FACT_SET,
			key, value == 0 ? NULL : hash, body_of(world, number, value)));
}

static void change(struct world *world)
{
	unsigned number = (unsigned)draw(world, KEYS);

	world->endpoint[number] = draw(world, 4) == 0 ? 0 : (unsigned)(1 + draw(world, 60000));
	observe(world, number);
}

static void tell_job(struct world *world)
{
	enum status status = spool_append(world->spool, LANE_DELTA, FETTLE__KIND__KIND_JOB_PROGRESS,
	    0, body_of(world, 0, 1));

	note(world, status);
	world->now.jobs += status == STATUS_OK;
}

static void tell_pass(struct world *world)
{
	Fettle__Pass pass = FETTLE__PASS__INIT;
	struct buffer body = { 0 };

	pass.collector = RECORD_TEXT("test");
	RECORD_SET_BYTES(&pass, prefix, bytes_of_text(draw(world, 2) == 0 ? "k" : "k1"));
	record_pack(&body, &pass.base);
	/* Where it is refused nothing is lost. */
	world->now.records += spool_append(world->spool, LANE_DELTA, FETTLE__KIND__KIND_PASS, 0,
				  buffer_bytes(&body))
	                   == STATUS_OK;
	buffer_fini(&body);
}

static void refresh(struct world *world)
{
	for (unsigned i = 0; i < KEYS; i++)
		observe(world, i);
	commit(world);
}

/* What was not committed is gone, and collectors begin by looking at everything. */
static void undo(struct world *world)
{
	if (draw(world, 2) == 0) {
		spool_abort(world->spool);
	} else {
		world->refusals -= spool_refused(world->spool);
		spool_close(world->spool);
		assert_int_equal(spool_open(world->directory, SIZE, &world->spool), STATUS_OK);
		world->refusals += spool_refused(world->spool);
	}
	world->now = world->committed;
	refresh(world);
}

/* ---- the server ---- */

static void take_gap(struct received *lane, const Fettle__Gap *gap)
{
	assert_non_null(gap);
	if (!gap->has_from) {
		lane->refused += gap->count;
		return;
	}
	assert_true(gap->from > lane->last_to);
	assert_true(gap->to >= gap->from);
	assert_true(gap->count > 0);
	lane->last_to = gap->to;
	lane->lost += gap->count;
	lane->gaps++;
}

static void take_fact(struct world *world, const Fettle__Record *record)
{
	const Fettle__Fact *fact = record_unpack(&fettle__fact__descriptor,
	    record_bytes(record->body), &world->arena);
	unsigned number;

	assert_non_null(fact);
	number = (unsigned)strtoul(
	    arena_format(&world->arena, "%.*s", (int)fact->key.len - 1, fact->key.data + 1), NULL,
	    10);
	if (record->envelope->fact_revision <= world->revisions[number])
		return;
	world->revisions[number] = record->envelope->fact_revision;
	world->known[number] = record->envelope->kind == FETTLE__KIND__KIND_FACT_UNSET
	                         ? 0
	                         : (unsigned)(fact->value.data[0] << 8 | fact->value.data[1]);
}

static void take(struct world *world, struct received *lane, struct bytes bytes)
{
	Fettle__Record *record;

	assert_int_equal(record_decode(bytes, &world->arena, &record), STATUS_OK);
	lane->sequence++;
	hash_chain(lane->chain, bytes);
	if (record->envelope->kind == FETTLE__KIND__KIND_GAP) {
		take_gap(lane, record_unpack(&fettle__gap__descriptor, record_bytes(record->body),
				   &world->arena));
		return;
	}
	lane->records++;
	lane->jobs += record->envelope->kind == FETTLE__KIND__KIND_JOB_PROGRESS;
	if (record->envelope->kind <= FETTLE__KIND__KIND_FACT_UNSET)
		take_fact(world, record);
}

/* Some of LANE arrive; the acknowledgement may be lost, and then nothing of them comes twice. */
static void deliver(struct world *world, enum lane lane, size_t most)
{
	struct received *received = &world->received[lane];
	struct link_batch batch = { .count = 0 };

	assert_int_equal(spool_read(world->spool, lane, received->sequence + 1, most, &batch),
	    STATUS_OK);
	for (size_t i = 0; i < batch.count; i++)
		take(world, received, batch.records[i]);
	if (batch.count > 0)
		assert_memory_equal(received->chain, batch.chain, HASH_SIZE);
	spool_release(world->spool);
	if (most == LINK_BATCH_RECORDS || draw(world, 3) > 0)
		assert_int_equal(spool_acked(world->spool, lane, received->sequence), STATUS_OK);
	commit(world);
}

static void session(struct world *world, size_t most)
{
	commit(world);
	assert_int_equal(spool_number(world->spool), STATUS_OK);
	commit(world);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		deliver(world, (enum lane)lane, most);
}

static void drain(struct world *world)
{
	do
		session(world, LINK_BATCH_RECORDS);
	while (spool_kept(world->spool) > 0);
}

/* ---- what holds ---- */

static uint64_t sum(const struct world *world, size_t member)
{
	uint64_t total = 0;

	for (unsigned lane = 1; lane < LANE_END; lane++)
		total += *(const uint64_t *)((const char *)&world->received[lane] + member);
	return total;
}

#define SUM(member) sum(world, offsetof(struct received, member))

static void every_record_is_accounted_for(struct world *world)
{
	drain(world);
	assert_int_equal(world->now.records,
	    SUM(records) + SUM(lost) + spool_coalesced(world->spool));
	assert_int_equal(SUM(lost), spool_evicted(world->spool));
	assert_int_equal(SUM(jobs), world->now.jobs);
	assert_int_equal(SUM(refused) + spool_refused(world->spool), world->refusals);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		assert_int_equal(world->received[lane].sequence,
		    spool_head(world->spool, (enum lane)lane));
}

static void the_server_knows_what_is_there(struct world *world)
{
	for (int i = 0; i < 4; i++) { /* what all takes may be more than the lanes hold at once */
		drain(world);
		refresh(world);
	}
	drain(world);
	assert_int_equal(spool_report_refused(world->spool), STATUS_OK);
	drain(world);
	assert_memory_equal(world->known, world->endpoint, sizeof(world->known));
	assert_int_equal(spool_refused(world->spool), 0);
}

static void step(struct world *world)
{
	uint64_t what = draw(world, 1000);

	arena_reset(&world->arena);
	if (what < 850)
		change(world);
	else if (what < 880)
		tell_pass(world);
	else if (what < 890)
		tell_job(world);
	else if (what < 960)
		commit(world);
	else if (what < 980)
		session(world, 1 + draw(world, 20));
	else if (what < 990)
		undo(world);
	else if (what < 997 && spool_has_room(world->spool))
		refresh(world);
	else if (what >= 997)
		every_record_is_accounted_for(world);
}

static void run(uint64_t seed)
{
	struct world *world = memory_new(sizeof(*world));

	world->random = 0x9e3779b97f4a7c15 * seed;
	assert_int_equal(scratch_start(&world->directory), 0);
	assert_int_equal(spool_open(world->directory, SIZE, &world->spool), STATUS_OK);
	for (unsigned i = 0; i < STEPS; i++)
		step(world);
	commit(world);
	every_record_is_accounted_for(world);
	the_server_knows_what_is_there(world);
	every_record_is_accounted_for(world);
	print_message(
	    "seed %u: produced %u, delivered %u, in %u gaps %u, coalesced %u, refused %u\n",
	    (unsigned)seed, (unsigned)world->now.records, (unsigned)SUM(records),
	    (unsigned)SUM(gaps), (unsigned)SUM(lost), (unsigned)spool_coalesced(world->spool),
	    (unsigned)world->refusals);
	assert_true(SUM(lost) > 0);
	assert_true(spool_coalesced(world->spool) > 0);
	assert_true(world->refusals > 0);
	spool_close(world->spool);
	arena_fini(&world->arena);
	assert_int_equal(scratch_stop(&world->directory), 0);
	free(world);
}

static void every_record_is_delivered_counted_or_replaced(void **test)
{
	(void)test;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_is_delivered_counted_or_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
