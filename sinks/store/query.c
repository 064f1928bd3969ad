/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything here is a walk: over a table or an index, within a prefix, forward or backward, a page
 * at a time.
 */
#include "sinks/store/query.h"

#include <stdlib.h>

#include "core/hash.h"
#include "core/job_id.h"
#include "core/kv.h"
#include "core/record.h"
#include "core/require.h"
#include "sinks/store/layout.h"

/* A page ends, too, once so many keys were passed over in one read transaction. */
enum { PAGE_ROWS = 256, PAGE_BYTES = 1 << 20, PAGE_KEYS = 1 << 16 };

struct query {
	struct kv *kv;
};

/* Rows are those of TABLE; where there is an INDEX, found and ordered by it. */
struct view {
	enum layout_table table;
	bool has_index;
	enum layout_table index;
	size_t key_size; /* of TABLE: the end of the index' key */
};

static const struct view assets_view = { .table = LAYOUT_ASSETS };
static const struct view findings_view = { .table = LAYOUT_FINDINGS };
static const struct view findings_by_rank_view = { .table = LAYOUT_FINDINGS,
	.has_index = true,
	.index = LAYOUT_FINDINGS_BY_RANK,
	.key_size = LAYOUT_ID_SIZE };
static const struct view findings_by_due_view = { .table = LAYOUT_FINDINGS,
	.has_index = true,
	.index = LAYOUT_FINDINGS_BY_DUE,
	.key_size = LAYOUT_ID_SIZE };
static const struct view changes_view = { .table = LAYOUT_CHANGES };
static const struct view changes_by_asset_view = { .table = LAYOUT_CHANGES,
	.has_index = true,
	.index = LAYOUT_CHANGES_BY_ASSET,
	.key_size = LAYOUT_TIMED_SIZE };
static const struct view results_view = { .table = LAYOUT_RESULTS };
static const struct view quarantined_view = { .table = LAYOUT_QUARANTINED };
static const struct view losses_view = { .table = LAYOUT_LOSSES };
static const struct view health_view = { .table = LAYOUT_HEALTH };
static const struct view alerts_view = { .table = LAYOUT_ALERTS };
static const struct view alerts_by_rank_view = { .table = LAYOUT_ALERTS,
	.has_index = true,
	.index = LAYOUT_ALERTS_BY_RANK,
	.key_size = LAYOUT_ID_SIZE };
static const struct view alerts_by_asset_view = { .table = LAYOUT_ALERTS,
	.has_index = true,
	.index = LAYOUT_ALERTS_BY_ASSET,
	.key_size = LAYOUT_ID_SIZE };
static const struct view jobs_view = { .table = LAYOUT_JOBS };
static const struct view jobs_by_time_view = { .table = LAYOUT_JOBS,
	.has_index = true,
	.index = LAYOUT_JOBS_BY_TIME,
	.key_size = JOB_ID_SIZE };
static const struct view jobs_by_state_view = { .table = LAYOUT_JOBS,
	.has_index = true,
	.index = LAYOUT_JOBS_BY_STATE,
	.key_size = JOB_ID_SIZE };
static const struct view jobs_by_asset_view = { .table = LAYOUT_JOBS,
	.has_index = true,
	.index = LAYOUT_JOBS_BY_ASSET,
	.key_size = JOB_ID_SIZE };

/* One walk.  Zeroes but for QUERY and VIEW: over everything, forward. */
struct walk {
	struct query *query;
	const struct view *view;
	struct bytes prefix; /* of the keys walked by */
	struct bytes from;   /* the first key; NONE: the first, or backward the last, of PREFIX */
	bool is_backward;
	/* Which of the keys; NULL: all.  It spares the row. */
	bool (*wants_key)(const void *wanted, struct bytes key);
	const void *wanted;

	/* The page in hand. */
	struct buffer bytes;
	size_t sizes[PAGE_ROWS];
	size_t count;
	struct buffer last; /* the key walked to; what follows it is not read yet */
	bool is_over;
};

static void walk_fini(struct walk *walk)
{
	buffer_fini(&walk->bytes);
	buffer_fini(&walk->last);
}

/* ---- pages ---- */

