/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "processors/state/reader.h"
#include "sinks/store/query.h"
#include "tests/checker/parts.h"

struct seen {
	UT_hash_handle hh;
	uint8_t id[EVENT_ID_SIZE];
	unsigned times;
};

struct stored {
	struct checker *checker;
	struct seen *seen;
};

/* An agent that begins a new epoch says again what it cannot know to have arrived. */
static unsigned times_sent(struct checker *checker, const uint8_t *event_id)
{
	const struct production_entry *entry = production_find(checker->production, event_id);

	if (entry == NULL)
		return 1;
	return entry->was_logged > entry->logged ? entry->was_logged : entry->logged;
}

/* A change bears the id of the event that it is of, and is there once for each time it was sent. */
static enum status take_change(void *visitor, const Fettle__ChangeVerdict *change,
    uint64_t stored_ms)
{
	struct stored *stored = visitor;
	struct seen *seen;

	(void)stored_ms;
	stored->checker->stored++;
	if (change->id.len != EVENT_ID_SIZE)
		return STATUS_OK;
	HASH_FIND(hh, stored->seen, change->id.data, EVENT_ID_SIZE, seen);
	if (seen == NULL) {
		seen = memory_new(sizeof(*seen));
		memcpy(seen->id, change->id.data, EVENT_ID_SIZE);
		HASH_ADD(hh, stored->seen, id, EVENT_ID_SIZE, seen);
	}
	if (++seen->times > times_sent(stored->checker, seen->id)) {
		char id[2 * EVENT_ID_SIZE + 1];

		bytes_to_hex(BYTES_OF(seen->id), id);
		checker_complain(stored->checker, "I2 stored %u times: change %s of `%.*s`",
		    seen->times, id, (int)change->key.len, (const char *)change->key.data);
	}
	return STATUS_OK;
}

static enum status check_heads(struct checker *checker, struct query *query)
{
	struct query_counters store;
	struct state_counters state;
	struct state_reader *reader;
	enum status status = query_counters(query, &store);

	if (status == STATUS_OK)
		status = state_reader_open(checker->data, &reader);
	if (status != STATUS_OK)
		return status;
	status = state_reader_counters(reader, &state);
	state_reader_close(reader);
	if (status != STATUS_OK)
		return status;
	if (store.position > state.verdicts)
		checker_complain(checker,
		    "I6 the store has verdict %" PRIu64 " and the processor made %" PRIu64,
		    store.position, state.verdicts);
	if (checker->is_quiet && store.position != state.verdicts)
		checker_complain(checker, "I1 %" PRIu64 " of %" PRIu64 " verdicts are stored",
		    store.position, state.verdicts);
	if (store.refused > 0)
		checker_complain(checker, "I6 the store refused %" PRIu64 " verdicts",
		    store.refused);
	return STATUS_OK;
}

enum status checker_look_at_store(struct checker *checker)
{
	const struct query_changes all = { 0 };
	struct stored stored = { .checker = checker };
	struct seen *seen, *next;
	struct query *query;
	enum status status = query_open(checker->data, &query);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	status = query_changes(query, &all, take_change, &stored);
	if (status == STATUS_OK)
		status = check_heads(checker, query);
	query_close(query);
	HASH_ITER (hh, stored.seen, seen, next) {
		HASH_DELETE(hh, stored.seen, seen);
		free(seen);
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status checker_look_at_heads(struct checker *checker)
{
	struct query *query;
	enum status status = query_open(checker->data, &query);

	if (status != STATUS_OK)
		return status;
	status = check_heads(checker, query);
	query_close(query);
	return status;
}
