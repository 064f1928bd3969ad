/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts that come as the hashes of bundles: who is asked for them, and that they are what they
 * would have been alone.
 */
#include "processors/inventory/bundled.h"

#include <stdlib.h>

#include "processors/roles.h"
#include "processors/state/awaited.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"
#include "proto/command.pb-c.h"
#include "tests/support/chain.h"

enum { ASK_AGAIN_MS = 60 * 1000, KEPT_MAX = 4096 };

static const char *const tables[] = { STATE_TABLE_NAMES };

/* Agents of one slot. */
static const uint8_t one[16] = "\x01"
			       "agent one",
		     two[16] = "\x01"
			       "agent two",
		     three[16] = "\x01"
				 "agent three";

struct kept {
	uint32_t flow;
	uint64_t number;
	struct bytes bytes;
};

struct fixture {
	struct chain chain;
	void *copy_directory;
	struct kept log[KEPT_MAX];
	size_t kept;
	uint64_t asked, verdicts;
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	if (scratch_start(&at->copy_directory) != 0)
		return -1;
	return chain_start(&at->chain, tables, processor_stages);
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result = chain_stop(&at->chain) | scratch_stop(&at->copy_directory);

	free(at);
	return result;
}

/* ---- what agents say ---- */

struct said {
	const uint8_t *agent;
	enum lane lane; /* 0: bulk */
	uint32_t kind;
	uint64_t epoch, revision; /* 0: the first; none */
	struct bytes body;
};

static void give(struct fixture *at, const struct said *said)
{
	enum lane lane = said->lane == 0 ? LANE_BULK : said->lane;
	uint32_t flow = sublog_flow(sublog_slot_of(said->agent), lane);
	const struct chain_record record = { .writer = said->agent,
		.flow = flow,
		.kind = said->kind,
		.lane = lane,
		.epoch = said->epoch == 0 ? 1 : said->epoch,
		.revision = said->revision,
		.body = said->body };
	struct bytes given = chain_give(&at->chain, &record);

	at->log[at->kept++] = (struct kept){ flow, at->chain.heads[flow], given };
	assert_true(at->kept < KEPT_MAX);
}

static struct bytes value_of(struct fixture *at, const char *text)
{
	const struct fact_field field = FACT_FIELD_TEXT("text", text);
	struct buffer value = { 0 };
	struct bytes copy;

	fact_value_encode(&value, &field, 1);
	copy = arena_bytes(&at->chain.arena, buffer_bytes(&value));
	buffer_fini(&value);
	return copy;
}

/* A bundle of COUNT facts file/LETTER0, file/LETTER1, ... that all have TEXT. */
static struct bytes bundle_of(struct fixture *at, char letter, size_t count, const char *text)
{
	struct bundle_fact facts[BUNDLE_FACTS_MAX];
	struct buffer bundle = { 0 };
	struct bytes copy;

	for (size_t i = 0; i < count; i++)
		facts[i] = (struct bundle_fact){ .key = bytes_of_text(arena_format(&at->chain.arena,
						     "file/%c%02zu", letter, i)),
			.status = FACT_PRESENT,
			.value = value_of(at, text) };
	bundle_encode(&bundle, facts, count);
	copy = arena_bytes(&at->chain.arena, buffer_bytes(&bundle));
	buffer_fini(&bundle);
	return copy;
}

static void say_have(struct fixture *at, const uint8_t *agent, uint64_t epoch,
    const Fettle__Have *have)
{
	struct buffer body = { 0 };

	record_pack(&body, &have->base);
	give(at, &(struct said){ .agent = agent,
		     .kind = FETTLE__KIND__KIND_HAVE,
		     .epoch = epoch,
		     .body = buffer_bytes(&body) });
	buffer_fini(&body);
	chain_settle(&at->chain);
}

static void fill_have(Fettle__Have *have, uint64_t revision, struct bytes hashes,
    struct bytes counts)
{
	fettle__have__init(have);
	RECORD_SET_BYTES(have, hash, hashes);
	RECORD_SET_BYTES(have, counts, counts);
	RECORD_SET(have, revision, revision);
	RECORD_SET(have, is_baseline, true);
	have->collector = RECORD_TEXT("files");
}

