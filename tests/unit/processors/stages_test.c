/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of stages over a state of its own: what agents and operators say goes in, and what the
 * state and the verdicts are is looked at.
 */
#include <stdlib.h>

#include "processors/roles.h"
#include "processors/state/asset.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"
#include "proto/command.pb-c.h"
#include "proto/verdict.pb-c.h"
#include "tests/support/chain.h"

static const char *const tables[] = { STATE_TABLE_NAMES };

/* Two agents of one slot. */
static const uint8_t one[16] = "\x01"
			       "agent one",
		     two[16] = "\x01"
			       "agent two";

#define POLICY(id, checks) "dialect: fettle\npolicy: {id: " id ", name: P}\nchecks:\n" checks
#define CHECK_SSH \
	"  - {id: ssh, title: T, severity: high, remediation: fix it, condition: none," \
	" rules: ['f:/etc/ssh -> r:^root yes']}\n"
#define CHECK_MOTD \
	"  - {id: motd, title: T, condition: all, rules: ['f:/etc/motd -> r:^welcome']}\n"

struct fixture {
	struct chain chain;
	uint64_t seen; /* verdicts looked at */
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	return chain_start(&at->chain, tables, processor_stages);
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result = chain_stop(&at->chain);

	free(at);
	return result;
}

/* What a record says of itself, and the message in it. */
struct said {
	const uint8_t *agent; /* NULL: an operator */
	uint64_t epoch, revision;
	enum lane lane;
	uint32_t kind;
	const ProtobufCMessage *message;
};

static void give(struct fixture *at, const struct said *said)
{
	const uint8_t *agent = said->agent == NULL ? one : said->agent;

	chain_give(&at->chain,
	    &(struct chain_record){ .writer = agent,
		.flow = said->agent == NULL ? (uint32_t)SUBLOG_INTENT
	                                    : sublog_flow(sublog_slot_of(agent), said->lane),
		.kind = said->kind,
		.lane = said->lane,
		.epoch = said->epoch,
		.revision = said->revision,
		.body = chain_body(&at->chain, said->message) });
}

static void say_as(struct fixture *at, const uint8_t *agent, uint64_t epoch, uint64_t revision,
    const char *key, const char *content, bool is_baseline)
{
	Fettle__Fact fact = FETTLE__FACT__INIT;
	const struct fact_field fields[] = { FACT_FIELD_TEXT("type", "file"),
		FACT_FIELD_BLOB("content", bytes_of_text(content)) };
	struct buffer value = { 0 };

	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	fact.collector = RECORD_TEXT("files");
	if (is_baseline)
		RECORD_SET(&fact, is_baseline, true);
	if (content != NULL) {
		fact_value_encode(&value, fields, 2);
		RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
		RECORD_SET_BYTES(&fact, value, buffer_bytes(&value));
	}
	give(at, &(struct said){ .agent = agent,
		     .epoch = epoch,
		     .revision = revision,
		     .lane = LANE_DELTA,
		     .kind = content == NULL ? FETTLE__KIND__KIND_FACT_UNSET
	                                     : FETTLE__KIND__KIND_FACT_SET,
		     .message = &fact.base });
	buffer_fini(&value);
	chain_settle(&at->chain);
}

/* Agent AGENT says that KEY has CONTENT (NULL: it is unset). */
static void say(struct fixture *at, const uint8_t *agent, uint64_t epoch, uint64_t revision,
    const char *key, const char *content)
{
	say_as(at, agent, epoch, revision, key, content, false);
}

/* And that nobody had looked there before. */
static void say_first(struct fixture *at, const uint8_t *agent, uint64_t epoch, uint64_t revision,
    const char *key, const char *content)
{
	say_as(at, agent, epoch, revision, key, content, true);
}

static void complete_by(struct fixture *at, enum lane lane, const uint8_t *agent, uint64_t epoch,
    const char *prefix, const char *plan)
{
	Fettle__Pass pass = FETTLE__PASS__INIT;

	pass.collector = RECORD_TEXT("files");
	RECORD_SET_BYTES(&pass, prefix, bytes_of_text(prefix));
	RECORD_SET_BYTES(&pass, plan, bytes_of_text(plan));
	give(at, &(struct said){ .agent = agent,
		     .epoch = epoch,
		     .lane = lane,
		     .kind = FETTLE__KIND__KIND_PASS,
		     .message = &pass.base });
	chain_settle(&at->chain);
}

/* As the first of an epoch, and the first by a plan. */
static void complete(struct fixture *at, const uint8_t *agent, uint64_t epoch, const char *prefix,
    const char *plan)
{
	complete_by(at, LANE_BULK, agent, epoch, prefix, plan);
}

static void intend(struct fixture *at, uint32_t kind, const char *id, const char *text)
{
	Fettle__Document policy = FETTLE__DOCUMENT__INIT;

	policy.id = RECORD_TEXT(id);
	policy.text = RECORD_TEXT(text);
	give(at, &(struct said){ .kind = kind, .message = &policy.base });
	chain_settle(&at->chain);
}

static void assign(struct fixture *at, const char *id, const char *text)
{
	intend(at, FETTLE__KIND__KIND_POLICY, id, text);
}

