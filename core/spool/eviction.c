/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eviction.c - what goes when a lane is full: never what has a number, and never uncounted.
 *
 * First the older record about the same, which the newer one makes good.  Then, in the delta lane
 * and for what cannot be observed again, the oldest that can be: a gap record stands in its place,
 * in the same transaction, and grows with what goes next to it.  Marks and heartbeats that go are
 * no loss: the next ones say more.
 */
#include "core/spool/parts.h"

#include <stdlib.h>

#include "core/log.h"
#include "proto/observation.pb-c.h"

/* No gap record is larger. */
enum { GAP_ROOM = 256 };

static const char gap_reason[] = "the spool was full: the oldest changes went";
static const char refused_reason[] = "the spool was full: what was seen was not taken";

/* ---- records that wait ---- */

/* A record without a number; in the spool's arena until the next is looked for. */
struct waiting {
	uint64_t position; /* 0: there is none */
	uint64_t size;
	const Fettle__Envelope *envelope;
	struct bytes body;
};

static enum status decode(struct spool *spool, struct bytes encoded, struct waiting *out)
{
	Fettle__Record *record;

	arena_reset(&spool->arena);
	if (record_decode(encoded, &spool->arena, &record) != STATUS_OK)
		return STATUS_CORRUPT;
	out->size = encoded.size;
	out->envelope = record->envelope;
	out->body = record_bytes(record->body);
	return STATUS_OK;
}

/* The first one behind POSITION, or NOT_FOUND. */
static enum status next_waiting(struct spool *spool, enum lane lane, uint64_t position,
    struct waiting *out)
{
	struct kv_cursor *cursor = NULL;
	struct spool_key from;
	struct bytes key, record;
	enum status status = kv_cursor_open(spool->write, SPOOL_RECORD, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, spool_key(&from, lane, position + 1), &key,
		    &record);
	if (status == STATUS_OK && key.data[0] != lane)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK) {
		out->position = bytes_u64(key.data + 1);
		status = decode(spool, record, out);
	}
	kv_cursor_close(cursor);
	return status;
}

/* The one that a newer record about SUBJECT would replace; OK with position 0: none. */
static enum status find_older(struct spool *spool, struct bytes subject, struct waiting *out)
{
	struct spool_key key;
	struct bytes record;
	uint64_t position;
	enum status status = spool_pending_get(spool, subject, &position);

	if (status == STATUS_OK)
		status = kv_get(spool->write, SPOOL_RECORD,
		    spool_key(&key, (enum lane)subject.data[0], position), &record);
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK)
		status = decode(spool, record, out);
	if (status == STATUS_OK)
		out->position = position;
	return status;
}

/* The gap that WAITING is, where it stands for what went: it grows.  NULL: it is something else. */
static const Fettle__Gap *gap_of(struct spool *spool, const struct waiting *waiting)
{
	const Fettle__Gap *gap;

	if (waiting->envelope->kind != FETTLE__KIND__KIND_GAP)
		return NULL;
	gap = record_unpack(&fettle__gap__descriptor, waiting->body, &spool->arena);
	return gap != NULL && gap->has_from ? gap : NULL;
}

/* What happened once, and what counts, stays. */
static bool can_go(struct spool *spool, enum lane lane, const struct waiting *waiting)
{
	struct buffer subject = { 0 };
	bool is_seen_again;

	/* It is small, stands for many, and had to wait for its room. */
	if (waiting->envelope->kind == FETTLE__KIND__KIND_HAVE)
		return false;
	spool_subject(&subject, lane, waiting->envelope->kind, waiting->body, &spool->arena);
	is_seen_again = subject.size > 0;
	buffer_fini(&subject);
	return is_seen_again || gap_of(spool, waiting) != NULL;
}

/* ---- gaps ---- */

/* Records next to each other that go; its gap record is written when it is closed. */
struct run {
	bool is_open;
	uint64_t from, to, count, first_ms, last_ms;
};

static void extend(struct run *run, const struct run *by)
{
	if (!run->is_open) {
		*run = *by;
		run->is_open = true;
		return;
	}
	run->to = by->to;
	run->count += by->count;
	run->last_ms = by->last_ms;
}