static void has_in(struct fixture *at, const uint8_t *agent, uint64_t epoch, uint64_t revision,
    struct bytes bundle, unsigned count)
{
	uint8_t hash[BUNDLE_HASH_SIZE], counts[1] = { (uint8_t)count };
	Fettle__Have have;

	bundle_hash(bundle, hash);
	fill_have(&have, revision, BYTES_OF(hash), BYTES_OF(counts));
	say_have(at, agent, epoch, &have);
}

/* AGENT has BUNDLE, of COUNT facts, from REVISION on. */
static void has(struct fixture *at, const uint8_t *agent, uint64_t revision, struct bytes bundle,
    unsigned count)
{
	has_in(at, agent, 1, revision, bundle, count);
}

/* It was asked for as from REVISION on; 0: an agent that does not say. */
static void withdraws(struct fixture *at, const uint8_t *agent, uint64_t revision,
    struct bytes bundle)
{
	uint8_t hash[BUNDLE_HASH_SIZE];
	Fettle__Have have = FETTLE__HAVE__INIT;

	bundle_hash(bundle, hash);
	RECORD_SET_BYTES(&have, hash, BYTES_OF(hash));
	have.n_revisions = revision > 0;
	have.revisions = &revision;
	RECORD_SET(&have, is_withdrawn, true);
	say_have(at, agent, 1, &have);
}

static void sends(struct fixture *at, const uint8_t *agent, struct bytes bundle)
{
	give(at,
	    &(struct said){ .agent = agent, .kind = FETTLE__KIND__KIND_BUNDLE, .body = bundle });
	chain_settle(&at->chain);
}

/* Alone, by the delta lane; TEXT NULL: it is gone. */
static void says(struct fixture *at, const uint8_t *agent, uint64_t revision, const char *key,
    const char *text)
{
	Fettle__Fact fact = FETTLE__FACT__INIT;
	struct buffer body = { 0 };

	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	fact.collector = RECORD_TEXT("files");
	if (text != NULL) {
		RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
		RECORD_SET_BYTES(&fact, value, value_of(at, text));
	}
	record_pack(&body, &fact.base);
	give(at,
	    &(struct said){ .agent = agent,
		.lane = LANE_DELTA,
		.kind = text == NULL ? FETTLE__KIND__KIND_FACT_UNSET : FETTLE__KIND__KIND_FACT_SET,
		.revision = revision,
		.body = buffer_bytes(&body) });
	buffer_fini(&body);
	chain_settle(&at->chain);
}

static void completes_by(struct fixture *at, enum lane lane, const uint8_t *agent, uint64_t epoch,
    const char *plan)
{
	Fettle__Pass pass = FETTLE__PASS__INIT;
	struct buffer body = { 0 };

	pass.collector = RECORD_TEXT("files");
	RECORD_SET_BYTES(&pass, prefix, bytes_of_text("file/"));
	RECORD_SET_BYTES(&pass, plan, bytes_of_text(plan));
	record_pack(&body, &pass.base);
	give(at, &(struct said){ .agent = agent,
		     .lane = lane,
		     .kind = FETTLE__KIND__KIND_PASS,
		     .epoch = epoch,
		     .body = buffer_bytes(&body) });
	buffer_fini(&body);
	chain_settle(&at->chain);
}

static void completes(struct fixture *at, const uint8_t *agent, uint64_t epoch)
{
	completes_by(at, LANE_BULK, agent, epoch, "");
}

/* The marks of a digest that nobody agrees with. */
static void digests(struct fixture *at, const uint8_t *agent)
{
	static const uint8_t id[HASH_SIZE] = "an id", root[HASH_SIZE] = "another root";
	Fettle__Digest digest = FETTLE__DIGEST__INIT;
	struct buffer body = { 0 };

	RECORD_SET_BYTES(&digest, id, BYTES_OF(id));
	RECORD_SET_BYTES(&digest, root, BYTES_OF(root));
	record_pack(&body, &digest.base);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		give(at, &(struct said){ .agent = agent,
			     .lane = (enum lane)lane,
			     .kind = FETTLE__KIND__KIND_DIGEST,
			     .body = buffer_bytes(&body) });
	buffer_fini(&body);
	chain_settle(&at->chain);
}

/* ---- looking ---- */