/* ---- looking ---- */

static uint64_t counter(struct fixture *at, const char *name)
{
	struct kv_txn *txn;
	struct bytes value;
	uint64_t out = 0;

	assert_int_equal(kv_read_begin(at->chain.kv, &txn), STATUS_OK);
	if (kv_get(txn, HOST_COUNTER, bytes_of_text(name), &value) == STATUS_OK)
		out = bytes_u64(value.data);
	kv_abort(&txn);
	return out;
}

/* How many verdicts of KIND there are since the last look; LAST (or NULL) gets the last of them. */
static unsigned verdicts(struct fixture *at, uint32_t kind,
    const ProtobufCMessageDescriptor *descriptor, void *last)
{
	unsigned found = 0;

	for (uint64_t number = at->seen + 1; number <= host_verdict_head(at->chain.host);
	     number++) {
		const Fettle__Record *record = chain_verdict(&at->chain, number);

		if (record->envelope->kind == kind) {
			found++;
			if (last != NULL) {
				*(void **)last = record_unpack(descriptor,
				    record_bytes(record->body), &at->chain.arena);
				assert_non_null(*(void **)last);
			}
		}
	}
	return found;
}

static unsigned changes(struct fixture *at)
{
	return verdicts(at, FETTLE__KIND__KIND_CHANGE, NULL, NULL);
}

static void look_from_here(struct fixture *at)
{
	at->seen = host_verdict_head(at->chain.host);
}

/* The one finding since the last look. */
static const Fettle__FindingVerdict *finding(struct fixture *at)
{
	Fettle__FindingVerdict *out = NULL;

	assert_int_equal(
	    verdicts(at, FETTLE__KIND__KIND_FINDING, &fettle__finding_verdict__descriptor, &out),
	    1);
	return out;
}

/* The content of KEY on AGENT's asset; NULL: it is not there, or unset. */
static const char *content_of(struct fixture *at, const uint8_t *agent, const char *key)
{
	struct txn *txn;
	struct asset_ref asset;
	struct facts_entry entry;
	struct fact_field *fields;
	size_t fields_count;
	const char *content = NULL;

	assert_int_equal(txn_begin(at->chain.kv, &txn), STATUS_OK);
	assert_int_equal(asset_of_agent(txn, agent, &asset), STATUS_OK);
	if (facts_get(txn, &asset, bytes_of_text(key), &at->chain.arena, &entry) == STATUS_OK
	    && entry.record->status != FACT_NONE) {
		assert_int_equal(
		    fact_value_decode(entry.value, &at->chain.arena, &fields, &fields_count),
		    STATUS_OK);
		content = arena_format(&at->chain.arena, "%.*s", (int)fields[1].bytes.size,
		    (const char *)fields[1].bytes.data);
	}
	txn_abort(&txn);
	return content;
}

/* By which plan the last pass over PREFIX looked; NULL: there was none. */
static const char *plan_of_pass(struct fixture *at, const uint8_t *agent, const char *prefix)
{
	struct txn *txn;
	struct asset_ref asset;
	struct buffer key = { 0 };
	struct bytes value;
	const Fettle__StatePass *pass = NULL;

	assert_int_equal(txn_begin(at->chain.kv, &txn), STATUS_OK);
	assert_int_equal(asset_of_agent(txn, agent, &asset), STATUS_OK);
	asset_key(&key, &asset);
	buffer_append(&key, BYTES("files", sizeof("files")));
	buffer_append_text(&key, prefix);
	if (txn_get(txn, STATE_PASS, buffer_bytes(&key), &value) == STATUS_OK)
		pass = record_unpack(&fettle__state_pass__descriptor, value, &at->chain.arena);
	txn_abort(&txn);
	buffer_fini(&key);
	return pass == NULL ? NULL
	                    : arena_format(&at->chain.arena, "%.*s", (int)pass->plan.len,
				(const char *)pass->plan.data);
}

/* ---- inventory ---- */

static void what_is_seen_before_a_pass_is_baseline_and_after_it_a_change(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 1, "file/a", "1");
	assert_int_equal(changes(at), 0);
	complete(at, one, 1, "file/", "");
	say(at, one, 1, 2, "file/b", "1");
	assert_int_equal(changes(at), 1);
	say(at, one, 1, 3, "other/b", "1"); /* another prefix has no pass yet */
	assert_int_equal(changes(at), 1);
}

static void what_a_plan_first_looks_at_is_baseline(void **test)
{
	struct fixture *at = *test;

	say_first(at, one, 1, 1, "file/a", "1");
	complete(at, one, 1, "file/", "a plan");
	say_first(at, one, 1, 2, "file/b", "1");
	complete(at, one, 1, "file/", "another plan");
	assert_int_equal(changes(at), 0);
	say(at, one, 1, 3, "file/a", "2");
	say(at, one, 1, 4, "file/b", "2");
	assert_int_equal(changes(at), 2);
}

static void what_comes_where_a_plan_has_looked_is_a_change(void **test)
{
	struct fixture *at = *test;

	say_first(at, one, 1, 1, "file/a", "1");
	complete(at, one, 1, "file/", "a plan");
	say(at, one, 1, 2, "file/b", "1");
	assert_int_equal(changes(at), 1);
	say(at, one, 1, 3, "file/b", NULL);
	assert_int_equal(changes(at), 2);
	say(at, one, 1, 4, "file/b", "1");
	assert_int_equal(changes(at), 3);
}