static enum status close_run(struct spool *spool, enum lane lane, struct run *run)
{
	Fettle__Gap gap = FETTLE__GAP__INIT;
	struct buffer body = { 0 };

	if (!run->is_open)
		return STATUS_OK;
	run->is_open = false;
	if (run->count == 0)
		return STATUS_OK;
	RECORD_SET(&gap, count, run->count);
	gap.reason = RECORD_TEXT(gap_reason);
	RECORD_SET(&gap, from, run->from);
	RECORD_SET(&gap, to, run->to);
	RECORD_SET(&gap, lane, lane);
	RECORD_SET(&gap, first_ms, run->first_ms);
	RECORD_SET(&gap, last_ms, run->last_ms);
	record_pack(&body, &gap.base);
	spool_make_record(spool, FETTLE__KIND__KIND_GAP, 0, buffer_bytes(&body));
	buffer_fini(&body);
	return spool_put_record(spool, lane, run->from);
}

/* ---- passes that are not whole any more ---- */

struct mark {
	uint64_t position; /* 0: there is none */
	struct buffer subject;
};

/* One mark that waits behind POSITION and says that KEY, seen by COLLECTOR, was told. */
static enum status find_mark(struct spool *spool, enum lane lane, const Fettle__Fact *fact,
    uint64_t position, struct mark *out)
{
	struct buffer passes = { 0 };
	struct kv_cursor *cursor = NULL;
	struct bytes subject, row, key = record_bytes(fact->key);
	enum status status = kv_cursor_open(spool->write, SPOOL_PENDING, &cursor);

	spool_subject_passes(&passes, lane, fact->collector);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(&passes), &subject, &row);
	while (status == STATUS_OK && bytes_start_with(subject, buffer_bytes(&passes))) {
		struct bytes prefix = BYTES(subject.data + passes.size, subject.size - passes.size);

		if (row.size == 8 && bytes_u64(row.data) > position
		    && bytes_start_with(key, prefix)) {
			out->position = bytes_u64(row.data);
			buffer_append(&out->subject, subject);
			break;
		}
		status = kv_cursor_next(cursor, &subject, &row);
	}
	kv_cursor_close(cursor);
	buffer_fini(&passes);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/*
 * In bulk it is the one that the server waits for before it believes any later pass over the same:
 * none was completed, and the next goes by bulk as well.
 */
static enum status forget_pass(struct spool *spool, enum lane lane, const char *collector,
    struct bytes prefix)
{
	char *name;
	enum status status;

	if (lane != LANE_BULK)
		return STATUS_OK;
	name = spool_pass_note(collector, prefix);
	status = kv_delete(spool->write, SPOOL_NOTE, bytes_of_text(name));
	free(name);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status drop_mark(struct spool *spool, enum lane lane, const char *collector,
    const struct mark *mark)
{
	size_t head = 2 + strlen(collector) + 1; /* lane, what it is, collector and NUL */
	enum status status = spool_drop_record(spool, lane, mark->position);

	spool->now.lanes[lane].coalesced += status == STATUS_OK;
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = kv_delete(spool->write, SPOOL_PENDING, buffer_bytes(&mark->subject));
	return status == STATUS_OK ? forget_pass(spool, lane, collector,
		   BYTES(mark->subject.data + head, mark->subject.size - head))
	                           : status;
}

/* A pass whose mark follows would be taken for whole: its mark goes too. */
static enum status drop_marks(struct spool *spool, enum lane lane, const Fettle__Fact *fact,
    uint64_t position)
{
	struct mark mark = { 0 };
	enum status status = fact->collector == NULL
	                       ? STATUS_OK
	                       : find_mark(spool, lane, fact, position, &mark);

	while (status == STATUS_OK && mark.position > 0) {
		status = drop_mark(spool, lane, fact->collector, &mark);
		mark.position = 0;
		buffer_clear(&mark.subject);
		if (status == STATUS_OK)
			status = find_mark(spool, lane, fact, position, &mark);
	}
	buffer_fini(&mark.subject);
	return status;
}

/* ---- going ---- */

static enum status forget_fact(struct spool *spool, enum lane lane, const struct waiting *waiting)
{
	const Fettle__Fact *fact;
	enum status status;