/* The text of KEY on AGENT's asset; "unset", or "never seen". */
static const char *text_of(struct fixture *at, const uint8_t *agent, const char *key)
{
	struct txn *txn;
	struct asset_ref asset;
	struct facts_entry entry;
	struct fact_field *fields;
	size_t count;
	const char *text = "never seen";

	assert_int_equal(txn_begin(at->chain.kv, &txn), STATUS_OK);
	if (asset_of_agent(txn, agent, &asset) == STATUS_OK
	    && facts_get(txn, &asset, bytes_of_text(key), &at->chain.arena, &entry) == STATUS_OK) {
		text = "unset";
		assert_int_equal(fact_value_decode(entry.value, &at->chain.arena, &fields, &count),
		    STATUS_OK);
		if (entry.record->status != FACT_NONE)
			text = arena_format(&at->chain.arena, "%.*s", (int)fields[0].bytes.size,
			    (const char *)fields[0].bytes.data);
	}
	txn_abort(&txn);
	return text;
}

/* Who was asked since the last look, one letter for each bundle: "1" for one, and so on. */
static const char *asked(struct fixture *at)
{
	const char *text = "";

	while (at->asked < host_outbox_head(at->chain.host)) {
		const Fettle__Record *record = chain_command(&at->chain, ++at->asked);
		Fettle__Need *need;

		if (record->envelope->kind == FETTLE__KIND__KIND_NEED) {
			const uint8_t *target = record->envelope->target.data;

			need = record_unpack(&fettle__need__descriptor, record_bytes(record->body),
			    &at->chain.arena);
			assert_non_null(need);
			assert_int_equal(need->n_hashes, need->n_revisions);
			for (size_t i = 0; i < need->n_hashes; i++)
				text = arena_format(&at->chain.arena, "%s%c", text,
				    memcmp(target, one, 16) == 0   ? '1'
				    : memcmp(target, two, 16) == 0 ? '2'
								   : '3');
		}
	}
	return text;
}

/* Verdicts of KIND since the last look. */
static unsigned verdicts(struct fixture *at, uint32_t kind)
{
	unsigned found = 0;

	while (at->verdicts < host_verdict_head(at->chain.host)) {
		const Fettle__Record *record = chain_verdict(&at->chain, ++at->verdicts);

		found += record->envelope->kind == kind;
	}
	return found;
}

/* Records of the outbox. */
static uint64_t commands(struct fixture *at)
{
	return host_outbox_head(at->chain.host);
}

static void wait(struct fixture *at, uint64_t ms)
{
	at->chain.now_ms += ms;
	chain_settle(&at->chain);
}

/* ---- asking ---- */

static void what_nobody_has_sent_is_asked_of_one_and_given_to_all(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	has(at, two, 10, bundle, 3);
	assert_string_equal(asked(at), "1");
	assert_string_equal(text_of(at, one, "file/a00"), "never seen");
	sends(at, one, bundle);
	assert_string_equal(text_of(at, one, "file/a02"), "blue");
	assert_string_equal(text_of(at, two, "file/a02"), "blue");
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
	assert_int_equal(chain_count(&at->chain, STATE_AWAITING), 0);
	wait(at, 10 * ASK_AGAIN_MS);
	assert_string_equal(asked(at), "");
}

static void what_one_has_sent_is_not_asked_of_another(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	sends(at, one, bundle);
	(void)asked(at);
	has(at, two, 10, bundle, 3);
	assert_string_equal(asked(at), "");
	assert_string_equal(text_of(at, two, "file/a01"), "blue");
}

static void one_record_names_several_and_one_question_asks_for_those_that_lack(void **test)
{
	struct fixture *at = *test;
	const struct bytes bundles[] = { bundle_of(at, 'a', 2, "x"), bundle_of(at, 'b', 3, "x"),
		bundle_of(at, 'c', 4, "x") };
	uint8_t hashes[3 * BUNDLE_HASH_SIZE];
	const uint8_t counts[] = { 2, 3, 4 };
	Fettle__Have have;

	has(at, two, 1, bundles[1], 3);
	sends(at, two, bundles[1]);
	(void)asked(at);
	for (size_t i = 0; i < 3; i++)
		bundle_hash(bundles[i], hashes + i * BUNDLE_HASH_SIZE);
	fill_have(&have, 1, BYTES_OF(hashes), BYTES_OF(counts));
	say_have(at, one, 1, &have);
	assert_string_equal(asked(at), "11");
	assert_string_equal(text_of(at, one, "file/b02"), "x");
	sends(at, one, bundles[2]);
	sends(at, one, bundles[0]);
	assert_string_equal(text_of(at, one, "file/a01"), "x");
	assert_string_equal(text_of(at, one, "file/c03"), "x");
}