static void what_a_plan_no_longer_looks_at_is_no_change(void **test)
{
	struct fixture *at = *test;

	complete(at, one, 1, "file/", "a plan");
	say_first(at, one, 1, 1, "file/a", "1");
	say_first(at, one, 1, 2, "file/a", NULL);
	assert_int_equal(changes(at), 0);
	assert_null(content_of(at, one, "file/a"));
}

static void what_is_first_said_of_a_known_fact_is_a_change_all_the_same(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 1, "file/a", "1");
	complete(at, one, 1, "file/", "a plan");
	say_first(at, one, 2, 2, "file/a", "2");
	assert_int_equal(changes(at), 1);
}

static void what_an_agent_that_began_anew_does_not_name_is_a_change_by_the_same_plan(void **test)
{
	struct fixture *at = *test;

	say_first(at, one, 1, 1, "file/a", "1");
	say_first(at, one, 1, 2, "file/b", "1");
	complete(at, one, 1, "file/", "a plan");
	say_first(at, one, 2, 1, "file/a", "1");
	complete(at, one, 2, "file/", "a plan");
	assert_int_equal(changes(at), 1);
	complete(at, one, 3, "file/", "another plan");
	assert_int_equal(changes(at), 1);
	assert_null(content_of(at, one, "file/a"));
}

static void what_an_agent_that_forgot_all_takes_for_new_is_a_change(void **test)
{
	struct fixture *at = *test;

	say_first(at, one, 1, 1, "user/a", "1");
	complete(at, one, 1, "user/", "");
	say_first(at, one, 2, 1, "user/a", "1");
	assert_int_equal(changes(at), 0);
	say_first(at, one, 2, 2, "user/b", "1");
	assert_int_equal(changes(at), 1);
	complete(at, one, 2, "user/", "");
	say_first(at, one, 2, 3, "user/c", "1"); /* it knows better now */
	assert_int_equal(changes(at), 1);
}

static void a_change_says_what_was_and_what_is(void **test)
{
	struct fixture *at = *test;
	Fettle__ChangeVerdict *change = NULL;

	say(at, one, 1, 1, "file/a", "before, in more than the sixty-four bytes that stand inline");
	say(at, one, 1, 2, "file/a", "after");
	assert_int_equal(
	    verdicts(at, FETTLE__KIND__KIND_CHANGE, &fettle__change_verdict__descriptor, &change),
	    1);
	assert_int_equal(change->before->status, FACT_PRESENT);
	assert_non_null(memmem(change->before->value.data, change->before->value.len, "before", 6));
	assert_non_null(memmem(change->after->value.data, change->after->value.len, "after", 5));
	assert_string_equal(change->collector, "files");
}

static void the_same_again_is_no_change(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 1, "file/a", "1");
	say(at, one, 1, 2, "file/a", "1");
	assert_int_equal(changes(at), 0);
}

static void a_late_record_never_overwrites_a_newer_one(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 9, "file/a", "new");
	complete(at, one, 1, "file/", "");
	say(at, one, 1, 4, "file/a", "late");
	assert_string_equal(content_of(at, one, "file/a"), "new");
	say(at, one, 1, 10, "file/a", NULL);
	say(at, one, 1, 9, "file/a", "late");
	assert_null(content_of(at, one, "file/a")); /* the tombstone is newer */
	say(at, one, 2, 1, "file/a", "of a new epoch");
	assert_string_equal(content_of(at, one, "file/a"), "of a new epoch");
	say(at, one, 1, 99, "file/a", "of the old one");
	assert_string_equal(content_of(at, one, "file/a"), "of a new epoch");
	/* It went, and it came back; what was late was neither. */
	assert_int_equal(changes(at), 2);
}

static void a_pass_of_a_new_epoch_unsets_what_it_did_not_mention(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 1, "file/a", "1");
	say(at, one, 1, 2, "file/b", "1");
	say(at, one, 1, 3, "other/c", "1");
	complete(at, one, 1, "file/", "");
	say(at, one, 2, 1, "file/a", "1");
	look_from_here(at);
	complete(at, one, 2, "file/", "");
	assert_int_equal(changes(at), 1);
	assert_non_null(content_of(at, one, "file/a"));
	assert_null(content_of(at, one, "file/b"));
	assert_non_null(content_of(at, one, "other/c"));
	/* It had been seen, and its record overtaken by the pass: any revision brings it back. */
	say(at, one, 2, 1, "file/b", "1");
	assert_non_null(content_of(at, one, "file/b"));
}

static void a_later_pass_that_overtakes_the_first_of_an_epoch_unsets_nothing(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 1, "file/a", "1");
	complete(at, one, 1, "file/", "a plan");
	complete_by(at, LANE_DELTA, one, 2, "file/", "a plan");
	assert_non_null(content_of(at, one, "file/a"));
	say_first(at, one, 2, 1, "file/a", "1");
	complete(at, one, 2, "file/", "a plan");
	assert_non_null(content_of(at, one, "file/a"));
	assert_int_equal(changes(at), 0);
	say(at, one, 2, 2, "file/b", "1");
	assert_int_equal(changes(at), 1);
}

