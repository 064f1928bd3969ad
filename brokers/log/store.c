/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/store.h"

#include <stdlib.h>

#include "brokers/log/notices.h"
#include "brokers/log/tables.h"
#include "core/kv.h"
#include "core/log.h"
#include "core/require.h"
#include "proto/state.pb-c.h"

static const char *const tables[] = { LOG_TABLE_NAMES };

enum { KEYS_MAX = 400, COMMANDS_PASSED_OVER = 65536, INSTANCE_SIZE = 16, INSTANCES_MAX = 8 };
static const uint64_t EPOCH_MAX = 1ULL << 48;

struct heads {
	uint64_t head[SUBLOG_END], tail[SUBLOG_END];
};

struct log_store {
	struct kv *kv;
	struct kv_txn *write, *read;
	struct heads now, committed;
	bool dirty[SUBLOG_END];
	uint8_t uuid[16];
	uint64_t generation;
	unsigned retain_at; /* the flow that retention looks at next */
	struct arena arena;
	struct buffer key, other_key, value;
};

static const uint8_t empty_record[1];

/* ---- keys ---- */

static struct bytes record_key(struct log_store *store, uint32_t flow, uint64_t offset)
{
	buffer_clear(&store->key);
	buffer_append_u32(&store->key, flow);
	buffer_append_u64(&store->key, offset);
	return buffer_bytes(&store->key);
}

static struct bytes writer_key(struct log_store *store, const uint8_t writer[16], uint32_t flow)
{
	buffer_clear(&store->key);
	buffer_append(&store->key, BYTES(writer, 16));
	buffer_append_u32(&store->key, flow);
	return buffer_bytes(&store->key);
}

static struct bytes command_key(struct log_store *store, const uint8_t agent[16], uint64_t number)
{
	buffer_clear(&store->key);
	buffer_append(&store->key, BYTES(agent, 16));
	buffer_append_u64(&store->key, number);
	return buffer_bytes(&store->key);
}

static struct bytes u64_value(struct log_store *store, uint64_t number)
{
	buffer_clear(&store->value);
	buffer_append_u64(&store->value, number);
	return buffer_bytes(&store->value);
}

/* ---- opening ---- */

static enum status load_heads(struct log_store *store, struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, TABLE_HEAD, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value)) {
		uint32_t flow = key.size == 4 ? bytes_u32(key.data) : SUBLOG_END;
		Fettle__LogHead *head = record_unpack(&fettle__log_head__descriptor, value,
		    &store->arena);

		if (flow >= SUBLOG_END || head == NULL) {
			status = STATUS_CORRUPT;
			break;
		}
		store->now.head[flow] = head->head;
		store->now.tail[flow] = head->tail;
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status put_meta(struct log_store *store)
{
	Fettle__LogMeta meta = FETTLE__LOG_META__INIT;

	RECORD_SET_BYTES(&meta, store, BYTES_OF(store->uuid));
	RECORD_SET(&meta, generation, store->generation);
	RECORD_SET(&meta, slots, SUBLOG_SLOTS);
	buffer_clear(&store->value);
	record_pack(&store->value, &meta.base);
	return kv_put(store->write, TABLE_META, bytes_of_text("meta"), buffer_bytes(&store->value));
}

static enum status create_meta(struct log_store *store)
{
	enum status status = log_store_begin(store);

	if (status != STATUS_OK)
		return status;
	hash_random(store->uuid, sizeof(store->uuid));
	store->generation = 1;
	status = put_meta(store);
	if (status != STATUS_OK) {
		log_store_abort(store);
		return status;
	}
	return log_store_commit(store);
}

static enum status load_meta(struct log_store *store, struct kv_txn *txn)
{
	struct bytes value;
	Fettle__LogMeta *meta;
	enum status status = kv_get(txn, TABLE_META, bytes_of_text("meta"), &value);