/* The first key of the page: the one after `last`, or where the walk begins. */
static enum status seek(struct walk *walk, struct kv_cursor *cursor, struct bytes *key,
    struct bytes *value)
{
	struct bytes last = buffer_bytes(&walk->last);
	struct buffer end = { 0 };
	enum status status;

	if (walk->is_backward && last.size == 0 && walk->from.size == 0) {
		buffer_append(&end, walk->prefix);
		while (end.size < KV_KEY_MAX)
			buffer_append_u8(&end, 0xff);
		status = kv_cursor_seek_back(cursor, buffer_bytes(&end), key, value);
		buffer_fini(&end);
		return status;
	}
	if (last.size == 0)
		last = walk->from.size > 0 ? walk->from : walk->prefix;
	status = walk->is_backward ? kv_cursor_seek_back(cursor, last, key, value)
	                           : kv_cursor_seek(cursor, last, key, value);
	if (status == STATUS_OK && walk->last.size > 0 && bytes_equal(*key, last))
		status = walk->is_backward ? kv_cursor_prev(cursor, key, value)
		                           : kv_cursor_next(cursor, key, value);
	return status;
}

/* Copies the row that KEY and VALUE of the table or index walked by stand for. */
static enum status copy_row(struct walk *walk, struct kv_txn *txn, struct bytes key,
    struct bytes value)
{
	const struct view *view = walk->view;

	if (view->has_index) {
		enum status status;

		if (key.size < view->key_size)
			return STATUS_CORRUPT;
		status = kv_get(txn, view->table,
		    BYTES(key.data + key.size - view->key_size, view->key_size), &value);
		if (status != STATUS_OK)
			return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
	}
	buffer_append(&walk->bytes, value);
	walk->sizes[walk->count++] = value.size;
	return STATUS_OK;
}

static enum status copy_rows(struct walk *walk, struct kv_txn *txn, struct kv_cursor *cursor)
{
	struct bytes key, value;
	enum status status = seek(walk, cursor, &key, &value);
	unsigned keys = 0;

	while (status == STATUS_OK && bytes_start_with(key, walk->prefix)) {
		buffer_clear(&walk->last);
		buffer_append(&walk->last, key);
		if (walk->wants_key == NULL || walk->wants_key(walk->wanted, key))
			status = copy_row(walk, txn, key, value);
		if (status != STATUS_OK)
			return status;
		if (walk->count == PAGE_ROWS || walk->bytes.size >= PAGE_BYTES
		    || ++keys == PAGE_KEYS)
			return STATUS_OK;
		status = walk->is_backward ? kv_cursor_prev(cursor, &key, &value)
		                           : kv_cursor_next(cursor, &key, &value);
	}
	walk->is_over = true;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_page(struct walk *walk)
{
	struct kv_txn *txn;
	struct kv_cursor *cursor;
	enum status status = kv_read_begin(walk->query->kv, &txn);

	if (status != STATUS_OK)
		return status;
	buffer_clear(&walk->bytes);
	walk->count = 0;
	status = kv_cursor_open(txn, walk->view->has_index ? walk->view->index : walk->view->table,
	    &cursor);
	if (status == STATUS_OK) {
		status = copy_rows(walk, txn, cursor);
		kv_cursor_close(cursor);
	}
	kv_abort(&txn);
	return status;
}

/* ---- walks ---- */

/* Takes one row, in ARENA's time.  CLOSED ends the walk without being a failure. */
typedef enum status (*row_visit)(void *visitor, struct bytes value, struct arena *arena);

static enum status visit_page(struct walk *walk, row_visit visit, void *visitor,
    struct arena *arena)
{
	const uint8_t *at = walk->bytes.data;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < walk->count && status == STATUS_OK; i++) {
		arena_reset(arena);
		status = visit(visitor, BYTES(at, walk->sizes[i]), arena);
		at += walk->sizes[i];
	}
	return status;
}

/* Takes what the walk holds. */
static enum status walk_all(struct walk *walk, row_visit visit, void *visitor)
{
	struct arena arena = { 0 };
	enum status status = STATUS_OK;

	while (status == STATUS_OK && !walk->is_over) {
		status = read_page(walk);
		if (status == STATUS_OK)
			status = visit_page(walk, visit, visitor, &arena);
	}
	arena_fini(&arena);
	walk_fini(walk);
	return status;
}