/* What the plan adds is on its way by bulk: until it is here, that it is not proves nothing. */
static void a_later_pass_by_another_plan_does_not_stand_in_for_the_first(void **test)
{
	struct fixture *at = *test;

	complete(at, one, 1, "file/", "a plan");
	complete_by(at, LANE_DELTA, one, 1, "file/", "another plan");
	assert_string_equal(plan_of_pass(at, one, "file/"), "a plan");
	complete(at, one, 1, "file/", "another plan");
	assert_string_equal(plan_of_pass(at, one, "file/"), "another plan");
	complete_by(at, LANE_DELTA, one, 1, "new/", "a plan");
	assert_null(plan_of_pass(at, one, "new/"));
}

static void a_pass_of_an_older_epoch_that_comes_late_changes_nothing(void **test)
{
	struct fixture *at = *test;

	say(at, one, 2, 1, "file/a", "1");
	complete(at, one, 2, "file/", "");
	complete(at, one, 1, "file/", "an old plan");
	look_from_here(at);
	say(at, one, 2, 2, "file/b", "1"); /* the newer pass is without a plan: this is news */
	assert_int_equal(changes(at), 1);
	complete(at, one, 2, "file/", ""); /* and the epoch is not new again */
	assert_non_null(content_of(at, one, "file/b"));
}

static void a_value_is_kept_once_and_goes_with_its_last_holder(void **test)
{
	struct fixture *at = *test;
	static const char large[] =
	    "more than sixty-four bytes of content, so that it stands apart";

	say(at, one, 1, 1, "file/a", large);
	say(at, two, 1, 1, "file/a", large);
	say(at, two, 1, 2, "file/b", large);
	assert_int_equal(chain_count(&at->chain, STATE_VALUE), 1);
	assert_int_equal(chain_count(&at->chain, STATE_POSTING), 1 + 3); /* how many, and each */
	say(at, one, 1, 2, "file/a", "short");
	say(at, two, 1, 3, "file/a", NULL);
	assert_int_equal(chain_count(&at->chain, STATE_VALUE), 1);
	say(at, two, 1, 4, "file/b", NULL);
	assert_int_equal(chain_count(&at->chain, STATE_VALUE), 0);
	assert_int_equal(chain_count(&at->chain, STATE_POSTING), 0);
}

static void rejects(struct fixture *at, Fettle__Fact *fact, uint64_t revision)
{
	uint64_t before = chain_count(&at->chain, HOST_QUARANTINE);

	give(at, &(struct said){ .agent = one,
		     .epoch = 1,
		     .revision = revision,
		     .lane = LANE_DELTA,
		     .kind = FETTLE__KIND__KIND_FACT_SET,
		     .message = &fact->base });
	chain_settle(&at->chain);
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), before + 1);
	assert_int_equal(chain_count(&at->chain, STATE_FACT), 0);
}

static void hostile_facts_are_quarantined(void **test)
{
	struct fixture *at = *test;
	Fettle__Fact fact = FETTLE__FACT__INIT;
	static char name[4096];
	static uint8_t key[FACT_KEY_MAX + 1];

	RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
	rejects(at, &fact, 1); /* no key */
	RECORD_SET_BYTES(&fact, key, BYTES_OF(key));
	rejects(at, &fact, 1); /* too long a key */
	RECORD_SET_BYTES(&fact, key, bytes_of_text("file/a"));
	rejects(at, &fact, 0); /* no revision */
	RECORD_SET(&fact, status, (Fettle__FactStatus)77);
	rejects(at, &fact, 1);
	RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_NONE);
	rejects(at, &fact, 1);
	RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
	RECORD_SET_BYTES(&fact, value, bytes_of_text("\xff"));
	rejects(at, &fact, 1);
	RECORD_SET_BYTES(&fact, value, BYTES_NONE);
	memset(name, 'x', sizeof(name) - 1);
	fact.collector = name;
	rejects(at, &fact, 1); /* it would be part of a key that LMDB does not take */
}

static void an_endpoint_cannot_make_passes_without_end(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 256 + 3; i++)
		complete(at, one, 1, arena_format(&at->chain.arena, "file/%d/", i), "");
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 256);
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 3);
	complete(at, one, 2, "file/7/", ""); /* those that it has go on */
	complete(at, two, 1, "file/7/", "");
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 257);
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 3);
}

static void beat(struct fixture *at, const char *host_name)
{
	Fettle__Heartbeat heartbeat = FETTLE__HEARTBEAT__INIT;

	heartbeat.host_name = RECORD_TEXT(host_name);
	heartbeat.agent_version = RECORD_TEXT(host_name);
	give(at, &(struct said){ .agent = one,
		     .epoch = 1,
		     .lane = LANE_DELTA,
		     .kind = FETTLE__KIND__KIND_HEARTBEAT,
		     .message = &heartbeat.base });
	chain_settle(&at->chain);
}