	if (status != STATUS_OK)
		return status;
	meta = record_unpack(&fettle__log_meta__descriptor, value, &store->arena);
	if (meta == NULL || meta->store.len != sizeof(store->uuid) || meta->slots != SUBLOG_SLOTS)
		return STATUS_CORRUPT;
	memcpy(store->uuid, meta->store.data, sizeof(store->uuid));
	store->generation = meta->generation;
	return STATUS_OK;
}

static enum status load(struct log_store *store)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(store->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = load_meta(store, txn);
	if (status == STATUS_OK)
		status = load_heads(store, txn);
	kv_abort(&txn);
	store->committed = store->now;
	return status == STATUS_NOT_FOUND ? create_meta(store) : status;
}

enum status log_store_open(const char *directory, struct log_store **out)
{
	struct log_store *store = memory_new(sizeof(*store));
	const struct kv_options options = { .tables = tables, .is_writer = true };
	enum status status;

	for (unsigned flow = 0; flow < SUBLOG_END; flow++)
		store->now.tail[flow] = 1;
	status = kv_open(directory, &options, &store->kv);
	if (status == STATUS_OK) {
		status = load(store);
		if (status == STATUS_CORRUPT)
			log_write(LOG_ERROR, "log-damaged", LOG_FIELDS(LOG_TEXT("path", directory)),
			    "the log's own tables are damaged; restore a backup");
	}
	if (status != STATUS_OK) {
		log_store_close(store);
		return status;
	}
	*out = store;
	return STATUS_OK;
}

void log_store_close(struct log_store *store)
{
	if (store == NULL)
		return;
	log_store_release(store);
	kv_abort(&store->write);
	kv_close(store->kv);
	arena_fini(&store->arena);
	buffer_fini(&store->key);
	buffer_fini(&store->other_key);
	buffer_fini(&store->value);
	free(store);
}

uint64_t log_store_generation(const struct log_store *store)
{
	return store->generation;
}

struct bytes log_store_uuid(const struct log_store *store)
{
	return BYTES_OF(store->uuid);
}

/* ---- transactions ---- */

enum status log_store_begin(struct log_store *store)
{
	REQUIRE(store->write == NULL && store->read == NULL);
	return kv_write_begin(store->kv, &store->write);
}

enum status log_store_begin_trim(struct log_store *store)
{
	REQUIRE(store->write == NULL && store->read == NULL);
	return kv_trim_begin(store->kv, &store->write);
}

void log_store_abort(struct log_store *store)
{
	kv_abort(&store->write);
	store->now = store->committed;
	memset(store->dirty, 0, sizeof(store->dirty));
}

static enum status write_heads(struct log_store *store)
{
	enum status status = STATUS_OK;

	for (uint32_t flow = 0; status == STATUS_OK && flow < SUBLOG_END; flow++) {
		Fettle__LogHead head = FETTLE__LOG_HEAD__INIT;
		uint8_t key[4] = { (uint8_t)(flow >> 24), (uint8_t)(flow >> 16),
			(uint8_t)(flow >> 8), (uint8_t)flow };

		if (!store->dirty[flow])
			continue;
		RECORD_SET(&head, head, store->now.head[flow]);
		RECORD_SET(&head, tail, store->now.tail[flow]);
		buffer_clear(&store->value);
		record_pack(&store->value, &head.base);
		status = kv_put(store->write, TABLE_HEAD, BYTES_OF(key),
		    buffer_bytes(&store->value));
	}
	return status;
}

enum status log_store_commit(struct log_store *store)
{
	enum status status = write_heads(store);

	if (status == STATUS_OK)
		status = kv_commit(&store->write);
	if (status != STATUS_OK) {
		log_store_abort(store);
		return status;
	}
	store->committed = store->now;
	memset(store->dirty, 0, sizeof(store->dirty));
	return STATUS_OK;
}

/* Within the write transaction if there is one, else within a read transaction that is kept. */
static enum status reading(struct log_store *store, struct kv_txn **txn)
{
	enum status status = STATUS_OK;

