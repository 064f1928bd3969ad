/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "processors/state/reader.h"
#include "tests/checker/parts.h"

/* A fact that the state has. */
struct known {
	UT_hash_handle hh;
	uint8_t key[HASH_SIZE], text[HASH_SIZE];
	bool is_expected;
};

struct facts {
	struct known *known;
	uint64_t present;
};

static enum status take_fact(void *data, const struct state_fact *row)
{
	struct facts *facts = data;
	struct known *known;

	facts->present += row->fact.status != FACT_NONE;
	if (!bytes_start_with(row->fact.key, bytes_of_text("test/"))
	    || row->fact.status != FACT_PRESENT || row->fact.fields_count != 1)
		return STATUS_OK;
	known = memory_new(sizeof(*known));
	hash_bytes(row->fact.key, known->key);
	hash_bytes(row->fact.fields[0].bytes, known->text);
	HASH_ADD(hh, facts->known, key, HASH_SIZE, known);
	return STATUS_OK;
}

static void free_facts(struct facts *facts)
{
	struct known *known, *next;

	HASH_ITER (hh, facts->known, known, next) {
		HASH_DELETE(hh, facts->known, known);
		free(known);
	}
}

/* ---- I9 ---- */

static void check_fact(struct checker *checker, size_t agent, struct facts *facts, struct bytes key,
    const struct buffer *text)
{
	uint8_t key_hash[HASH_SIZE], text_hash[HASH_SIZE];
	struct known *known;

	hash_bytes(key, key_hash);
	hash_bytes(buffer_bytes(text), text_hash);
	HASH_FIND(hh, facts->known, key_hash, HASH_SIZE, known);
	if (known == NULL) {
		checker_complain(checker, "I9 agent %zu: `%.*s` is not known", agent, (int)key.size,
		    (const char *)key.data);
		return;
	}
	known->is_expected = true;
	if (memcmp(known->text, text_hash, HASH_SIZE) != 0)
		checker_complain(checker, "I9 agent %zu: `%.*s` is known with another value", agent,
		    (int)key.size, (const char *)key.data);
}

static void check_facts(struct checker *checker, size_t number, struct facts *facts)
{
	const struct checker_agent *agent = &checker->agents[number];
	struct buffer key = { 0 }, text = { 0 };
	size_t unexpected = 0;

	for (size_t i = 0; i < agent->facts; i++) {
		buffer_clear(&key);
		buffer_clear(&text);
		if (agent->fact(agent, i, &key, &text))
			check_fact(checker, number, facts, buffer_bytes(&key), &text);
	}
	for (const struct known *known = facts->known; known != NULL; known = known->hh.next)
		unexpected += !known->is_expected;
	if (unexpected > 0)
		checker_complain(checker, "I9 agent %zu: %zu facts are known that are gone", number,
		    unexpected);
	buffer_fini(&key);
	buffer_fini(&text);
}

static enum status check_agent(struct checker *checker, struct state_reader *reader, size_t number)
{
	const struct checker_agent *agent = &checker->agents[number];
	uint8_t asset[ASSET_ID_SIZE];
	struct facts facts = { 0 };
	struct state_digest digest;
	enum status status;

	asset_id_of_agent(agent->id, asset);
	status = state_reader_facts(reader, asset, BYTES_NONE, take_fact, &facts);
	if (status == STATUS_OK && !agent->is_gone)
		check_facts(checker, number, &facts);
	free_facts(&facts);
	if (status != STATUS_OK || state_reader_digest(reader, asset, &digest) != STATUS_OK
	    || agent->is_gone)
		return status;
	if (digest.differs_ms != 0 || digest.agreed_ms == 0)
		checker_complain(checker, "I9 agent %zu: its digest does not agree", number);
	else
		checker->agreed++;
	return STATUS_OK;
}

/* ---- I6 ---- */

struct counting {
	struct checker *checker;
	struct state_reader *reader;
};

/* Every sum that is counted as facts come, against those that are there. */
static enum status count_facts(void *data, const struct state_asset *asset)
{
	struct counting *counting = data;
	struct facts facts = { 0 };
	enum status status = state_reader_facts(counting->reader, asset->id, BYTES_NONE, take_fact,
	    &facts);

	if (status == STATUS_OK && facts.present != asset->facts)
		checker_complain(counting->checker,
		    "I6 an asset counts %" PRIu64 " facts and has %" PRIu64, asset->facts,
		    facts.present);
	free_facts(&facts);
	return status;
}

static enum status check_positions(struct checker *checker, struct state_reader *reader)
{
	struct host_heads *state = memory_new(sizeof(*state));
	struct checker_log log;
	struct state_counters counters;
	enum status status = state_reader_heads(reader, state);

	if (status == STATUS_OK)
		status = checker_read_log(checker->data, &log);
	for (uint32_t flow = SUBLOG_FIRST; status == STATUS_OK && flow < SUBLOG_END; flow++) {
		if (state->positions[flow] > log.head[flow])
			checker_complain(checker,
			    "I6 sub-log %u was read up to %" PRIu64 " and has %" PRIu64, flow,
			    state->positions[flow], log.head[flow]);
		if (log.tail[flow] > state->positions[flow] + 1)
			checker_complain(checker,
			    "I1 sub-log %u was read up to %" PRIu64 " and is kept from %" PRIu64,
			    flow, state->positions[flow], log.tail[flow]);
		if (checker->is_quiet && state->positions[flow] != log.head[flow])
			checker_complain(checker,
			    "I1 sub-log %u is read up to %" PRIu64 " of %" PRIu64 " only", flow,
			    state->positions[flow], log.head[flow]);
	}
	free(state);
	if (state_reader_counters(reader, &counters) == STATUS_OK)
		checker->quarantined = counters.quarantined;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status checker_look_at_state(struct checker *checker)
{
	struct state_reader *reader;
	struct counting counting = { .checker = checker };
	enum status status = state_reader_open(checker->data, &reader);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	counting.reader = reader;
	status = check_positions(checker, reader);
	if (status == STATUS_OK)
		status = state_reader_assets(reader, count_facts, &counting);
	for (size_t i = 0; status == STATUS_OK && checker->is_quiet && i < checker->agents_count;
	     i++)
		status = check_agent(checker, reader, i);
	state_reader_close(reader);
	return status;
}

enum status checker_look_at_positions(struct checker *checker)
{
	struct state_reader *reader;
	enum status status = state_reader_open(checker->data, &reader);

	if (status != STATUS_OK)
		return status;
	status = check_positions(checker, reader);
	state_reader_close(reader);
	return status;
}
