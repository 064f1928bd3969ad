/* SPDX-License-Identifier: Apache-2.0 */
#include "core/observer.h"

#include <stdlib.h>

#include "core/bundler.h"
#include "core/digest.h"
#include "core/hashmap.h"
#include "core/record.h"
#include "core/spool.h"
#include "proto/observation.pb-c.h"

/* A pass commits now and then, so that a large one holds neither memory nor the writer for long. */
enum { PASS_COMMIT_EVERY = 1000 };

/* What a fact's message adds to key, value and reason: tags, lengths, the collector's name. */
enum { FACT_OVERHEAD = 256 };

/* What a pass was begun over since the agent started. */
struct scope {
	char *collector;
	uint8_t *prefix;
	size_t prefix_size;
	bool is_baseline;   /* nobody has looked at all of it by this plan yet */
	bool is_complete;   /* a pass over it was completed since the agent started */
	uint64_t forgotten; /* how often facts had been forgotten when that began */
	struct scope *next;
};

struct observer {
	struct spool *spool;
	bool wants_refresh, has_bundles;
	struct observer_pass *passes; /* that are under way */
	uint64_t evicted;             /* records, when a refresh was last asked for */
	struct scope *scopes;
	struct buffer value, body;
};

/* A key that a pass has seen, by its hash: 180,000 files are 10 MB and not 60. */
struct seen {
	uint8_t hash[HASH_SIZE];
	UT_hash_handle hh;
};

struct observer_pass {
	struct observer *observer;
	char *collector;
	enum lane lane;
	uint8_t *prefix, *plan;
	size_t prefix_size, plan_size;
	struct seen *seen;
	uint64_t facts, undone_before, evicted_before, forgotten_before;
	enum status status; /* of the first that could not be taken */
	struct scope *scope;
	enum lane (*lane_of)(void *data, struct bytes key);
	void *lane_data;
	struct bundler *bundler; /* what is baseline waits here for its neighbours; or NULL */
	struct observer_pass *next;
};

struct observer *observer_new(struct spool *spool)
{
	struct observer *observer = memory_new(sizeof(*observer));

	observer->spool = spool;
	observer->evicted = spool_evicted(spool);
	return observer;
}

void observer_free(struct observer *observer)
{
	if (observer == NULL)
		return;
	while (observer->scopes != NULL) {
		struct scope *next = observer->scopes->next;

		free(observer->scopes->collector);
		free(observer->scopes->prefix);
		free(observer->scopes);
		observer->scopes = next;
	}
	buffer_fini(&observer->value);
	buffer_fini(&observer->body);
	free(observer);
}

void observer_set_bundles(struct observer *observer, bool is_on)
{
	observer->has_bundles = is_on;
}

bool observer_wants_refresh(struct observer *observer)
{
	uint64_t evicted = spool_evicted(observer->spool);
	bool wanted = observer->wants_refresh || evicted != observer->evicted;

	observer->wants_refresh = false;
	observer->evicted = evicted;
	return wanted;
}

bool observer_is_complete(const struct observer *observer)
{
	const struct scope *scope = observer->scopes;

	while (scope != NULL && scope->is_complete
	       && scope->forgotten == spool_forgotten(observer->spool))
		scope = scope->next;
	return scope == NULL && observer->scopes != NULL;
}

void observer_on_undone(struct observer *observer)
{
	observer->wants_refresh = true;
}

static enum status note_failure(struct observer *observer, enum status status)
{
	if (status != STATUS_OK)
		observer->wants_refresh = true;
	return status;
}

/* ---- what is baseline ---- */

static bool is_of(const struct scope *scope, const char *collector, struct bytes prefix)
{
	return strcmp(scope->collector, collector) == 0
	    && bytes_equal(BYTES(scope->prefix, scope->prefix_size), prefix);
}

static struct scope *find_scope(struct observer *observer, const char *collector,
    struct bytes prefix)
{
	struct scope *scope = observer->scopes;

	while (scope != NULL && !is_of(scope, collector, prefix))
		scope = scope->next;
	if (scope != NULL)
		return scope;
	scope = memory_new(sizeof(*scope));
	scope->collector = text_copy(collector);
	scope->prefix = memory_new(prefix.size);
	scope->prefix_size = prefix.size;
	if (prefix.size > 0)
		memcpy(scope->prefix, prefix.data, prefix.size);
	scope->next = observer->scopes;
	observer->scopes = scope;
	return scope;
}