	if (waiting->envelope->kind != FETTLE__KIND__KIND_FACT_SET
	    && waiting->envelope->kind != FETTLE__KIND__KIND_FACT_UNSET)
		return STATUS_OK;
	fact = record_unpack(&fettle__fact__descriptor, waiting->body, &spool->arena);
	if (fact == NULL)
		return STATUS_CORRUPT;
	status = spool_ledger_untold(spool, waiting->envelope->kind, record_bytes(fact->key),
	    waiting->envelope->fact_revision, fact->is_baseline);
	if (status == STATUS_OK)
		status = drop_marks(spool, lane, fact, waiting->position);
	return status == STATUS_OK ? spool_digest_take_back(spool, lane, waiting->position)
	                           : status;
}

static enum status forget_mark(struct spool *spool, enum lane lane, const struct waiting *waiting)
{
	const Fettle__Pass *pass = record_unpack(&fettle__pass__descriptor, waiting->body,
	    &spool->arena);

	return pass == NULL || pass->collector == NULL
	         ? STATUS_CORRUPT
	         : forget_pass(spool, lane, pass->collector, record_bytes(pass->prefix));
}

static enum status forget(struct spool *spool, enum lane lane, const struct waiting *waiting)
{
	struct buffer subject = { 0 };
	enum status status;

	spool_subject(&subject, lane, waiting->envelope->kind, waiting->body, &spool->arena);
	status = spool_pending_drop(spool, buffer_bytes(&subject), waiting->position);
	buffer_fini(&subject);
	if (status == STATUS_OK && waiting->envelope->kind == FETTLE__KIND__KIND_PASS)
		return forget_mark(spool, lane, waiting);
	return status == STATUS_OK ? forget_fact(spool, lane, waiting) : status;
}

/* What WAITING stands for goes into RUN: itself, or what it counts as a gap. */
static enum status take(struct spool *spool, enum lane lane, const struct waiting *waiting,
    struct run *run)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	const Fettle__Gap *gap = gap_of(spool, waiting);
	struct run went = { .from = waiting->position,
		.to = waiting->position,
		.count = spool_observations(waiting->envelope->kind),
		.first_ms = waiting->envelope->wall_ms,
		.last_ms = waiting->envelope->wall_ms };
	enum status status = STATUS_OK;

	if (gap != NULL) {
		went = (struct run){ .from = gap->from,
			.to = gap->to,
			.count = gap->count,
			.first_ms = gap->first_ms,
			.last_ms = gap->last_ms };
	} else {
		status = forget(spool, lane, waiting);
		state->evicted += went.count;
		state->coalesced += went.count == 0;
	}
	extend(run, &went);
	return status == STATUS_OK ? spool_drop_record(spool, lane, waiting->position) : status;
}

/* OK: as many can go as free NEED bytes, without the one at SKIP.  AGAIN: so many cannot. */
static enum status can_free(struct spool *spool, enum lane lane, uint64_t need, uint64_t skip)
{
	struct waiting at = { .position = spool->now.lanes[lane].numbered };
	uint64_t freed = 0;
	bool is_run = false;

	while (freed < need) {
		enum status status = next_waiting(spool, lane, at.position, &at);

		if (status != STATUS_OK)
			return status == STATUS_NOT_FOUND ? STATUS_AGAIN : status;
		if (at.position == skip)
			continue;
		if (!can_go(spool, lane, &at)) {
			is_run = false;
			continue;
		}
		need += is_run ? 0 : GAP_ROOM;
		is_run = true;
		freed += at.size;
	}
	return STATUS_OK;
}

static void say_evicting(struct spool *spool, enum lane lane)
{
	if (!spool->was_evicting[lane])
		log_write(LOG_WARN, "spool-evicting", LOG_FIELDS(LOG_NUMBER("lane", lane)),
		    "the spool is full: the oldest changes of this lane go, which the server will "
		    "count as lost, and what is there then is observed again (setting "
		    "agent.spool_size)");
	spool->was_evicting[lane] = true;
}