	if (store->write == NULL && store->read == NULL)
		status = kv_read_begin(store->kv, &store->read);
	*txn = store->write != NULL ? store->write : store->read;
	return status;
}

void log_store_release(struct log_store *store)
{
	kv_abort(&store->read);
}

enum status log_store_txn(struct log_store *store, struct kv_txn **out)
{
	return reading(store, out);
}

/* ---- cursors and epochs ---- */

enum status log_store_cursor(struct log_store *store, const uint8_t writer[16], uint32_t flow,
    struct log_cursor *out)
{
	struct kv_txn *txn;
	struct bytes value;
	Fettle__LogCursor *cursor;
	enum status status = reading(store, &txn);

	*out = (struct log_cursor){ 0 };
	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_CURSOR, writer_key(store, writer, flow), &value);
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
	return kv_put(store->write, TABLE_CURSOR, writer_key(store, writer, flow),
	    buffer_bytes(&store->value));
}

static enum status get_agent(struct log_store *store, const uint8_t agent[16],
    Fettle__LogAgent **out)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = reading(store, &txn);

	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_AGENT, BYTES(agent, 16), &value);
	if (status != STATUS_OK)
		return status;
	arena_reset(&store->arena);
	*out = record_unpack(&fettle__log_agent__descriptor, value, &store->arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

static enum status put_agent(struct log_store *store, const uint8_t agent[16],
    const Fettle__LogAgent *message)
{
	buffer_clear(&store->value);
	record_pack(&store->value, &message->base);
	return kv_put(store->write, TABLE_AGENT, BYTES(agent, 16), buffer_bytes(&store->value));
}

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

static bool is_instance(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
	return a.len == INSTANCE_SIZE && bytes_equal(record_bytes(a), record_bytes(b));
}

static struct hello_facts compare_hello(const Fettle__LogAgent *known, const Fettle__Hello *hello)
{
	struct hello_facts facts = { .is_known = known->has_store,
		.is_same_spool = bytes_equal(record_bytes(known->store),
		    record_bytes(hello->store)),
		.has_instance = known->n_instances > 0 && hello->instance.len == INSTANCE_SIZE,
		.has_later_start = hello->start > known->starts,
		.returns = known->returns };

	facts.is_last_run = facts.has_instance && is_instance(known->instances[0], hello->instance);
	for (size_t i = 1; i < known->n_instances && !facts.is_last_run; i++)
		facts.is_older_run |= is_instance(known->instances[i], hello->instance);
	return facts;
}

/* The newest first; those beyond INSTANCES_MAX are forgotten. */
static void remember_instance(struct log_store *store, Fettle__LogAgent *known,
    const Fettle__Hello *hello)
{
	ProtobufCBinaryData *list = arena_take(&store->arena, INSTANCES_MAX * sizeof(*list));
	size_t count = 0;

	if (hello->instance.len != INSTANCE_SIZE)
		return;
	list[count++] = hello->instance;
	for (size_t i = 0; i < known->n_instances && count < INSTANCES_MAX; i++)
		if (!is_instance(known->instances[i], hello->instance))
			list[count++] = known->instances[i];
	known->instances = list;
	known->n_instances = count;
}

/* Once an operator has looked at a clone, whichever of its runs is left counts anew. */
static void take_note(struct log_store *store, Fettle__LogAgent *known, const Fettle__Hello *hello,
    enum hello_verdict verdict)
{
	if (verdict == HELLO_CLONE) {
		known->n_instances = 0;
		RECORD_SET(known, returns, 0);
		return;
	}
	if (verdict == HELLO_RETURNED)
		RECORD_SET(known, returns, known->returns + 1);
	remember_instance(store, known, hello);
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

static enum status write_hello(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    Fettle__LogAgent *known, const Fettle__Hello *hello, bool is_new_epoch, uint64_t now_ms)
{
	enum status status;

	if (is_new_epoch)
		RECORD_SET(known, epoch, next_epoch(store, known, hello->epoch));
	RECORD_SET_BYTES(known, store, record_bytes(hello->store));
	RECORD_SET(known, starts, hello->start);
	RECORD_SET(known, last_seen_ms, now_ms);
	status = put_agent(store, agent, known);
	return status == STATUS_OK && is_new_epoch ? begin_epoch(store, agent, known->epoch)
	                                           : status;
}

enum status log_store_hello(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const Fettle__Hello *hello, uint64_t now_ms, struct log_greeting *greeting)
{
	Fettle__LogAgent fresh = FETTLE__LOG_AGENT__INIT, *known = &fresh;
	struct hello_facts facts;
	bool is_new_epoch, behind;
	enum status status = is_behind(store, agent, hello, &behind);

	if (status == STATUS_OK)
		status = get_agent(store, agent, &known);
	if (status == STATUS_NOT_FOUND) {
		known = &fresh;
		RECORD_SET(known, first_seen_ms, now_ms);
	} else if (status != STATUS_OK) {
		return status;
	}
	facts = compare_hello(known, hello);
	facts.is_behind = behind;
	greeting->verdict = hello_judge(&facts);
	is_new_epoch = hello_begins_epoch(greeting->verdict) || hello->epoch != known->epoch
	            || hello->epoch <= last_epoch_before(store);
	greeting->epoch = known->epoch;
	if (!is_new_epoch && known->starts == hello->start
	    && (facts.is_last_run || hello->instance.len == 0))
		return STATUS_OK;
	take_note(store, known, hello, greeting->verdict);
	status = write_hello(store, agent, known, hello, is_new_epoch, now_ms);
	greeting->epoch = known->epoch;
	return status == STATUS_OK ? tell_verdict(store, agent, greeting, now_ms) : status;
}

enum status log_store_agents(struct log_store *store, uint64_t *out)
{
	struct kv_txn *txn;
	enum status status = reading(store, &txn);

	return status == STATUS_OK ? kv_count(txn, TABLE_AGENT, out) : status;
}

enum status log_store_end_epoch(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE])
{
	Fettle__LogAgent *known;
	enum status status = get_agent(store, agent, &known);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	/* One that no agent was given: the hello that names the older one gets the next. */
	RECORD_SET(known, epoch, known->epoch + 1);
	return put_agent(store, agent, known);
}

/* ---- restored from a backup ---- */

/* One agent's stream of commands goes on beyond what it may have had since the backup. */
static enum status pass_over_commands(struct log_store *store, struct kv_cursor *cursor,
    struct bytes key, struct bytes value)
{
	Fettle__LogAgent *agent;

	arena_reset(&store->arena);
	agent = record_unpack(&fettle__log_agent__descriptor, value, &store->arena);
	if (agent == NULL)
		return STATUS_CORRUPT;
	RECORD_SET(agent, command_head, agent->command_head + COMMANDS_PASSED_OVER);
	buffer_clear(&store->value);
	record_pack(&store->value, &agent->base);
	return kv_cursor_put(cursor, key, buffer_bytes(&store->value));
}

static enum status pass_over_all_commands(struct log_store *store)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(store->write, TABLE_AGENT, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		status = pass_over_commands(store, cursor, key, value);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_store_restored(struct log_store *store)
{
	enum status status;

	store->generation++;
	status = put_meta(store);
	return status == STATUS_OK ? pass_over_all_commands(store) : status;
}

/* ---- records ---- */

static enum status append_record(struct log_store *store, uint32_t flow, struct bytes record,
    Fettle__Stamp *stamp)
{
	store->now.head[flow]++;
	store->dirty[flow] = true;
	RECORD_SET(stamp, offset, store->now.head[flow]);
	buffer_clear(&store->value);
	record_stamp(&store->value, record, stamp);
	return kv_put(store->write, TABLE_RECORD, record_key(store, flow, store->now.head[flow]),
	    buffer_bytes(&store->value));
}

enum status log_store_append(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t epoch, enum lane lane, uint64_t first, const struct bytes *records, size_t count,
    struct bytes chain, uint64_t received_ms)
{
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	struct log_cursor cursor;
	size_t known;
	enum status status = log_store_cursor(store, agent, lane, &cursor);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	if (cursor.epoch != epoch || first > cursor.sequence + 1)
		return STATUS_EXISTS;
	known = (size_t)(cursor.sequence + 1 - first);
	if (known >= count)
		return STATUS_OK;
	for (size_t i = known; i < count; i++)
		hash_chain(cursor.chain, records[i]);
	if (chain.size > 0 && !bytes_equal(chain, BYTES_OF(cursor.chain)))
		return STATUS_REJECT;
	RECORD_SET_BYTES(&stamp, writer, BYTES(agent, AGENT_ID_SIZE));
	RECORD_SET(&stamp, epoch, epoch);
	RECORD_SET(&stamp, lane, lane);
	RECORD_SET(&stamp, received_ms, received_ms);
	status = STATUS_OK;
	for (size_t i = known; status == STATUS_OK && i < count; i++) {
		RECORD_SET(&stamp, sequence, first + i);
		status = append_record(store, sublog_flow(sublog_slot_of(agent), lane), records[i],
		    &stamp);
	}
	cursor.sequence = first + count - 1;
	return status == STATUS_OK ? log_store_set_cursor(store, agent, lane, &cursor) : status;
}

/* ---- intent and commands: streams that a later record of one key shortens ---- */

/* The number under KEY of TABLE, or NOT_FOUND. */
static enum status get_number(struct log_store *store, unsigned table, struct bytes key,
    uint64_t *out)
{
	struct bytes value;
	enum status status = kv_get(store->write, table, key, &value);

	if (status == STATUS_OK && value.size != 8)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		*out = bytes_u64(value.data);
	return status;
}

static bool has_key(const Fettle__Record *record)
{
	return record->envelope->has_key && record->envelope->key.len > 0
	    && record->envelope->key.len <= KEYS_MAX;
}

/* A decision is one whenever it is made: what was refused to one may be granted to another. */
static bool is_same(const Fettle__Record *a, const Fettle__Record *b)
{
	return a->envelope->kind == b->envelope->kind
	    && a->envelope->kind != FETTLE__KIND__KIND_JOB_DECISION
	    && bytes_equal(record_bytes(a->body), record_bytes(b->body));
}

static void fill_stamp(Fettle__Stamp *stamp, const uint8_t writer[16], uint64_t received_ms)
{
	fettle__stamp__init(stamp);
	RECORD_SET_BYTES(stamp, writer, BYTES(writer, 16));
	RECORD_SET(stamp, received_ms, received_ms);
}

/* Whether what is kept under OFFSET says the same as NEWER. */
static enum status same_as_kept(struct log_store *store, uint64_t offset,
    const Fettle__Record *newer, bool *is_same_out)
{
	struct bytes value;
	Fettle__Record *older;
	enum status status = kv_get(store->write, TABLE_RECORD,
	    record_key(store, SUBLOG_INTENT, offset), &value);

	if (status != STATUS_OK)
		return status;
	*is_same_out = record_decode(value, &store->arena, &older) == STATUS_OK
	            && is_same(older, newer);
	return STATUS_OK;
}

enum status log_store_intent(struct log_store *store, struct bytes record, const uint8_t writer[16],
    const char *name, uint64_t received_ms, bool *changed)
{
	Fettle__Stamp stamp;
	Fettle__Record *decoded;
	uint64_t older;
	bool is_same_as_kept = false;
	struct bytes key;
	enum status status;

	arena_reset(&store->arena);
	if (record.size > LINK_INTENT_MAX || !record_is_plain(record)
	    || record_decode(record, &store->arena, &decoded) != STATUS_OK || !has_key(decoded))
		return STATUS_REJECT;
	key = record_bytes(decoded->envelope->key);
	status = get_number(store, TABLE_INTENT_KEY, key, &older);
	if (status == STATUS_OK)
		status = same_as_kept(store, older, decoded, &is_same_as_kept);
	*changed = !is_same_as_kept;
	if (is_same_as_kept)
		return STATUS_OK;
	if (status == STATUS_OK)
		status = kv_delete(store->write, TABLE_RECORD,
		    record_key(store, SUBLOG_INTENT, older));
	else if (status == STATUS_NOT_FOUND)
		status = STATUS_OK;
	fill_stamp(&stamp, writer, received_ms);
	stamp.principal = RECORD_TEXT(name);
	if (status == STATUS_OK)
		status = append_record(store, SUBLOG_INTENT, record, &stamp);
	return status == STATUS_OK ? kv_put(store->write, TABLE_INTENT_KEY, key,
		   u64_value(store, store->now.head[SUBLOG_INTENT]))
	                           : status;
}

/* The log is its own writer here: its uuid stands where an agent's or a person's id would. */
static void pack_own(struct buffer *out, uint32_t kind, const ProtobufCMessage *body,
    uint64_t now_ms)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct buffer packed = { 0 };
	uint8_t event_id[EVENT_ID_SIZE];

	record_pack(&packed, body);
	hash_random(event_id, sizeof(event_id));
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET(&envelope, schema, 1);
	RECORD_SET(&envelope, wall_ms, now_ms);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&packed));
	record_pack(out, &record.base);
	buffer_fini(&packed);
}