/* ---- life ---- */

enum status query_open(const char *data, struct query **out)
{
	struct query *query = memory_new(sizeof(*query));
	struct kv_options options = { .tables = layout_tables, .format = LAYOUT_FORMAT };
	char *directory = layout_directory(data);
	enum status status = kv_open(directory, &options, &query->kv);

	free(directory);
	if (status != STATUS_OK) {
		free(query);
		return status;
	}
	*out = query;
	return STATUS_OK;
}

void query_close(struct query *query)
{
	if (query == NULL)
		return;
	kv_close(query->kv);
	free(query);
}

/* ---- whole tables ---- */

/* A visitor of one kind of message, whichever: its pointer is cast back before it is called. */
struct message_visit {
	const ProtobufCMessageDescriptor *descriptor;
	enum status (*visit)(const struct message_visit *message_visit, void *message);
	void (*function)(void);
	void *visitor;
};

static enum status visit_message(void *data, struct bytes value, struct arena *arena)
{
	const struct message_visit *with = data;
	void *message = record_unpack(with->descriptor, value, arena);

	return message == NULL ? STATUS_CORRUPT : with->visit(with, message);
}

#define MESSAGE_VISIT(name, type) \
	static enum status name(const struct message_visit *with, void *message) \
	{ \
		return ( \
		    (enum status(*)(void *, const type *))with->function)(with->visitor, message); \
	}

MESSAGE_VISIT(visit_asset, Fettle__AssetVerdict)
MESSAGE_VISIT(visit_results, Fettle__ResultsVerdict)
MESSAGE_VISIT(visit_quarantined, Fettle__QuarantinedVerdict)
MESSAGE_VISIT(visit_loss, Fettle__LossVerdict)
MESSAGE_VISIT(visit_health, Fettle__HealthVerdict)

static enum status visit_table(struct query *query, const struct view *view, struct bytes prefix,
    const struct message_visit *with)
{
	struct walk walk = { .query = query, .view = view, .prefix = prefix };
	struct message_visit copy = *with;

	return walk_all(&walk, visit_message, &copy);
}

enum status query_assets(struct query *query,
    enum status (*visit)(void *visitor, const Fettle__AssetVerdict *asset), void *visitor)
{
	return visit_table(query, &assets_view, BYTES_NONE,
	    &(struct message_visit){ .descriptor = &fettle__asset_verdict__descriptor,
		.visit = visit_asset,
		.function = (void (*)(void))visit,
		.visitor = visitor });
}

enum status query_results(struct query *query, struct bytes asset,
    enum status (*visit)(void *visitor, const Fettle__ResultsVerdict *results), void *visitor)
{
	return visit_table(query, &results_view, asset,
	    &(struct message_visit){ .descriptor = &fettle__results_verdict__descriptor,
		.visit = visit_results,
		.function = (void (*)(void))visit,
		.visitor = visitor });
}

enum status query_quarantined(struct query *query,
    enum status (*visit)(void *visitor, const Fettle__QuarantinedVerdict *quarantined),
    void *visitor)
{
	return visit_table(query, &quarantined_view, BYTES_NONE,
	    &(struct message_visit){ .descriptor = &fettle__quarantined_verdict__descriptor,
		.visit = visit_quarantined,
		.function = (void (*)(void))visit,
		.visitor = visitor });
}

enum status query_losses(struct query *query,
    enum status (*visit)(void *visitor, const Fettle__LossVerdict *loss), void *visitor)
{
	return visit_table(query, &losses_view, BYTES_NONE,
	    &(struct message_visit){ .descriptor = &fettle__loss_verdict__descriptor,
		.visit = visit_loss,
		.function = (void (*)(void))visit,
		.visitor = visitor });
}

enum status query_health(struct query *query, struct bytes asset,
    enum status (*visit)(void *visitor, const Fettle__HealthVerdict *health), void *visitor)
{
	return visit_table(query, &health_view, asset,
	    &(struct message_visit){ .descriptor = &fettle__health_verdict__descriptor,
		.visit = visit_health,
		.function = (void (*)(void))visit,
		.visitor = visitor });
}

