/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_agents.c - how far every writer is, and in which epoch: what a hello is held against.
 */
#include "brokers/log/store_private.h"

enum {
	MARK_SIZE = 16, /* of a run (Hello.instance), and of a spool */
	MARKS_MAX = 8,  /* that are remembered of either */
	/* Of those that had been the last for a while more are, and no newcomers drive them out. */
	LASTED_MS = 60 * 1000,
	FORGIVEN_MS = 24 * 60 * 60 * 1000, /* a run that lasts so long after one returned */
	LASTED_MAX = 16,
};
static const uint64_t EPOCH_MAX = 1ULL << 48;

/* ---- cursors and rows ---- */

enum status log_store_cursor(struct log_store *store, const uint8_t writer[16], uint32_t flow,
    struct log_cursor *out)
{
	struct kv_txn *txn;
	struct bytes value;
	Fettle__LogCursor *cursor;
	enum status status = log_store_txn(store, &txn);

	*out = (struct log_cursor){ 0 };
	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_CURSOR, log_store_writer_key(store, writer, flow),
		    &value);
	if (status != STATUS_OK)
		return status;
	arena_reset(&store->arena);
	cursor = record_unpack(&fettle__log_cursor__descriptor, value, &store->arena);
	if (cursor == NULL || cursor->chain.len != HASH_SIZE)
		return STATUS_CORRUPT;
	out->epoch = cursor->epoch;
	out->sequence = cursor->sequence;
	memcpy(out->chain, cursor->chain.data, HASH_SIZE);
	return STATUS_OK;
}

enum status log_store_set_cursor(struct log_store *store, const uint8_t writer[16], uint32_t flow,
    const struct log_cursor *cursor)
{
	Fettle__LogCursor message = FETTLE__LOG_CURSOR__INIT;

	RECORD_SET(&message, epoch, cursor->epoch);
	RECORD_SET(&message, sequence, cursor->sequence);
	RECORD_SET_BYTES(&message, chain, BYTES_OF(cursor->chain));
	buffer_clear(&store->value);
	record_pack(&store->value, &message.base);
	return kv_put(store->write, TABLE_CURSOR, log_store_writer_key(store, writer, flow),
	    buffer_bytes(&store->value));
}

enum status log_store_get_agent(struct log_store *store, const uint8_t agent[16],
    Fettle__LogAgent **out)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_AGENT, BYTES(agent, 16), &value);
	if (status != STATUS_OK)
		return status;
	arena_reset(&store->arena);
	*out = record_unpack(&fettle__log_agent__descriptor, value, &store->arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

enum status log_store_put_agent(struct log_store *store, const uint8_t agent[16],
    const Fettle__LogAgent *message)
{
	buffer_clear(&store->value);
	record_pack(&store->value, &message->base);
	return kv_put(store->write, TABLE_AGENT, BYTES(agent, 16), buffer_bytes(&store->value));
}

enum status log_store_agents(struct log_store *store, uint64_t *out)
{
	struct kv_txn *txn;
	enum status status = log_store_txn(store, &txn);

	return status == STATUS_OK ? kv_count(txn, TABLE_AGENT, out) : status;
}

/* ---- epochs ---- */

/* Every lane starts from 1 again. */
static enum status begin_epoch(struct log_store *store, const uint8_t agent[16], uint64_t epoch)
{
	const struct log_cursor fresh = { .epoch = epoch };
	enum status status = STATUS_OK;

	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = log_store_set_cursor(store, agent, lane, &fresh);
	return status;
}

/*
 * An epoch's upper half is the store's generation less one.  So every epoch of before a restore is
 * below those after it, also one that was given after the backup and that only the agent knows.
 */
static uint64_t last_epoch_before(const struct log_store *store)
{
	return (store->generation - 1) << 32;
}

/* The epoch after what the agent and this store know. */
static uint64_t next_epoch(const struct log_store *store, const Fettle__LogAgent *known,
    uint64_t epoch)
{
	/* Where a backup was copied here by hand the agent knows the later one, but no absurd one.
	 */
	if (epoch < known->epoch || epoch >= EPOCH_MAX)
		epoch = known->epoch;
	if (epoch < last_epoch_before(store))
		epoch = last_epoch_before(store);
	return epoch + 1;
}

enum status log_store_end_epoch(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE])
{
	Fettle__LogAgent *known;
	enum status status = log_store_get_agent(store, agent, &known);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	/* One that no agent was given: the hello that names the older one gets the next. */
	RECORD_SET(known, epoch, known->epoch + 1);
	return log_store_put_agent(store, agent, known);
}