enum status log_store_say(struct log_store *store, uint32_t flow, uint32_t kind,
    const ProtobufCMessage *body, uint64_t now_ms, uint64_t older, uint64_t *offset)
{
	Fettle__Stamp stamp;
	struct buffer packed = { 0 };
	enum status status = STATUS_OK;

	if (older != 0)
		status = kv_delete(store->write, TABLE_RECORD, record_key(store, flow, older));
	pack_own(&packed, kind, body, now_ms);
	fill_stamp(&stamp, log_store_uuid(store).data, now_ms);
	if (status == STATUS_OK)
		status = append_record(store, flow, buffer_bytes(&packed), &stamp);
	*offset = store->now.head[flow];
	buffer_fini(&packed);
	return status;
}

enum status log_store_notice(struct log_store *store, Fettle__Notice *notice, uint64_t now_ms)
{
	struct notices_room room;
	uint64_t offset;
	bool is_listed;
	enum status status;

	notices_shorten(notice, &room);
	status = notices_admit(store, notice, now_ms, &is_listed);
	if (status != STATUS_OK || !is_listed)
		return status;
	RECORD_SET(notice, at_ms, now_ms);
	return log_store_say(store, SUBLOG_NOTICE, FETTLE__KIND__KIND_NOTICE, &notice->base, now_ms,
	    0, &offset);
}

