/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/library.h"

#include <stdlib.h>

#include "core/hashmap.h"
#include "core/log.h"
#include "core/record.h"
#include "processors/state/tables.h"
#include "proto/intent.pb-c.h"

/* One fact that policies read. */
struct entry {
	struct bytes key;
	const char *path; /* NULL: no file */
	bool wants_content;
	struct library_reader *readers;
	size_t count, room;
	UT_hash_handle hh;
};

struct library {
	bool is_loaded;
	struct policy **policies;
	size_t count;
	struct entry *entries;
	struct arena arena;
	Fettle__Plan plan;
};

static void clear(struct library *library)
{
	struct entry *entry, *next;

	HASH_ITER (hh, library->entries, entry, next) {
		HASH_DELETE(hh, library->entries, entry);
		free(entry->readers);
		free(entry);
	}
	for (size_t i = 0; i < library->count; i++)
		policy_free(library->policies[i]);
	free(library->policies);
	arena_fini(&library->arena);
	*library = (struct library){ .is_loaded = false };
}

struct library *library_new(void)
{
	return memory_new(sizeof(struct library));
}

void library_free(struct library *library)
{
	if (library == NULL)
		return;
	clear(library);
	free(library);
}

void library_invalidate(struct library *library)
{
	clear(library);
}

/* ---- the index ---- */

static struct entry *entry_of(struct library *library, struct bytes key)
{
	struct entry *entry;

	HASH_FIND(hh, library->entries, key.data, key.size, entry);
	if (entry == NULL) {
		entry = memory_new(sizeof(*entry));
		entry->key = key;
		HASH_ADD_KEYPTR(hh, library->entries, key.data, key.size, entry);
	}
	return entry;
}

static void add_reader(struct library *library, const struct rule_key *key,
    const struct policy *policy, size_t check)
{
	struct entry *entry = entry_of(library, key->key);
	const struct library_reader *last = entry->count == 0 ? NULL
	                                                      : &entry->readers[entry->count - 1];

	if (key->path != NULL)
		entry->path = key->path;
	entry->wants_content |= key->wants_content;
	/* Several rules of a check may read one fact; all checks include each. */
	if (last != NULL && last->policy == policy
	    && (last->check == check || last->check == (size_t)LIBRARY_ALL_CHECKS))
		return;
	if (entry->count == entry->room) {
		entry->room = entry->room * 2 + 4;
		entry->readers = memory_grow(entry->readers, entry->room * sizeof(*entry->readers));
	}
	entry->readers[entry->count++] = (struct library_reader){ .policy = policy,
		.check = check };
}

static void index_check(struct library *library, const struct policy *policy,
    const struct check *check, size_t number)
{
	for (size_t r = 0; r < check->rules_count; r++)
		for (size_t k = 0; k < check->rules[r].keys_count; k++)
			add_reader(library, &check->rules[r].keys[k], policy, number);
}

static void index_policy(struct library *library, const struct policy *policy)
{
	if (policy->requirements != NULL)
		index_check(library, policy, policy->requirements, (size_t)LIBRARY_ALL_CHECKS);
	for (size_t i = 0; i < policy->checks_count; i++)
		index_check(library, policy, &policy->checks[i], i);
}

/* ---- the plan ---- */

static int by_path(const void *a, const void *b)
{
	const Fettle__PlanFile *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

static void make_plan(struct library *library)
{
	Fettle__Plan *plan = &library->plan;
	struct entry *entry, *next;
	struct buffer all = { 0 };
	uint8_t *hash = arena_take(&library->arena, HASH_SIZE);

	fettle__plan__init(plan);
	plan->files = arena_take(&library->arena,
	    HASH_CNT(hh, library->entries) * sizeof(*plan->files));
	HASH_ITER (hh, library->entries, entry, next) {
		Fettle__PlanFile *file;

		if (entry->path == NULL)
			continue;
		file = arena_take(&library->arena, sizeof(*file));
		fettle__plan_file__init(file);
		file->path = RECORD_TEXT(entry->path);
		RECORD_SET(file, content_limit, entry->wants_content ? FACT_CONTENT_MAX : 0);
		plan->files[plan->n_files++] = file;
	}
	/* The index has no order of its own, and the hash must not depend on one. */
	qsort(plan->files, plan->n_files, sizeof(*plan->files), by_path);
	record_pack(&all, &plan->base);
	hash_bytes(buffer_bytes(&all), hash);
	RECORD_SET_BYTES(plan, hash, BYTES(hash, HASH_SIZE));
	buffer_fini(&all);
}

/* ---- loading ---- */

static void add_policy(struct library *library, const Fettle__Document *message)
{
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;
	const char *dialect = message->dialect != NULL && message->dialect[0] != '\0'
	                        ? message->dialect
	                        : NULL;

	if (policy_parse(message->file == NULL ? message->id : message->file,
		bytes_of_text(message->text), dialect, &policy, &errors)
	    != STATUS_OK) {
		log_write(LOG_ERROR, "policy-unreadable",
		    LOG_FIELDS(LOG_TEXT("policy", message->id)),
		    "a policy in force no longer parses with this version, and is not assessed: %s",
		    yaml_errors_text(&errors));
	} else {
		library->policies = memory_grow(library->policies,
		    (library->count + 1) * sizeof(struct policy *));
		library->policies[library->count++] = policy;
	}
	yaml_errors_fini(&errors);
}

static enum status parse_all(struct library *library, struct txn *txn)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	enum status status = txn_scan_open(txn, STATE_POLICY, BYTES_NONE, BYTES_NONE, &scan);

	while (status == STATUS_OK) {
		Fettle__Document *message;

		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK)
			break;
		message = fettle__document__unpack(NULL, value.size, value.data);
		if (message == NULL || message->id == NULL || message->text == NULL)
			status = STATUS_CORRUPT;
		else
			add_policy(library, message);
		if (message != NULL)
			fettle__document__free_unpacked(message, NULL);
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status library_load(struct library *library, struct txn *txn)
{
	enum status status;

	if (library->is_loaded)
		return STATUS_OK;
	status = parse_all(library, txn);
	if (status != STATUS_OK) {
		clear(library);
		return status;
	}
	for (size_t i = 0; i < library->count; i++)
		index_policy(library, library->policies[i]);
	make_plan(library);
	library->is_loaded = true;
	return STATUS_OK;
}

/* ---- asking ---- */

size_t library_count(const struct library *library)
{
	return library->count;
}

const struct policy *library_at(const struct library *library, size_t index)
{
	return library->policies[index];
}

const struct policy *library_find(const struct library *library, const char *id)
{
	for (size_t i = 0; i < library->count; i++)
		if (strcmp(library->policies[i]->id, id) == 0)
			return library->policies[i];
	return NULL;
}

const struct library_reader *library_readers(const struct library *library, struct bytes key,
    size_t *count)
{
	struct entry *entry;

	HASH_FIND(hh, library->entries, key.data, key.size, entry);
	*count = entry == NULL ? 0 : entry->count;
	return entry == NULL ? NULL : entry->readers;
}

const Fettle__Plan *library_plan(const struct library *library)
{
	return &library->plan;
}