enum status query_asset(struct query *query, struct bytes id, struct arena *arena,
    Fettle__AssetVerdict **out)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = id.size == 0 ? STATUS_NOT_FOUND : kv_read_begin(query->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_get(txn, LAYOUT_ASSETS, id, &value);
	if (status == STATUS_OK) {
		*out = record_unpack(&fettle__asset_verdict__descriptor, value, arena);
		status = *out == NULL ? STATUS_CORRUPT : STATUS_OK;
	}
	kv_abort(&txn);
	return status;
}

/* ---- findings ---- */

struct findings_visit {
	const struct query_findings *wanted;
	enum status (*visit)(void *visitor, const Fettle__FindingVerdict *finding);
	void *visitor;
};

static bool has_bit(uint32_t bits, unsigned bit)
{
	return bits == 0 || (bits >> bit & 1) != 0;
}

static bool wants_finding(const struct query_findings *wanted,
    const Fettle__FindingVerdict *finding)
{
	return (unsigned)finding->kind < 32 && has_bit(wanted->kinds, (unsigned)finding->kind)
	    && (finding->first_seen_ms >= wanted->since_ms
		|| finding->fixed_ms >= wanted->since_ms);
}

static enum status visit_finding(void *data, struct bytes value, struct arena *arena)
{
	const struct findings_visit *with = data;
	const Fettle__FindingVerdict *finding = record_unpack(&fettle__finding_verdict__descriptor,
	    value, arena);

	if (finding == NULL)
		return STATUS_CORRUPT;
	return wants_finding(with->wanted, finding) ? with->visit(with->visitor, finding)
	                                            : STATUS_OK;
}

/* Of LAYOUT_FINDINGS_BY_DUE: state | due_ms | rank | asset | … */
static bool wants_due_key(const void *data, struct bytes key)
{
	const struct query_findings *wanted = data;
	enum { RANK_AT = 1 + 8, ASSET_AT = RANK_AT + 1 };

	return key.size >= ASSET_AT && has_bit(wanted->ranks, key.data[RANK_AT])
	    && bytes_start_with(BYTES(key.data + ASSET_AT, key.size - ASSET_AT), wanted->asset);
}

static enum status visit_by_due(struct query *query, const struct query_findings *wanted,
    struct findings_visit *with)
{
	enum status status = STATUS_OK;

	for (unsigned state = 1; state <= LAYOUT_STATES && status == STATUS_OK; state++) {
		uint8_t prefix = (uint8_t)state;
		struct walk walk = { .query = query,
			.view = &findings_by_due_view,
			.prefix = BYTES(&prefix, 1),
			.wants_key = wants_due_key,
			.wanted = wanted };

		if (has_bit(wanted->states, state))
			status = walk_all(&walk, visit_finding, with);
	}
	return status;
}

static enum status visit_by_rank(struct query *query, const struct query_findings *wanted,
    struct findings_visit *with)
{
	struct buffer prefix = { 0 };
	enum status status = STATUS_OK;

	for (unsigned i = 0; i < LAYOUT_STATES * RANKS && status == STATUS_OK; i++) {
		unsigned state = i / RANKS + 1, rank = i % RANKS;
		struct walk walk = { .query = query, .view = &findings_by_rank_view };

		if (!has_bit(wanted->states, state) || !has_bit(wanted->ranks, rank))
			continue;
		buffer_clear(&prefix);
		buffer_append_u8(&prefix, (uint8_t)state);
		buffer_append_u8(&prefix, (uint8_t)rank);
		buffer_append(&prefix, wanted->asset);
		walk.prefix = buffer_bytes(&prefix);
		status = walk_all(&walk, visit_finding, with);
	}
	buffer_fini(&prefix);
	return status;
}

enum status query_findings(struct query *query, const struct query_findings *wanted,
    enum status (*visit)(void *visitor, const Fettle__FindingVerdict *finding), void *visitor)
{
	struct findings_visit with = { .wanted = wanted, .visit = visit, .visitor = visitor };

	return wanted->is_by_due ? visit_by_due(query, wanted, &with)
	                         : visit_by_rank(query, wanted, &with);
}

/* ---- one, by the beginning of its id ---- */

enum { ID_MOST = JOB_ID_SIZE };