static void the_next_is_asked_when_one_does_not_answer_in_time(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	has(at, two, 1, bundle, 3);
	has(at, three, 1, bundle, 3);
	assert_string_equal(asked(at), "1");
	wait(at, ASK_AGAIN_MS - 100);
	assert_string_equal(asked(at), "");
	wait(at, 200);
	assert_int_equal(strlen(asked(at)), 1);
	wait(at, 20 * ASK_AGAIN_MS);
	assert_true(strlen(asked(at)) >= 1);
	sends(at, three, bundle);
	assert_string_equal(text_of(at, one, "file/a00"), "blue");
	wait(at, 1000 * ASK_AGAIN_MS);
	assert_string_equal(asked(at), "");
}

static void one_that_cannot_send_it_any_more_awaits_it_no_more(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	has(at, two, 1, bundle, 3);
	completes(at, one, 1);
	assert_string_equal(asked(at), "1");
	withdraws(at, one, 1, bundle);
	assert_string_equal(asked(at), "2");
	assert_int_equal(chain_count(&at->chain, STATE_HELD_PASS), 0);
	sends(at, two, bundle);
	assert_string_equal(text_of(at, one, "file/a00"), "never seen");
	assert_string_equal(text_of(at, two, "file/a00"), "blue");
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 0);
}

/* The question was on its way for long, and the answer is to what was said before. */
static void what_was_told_anew_is_not_withdrawn_by_an_answer_to_an_older_question(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	has(at, one, 10, bundle, 3);
	completes(at, one, 1);
	withdraws(at, one, 1, bundle);
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 1);
	assert_int_equal(chain_count(&at->chain, STATE_HELD_PASS), 1);
	sends(at, one, bundle);
	assert_string_equal(text_of(at, one, "file/a00"), "blue");
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 1);
}

static void an_agent_that_does_not_say_as_what_it_withdraws_a_bundle_withdraws_it(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	withdraws(at, one, 0, bundle);
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
}

static void more_than_a_batch_takes_are_given_it_bit_by_bit(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");
	uint8_t agents[200][16] = { { 0 } };

	for (size_t i = 0; i < 200; i++) {
		agents[i][0] = 1;
		agents[i][15] = (uint8_t)i;
		has(at, agents[i], 1, bundle, 3);
	}
	sends(at, agents[0], bundle);
	for (size_t i = 0; i < 200; i++)
		assert_string_equal(text_of(at, agents[i], "file/a02"), "blue");
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
}

/* ---- as if alone ---- */

static void what_came_later_wins_whichever_is_applied_first(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "early");

	has(at, one, 1, bundle, 3);
	says(at, one, 4, "file/a00", "late");
	says(at, one, 5, "file/a01", NULL);
	sends(at, one, bundle);
	assert_string_equal(text_of(at, one, "file/a00"), "late");
	assert_string_equal(text_of(at, one, "file/a01"), "unset");
	assert_string_equal(text_of(at, one, "file/a02"), "early");
	has(at, two, 10, bundle, 3);
	says(at, two, 13, "file/a00", "late");
	says(at, two, 14, "file/a01", NULL);
	assert_string_equal(text_of(at, two, "file/a00"), "late");
	assert_string_equal(text_of(at, two, "file/a01"), "unset");
	says(at, two, 11, "file/a02", "earlier than the last of the bundle");
	assert_string_equal(text_of(at, two, "file/a02"), "early");
}

static void what_is_seen_for_the_first_time_is_no_change_and_later_it_is(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	sends(at, one, bundle);
	completes(at, one, 1);
	assert_int_equal(verdicts(at, FETTLE__KIND__KIND_CHANGE), 0);
	says(at, one, 4, "file/a00", "red");
	assert_int_equal(verdicts(at, FETTLE__KIND__KIND_CHANGE), 1);
}