/* ---- hello ---- */

/* Whether the spool has sent less of one lane than is committed, or something else. */
static bool is_lane_behind(const struct log_cursor *cursor, const Fettle__Flow *flow)
{
	if (flow->head < cursor->sequence)
		return true;
	return flow->has_chain && flow->tail == cursor->sequence + 1
	    && !bytes_equal(record_bytes(flow->chain), BYTES_OF(cursor->chain));
}

/* An agent that has no epoch knows of nothing that was sent. */
static enum status is_behind(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const Fettle__Hello *hello, bool *out)
{
	*out = false;
	for (size_t i = 0; !*out && i < hello->n_sends; i++) {
		const Fettle__Flow *flow = hello->sends[i];
		struct log_cursor cursor;
		enum status status;

		if (flow->flow < LANE_CRITICAL || flow->flow >= LANE_END)
			continue;
		status = log_store_cursor(store, agent, flow->flow, &cursor);
		if (status != STATUS_OK && status != STATUS_NOT_FOUND)
			return status;
		if (hello->epoch == cursor.epoch)
			*out = is_lane_behind(&cursor, flow);
		else
			*out = hello->epoch == 0 && cursor.sequence > 0;
	}
	return STATUS_OK;
}

static bool is_mark(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
	return a.len == MARK_SIZE && bytes_equal(record_bytes(a), record_bytes(b));
}

static bool has_mark(const ProtobufCBinaryData *list, size_t count, ProtobufCBinaryData mark)
{
	for (size_t i = 0; i < count; i++)
		if (is_mark(list[i], mark))
			return true;
	return false;
}

static bool is_of_before(const Fettle__LogAgent *known, const ProtobufCBinaryData *list,
    size_t count, ProtobufCBinaryData mark)
{
	return has_mark(list, count, mark) || has_mark(known->lasted, known->n_lasted, mark);
}

/* By the clock of the one machine that both were said on; of two machines nobody can tell. */
static bool was_said_before(const Fettle__LogAgent *known, const Fettle__Hello *hello)
{
	return known->boot_id.len > 0 && known->has_said_ms && hello->has_said_ms
	    && bytes_equal(record_bytes(known->boot_id), record_bytes(hello->boot_id))
	    && hello->said_ms < known->said_ms;
}

static struct hello_facts compare_hello(const Fettle__LogAgent *known, const Fettle__Hello *hello)
{
	bool has_instance = hello->instance.len == MARK_SIZE;
	struct hello_facts facts = { .is_known = known->has_store,
		.is_same_spool = bytes_equal(record_bytes(known->store),
		    record_bytes(hello->store)),
		.has_instance = known->n_instances > 0 && has_instance,
		.has_later_start = hello->start > known->starts,
		.was_said_before = was_said_before(known, hello),
		.overtaken = known->overtaken,
		.is_nameless = !has_instance && (known->names_runs || known->n_instances > 0),
		.returns = known->returns };

	facts.is_last_run = facts.has_instance && is_mark(known->instances[0], hello->instance);
	facts.is_older_run = has_instance && !facts.is_last_run
	                  && is_of_before(known, known->instances, known->n_instances,
			      hello->instance);
	facts.is_older_spool = !facts.is_same_spool
	                    && is_of_before(known, known->stores, known->n_stores, hello->store);
	return facts;
}