/* Collects the messages whose ids begin as asked for, until it has two. */
struct id_search {
	const ProtobufCMessageDescriptor *descriptor;
	struct bytes (*id_of)(const void *message);
	size_t id_size;
	char digits[2 * ID_MOST + 1]; /* in lower case */
	struct arena *arena;
	void *found;
};

static enum status match_id(void *data, struct bytes value, struct arena *arena)
{
	struct id_search *search = data;
	void *message = record_unpack(search->descriptor, value, search->arena);
	char hex[2 * ID_MOST + 1];
	struct bytes id = message == NULL ? BYTES_NONE : search->id_of(message);

	(void)arena;
	if (message == NULL || id.size != search->id_size)
		return STATUS_CORRUPT;
	bytes_to_hex(id, hex);
	if (strncmp(hex, search->digits, strlen(search->digits)) != 0)
		return STATUS_CLOSED;
	if (search->found != NULL)
		return STATUS_EXISTS;
	search->found = message;
	return STATUS_OK;
}

/* The least id that begins with the digits of TEXT; false where they are none. */
static bool least_id(struct id_search *search, const char *text, uint8_t out[ID_MOST])
{
	size_t size = strlen(text), most = 2 * search->id_size;

	if (size == 0 || size > most)
		return false;
	memset(search->digits, '0', most);
	memcpy(search->digits, text, size);
	search->digits[most] = '\0';
	if (!bytes_from_hex(search->digits, out, search->id_size))
		return false;
	bytes_to_hex(BYTES(out, search->id_size), search->digits);
	search->digits[size] = '\0';
	return true;
}

static enum status find_by_id(struct query *query, const struct view *view,
    struct id_search *search, const char *text)
{
	struct walk walk = { .query = query, .view = view };
	uint8_t least[ID_MOST];
	enum status status;

	if (!least_id(search, text, least))
		return STATUS_INVALID;
	walk.from = BYTES(least, search->id_size);
	status = walk_all(&walk, match_id, search);
	if (status != STATUS_OK && status != STATUS_CLOSED)
		return status;
	return search->found == NULL ? STATUS_NOT_FOUND : STATUS_OK;
}

static struct bytes finding_id(const void *message)
{
	return record_bytes(((const Fettle__FindingVerdict *)message)->id);
}

static struct bytes alert_id(const void *message)
{
	return record_bytes(((const Fettle__AlertVerdict *)message)->id);
}

static struct bytes job_id(const void *message)
{
	return record_bytes(((const Fettle__JobVerdict *)message)->id);
}

enum status query_finding(struct query *query, const char *id, struct arena *arena,
    Fettle__FindingVerdict **out)
{
	struct id_search search = { .descriptor = &fettle__finding_verdict__descriptor,
		.id_of = finding_id,
		.id_size = LAYOUT_ID_SIZE,
		.arena = arena };
	enum status status = find_by_id(query, &findings_view, &search, id);

	*out = search.found;
	return status;
}

enum status query_alert(struct query *query, const char *id, struct arena *arena,
    Fettle__AlertVerdict **out)
{
	struct id_search search = { .descriptor = &fettle__alert_verdict__descriptor,
		.id_of = alert_id,
		.id_size = LAYOUT_ID_SIZE,
		.arena = arena };
	enum status status = find_by_id(query, &alerts_view, &search, id);

	*out = search.found;
	return status;
}

enum status query_job(struct query *query, const char *id, struct arena *arena,
    Fettle__JobVerdict **out)
{
	struct id_search search = { .descriptor = &fettle__job_verdict__descriptor,
		.id_of = job_id,
		.id_size = JOB_ID_SIZE,
		.arena = arena };
	enum status status = find_by_id(query, &jobs_view, &search, id);

	*out = search.found;
	return status;
}

/* ---- alerts ---- */

struct alerts_visit {
	const struct query_alerts *wanted;
	enum status (*visit)(void *visitor, const Fettle__AlertVerdict *alert);
	void *visitor;
};

static enum status visit_alert(void *data, struct bytes value, struct arena *arena)
{
	const struct alerts_visit *with = data;
	const Fettle__AlertVerdict *alert = record_unpack(&fettle__alert_verdict__descriptor, value,
	    arena);

	if (alert == NULL)
		return STATUS_CORRUPT;
	if (alert->opened_ms < with->wanted->since_ms && alert->undone_ms < with->wanted->since_ms)
		return STATUS_OK;
	return with->visit(with->visitor, alert);
}