/* The next number of an agent's command stream. */
static enum status next_command(struct log_store *store, const uint8_t agent[16], uint64_t *out)
{
	Fettle__LogAgent fresh = FETTLE__LOG_AGENT__INIT, *known = &fresh;
	enum status status = get_agent(store, agent, &known);

	if (status == STATUS_NOT_FOUND)
		known = &fresh;
	else if (status != STATUS_OK)
		return status;
	*out = known->command_head + 1;
	RECORD_SET(known, command_head, *out);
	return put_agent(store, agent, known);
}

static enum status replace_command(struct log_store *store, const uint8_t agent[16],
    struct bytes key, uint64_t number)
{
	uint64_t older;
	enum status status;

	buffer_clear(&store->other_key);
	buffer_append(&store->other_key, BYTES(agent, 16));
	buffer_append(&store->other_key, key);
	status = get_number(store, TABLE_COMMAND_KEY, buffer_bytes(&store->other_key), &older);
	if (status == STATUS_OK)
		status = kv_delete(store->write, TABLE_COMMAND, command_key(store, agent, older));
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	return kv_put(store->write, TABLE_COMMAND_KEY, buffer_bytes(&store->other_key),
	    u64_value(store, number));
}

enum status log_store_command(struct log_store *store, struct bytes record,
    const uint8_t writer[16], uint64_t received_ms, struct log_command *out)
{
	struct arena arena = { 0 };
	Fettle__Stamp stamp;
	Fettle__Record *decoded;
	enum status status = STATUS_REJECT;

	if (!record_is_plain(record) || record_decode(record, &arena, &decoded) != STATUS_OK
	    || decoded->envelope->target.len != AGENT_ID_SIZE || !has_key(decoded))
		goto out;
	memcpy(out->agent, decoded->envelope->target.data, AGENT_ID_SIZE);
	status = next_command(store, out->agent, &out->number);
	if (status == STATUS_OK)
		status = replace_command(store, out->agent, record_bytes(decoded->envelope->key),
		    out->number);
	if (status != STATUS_OK)
		goto out;
	fill_stamp(&stamp, writer, received_ms);
	RECORD_SET(&stamp, sequence, out->number);
	buffer_clear(&store->value);
	record_stamp(&store->value, record, &stamp);
	status = kv_put(store->write, TABLE_COMMAND, command_key(store, out->agent, out->number),
	    buffer_bytes(&store->value));
out:
	arena_fini(&arena);
	return status;
}

