/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/ruleset.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/record.h"
#include "processors/detect/key_index.h"
#include "processors/state/tables.h"
#include "proto/intent.pb-c.h"

struct ruleset {
	bool is_loaded;
	struct regex_set *regexes;
	struct detection **rules;
	size_t count;
	struct key_index *index;
	struct watchlist *watchlist;
};

static void clear(struct ruleset *set)
{
	key_index_free(set->index);
	for (size_t i = 0; i < set->count; i++)
		detection_free(set->rules[i]);
	free(set->rules);
	watchlist_free(set->watchlist);
	regex_set_free(set->regexes);
	*set = (struct ruleset){ .is_loaded = false };
}

struct ruleset *ruleset_new(void)
{
	return memory_new(sizeof(struct ruleset));
}

void ruleset_free(struct ruleset *set)
{
	if (set == NULL)
		return;
	clear(set);
	free(set);
}

void ruleset_invalidate(struct ruleset *set)
{
	clear(set);
}

/* ---- loading ---- */

static void add_rule(struct ruleset *set, const char *name, const char *text,
    struct yaml_errors *errors)
{
	struct detection *rule;

	if (detection_parse(name, bytes_of_text(text), set->regexes, &rule, errors) != STATUS_OK)
		return;
	set->rules = memory_grow(set->rules, (set->count + 1) * sizeof(struct detection *));
	set->rules[set->count++] = rule;
}

static void add_watchlist(struct ruleset *set, const char *name, const char *text,
    struct yaml_errors *errors)
{
	struct watchlist *list;

	if (watchlist_parse(name, bytes_of_text(text), &list, errors) != STATUS_OK)
		return;
	watchlist_free(set->watchlist);
	set->watchlist = list;
}

typedef void add_text(struct ruleset *set, const char *name, const char *text,
    struct yaml_errors *errors);

static void add_document(struct ruleset *set, const Fettle__Document *document, add_text *add)
{
	struct yaml_errors errors = { 0 };

	add(set, document->file == NULL ? "" : document->file, document->text, &errors);
	if (errors.count > 0)
		log_write(LOG_ERROR, "detection-unreadable",
		    LOG_FIELDS(LOG_TEXT("detection", document->id == NULL ? "" : document->id)),
		    "a detection or watch list in force no longer parses with this version, and is "
		    "not asked: %s",
		    yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
}

static enum status parse_all(struct ruleset *set, struct txn *txn, enum state_table table,
    add_text *add)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	enum status status = txn_scan_open(txn, table, BYTES_NONE, BYTES_NONE, &scan);

	while (status == STATUS_OK) {
		Fettle__Document *document;

		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK)
			break;
		document = fettle__document__unpack(NULL, value.size, value.data);
		if (document == NULL || document->text == NULL)
			status = STATUS_CORRUPT;
		else
			add_document(set, document, add);
		if (document != NULL)
			fettle__document__free_unpacked(document, NULL);
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status ruleset_load(struct ruleset *set, struct txn *txn)
{
	enum status status;

	if (set->is_loaded)
		return STATUS_OK;
	set->regexes = regex_set_new();
	status = parse_all(set, txn, STATE_DETECTION, add_rule);
	if (status == STATUS_OK)
		status = parse_all(set, txn, STATE_WATCHLIST, add_watchlist);
	if (status != STATUS_OK) {
		clear(set);
		return status;
	}
	set->index = key_index_new((const struct detection *const *)set->rules, set->count);
	set->is_loaded = true;
	return STATUS_OK;
}

/* ---- asking ---- */

const struct detection **ruleset_rules(const struct ruleset *set, struct bytes key,
    struct arena *arena, size_t *count)
{
	size_t *numbers = key_index_find(set->index, key, arena, count);
	const struct detection **rules = arena_take(arena, *count * sizeof(struct detection *));

	for (size_t i = 0; i < *count; i++)
		rules[i] = set->rules[numbers[i]];
	return rules;
}

const struct watchlist *ruleset_watchlist(const struct ruleset *set)
{
	return set->watchlist;
}

const struct watchlist_entry *ruleset_entry(const struct ruleset *set, struct bytes key,
    unsigned changes)
{
	size_t prefix = strlen("file");

	if (set->watchlist == NULL || !bytes_start_with(key, bytes_of_text("file/")))
		return NULL;
	return watchlist_find(set->watchlist, BYTES(key.data + prefix, key.size - prefix), changes);
}

bool ruleset_tells(const struct ruleset *set, struct bytes key)
{
	for (size_t i = 0; set->watchlist != NULL && i < set->watchlist->entries_count; i++) {
		const struct watchlist_entry *entry = &set->watchlist->entries[i];

		for (size_t j = 0; j < entry->told_by_count; j++)
			if (bytes_start_with(key, bytes_of_text(entry->told_by[j])))
				return true;
	}
	return false;
}