/* MARK becomes the first of a list of at most MOST; the last is forgotten. */
static void put_first(struct log_store *store, ProtobufCBinaryData mark, size_t most,
    ProtobufCBinaryData **list, size_t *count)
{
	ProtobufCBinaryData *made = arena_take(&store->arena, most * sizeof(*made));
	size_t kept = 0;

	if (mark.len != MARK_SIZE)
		return;
	made[kept++] = mark;
	for (size_t i = 0; i < *count && kept < most; i++)
		if (!is_mark((*list)[i], mark))
			made[kept++] = (*list)[i];
	*list = made;
	*count = kept;
}

static void keep_if_it_lasted(struct log_store *store, Fettle__LogAgent *known,
    ProtobufCBinaryData mark, uint64_t now_ms)
{
	if (now_ms >= known->last_seen_ms && now_ms - known->last_seen_ms >= LASTED_MS)
		put_first(store, mark, LASTED_MAX, &known->lasted, &known->n_lasted);
}

static void remember_when(Fettle__LogAgent *known, const Fettle__Hello *hello)
{
	RECORD_SET_BYTES(known, boot_id, record_bytes(hello->boot_id));
	RECORD_SET(known, said_ms, hello->said_ms);
	known->has_said_ms = hello->has_said_ms;
	RECORD_SET(known, overtaken, 0);
}

/* Another run, or another spool, follows the last one. */
static void remember(struct log_store *store, Fettle__LogAgent *known, const Fettle__Hello *hello,
    uint64_t now_ms)
{
	if (known->n_instances > 0 && !is_mark(known->instances[0], hello->instance))
		keep_if_it_lasted(store, known, known->instances[0], now_ms);
	if (hello->instance.len == MARK_SIZE) {
		if (known->n_instances == 0 || !is_mark(known->instances[0], hello->instance))
			remember_when(known, hello);
		put_first(store, hello->instance, MARKS_MAX, &known->instances,
		    &known->n_instances);
		RECORD_SET(known, names_runs, 1);
	}
	if (known->has_store && !is_mark(known->store, hello->store)) {
		keep_if_it_lasted(store, known, known->store, now_ms);
		put_first(store, known->store, MARKS_MAX, &known->stores, &known->n_stores);
	}
}

/* Once an operator has looked at a clone, whichever of its runs is left counts anew. */
static void take_note(struct log_store *store, Fettle__LogAgent *known, const Fettle__Hello *hello,
    enum hello_verdict verdict, uint64_t now_ms)
{
	if (verdict == HELLO_CLONE) {
		known->n_instances = known->n_stores = known->n_lasted = 0;
		RECORD_SET(known, returns, 0);
		return;
	}
	if (verdict == HELLO_RETURNED)
		RECORD_SET(known, returns, known->returns + 1);
	remember(store, known, hello, now_ms);
}

static enum status tell_verdict(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const struct log_greeting *greeting, uint64_t now_ms)
{
	static const struct {
		Fettle__NoticeWhat what;
		const char *detail;
	} notices[] = {
		[HELLO_SUPERSEDED] = { FETTLE__NOTICE_WHAT__NOTICE_WHAT_SUPERSEDED,
		    "a newer session of the same machine took over while the older was open" },
		[HELLO_OTHER_SPOOL] = { FETTLE__NOTICE_WHAT__NOTICE_WHAT_OTHER_SPOOL,
		    "its spool was made anew: what waited in the one before is not known" },
		[HELLO_NAMELESS] = { FETTLE__NOTICE_WHAT__NOTICE_WHAT_NAMELESS,
		    "somebody spoke with its key and did not say which run of it that was, as it "
		    "does itself: an older version of the agent, or a thief of the key" },
		[HELLO_ROLLED_BACK] = { FETTLE__NOTICE_WHAT__NOTICE_WHAT_ROLLED_BACK,
		    "its spool is an older one than the log has seen, or a copy of it" },
		[HELLO_CLONE] = { FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE,
		    "two machines speak with this key, in turn" },
	};
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	unsigned verdict = greeting->verdict;