/* The agent says so, and must not be able to hide what it is not the first to see. */
static void another_value_in_a_bundle_is_a_change_for_each_fact(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "red");

	for (unsigned i = 0; i < 3; i++)
		says(at, one, i + 1, arena_format(&at->chain.arena, "file/a%02u", i), "blue");
	completes(at, one, 1);
	(void)verdicts(at, FETTLE__KIND__KIND_CHANGE);
	has(at, one, 10, bundle, 3);
	sends(at, one, bundle);
	assert_int_equal(verdicts(at, FETTLE__KIND__KIND_CHANGE), 3);
}

static void a_pass_is_complete_when_nothing_of_it_is_awaited(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	completes(at, one, 1);
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 0);
	says(at, one, 7, "file/z", "seen before it is complete");
	assert_int_equal(verdicts(at, FETTLE__KIND__KIND_CHANGE), 0);
	sends(at, one, bundle);
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 1);
	assert_int_equal(chain_count(&at->chain, STATE_HELD_PASS), 0);
	says(at, one, 8, "file/y", "and after");
	assert_int_equal(verdicts(at, FETTLE__KIND__KIND_CHANGE), 1);
}

/* It covers what is awaited, and would differ for that alone. */
static void a_digest_is_compared_when_nothing_is_awaited(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");
	uint64_t before;

	has(at, one, 1, bundle, 3);
	before = commands(at);
	digests(at, one);
	assert_int_equal(commands(at), before);
	assert_int_equal(chain_count(&at->chain, STATE_DIGEST), 0);
	sends(at, one, bundle);
	assert_int_equal(commands(at), before + 1);
	assert_int_equal(chain_count(&at->chain, STATE_HELD_PASS), 0);
}

static void a_new_epoch_forgets_what_was_awaited(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	completes(at, one, 1);
	completes(at, one, 2);
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
	assert_int_equal(chain_count(&at->chain, STATE_AWAITING), 0);
	assert_int_equal(chain_count(&at->chain, STATE_HELD_PASS), 0);
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 1);
	/* The older epoch's, overtaken on its way: it is said again in the new one. */
	has(at, one, 1, bundle, 3);
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
}

/* It may have had an hour to answer, and knows nothing of the question any more. */
static void who_begins_anew_is_asked_at_once_for_what_it_was_asked_before(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	assert_string_equal(asked(at), "1");
	has_in(at, one, 2, 1, bundle, 3);
	assert_string_equal(asked(at), "1");
	has(at, two, 1, bundle, 3);
	assert_string_equal(asked(at), "");
}

static void who_began_anew_without_it_is_not_waited_for(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 3);
	assert_string_equal(asked(at), "1");
	completes(at, one, 2);
	has(at, two, 1, bundle, 3);
	assert_string_equal(asked(at), "2");
}

static void a_later_pass_takes_no_place_of_the_first_that_is_held(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	says(at, one, 1, "file/old", "of the epoch before");
	completes(at, one, 1);
	has_in(at, one, 2, 1, bundle, 3);
	completes(at, one, 2);
	completes_by(at, LANE_DELTA, one, 2, "");
	assert_string_equal(text_of(at, one, "file/old"), "of the epoch before");
	sends(at, one, bundle);
	assert_string_equal(text_of(at, one, "file/old"), "unset");
	assert_string_equal(text_of(at, one, "file/a00"), "blue");
	assert_int_equal(chain_count(&at->chain, STATE_HELD_PASS), 0);
}

/* By which plan the only pass that was completed looked. */
static const char *plan_of_pass(struct fixture *at)
{
	struct kv_txn *txn;
	struct kv_cursor *cursor;
	struct bytes key, value;
	const Fettle__StatePass *pass;

	assert_int_equal(kv_read_begin(at->chain.kv, &txn), STATUS_OK);
	assert_int_equal(kv_cursor_open(txn, STATE_PASS, &cursor), STATUS_OK);
	assert_int_equal(kv_cursor_seek(cursor, BYTES_NONE, &key, &value), STATUS_OK);
	pass = record_unpack(&fettle__state_pass__descriptor, value, &at->chain.arena);
	assert_non_null(pass);
	kv_cursor_close(cursor);
	kv_abort(&txn);
	return arena_format(&at->chain.arena, "%.*s", (int)pass->plan.len,
	    (const char *)pass->plan.data);
}