static bool is_baseline(const struct observer *observer, const char *collector, struct bytes key)
{
	for (const struct scope *scope = observer->scopes; scope != NULL; scope = scope->next)
		if (scope->is_baseline && strcmp(scope->collector, collector) == 0
		    && bytes_start_with(key, BYTES(scope->prefix, scope->prefix_size)))
			return true;
	return false;
}

/* ---- one fact ---- */

/* Who says something, and how urgent it is. */
struct source {
	const char *collector;
	enum lane lane;
	struct observer_pass *pass; /* or NULL */
};

static enum lane lane_of(const struct source *source, struct bytes key, bool is_baseline)
{
	if (is_baseline)
		return LANE_BULK;
	if (source->pass != NULL && source->pass->lane_of != NULL)
		return source->pass->lane_of(source->pass->lane_data, key);
	return source->lane;
}

/* FACT's value is encoded; FACT_NONE: it is gone. */
static void pack_fact(struct buffer *out, const char *collector, const struct bundle_fact *fact,
    bool is_baseline)
{
	Fettle__Fact message = FETTLE__FACT__INIT;

	RECORD_SET_BYTES(&message, key, fact->key);
	message.collector = RECORD_TEXT(collector);
	if (is_baseline)
		RECORD_SET(&message, is_baseline, true);
	if (fact->status != FACT_NONE) {
		RECORD_SET(&message, status, (Fettle__FactStatus)fact->status);
		RECORD_SET_BYTES(&message, value, fact->value);
		message.reason = RECORD_TEXT(fact->reason);
	}
	buffer_clear(out);
	record_pack(out, &message.base);
}

static struct bundle_fact encoded(const struct observer *observer, const struct fact *fact)
{
	return (struct bundle_fact){ .key = fact->key,
		.status = fact->status,
		.value = buffer_bytes(&observer->value),
		.reason = fact->reason };
}

static void encode(struct observer *observer, const struct fact *fact, uint8_t hash[HASH_SIZE])
{
	uint8_t value_hash[HASH_SIZE];

	buffer_clear(&observer->value);
	fact_value_encode(&observer->value, fact->fields, fact->fields_count);
	fact_hash(fact->status, buffer_bytes(&observer->value), value_hash);
	/* Content is addressed without the reason, but a new reason is worth telling. */
	digest_told(value_hash, fact->reason, hash);
}

/* By bulk, which has the least room, whatever lane it will take. */
static bool fits_record(const struct observer *observer, const struct fact *fact)
{
	size_t reason = fact->reason == NULL ? 0 : strlen(fact->reason);

	return observer->value.size + fact->key.size + reason + FACT_OVERHEAD
	    <= spool_body_max(observer->spool, LANE_BULK);
}

/* What was seen later is what counts, whoever saw it. */
static void forget_gathered(struct observer *observer, struct bytes key)
{
	for (struct observer_pass *pass = observer->passes; pass != NULL; pass = pass->next)
		if (pass->bundler != NULL)
			bundler_drop(pass->bundler, key);
}

static enum status set(struct observer *observer, const struct source *source,
    const struct fact *fact)
{
	const struct fact too_large = { .key = fact->key,
		.status = FACT_FAILED,
		.reason = "the value is larger than what can be sent" };
	uint8_t hash[HASH_SIZE], before[HASH_SIZE];
	struct bundle_fact message;
	enum status status;
	bool is_first;

	encode(observer, fact, hash);
	if (!fits_record(observer, fact)) {
		fact = &too_large;
		encode(observer, fact, hash);
	}
	forget_gathered(observer, fact->key);
	status = spool_ledger_get(observer->spool, fact->key, before);
	if (status == STATUS_OK && memcmp(hash, before, HASH_SIZE) == 0)
		return STATUS_OK;
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	is_first = status == STATUS_OK ? spool_is_untold_baseline(before)
	                               : is_baseline(observer, source->collector, fact->key);
	message = encoded(observer, fact);
	if (is_first && source->pass != NULL && source->pass->bundler != NULL)
		return bundler_add(source->pass->bundler, &message, hash);
	pack_fact(&observer->body, source->collector, &message, is_first);
	return spool_append_fact(observer->spool, lane_of(source, fact->key, is_first),
	    FETTLE__KIND__KIND_FACT_SET, fact->key, hash, buffer_bytes(&observer->body));
}

static enum status unset(struct observer *observer, const struct source *source, struct bytes key)
{
	const struct bundle_fact gone = { .key = key, .status = FACT_NONE };
	uint8_t before[HASH_SIZE];
	enum status status;
	bool is_last;