enum status log_store_command_head(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t *head)
{
	Fettle__LogAgent *known;
	enum status status = get_agent(store, agent, &known);

	*head = status == STATUS_OK ? known->command_head : 0;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_store_command_acked(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t sequence)
{
	Fettle__LogAgent *known;
	enum status status = get_agent(store, agent, &known);
	uint64_t from;

	if (status != STATUS_OK || sequence <= known->command_acked
	    || sequence > known->command_head)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	from = known->command_acked + 1;
	RECORD_SET(known, command_acked, sequence);
	status = put_agent(store, agent, known);
	for (uint64_t number = from; status == STATUS_OK && number <= sequence; number++)
		status = kv_delete(store->write, TABLE_COMMAND, command_key(store, agent, number));
	return status;
}

/* ---- reading ---- */

uint64_t log_store_head(const struct log_store *store, uint32_t flow)
{
	return flow < SUBLOG_END ? store->committed.head[flow] : 0;
}

uint64_t log_store_tail(const struct log_store *store, uint32_t flow)
{
	return flow < SUBLOG_END ? store->committed.tail[flow] : 1;
}

/*
 * Reads numbered records of TABLE under the key PREFIX, from FROM up to LAST.  A number without a
 * record gives an empty one, so that a flow has no holes.
 */
static enum status read_run(struct log_store *store, unsigned table, struct bytes prefix,
    uint64_t from, uint64_t last, size_t most, struct link_batch *batch)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	uint64_t next = from;
	enum status status;