static void a_late_pass_by_the_plan_before_takes_no_place_of_one_that_is_held(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	completes_by(at, LANE_BULK, one, 1, "before");
	has(at, one, 1, bundle, 3);
	completes_by(at, LANE_BULK, one, 1, "now");
	completes_by(at, LANE_DELTA, one, 1, "before");
	assert_string_equal(plan_of_pass(at), "before");
	sends(at, one, bundle);
	assert_string_equal(plan_of_pass(at), "now");
}

/* ---- hostile agents ---- */

static void a_bundle_that_nobody_asked_for_is_not_taken(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue"), other = bundle_of(at, 'a', 3, "red");

	has(at, one, 1, bundle, 3);
	sends(at, one, other);
	sends(at, two, bundle);
	assert_string_equal(text_of(at, one, "file/a00"), "never seen");
	assert_string_equal(text_of(at, two, "file/a00"), "never seen");
	assert_int_equal(chain_count(&at->chain, STATE_BUNDLE), 0);
}

static void a_bundle_that_is_not_what_was_said_is_nobodys(void **test)
{
	struct fixture *at = *test;
	struct bytes bundle = bundle_of(at, 'a', 3, "blue");

	has(at, one, 1, bundle, 2);
	sends(at, one, bundle);
	assert_string_equal(text_of(at, one, "file/a00"), "never seen");
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
	has(at, two, 1, bundle, 4);
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 1);
	has(at, three, 1, bundle, 3);
	assert_string_equal(text_of(at, three, "file/a00"), "blue");
}

static void what_is_no_bundle_is_quarantined(void **test)
{
	struct fixture *at = *test;
	struct bundle_fact unordered[] = { { .key = bytes_of_text("file/b"),
					       .status = FACT_PRESENT },
		{ .key = bytes_of_text("file/a"), .status = FACT_PRESENT } };
	struct buffer bundle = { 0 };

	bundle_encode(&bundle, unordered, 2);
	has(at, one, 1, buffer_bytes(&bundle), 2);
	sends(at, one, buffer_bytes(&bundle));
	sends(at, one, bytes_of_text("\xff\xff"));
	sends(at, one, BYTES_NONE);
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 3);
	assert_string_equal(text_of(at, one, "file/a"), "never seen");
	buffer_fini(&bundle);
}

static void hashes_that_make_no_sense_are_quarantined(void **test)
{
	struct fixture *at = *test;
	static const uint8_t hashes[257 * BUNDLE_HASH_SIZE], counts[257] = { 1 };
	const struct {
		size_t hashes, counts;
		uint64_t revision;
	} cases[] = { { 0, 0, 1 }, { BUNDLE_HASH_SIZE - 1, 1, 1 }, { BUNDLE_HASH_SIZE, 1, 0 },
		{ BUNDLE_HASH_SIZE, 1, UINT64_MAX }, { BUNDLE_HASH_SIZE, 2, 1 },
		{ 2 * BUNDLE_HASH_SIZE, 2, 1 /* the second has none */ },
		{ sizeof(hashes), 257, 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Fettle__Have have;

		fill_have(&have, cases[i].revision, BYTES(hashes, cases[i].hashes),
		    BYTES(counts, cases[i].counts));
		say_have(at, one, 1, &have);
		assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), i + 1);
	}
	assert_int_equal(chain_count(&at->chain, STATE_AWAITED), 0);
	assert_string_equal(asked(at), "");
}

/* ---- replaying ---- */

static enum status fetch(void *data, uint32_t flow, uint64_t number, struct bytes *out)
{
	struct fixture *at = data;

	for (size_t i = 0; i < at->kept; i++)
		if (at->log[i].flow == flow && at->log[i].number == number) {
			*out = at->log[i].bytes;
			return STATUS_OK;
		}
	return STATUS_NOT_FOUND;
}

static void same_table(struct kv *left, struct kv *right, unsigned table)
{
	struct kv *const kvs[] = { left, right };
	struct kv_txn *txns[2];
	struct kv_cursor *cursors[2];
	struct bytes keys[2], values[2];
	enum status status[2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(kv_read_begin(kvs[i], &txns[i]), STATUS_OK);
		assert_int_equal(kv_cursor_open(txns[i], table, &cursors[i]), STATUS_OK);
		status[i] = kv_cursor_seek(cursors[i], BYTES_NONE, &keys[i], &values[i]);
	}
	while (status[0] == STATUS_OK && status[1] == STATUS_OK) {
		if (!bytes_equal(keys[0], keys[1]) || !bytes_equal(values[0], values[1]))
			fail_msg("table %s differs", tables[table]);
		for (int i = 0; i < 2; i++)
			status[i] = kv_cursor_next(cursors[i], &keys[i], &values[i]);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(status[i], STATUS_NOT_FOUND);
		kv_cursor_close(cursors[i]);
		kv_abort(&txns[i]);
	}
}