	forget_gathered(observer, key);
	status = spool_ledger_get(observer->spool, key, before);
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status != STATUS_OK)
		return status;
	is_last = spool_is_untold_baseline(before) || is_baseline(observer, source->collector, key);
	pack_fact(&observer->body, source->collector, &gone, is_last);
	return spool_append_fact(observer->spool, lane_of(source, key, is_last),
	    FETTLE__KIND__KIND_FACT_UNSET, key, NULL, buffer_bytes(&observer->body));
}

enum status observer_set(struct observer *observer, const char *collector, enum lane lane,
    const struct fact *fact)
{
	const struct source source = { .collector = collector, .lane = lane };

	return note_failure(observer, set(observer, &source, fact));
}

enum status observer_unset(struct observer *observer, const char *collector, enum lane lane,
    struct bytes key)
{
	const struct source source = { .collector = collector, .lane = lane };

	return note_failure(observer, unset(observer, &source, key));
}

/* ---- passes ---- */

static char *note_name(const struct observer_pass *pass)
{
	return spool_pass_note(pass->collector, BYTES(pass->prefix, pass->prefix_size));
}

/* Under which plan the last pass was completed; false: none was. */
static bool was_completed(const struct observer_pass *pass, struct buffer *plan)
{
	char *name = note_name(pass);
	enum status status = spool_note_get(pass->observer->spool, name, plan);

	free(name);
	return status == STATUS_OK;
}

static void find_out_baseline(struct observer_pass *pass)
{
	struct buffer plan = { 0 };

	pass->scope = find_scope(pass->observer, pass->collector,
	    BYTES(pass->prefix, pass->prefix_size));
	pass->scope->is_baseline = !was_completed(pass, &plan)
	                        || !bytes_equal(buffer_bytes(&plan),
				    BYTES(pass->plan, pass->plan_size));
	buffer_fini(&plan);
}

/* A fact with too few neighbours to go with them. */
static enum status tell_alone(void *data, const struct bundle_fact *fact,
    const uint8_t hash[HASH_SIZE])
{
	struct observer_pass *pass = data;
	struct observer *observer = pass->observer;

	pack_fact(&observer->body, pass->collector, fact, true);
	return spool_append_fact(observer->spool, LANE_BULK, FETTLE__KIND__KIND_FACT_SET, fact->key,
	    hash, buffer_bytes(&observer->body));
}

static void begin_gathering(struct observer_pass *pass)
{
	struct observer *observer = pass->observer;

	pass->next = observer->passes;
	observer->passes = pass;
	if (observer->has_bundles && pass->scope->is_baseline)
		pass->bundler = bundler_new(observer->spool, pass->collector, tell_alone, pass);
}

struct observer_pass *observer_pass_begin(struct observer *observer, const char *collector,
    enum lane lane, struct bytes prefix, struct bytes plan)
{
	struct observer_pass *pass = memory_new(sizeof(*pass));

	pass->observer = observer;
	pass->undone_before = spool_undone(observer->spool);
	pass->evicted_before = spool_evicted(observer->spool);
	pass->forgotten_before = spool_forgotten(observer->spool);
	pass->collector = text_copy(collector);
	pass->prefix = memory_new(prefix.size);
	pass->prefix_size = prefix.size;
	if (prefix.size > 0)
		memcpy(pass->prefix, prefix.data, prefix.size);
	pass->plan = memory_new(plan.size);
	pass->plan_size = plan.size;
	if (plan.size > 0)
		memcpy(pass->plan, plan.data, plan.size);
	find_out_baseline(pass);
	pass->lane = pass->scope->is_baseline ? LANE_BULK : lane;
	begin_gathering(pass);
	return pass;
}

void observer_pass_lanes(struct observer_pass *pass,
    enum lane (*lane_of)(void *data, struct bytes key), void *data)
{
	pass->lane_of = lane_of;
	pass->lane_data = data;
}

static struct source source_of(struct observer_pass *pass)
{
	return (struct source){ pass->collector, pass->lane, pass };
}

static void mark_seen(struct observer_pass *pass, struct bytes key)
{
	struct seen *seen, *found;

	seen = memory_new(sizeof(*seen));
	hash_bytes(key, seen->hash);
	HASH_FIND(hh, pass->seen, seen->hash, HASH_SIZE, found);
	if (found != NULL)
		free(seen);
	else
		HASH_ADD(hh, pass->seen, hash, HASH_SIZE, seen);
}

enum status observer_pass_set(struct observer_pass *pass, const struct fact *fact)
{
	const struct source source = source_of(pass);
	enum status status = set(pass->observer, &source, fact);