static enum status evict(struct spool *spool, enum lane lane, size_t size)
{
	struct waiting at = { .position = spool->now.lanes[lane].numbered };
	struct run run = { 0 };
	enum status status = STATUS_OK;

	say_evicting(spool, lane);
	while (status == STATUS_OK
	       && spool_lane_bytes(spool, lane) + size + (run.is_open ? GAP_ROOM : 0)
		      > spool->quota[lane]) {
		status = next_waiting(spool, lane, at.position, &at);
		if (status == STATUS_OK)
			status = can_go(spool, lane, &at) ? take(spool, lane, &at, &run)
			                                  : close_run(spool, lane, &run);
	}
	/* can_free was there before. */
	if (status == STATUS_NOT_FOUND)
		status = STATUS_OK;
	return status == STATUS_OK ? close_run(spool, lane, &run) : status;
}

/* ---- coalescing ---- */

static enum status replace(struct spool *spool, enum lane lane, const struct waiting *older,
    struct spool_room *room)
{
	const Fettle__Fact *fact;
	enum status status = STATUS_OK;

	room->was_made = true;
	if (older->envelope->kind == FETTLE__KIND__KIND_FACT_SET
	    || older->envelope->kind == FETTLE__KIND__KIND_FACT_UNSET) {
		fact = record_unpack(&fettle__fact__descriptor, older->body, &spool->arena);
		room->has_replaced_baseline = fact != NULL && fact->is_baseline;
		status = spool_digest_take_back(spool, lane, older->position);
	}
	spool->now.lanes[lane].coalesced++;
	return status == STATUS_OK ? spool_drop_record(spool, lane, older->position) : status;
}

/* Where older records may go for one about SUBJECT: else its source waits and looks again. */
static bool may_evict(enum lane lane, struct bytes subject)
{
	return lane == LANE_DELTA || subject.size == 0;
}

enum status spool_make_room(struct spool *spool, enum lane lane, struct bytes subject, size_t size,
    struct spool_room *room)
{
	uint64_t bytes = spool_lane_bytes(spool, lane), quota = spool->quota[lane];
	struct waiting older = { 0 };
	enum status status = STATUS_OK;
	bool is_short;

	if (bytes + size <= quota && !spool_subject_is_periodic(subject))
		return STATUS_OK;
	if (lane == LANE_BULK && bytes + size > quota)
		status = spool_trim_bundles(spool, bytes + size - quota);
	bytes = spool_lane_bytes(spool, lane);
	if (status == STATUS_OK)
		status = find_older(spool, subject, &older);
	if (status != STATUS_OK)
		return status;
	bytes -= older.size < bytes ? older.size : bytes;
	is_short = bytes + size > quota;
	if (is_short && !may_evict(lane, subject))
		return STATUS_AGAIN;
	if (is_short)
		status = can_free(spool, lane, bytes + size - quota, older.position);
	/* What was decoded is older than what can_free looked at. */
	if (status == STATUS_OK && older.position > 0)
		status = find_older(spool, subject, &older);
	if (status == STATUS_OK && older.position > 0)
		status = replace(spool, lane, &older, room);
	if (status == STATUS_OK && is_short) {
		room->was_made = true;
		status = evict(spool, lane, size);
	}
	return status;
}

/* ---- what was never taken ---- */

static enum status report_lane(struct spool *spool, enum lane lane)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	Fettle__Gap gap = FETTLE__GAP__INIT;
	struct buffer body = { 0 };
	uint64_t refused = state->refused;
	enum status status;

	if (refused == state->told)
		return STATUS_OK;
	RECORD_SET(&gap, count, refused - state->told);
	RECORD_SET(&gap, lane, lane);
	gap.reason = RECORD_TEXT(refused_reason);
	record_pack(&body, &gap.base);
	status = spool_append(spool, lane, FETTLE__KIND__KIND_GAP, 0, buffer_bytes(&body));
	buffer_fini(&body);
	if (status == STATUS_OK)
		state->told = refused;
	return status;
}

enum status spool_report_refused(struct spool *spool)
{
	enum status status = STATUS_OK;

	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = report_lane(spool, (enum lane)lane);
	return status;
}