/* Or every later record of a few bytes would write it again. */
static void a_name_that_is_too_long_is_left_unsaid(void **test)
{
	struct fixture *at = *test;
	static char name[100 * 1000];
	struct asset_ref asset;
	Fettle__StateAsset *record;

	memset(name, 'n', sizeof(name) - 1);
	for (size_t size = sizeof(name) - 1; size >= 255; size = size > 256 ? 256 : size - 1) {
		struct txn *txn;

		name[size] = '\0';
		beat(at, name);
		assert_int_equal(txn_begin(at->chain.kv, &txn), STATUS_OK);
		assert_int_equal(asset_of_agent(txn, one, &asset), STATUS_OK);
		assert_int_equal(asset_get(txn, &asset, &at->chain.arena, &record), STATUS_OK);
		txn_abort(&txn);
		assert_int_equal(record->name == NULL, size > 255);
		assert_int_equal(record->agent_version == NULL, size > 255);
	}
}

static void the_longest_key_and_collector_are_taken(void **test)
{
	struct fixture *at = *test;
	char key[FACT_KEY_MAX + 1], name[65];
	Fettle__Pass pass = FETTLE__PASS__INIT;

	memset(key, 'k', FACT_KEY_MAX);
	key[FACT_KEY_MAX] = '\0';
	memset(name, 'n', 64);
	name[64] = '\0';
	say(at, one, 1, 1, key,
	    "more than sixty-four bytes of content, so that it stands apart from it");
	pass.collector = name;
	RECORD_SET_BYTES(&pass, prefix, bytes_of_text(key));
	give(at, &(struct said){ .agent = one,
		     .epoch = 1,
		     .lane = LANE_BULK,
		     .kind = FETTLE__KIND__KIND_PASS,
		     .message = &pass.base });
	chain_settle(&at->chain);
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 0);
	assert_int_equal(chain_count(&at->chain, STATE_PASS), 1);
	assert_int_equal(chain_count(&at->chain, STATE_POSTING), 1 + 1);
}

static void a_gap_is_said(void **test)
{
	struct fixture *at = *test;
	Fettle__Gap gap = FETTLE__GAP__INIT;
	Fettle__LossVerdict *loss = NULL;

	RECORD_SET(&gap, count, 12);
	RECORD_SET(&gap, lane, LANE_DELTA);
	RECORD_SET(&gap, from, 7);
	RECORD_SET(&gap, to, 20);
	RECORD_SET(&gap, last_ms, 99);
	give(at, &(struct said){ .agent = one,
		     .epoch = 1,
		     .lane = LANE_DELTA,
		     .kind = FETTLE__KIND__KIND_GAP,
		     .message = &gap.base });
	chain_settle(&at->chain);
	assert_int_equal(
	    verdicts(at, FETTLE__KIND__KIND_LOSS, &fettle__loss_verdict__descriptor, &loss), 1);
	assert_int_equal(loss->count, 12);
	assert_int_equal(loss->lane, LANE_DELTA);
	assert_int_equal(loss->from, 7);
	assert_int_equal(loss->to, 20);
	assert_int_equal(loss->last_ms, 99);
}

static void a_gap_of_no_lane_and_no_place_is_said_too(void **test)
{
	struct fixture *at = *test;
	Fettle__Gap gap = FETTLE__GAP__INIT;
	Fettle__LossVerdict *loss = NULL;

	RECORD_SET(&gap, count, 3);
	RECORD_SET(&gap, lane, LANE_END);
	RECORD_SET(&gap, to, 20);
	give(at, &(struct said){ .agent = one,
		     .epoch = 1,
		     .lane = LANE_DELTA,
		     .kind = FETTLE__KIND__KIND_GAP,
		     .message = &gap.base });
	chain_settle(&at->chain);
	assert_int_equal(
	    verdicts(at, FETTLE__KIND__KIND_LOSS, &fettle__loss_verdict__descriptor, &loss), 1);
	assert_int_equal(loss->count, 3);
	assert_false(loss->has_lane);
	assert_false(loss->has_to);
}

/* ---- assess ---- */

static void an_agent_is_sent_its_plan_once(void **test)
{
	struct fixture *at = *test;

	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "root yes");
	say(at, one, 1, 2, "file/etc/ssh", "root no");
	assert_int_equal(host_outbox_head(at->chain.host), 1);
	assign(at, "q", POLICY("q", CHECK_SSH)); /* reads the same file */
	assert_int_equal(host_outbox_head(at->chain.host), 1);
	assign(at, "q", POLICY("q", CHECK_MOTD));
	assert_int_equal(host_outbox_head(at->chain.host), 2);
	chain_restart(&at->chain);
	say(at, one, 1, 3, "file/etc/ssh", "root yes");
	assert_int_equal(host_outbox_head(at->chain.host), 2);
}

static void an_agent_that_forgot_all_is_sent_its_plan_again(void **test)
{
	struct fixture *at = *test;

	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "root yes");
	assert_int_equal(host_outbox_head(at->chain.host), 1);
	say(at, one, 2, 1, "user/a", "1");
	assert_int_equal(host_outbox_head(at->chain.host), 2);
	say(at, one, 1, 2, "user/a", "2"); /* was late */
	say(at, one, 2, 2, "user/a", "2");
	assert_int_equal(host_outbox_head(at->chain.host), 2);
}