static bool wants_standing(const struct query_alerts *wanted, unsigned standing)
{
	bool is_acknowledged = standing == STANDING_ACKNOWLEDGED
	                    || standing == STANDING_UNDONE_ACKNOWLEDGED;

	return has_bit(wanted->standings, standing)
	    && !(wanted->is_unacknowledged && is_acknowledged);
}

enum status query_alerts(struct query *query, const struct query_alerts *wanted,
    enum status (*visit)(void *visitor, const Fettle__AlertVerdict *alert), void *visitor)
{
	const struct view *view = wanted->asset.size > 0 ? &alerts_by_asset_view
	                                                 : &alerts_by_rank_view;
	struct alerts_visit with = { .wanted = wanted, .visit = visit, .visitor = visitor };
	struct buffer prefix = { 0 };
	enum status status = STATUS_OK;

	for (unsigned i = RANKS; i < STANDINGS_END * RANKS && status == STATUS_OK; i++) {
		unsigned standing = i / RANKS, rank = i % RANKS;
		struct walk walk = { .query = query, .view = view, .is_backward = true };

		if (!wants_standing(wanted, standing) || !has_bit(wanted->ranks, rank))
			continue;
		buffer_clear(&prefix);
		buffer_append(&prefix, wanted->asset);
		buffer_append_u8(&prefix, (uint8_t)standing);
		buffer_append_u8(&prefix, (uint8_t)rank);
		walk.prefix = buffer_bytes(&prefix);
		status = walk_all(&walk, visit_alert, &with);
	}
	buffer_fini(&prefix);
	return status;
}

/* ---- jobs ---- */

struct jobs_visit {
	const struct query_jobs *wanted;
	enum status (*visit)(void *visitor, const Fettle__JobVerdict *job);
	void *visitor;
};

static enum status visit_job(void *data, struct bytes value, struct arena *arena)
{
	const struct jobs_visit *with = data;
	const Fettle__JobVerdict *job = record_unpack(&fettle__job_verdict__descriptor, value,
	    arena);

	if (job == NULL || (unsigned)job->state >= 32)
		return STATUS_CORRUPT;
	if (!has_bit(with->wanted->states, (unsigned)job->state)
	    || (job->updated_ms < with->wanted->since_ms
		&& job->proposed_ms < with->wanted->since_ms))
		return STATUS_OK;
	return with->visit(with->visitor, job);
}

/* The only state in BITS; 0: there is none, or more than one. */
static uint8_t only_state(uint32_t bits)
{
	uint8_t state = 0;

	if (bits == 0 || (bits & (bits - 1)) != 0)
		return 0;
	while ((bits >> state & 1) == 0)
		state++;
	return state;
}

enum status query_jobs(struct query *query, const struct query_jobs *wanted,
    enum status (*visit)(void *visitor, const Fettle__JobVerdict *job), void *visitor)
{
	struct jobs_visit with = { .wanted = wanted, .visit = visit, .visitor = visitor };
	struct walk walk = { .query = query, .view = &jobs_by_time_view, .is_backward = true };
	uint8_t state = only_state(wanted->states);

	if (wanted->asset.size > 0) {
		walk.view = &jobs_by_asset_view;
		walk.prefix = wanted->asset;
	} else if (state != 0) {
		walk.view = &jobs_by_state_view;
		walk.prefix = BYTES(&state, 1);
	}
	return walk_all(&walk, visit_job, &with);
}

/* ---- changes ---- */

struct changes_visit {
	const struct query_changes *wanted;
	enum status (
	    *visit)(void *visitor, const Fettle__ChangeVerdict *change, uint64_t stored_ms);
	void *visitor;
	/* Where the newest `limit` begin: the key of the oldest that matched, going back. */
	uint64_t matched;
	struct buffer oldest;
};