/* As after a crash behind any batch: what the log gives again leads to the same. */
static void a_replay_of_any_rest_gives_the_same_state(void **test)
{
	struct fixture *at = *test;
	const struct kv_options options = { .tables = tables, .is_writer = true };
	struct bytes a = bundle_of(at, 'a', 3, "blue"), b = bundle_of(at, 'b', 5, "blue");
	struct host *copy;
	struct kv *kv;

	has(at, one, 1, a, 3);
	assert_int_equal(kv_copy(at->chain.kv, scratch_path(at->copy_directory, "copy")),
	    STATUS_OK);
	has(at, two, 1, a, 3);
	has(at, two, 4, b, 5);
	completes(at, two, 1);
	says(at, two, 9, "file/a00", "red");
	withdraws(at, two, 4, b);
	wait(at, 2 * ASK_AGAIN_MS);
	sends(at, one, a);
	has(at, three, 1, a, 3);
	completes(at, one, 1);
	assert_int_equal(kv_open(scratch_path(at->copy_directory, "copy"), &options, &kv),
	    STATUS_OK);
	assert_int_equal(host_new(kv, processor_stages, NULL, &copy), STATUS_OK);
	while (host_batches(copy) < host_batches(at->chain.host)) {
		struct buffer key = { 0 };
		struct kv_txn *txn;
		struct bytes value;

		buffer_append_u64(&key, host_batches(copy) + 1);
		assert_int_equal(kv_read_begin(at->chain.kv, &txn), STATUS_OK);
		assert_int_equal(kv_get(txn, HOST_BATCH, buffer_bytes(&key), &value), STATUS_OK);
		value = arena_bytes(&at->chain.arena, value);
		kv_abort(&txn);
		buffer_fini(&key);
		assert_int_equal(host_replay(copy, value, fetch, at), STATUS_OK);
	}
	for (unsigned table = 0; tables[table] != NULL; table++)
		if (table != HOST_READER)
			same_table(at->chain.kv, kv, table);
	host_free(copy);
	kv_close(kv);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_nobody_has_sent_is_asked_of_one_and_given_to_all),
		TEST(what_one_has_sent_is_not_asked_of_another),
		TEST(one_record_names_several_and_one_question_asks_for_those_that_lack),
		TEST(the_next_is_asked_when_one_does_not_answer_in_time),
		TEST(one_that_cannot_send_it_any_more_awaits_it_no_more),
		TEST(what_was_told_anew_is_not_withdrawn_by_an_answer_to_an_older_question),
		TEST(an_agent_that_does_not_say_as_what_it_withdraws_a_bundle_withdraws_it),
		TEST(who_begins_anew_is_asked_at_once_for_what_it_was_asked_before),
		TEST(who_began_anew_without_it_is_not_waited_for),
		TEST(a_later_pass_takes_no_place_of_the_first_that_is_held),
		TEST(a_late_pass_by_the_plan_before_takes_no_place_of_one_that_is_held),
		TEST(more_than_a_batch_takes_are_given_it_bit_by_bit),
		TEST(what_came_later_wins_whichever_is_applied_first),
		TEST(what_is_seen_for_the_first_time_is_no_change_and_later_it_is),
		TEST(another_value_in_a_bundle_is_a_change_for_each_fact),
		TEST(a_pass_is_complete_when_nothing_of_it_is_awaited),
		TEST(a_digest_is_compared_when_nothing_is_awaited),
		TEST(a_new_epoch_forgets_what_was_awaited),
		TEST(a_bundle_that_nobody_asked_for_is_not_taken),
		TEST(a_bundle_that_is_not_what_was_said_is_nobodys),
		TEST(what_is_no_bundle_is_quarantined),
		TEST(hashes_that_make_no_sense_are_quarantined),
		TEST(a_replay_of_any_rest_gives_the_same_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