static void a_finding_opens_changes_closes_and_opens_again_with_its_evidence(void **test)
{
	struct fixture *at = *test;
	const Fettle__FindingVerdict *verdict;
	uint8_t id[16];

	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "x\nroot yes\n");
	verdict = finding(at);
	assert_int_equal(verdict->state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	assert_string_equal(verdict->subject, "p/ssh");
	assert_string_equal(verdict->severity, "high");
	assert_string_equal(verdict->remediation, "fix it");
	assert_int_equal(verdict->n_evidence, 1);
	assert_non_null(strstr(verdict->evidence[0]->detail, "line 2: root yes"));
	memcpy(id, verdict->id.data, 16);
	look_from_here(at);
	say(at, one, 1, 2, "file/etc/ssh", "root yes and more\n");
	verdict = finding(at);
	assert_non_null(strstr(verdict->evidence[0]->detail, "root yes and more"));
	look_from_here(at);
	say(at, one, 1, 3, "file/etc/ssh", "root no\n");
	verdict = finding(at);
	assert_int_equal(verdict->state, FETTLE__FINDING_STATE__FINDING_STATE_FIXED);
	assert_true(verdict->has_fixed_ms);
	look_from_here(at);
	say(at, one, 1, 4, "file/etc/ssh", "root yes\n");
	verdict = finding(at);
	assert_int_equal(verdict->state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	assert_int_equal(verdict->reopened, 1);
	assert_memory_equal(verdict->id.data, id, 16);
	assert_false(verdict->has_fixed_ms);
}

static const char two_weeks[] = "id: weeks\nversion: '7'\ninputs:\n"
				"  severity: { values: [low, medium, high, critical] }\n"
				"  exposure: { values: [internal, public], assumed: public }\n"
				"rows:\n"
				"  - when: { severity: high, exposure: public }\n"
				"    priority: two weeks\n"
				"    due: 2w\n"
				"otherwise: { priority: later }\n";

static void a_finding_has_a_priority_by_the_table_in_use_and_says_by_what(void **test)
{
	struct fixture *at = *test;
	const Fettle__FindingVerdict *verdict;
	uint64_t opened_ms;

	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	verdict = finding(at);
	assert_null(verdict->priority); /* no table is in use yet */
	opened_ms = verdict->opened_ms;
	look_from_here(at);
	intend(at, FETTLE__KIND__KIND_PRIORITY_TABLE, "weeks", two_weeks);
	verdict = finding(at);
	assert_string_equal(verdict->priority, "two weeks");
	assert_int_equal(verdict->due_ms, opened_ms + 14ULL * 24 * 3600 * 1000);
	assert_string_equal(verdict->priority_table, "weeks 7, row 1");
	assert_int_equal(verdict->n_inputs, 3); /* the last is known, and was not asked for */
	assert_string_equal(verdict->inputs[0]->value, "high");
	assert_false(verdict->inputs[0]->assumed);
	assert_true(verdict->inputs[1]->assumed);
	look_from_here(at);
	say(at, one, 1, 2, "file/etc/ssh", "root yes, again\n");
	verdict = finding(at);
	assert_int_equal(verdict->due_ms, opened_ms + 14ULL * 24 * 3600 * 1000);
}

static void a_broken_priority_table_is_quarantined_and_the_older_one_holds(void **test)
{
	struct fixture *at = *test;

	intend(at, FETTLE__KIND__KIND_PRIORITY_TABLE, "weeks", two_weeks);
	intend(at, FETTLE__KIND__KIND_PRIORITY_TABLE, "weeks", "id: weeks\n");
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 1);
	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	assert_string_equal(finding(at)->priority, "two weeks");
}

/* Asset ONE may upgrade openssl; NULL: not any more. */
static void say_update(struct fixture *at, uint64_t revision, const char *candidate)
{
	const struct fact_field fields[] = { FACT_FIELD_TEXT("installed", "3.0.1"),
		FACT_FIELD_TEXT("candidate", candidate),
		FACT_FIELD_TEXT("origin", "Debian-Security:12"),
		FACT_FIELD_TEXT("security", "yes") };
	Fettle__Fact fact = FETTLE__FACT__INIT;
	struct buffer value = { 0 };

	RECORD_SET_BYTES(&fact, key, bytes_of_text("update/dpkg/openssl:amd64"));
	fact.collector = RECORD_TEXT("updates");
	if (candidate != NULL) {
		fact_value_encode(&value, fields, 4);
		RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
		RECORD_SET_BYTES(&fact, value, buffer_bytes(&value));
	}
	give(at, &(struct said){ .agent = one,
		     .epoch = 1,
		     .revision = revision,
		     .lane = LANE_DELTA,
		     .kind = candidate == NULL ? FETTLE__KIND__KIND_FACT_UNSET
	                                       : FETTLE__KIND__KIND_FACT_SET,
		     .message = &fact.base });
	chain_settle(&at->chain);
	buffer_fini(&value);
}