	if (verdict >= sizeof(notices) / sizeof(notices[0]) || notices[verdict].detail == NULL
	    || (verdict == HELLO_SUPERSEDED && !greeting->is_here))
		return STATUS_OK;
	RECORD_SET(&notice, what, notices[verdict].what);
	RECORD_SET_BYTES(&notice, agent, BYTES(agent, AGENT_ID_SIZE));
	notice.principal = RECORD_TEXT("log");
	notice.detail = RECORD_TEXT(notices[verdict].detail);
	return log_store_notice(store, &notice, now_ms);
}

static enum status write_hello(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    Fettle__LogAgent *known, const Fettle__Hello *hello, bool is_new_epoch, uint64_t now_ms)
{
	enum status status;

	if (is_new_epoch)
		RECORD_SET(known, epoch, next_epoch(store, known, hello->epoch));
	RECORD_SET_BYTES(known, store, record_bytes(hello->store));
	RECORD_SET(known, starts, hello->start);
	RECORD_SET(known, last_seen_ms, now_ms);
	status = log_store_put_agent(store, agent, known);
	return status == STATUS_OK && is_new_epoch ? begin_epoch(store, agent, known->epoch)
	                                           : status;
}

/*
 * Of two machines with one key neither speaks for a day alone: a run that does, and goes on or is
 * followed as it should be, shows that what returned before it was the same machine.
 */
static bool forgive_returns(Fettle__LogAgent *known, enum hello_verdict verdict, uint64_t now_ms)
{
	if (known->returns == 0 || (verdict != HELLO_RESUMED && verdict != HELLO_SUPERSEDED)
	    || now_ms < known->last_seen_ms || now_ms - known->last_seen_ms < FORGIVEN_MS)
		return false;
	RECORD_SET(known, returns, 0);
	return true;
}

enum status log_store_hello(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const Fettle__Hello *hello, uint64_t now_ms, struct log_greeting *greeting)
{
	Fettle__LogAgent fresh = FETTLE__LOG_AGENT__INIT, *known = &fresh;
	struct hello_facts facts;
	bool is_new_epoch, behind, is_forgiven;
	enum status status = is_behind(store, agent, hello, &behind);

	if (status == STATUS_OK)
		status = log_store_get_agent(store, agent, &known);
	if (status == STATUS_NOT_FOUND) {
		known = &fresh;
		RECORD_SET(known, first_seen_ms, now_ms);
	} else if (status != STATUS_OK) {
		return status;
	}
	facts = compare_hello(known, hello);
	facts.is_behind = behind;
	greeting->verdict = hello_judge(&facts);
	greeting->epoch = known->epoch;
	if (greeting->verdict == HELLO_OVERTAKEN) {
		RECORD_SET(known, overtaken, known->overtaken + 1);
		return log_store_put_agent(store, agent, known);
	}
	if (greeting->verdict == HELLO_NAMELESS)
		return tell_verdict(store, agent, greeting, now_ms);
	is_forgiven = forgive_returns(known, greeting->verdict, now_ms);
	is_new_epoch = hello_begins_epoch(greeting->verdict) || !facts.is_same_spool
	            || hello->epoch != known->epoch || hello->epoch <= last_epoch_before(store);
	if (!is_new_epoch && known->starts == hello->start
	    && (facts.is_last_run || hello->instance.len == 0))
		return is_forgiven ? log_store_put_agent(store, agent, known) : STATUS_OK;
	take_note(store, known, hello, greeting->verdict, now_ms);
	status = write_hello(store, agent, known, hello, is_new_epoch, now_ms);
	greeting->epoch = known->epoch;
	return status == STATUS_OK ? tell_verdict(store, agent, greeting, now_ms) : status;
}