	mark_seen(pass, fact->key);
	if (status == STATUS_OK && ++pass->facts % PASS_COMMIT_EVERY == 0)
		status = spool_commit(pass->observer->spool);
	if (pass->status == STATUS_OK)
		pass->status = status;
	return note_failure(pass->observer, status);
}

struct missing {
	struct observer_pass *pass;
	struct buffer keys; /* u16 size and key, one after the other */
};

static enum status collect_if_missing(void *data, struct bytes key)
{
	struct missing *missing = data;
	uint8_t hash[HASH_SIZE];
	struct seen *found;

	hash_bytes(key, hash);
	HASH_FIND(hh, missing->pass->seen, hash, HASH_SIZE, found);
	if (found == NULL) {
		buffer_append_u16(&missing->keys, (uint16_t)key.size);
		buffer_append(&missing->keys, key);
	}
	return STATUS_OK;
}

static enum status unset_missing(struct observer_pass *pass)
{
	struct missing missing = { .pass = pass };
	const struct source source = source_of(pass);
	enum status status = spool_ledger_visit(pass->observer->spool,
	    BYTES(pass->prefix, pass->prefix_size), collect_if_missing, &missing);

	for (size_t at = 0; status == STATUS_OK && at < missing.keys.size;) {
		uint16_t size = bytes_u16(missing.keys.data + at);

		status = unset(pass->observer, &source, BYTES(missing.keys.data + at + 2, size));
		at += 2U + size;
	}
	buffer_fini(&missing.keys);
	return status;
}

static enum status append_mark(struct observer_pass *pass)
{
	struct observer *observer = pass->observer;
	Fettle__Pass message = FETTLE__PASS__INIT;
	char *name = note_name(pass);
	enum status status;

	message.collector = pass->collector;
	RECORD_SET_BYTES(&message, prefix, BYTES(pass->prefix, pass->prefix_size));
	RECORD_SET(&message, facts, pass->facts);
	RECORD_SET_BYTES(&message, plan, BYTES(pass->plan, pass->plan_size));
	buffer_clear(&observer->body);
	record_pack(&observer->body, &message.base);
	status = spool_append(observer->spool, pass->lane, FETTLE__KIND__KIND_PASS, 0,
	    buffer_bytes(&observer->body));
	if (status == STATUS_OK)
		status = spool_note_put(observer->spool, name, BYTES(pass->plan, pass->plan_size));
	free(name);
	return status;
}

/* What waits for its neighbours has all that will come. */
static enum status tell_gathered(struct observer_pass *pass)
{
	return pass->bundler == NULL ? STATUS_OK : bundler_flush(pass->bundler);
}

static void free_pass(struct observer_pass **taken)
{
	struct observer_pass *pass = *taken, **at = &pass->observer->passes;
	struct seen *seen, *next;

	while (*at != pass)
		at = &(*at)->next;
	*at = pass->next;
	HASH_ITER (hh, pass->seen, seen, next) {
		HASH_DELETE(hh, pass->seen, seen);
		free(seen);
	}
	bundler_free(pass->bundler);
	free(pass->collector);
	free(pass->prefix);
	free(pass->plan);
	free(pass);
	*taken = NULL;
}

enum status observer_pass_end(struct observer_pass **pass)
{
	struct observer *observer = (*pass)->observer;
	enum status status = (*pass)->status, told = tell_gathered(*pass);

	if (status == STATUS_OK)
		status = told;
	/*
	 * What was undone meanwhile may be of this pass, whoever's failure it was; so may what was
	 * forgotten to be sent again.
	 */
	if (status == STATUS_OK
	    && (spool_undone(observer->spool) != (*pass)->undone_before
		|| spool_forgotten(observer->spool) != (*pass)->forgotten_before))
		status = STATUS_AGAIN;
	if (status == STATUS_OK)
		status = unset_missing(*pass);
	/* It may be what this pass said, and is not the server's to know. */
	if (status == STATUS_OK && spool_evicted(observer->spool) != (*pass)->evicted_before)
		status = STATUS_AGAIN;
	if (status == STATUS_OK)
		status = append_mark(*pass);
	if (status == STATUS_OK)
		status = spool_commit(observer->spool);
	if (status == STATUS_OK) {
		(*pass)->scope->is_baseline = false;
		(*pass)->scope->is_complete = true;
		(*pass)->scope->forgotten = (*pass)->forgotten_before;
	}
	free_pass(pass);
	return note_failure(observer, status);
}

void observer_pass_abandon(struct observer_pass **pass)
{
	if (*pass == NULL)
		return;
	(void)note_failure((*pass)->observer, tell_gathered(*pass));
	free_pass(pass);
}