static enum status unpack_change(struct bytes value, struct arena *arena,
    const Fettle__ChangeVerdict **out)
{
	if (value.size < 8)
		return STATUS_CORRUPT;
	*out = record_unpack(&fettle__change_verdict__descriptor,
	    BYTES(value.data + 8, value.size - 8), arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

static bool wants_change(const struct query_changes *wanted, const Fettle__ChangeVerdict *change)
{
	return bytes_start_with(record_bytes(change->key), wanted->key_prefix);
}

static enum status visit_change(void *data, struct bytes value, struct arena *arena)
{
	const struct changes_visit *with = data;
	const Fettle__ChangeVerdict *change;
	enum status status = unpack_change(value, arena, &change);

	if (status != STATUS_OK || !wants_change(with->wanted, change))
		return status;
	return with->visit(with->visitor, change, bytes_u64(value.data));
}

/* CLOSED once the oldest one wanted has been found. */
static enum status match_change(void *data, struct bytes value, struct arena *arena)
{
	struct changes_visit *with = data;
	const Fettle__ChangeVerdict *change;
	enum status status = unpack_change(value, arena, &change);

	if (status != STATUS_OK)
		return status;
	if (change->received_ms < with->wanted->since_ms)
		return STATUS_CLOSED;
	if (!wants_change(with->wanted, change))
		return STATUS_OK;
	buffer_clear(&with->oldest);
	buffer_append(&with->oldest, with->wanted->asset);
	layout_timed_key(&with->oldest, change->received_ms, record_bytes(change->id));
	return ++with->matched == with->wanted->limit ? STATUS_CLOSED : STATUS_OK;
}

/* The key from which the changes wanted begin, into with->oldest. */
static enum status find_oldest(struct query *query, const struct view *view,
    struct changes_visit *with)
{
	struct walk back = { .query = query,
		.view = view,
		.prefix = with->wanted->asset,
		.is_backward = true };
	enum status status;

	if (with->wanted->limit == 0) {
		buffer_append(&with->oldest, with->wanted->asset);
		buffer_append_u64(&with->oldest, with->wanted->since_ms);
		return STATUS_OK;
	}
	status = walk_all(&back, match_change, with);
	return status == STATUS_CLOSED ? STATUS_OK : status;
}

enum status query_changes(struct query *query, const struct query_changes *wanted,
    enum status (*visit)(void *visitor, const Fettle__ChangeVerdict *change, uint64_t stored_ms),
    void *visitor)
{
	const struct view *view = wanted->asset.size > 0 ? &changes_by_asset_view : &changes_view;
	struct changes_visit with = { .wanted = wanted, .visit = visit, .visitor = visitor };
	enum status status = find_oldest(query, view, &with);

	if (status == STATUS_OK && with.oldest.size > 0) {
		struct walk walk = { .query = query,
			.view = view,
			.prefix = wanted->asset,
			.from = buffer_bytes(&with.oldest) };

		status = walk_all(&walk, visit_change, &with);
	}
	buffer_fini(&with.oldest);
	return status;
}

/* ---- counters ---- */

static enum status read_sums(struct kv_txn *txn, struct query_counters *out)
{
	struct layout_sums sums = { 0 };
	struct bytes value;
	enum status status = kv_get(txn, LAYOUT_META, layout_sums_key(), &value);

	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status != STATUS_OK)
		return status;
	if (!layout_sums_decode(value, &sums))
		return STATUS_CORRUPT;
	out->position = sums.position;
	out->refused = sums.refused;
	out->lost = sums.lost;
	memcpy(out->findings[1], sums.findings, sizeof(sums.findings));
	memcpy(out->alerts, sums.alerts, sizeof(sums.alerts));
	memcpy(out->jobs, sums.jobs, sizeof(sums.jobs));
	return STATUS_OK;
}

enum status query_counters(struct query *query, struct query_counters *out)
{
	const struct {
		enum layout_table table;
		uint64_t *count;
	} counts[] = {
		{ LAYOUT_ASSETS, &out->assets },
		{ LAYOUT_CHANGES, &out->changes },
		{ LAYOUT_RESULTS, &out->results },
		{ LAYOUT_QUARANTINED, &out->quarantined },
		{ LAYOUT_LOSSES, &out->losses },
	};
	struct kv_txn *txn;
	enum status status = kv_read_begin(query->kv, &txn);

	*out = (struct query_counters){ 0 };
	if (status != STATUS_OK)
		return status;
	status = read_sums(txn, out);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && status == STATUS_OK; i++)
		status = kv_count(txn, counts[i].table, counts[i].count);
	kv_abort(&txn);
	return status;
}