	buffer_clear(&store->key);
	buffer_append(&store->key, prefix);
	buffer_append_u64(&store->key, from);
	status = kv_cursor_open(store->read, table, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(&store->key), &key, &value);
	while ((status == STATUS_OK || status == STATUS_NOT_FOUND) && next <= last
	       && batch->count < most) {
		bool is_there = status == STATUS_OK && key.size == prefix.size + 8
		             && bytes_start_with(key, prefix)
		             && bytes_u64(key.data + prefix.size) == next;
		struct bytes record = is_there ? value : BYTES(empty_record, 0);

		if (!link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
		next++;
		if (is_there)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_store_read(struct log_store *store, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	uint8_t prefix[4] = { (uint8_t)(flow >> 24), (uint8_t)(flow >> 16), (uint8_t)(flow >> 8),
		(uint8_t)flow };
	struct kv_txn *txn;
	enum status status = reading(store, &txn);

	REQUIRE(store->write == NULL);
	return status == STATUS_OK ? read_run(store, TABLE_RECORD, BYTES_OF(prefix), from,
		   log_store_head(store, flow), most, batch)
	                           : status;
}

enum status log_store_read_commands(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t from, size_t most, struct link_batch *batch)
{
	struct kv_txn *txn;
	uint64_t head;
	enum status status = reading(store, &txn);

	REQUIRE(store->write == NULL);
	if (status == STATUS_OK)
		status = log_store_command_head(store, agent, &head);
	return status == STATUS_OK ? read_run(store, TABLE_COMMAND, BYTES(agent, AGENT_ID_SIZE),
		   from, head, most, batch)
	                           : status;
}

/* ---- readers and retention ---- */

enum status log_store_set_reader(struct log_store *store, const char *reader, uint32_t flow,
    uint64_t offset)
{
	buffer_clear(&store->key);
	buffer_append_u32(&store->key, flow);
	buffer_append_text(&store->key, reader);
	return kv_put(store->write, TABLE_READER, buffer_bytes(&store->key),
	    u64_value(store, offset));
}

/* The least that any reader has read of FLOW; 0 where none is known. */
static enum status read_by_all(struct log_store *store, uint32_t flow, uint64_t *out)
{
	uint8_t prefix[4] = { (uint8_t)(flow >> 24), (uint8_t)(flow >> 16), (uint8_t)(flow >> 8),
		(uint8_t)flow };
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	uint64_t least = UINT64_MAX;
	enum status status = kv_cursor_open(store->write, TABLE_READER, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_OF(prefix), &key, &value);
	while (status == STATUS_OK && bytes_start_with(key, BYTES_OF(prefix))) {
		if (value.size == 8 && bytes_u64(value.data) < least)
			least = bytes_u64(value.data);
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	*out = least == UINT64_MAX ? 0 : least;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static bool may_age_out(struct log_store *store, struct bytes value, uint64_t older_than_ms,
    bool is_too_large)
{
	Fettle__Record *record;

	arena_reset(&store->arena);
	return is_too_large || record_decode(value, &store->arena, &record) != STATUS_OK
	    || record->stamp == NULL || record->stamp->received_ms < older_than_ms;
}

static enum status retain_flow(struct log_store *store, uint32_t flow, uint64_t older_than_ms,
    bool is_too_large, size_t most, size_t *deleted)
{
	uint64_t last;
	enum status status = read_by_all(store, flow, &last);

	while (status == STATUS_OK && *deleted < most && store->now.tail[flow] <= last) {
		struct bytes value;

		status = kv_get(store->write, TABLE_RECORD,
		    record_key(store, flow, store->now.tail[flow]), &value);
		if (status == STATUS_OK && !may_age_out(store, value, older_than_ms, is_too_large))
			break;
		if (status == STATUS_OK)
			status = kv_delete(store->write, TABLE_RECORD, buffer_bytes(&store->key));
		status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
		store->now.tail[flow]++;
		store->dirty[flow] = true;
		++*deleted;
	}
	return status;
}

enum status log_store_retain(struct log_store *store, uint64_t now_ms, uint64_t keep_ms,
    uint64_t size_max, size_t most, size_t *deleted)
{
	uint64_t map, used, older_than_ms = now_ms > keep_ms ? now_ms - keep_ms : 0;
	enum status status = STATUS_OK;

	*deleted = 0;
	kv_usage(store->kv, &map, &used);
	status = retain_flow(store, SUBLOG_NOTICE, older_than_ms, used > size_max, most, deleted);
	for (unsigned i = 0; status == STATUS_OK && i < SUBLOG_COUNT && *deleted < most; i++) {
		store->retain_at = (store->retain_at + 1) % SUBLOG_COUNT;
		status = retain_flow(store, SUBLOG_FIRST + store->retain_at, older_than_ms,
		    used > size_max, most, deleted);
	}
	return status;
}