static void a_pending_update_is_a_missing_patch_until_it_is_not_pending(void **test)
{
	struct fixture *at = *test;
	const Fettle__FindingVerdict *verdict;

	say_update(at, 1, "3.0.2");
	verdict = finding(at);
	assert_int_equal(verdict->kind, FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH);
	assert_string_equal(verdict->subject, "dpkg/openssl:amd64");
	assert_string_equal(verdict->title, "openssl:amd64 can be upgraded to 3.0.2");
	assert_string_equal(verdict->severity, "high");
	look_from_here(at);
	say_update(at, 2, "3.0.3");
	verdict = finding(at);
	assert_string_equal(verdict->title, "openssl:amd64 can be upgraded to 3.0.3");
	assert_int_equal(verdict->reopened, 0);
	look_from_here(at);
	say_update(at, 3, NULL);
	verdict = finding(at);
	assert_int_equal(verdict->state, FETTLE__FINDING_STATE__FINDING_STATE_FIXED);
}

static void a_fact_that_is_gone_does_not_close_a_finding(void **test)
{
	struct fixture *at = *test;

	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	look_from_here(at);
	say(at, one, 1, 2, "file/etc/ssh", NULL); /* not observed is not fixed */
	assert_int_equal(verdicts(at, FETTLE__KIND__KIND_FINDING, NULL, NULL), 0);
}

/* One that does not would be sent again for ever, and everything behind it would wait. */
static void every_verdict_fits_a_frame_whatever_an_endpoint_has(void **test)
{
	struct fixture *at = *test;
	char line[200];
	struct buffer policy = { 0 };
	struct link_batch batch;

	memset(line, '\x01', sizeof(line) - 1);
	line[0] = 'w';
	line[sizeof(line) - 1] = '\0';
	buffer_append_text(&policy, "dialect: fettle\npolicy: {id: p, name: P}\nchecks:\n");
	for (int i = 0; i < 1500; i++)
		buffer_append_format(&policy,
		    "  - {id: c%d, title: T, condition: all,"
		    " rules: ['f:/etc/motd -> r:^w']}\n",
		    i);
	say(at, one, 1, 1, "file/etc/motd", line);
	assign(at, "p", buffer_text(&policy));
	buffer_fini(&policy);
	assert_int_equal(counter(at, "checks_judged"), 1500);
	for (uint64_t i = 1; i <= host_verdict_head(at->chain.host); i++) {
		batch.count = batch.size = 0;
		assert_int_equal(host_read_verdicts(at->chain.host, i, 1, &batch), STATUS_OK);
		assert_in_range(batch.size, 1, LINK_VERDICT_MAX);
		host_release(at->chain.host);
	}
}

static void a_changed_fact_runs_only_the_checks_that_read_it(void **test)
{
	struct fixture *at = *test;
	uint64_t judged;

	assign(at, "p", POLICY("p", CHECK_SSH CHECK_MOTD));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	say(at, one, 1, 2, "file/etc/motd", "welcome\n");
	judged = counter(at, "checks_judged");
	say(at, one, 1, 3, "file/etc/ssh", "root no\n");
	assert_int_equal(counter(at, "checks_judged"), judged + 1);
	say(at, one, 1, 4, "file/etc/unrelated", "x");
	assert_int_equal(counter(at, "checks_judged"), judged + 1);
}

static void what_two_assets_have_alike_is_worked_out_once(void **test)
{
	struct fixture *at = *test;
	uint64_t evaluated;

	assign(at, "p", POLICY("p", CHECK_SSH));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	say(at, two, 1, 1, "file/other", "so that it is known\n");
	evaluated = counter(at, "rules_evaluated");
	say(at, two, 1, 2, "file/etc/ssh", "root yes\n");
	assert_int_equal(counter(at, "rules_evaluated"), evaluated);
	assert_true(counter(at, "memo_hits") >= 1);
	assert_int_equal(chain_count(&at->chain, STATE_FINDING), 2);
	assert_int_equal(chain_count(&at->chain, STATE_RESULT_SET),
	    1); /* and the results are one set */
}

static void a_changed_policy_judges_every_asset_without_new_observations(void **test)
{
	struct fixture *at = *test;

	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	say(at, two, 1, 1, "file/etc/ssh", "root no\n");
	assign(at, "p", POLICY("p", CHECK_MOTD));
	assert_int_equal(chain_count(&at->chain, STATE_FINDING), 0);
	assign(at, "p", POLICY("p", CHECK_SSH));
	assert_int_equal(chain_count(&at->chain, STATE_FINDING), 1);
	assert_int_equal(chain_count(&at->chain, STATE_RESULT), 2);
	assert_int_equal(chain_count(&at->chain, HOST_WORK), 0);
}

static void a_check_or_policy_that_is_taken_away_closes_its_findings(void **test)
{
	struct fixture *at = *test;

	assign(at, "p", POLICY("p", CHECK_SSH CHECK_MOTD));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	say(at, one, 1, 2, "file/etc/motd", "go away\n");
	look_from_here(at);
	assign(at, "p", POLICY("p", CHECK_MOTD));
	assert_int_equal(chain_count(&at->chain, STATE_FINDING), 2);
	look_from_here(at);
	intend(at, FETTLE__KIND__KIND_POLICY_REMOVED, "p", NULL);
	assert_string_equal(finding(at)->subject, "p/motd");
	assert_string_equal(finding(at)->reason, "the policy no longer applies");
	assert_int_equal(finding(at)->state, FETTLE__FINDING_STATE__FINDING_STATE_FIXED);
	assert_int_equal(chain_count(&at->chain, STATE_RESULT), 0);
	assert_int_equal(chain_count(&at->chain, STATE_RESULT_SET), 0);
	assert_int_equal(chain_count(&at->chain, STATE_RESULT_OF), 0);
}

static void a_broken_policy_is_quarantined_and_the_one_before_stays(void **test)
{
	struct fixture *at = *test;

	assign(at, "p", POLICY("p", CHECK_SSH));
	assign(at, "p", "policy: {id: p}\nchecks: nonsense\n");
	assign(at, "p", POLICY("other", CHECK_SSH));
	assert_int_equal(chain_count(&at->chain, HOST_QUARANTINE), 2);
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	assert_int_equal(chain_count(&at->chain, STATE_FINDING), 1);
}

static void a_restart_judges_nothing_again(void **test)
{
	struct fixture *at = *test;
	uint64_t judged, head;

	assign(at, "p", POLICY("p", CHECK_SSH CHECK_MOTD));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	judged = counter(at, "checks_judged");
	head = host_verdict_head(at->chain.host);
	chain_restart(&at->chain);
	chain_settle(&at->chain);
	assert_int_equal(counter(at, "checks_judged"), judged);
	assert_int_equal(host_verdict_head(at->chain.host), head);
	say(at, one, 1, 2, "file/etc/ssh", "root no\n");
	assert_int_equal(counter(at, "checks_judged"), judged + 1);
}

static void an_asset_is_announced_with_its_counts_a_little_later(void **test)
{
	struct fixture *at = *test;
	Fettle__AssetVerdict *asset = NULL;

	assign(at, "p", POLICY("p", CHECK_SSH CHECK_MOTD));
	say(at, one, 1, 1, "file/etc/ssh", "root yes\n");
	say(at, one, 1, 2, "file/etc/motd", "welcome\n");
	look_from_here(at);
	at->chain.now_ms += 2000;
	chain_settle(&at->chain);
	assert_int_equal(
	    verdicts(at, FETTLE__KIND__KIND_ASSET, &fettle__asset_verdict__descriptor, &asset), 1);
	assert_int_equal(asset->facts, 2);
	assert_int_equal(asset->passed, 1);
	assert_int_equal(asset->failed, 1);
	assert_int_equal(asset->not_run, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_seen_before_a_pass_is_baseline_and_after_it_a_change),
		TEST(what_a_plan_first_looks_at_is_baseline),
		TEST(what_comes_where_a_plan_has_looked_is_a_change),
		TEST(what_is_first_said_of_a_known_fact_is_a_change_all_the_same),
		TEST(what_an_agent_that_began_anew_does_not_name_is_a_change_by_the_same_plan),
		TEST(what_an_agent_that_forgot_all_takes_for_new_is_a_change),
		TEST(what_a_plan_no_longer_looks_at_is_no_change),
		TEST(a_change_says_what_was_and_what_is),
		TEST(the_same_again_is_no_change),
		TEST(a_late_record_never_overwrites_a_newer_one),
		TEST(a_pass_of_a_new_epoch_unsets_what_it_did_not_mention),
		TEST(a_later_pass_that_overtakes_the_first_of_an_epoch_unsets_nothing),
		TEST(a_later_pass_by_another_plan_does_not_stand_in_for_the_first),
		TEST(a_pass_of_an_older_epoch_that_comes_late_changes_nothing),
		TEST(a_value_is_kept_once_and_goes_with_its_last_holder),
		TEST(hostile_facts_are_quarantined),
		TEST(an_endpoint_cannot_make_passes_without_end),
		TEST(a_name_that_is_too_long_is_left_unsaid),
		TEST(the_longest_key_and_collector_are_taken),
		TEST(a_gap_is_said),
		TEST(a_gap_of_no_lane_and_no_place_is_said_too),
		TEST(an_agent_is_sent_its_plan_once),
		TEST(an_agent_that_forgot_all_is_sent_its_plan_again),
		TEST(a_finding_opens_changes_closes_and_opens_again_with_its_evidence),
		TEST(a_finding_has_a_priority_by_the_table_in_use_and_says_by_what),
		TEST(a_broken_priority_table_is_quarantined_and_the_older_one_holds),
		TEST(a_pending_update_is_a_missing_patch_until_it_is_not_pending),
		TEST(a_fact_that_is_gone_does_not_close_a_finding),
		TEST(every_verdict_fits_a_frame_whatever_an_endpoint_has),
		TEST(a_changed_fact_runs_only_the_checks_that_read_it),
		TEST(what_two_assets_have_alike_is_worked_out_once),
		TEST(a_changed_policy_judges_every_asset_without_new_observations),
		TEST(a_check_or_policy_that_is_taken_away_closes_its_findings),
		TEST(a_broken_policy_is_quarantined_and_the_one_before_stays),
		TEST(a_restart_judges_nothing_again),
		TEST(an_asset_is_announced_with_its_counts_a_little_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
