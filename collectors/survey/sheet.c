/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/survey/sheet.h"

#include <errno.h>
#include <stdlib.h>

#include "core/hashmap.h"
#include "core/log.h"

enum { SCOPES_MAX = 8 };

struct entry {
	struct fact fact;
	size_t scope;
	UT_hash_handle hh; /* by the key */
};

struct watched {
	int directory;
	const char *const *names; /* NULL: all */
};

struct failure {
	enum fact_status status;
	const char *reason;
};

struct sheet {
	const char *const *scopes;
	size_t scopes_count;
	struct failure failures[SCOPES_MAX];
	struct watch *watch;
	struct arena arena; /* of the facts */
	struct arena names; /* of what is watched */
	struct entry *by_key, **entries;
	size_t count, room;
	struct watched *watched;
	size_t watched_count;
};

struct sheet *sheet_new(const char *const *scopes, struct watch *watch)
{
	struct sheet *sheet = memory_new(sizeof(*sheet));

	sheet->scopes = scopes;
	while (scopes[sheet->scopes_count] != NULL)
		sheet->scopes_count++;
	REQUIRE(sheet->scopes_count <= SCOPES_MAX);
	sheet->watch = watch;
	return sheet;
}

void sheet_forget_facts(struct sheet *sheet)
{
	HASH_CLEAR(hh, sheet->by_key);
	arena_fini(&sheet->arena);
	free(sheet->entries);
	sheet->entries = NULL;
	sheet->count = sheet->room = 0;
	memset(sheet->failures, 0, sizeof(sheet->failures));
}

void sheet_free(struct sheet *sheet)
{
	if (sheet == NULL)
		return;
	sheet_forget_facts(sheet);
	arena_fini(&sheet->names);
	free(sheet->watched);
	free(sheet);
}

/* ---- facts ---- */

static size_t scope_of(const struct sheet *sheet, struct bytes key)
{
	size_t scope = 0;

	while (scope < sheet->scopes_count
	       && !bytes_start_with(key, bytes_of_text(sheet->scopes[scope])))
		scope++;
	return scope;
}

/* At the end of a character, where it is text at all. */
static size_t cut(struct bytes text)
{
	size_t size = SHEET_FIELD_MAX;

	while (size > SHEET_FIELD_MAX - 4 && (text.data[size] & 0xc0) == 0x80)
		size--;
	return size;
}

static void copy_field(struct sheet *sheet, struct fact *fact, struct fact_field *field)
{
	if (field->type == FACT_NUMBER)
		return;
	if (field->bytes.size > SHEET_FIELD_MAX) {
		field->bytes.size = cut(field->bytes);
		fact->status = FACT_TRUNCATED;
		fact->reason = arena_format(&sheet->arena, "%s is cut after %zu bytes", field->name,
		    field->bytes.size);
	}
	field->bytes = arena_bytes(&sheet->arena, field->bytes);
}

static struct entry *copy(struct sheet *sheet, const struct fact *fact)
{
	struct entry *entry = arena_take(&sheet->arena, sizeof(*entry));
	struct fact_field *fields = arena_take(&sheet->arena, fact->fields_count * sizeof(*fields));

	entry->fact = *fact;
	entry->fact.key = arena_bytes(&sheet->arena, fact->key);
	if (fact->reason != NULL)
		entry->fact.reason = arena_text(&sheet->arena, fact->reason);
	for (size_t i = 0; i < fact->fields_count; i++) {
		fields[i] = fact->fields[i];
		copy_field(sheet, &entry->fact, &fields[i]);
	}
	entry->fact.fields = fields;
	entry->scope = scope_of(sheet, fact->key);
	return entry;
}

static void fail_at(struct sheet *sheet, size_t scope, enum fact_status status, const char *reason)
{
	if (scope == sheet->scopes_count || sheet->failures[scope].status != FACT_NONE)
		return;
	sheet->failures[scope].status = status;
	sheet->failures[scope].reason = reason == NULL ? NULL : arena_text(&sheet->arena, reason);
}

void sheet_add(struct sheet *sheet, const struct fact *fact)
{
	struct entry *entry;

	HASH_FIND(hh, sheet->by_key, fact->key.data, fact->key.size, entry);
	if (entry != NULL)
		return;
	if (sheet->count == SHEET_FACTS_MAX) {
		fail_at(sheet, scope_of(sheet, fact->key), FACT_FAILED, "there are too many");
		return;
	}
	if (sheet->count == sheet->room) {
		sheet->room = sheet->room == 0 ? 64 : 2 * sheet->room;
		sheet->entries = memory_grow(sheet->entries, sheet->room * sizeof(struct entry *));
	}
	entry = copy(sheet, fact);
	sheet->entries[sheet->count++] = entry;
	HASH_ADD_KEYPTR(hh, sheet->by_key, entry->fact.key.data, entry->fact.key.size, entry);
}

static void add(struct sheet *sheet, const char *name_space, struct bytes rest, struct fact fact)
{
	struct buffer key = { 0 };

	fact_key(&key, name_space, rest);
	fact.key = buffer_bytes(&key);
	sheet_add(sheet, &fact);
	buffer_fini(&key);
}

void sheet_present(struct sheet *sheet, const char *name_space, struct bytes rest,
    const struct fact_field *fields, size_t count)
{
	add(sheet, name_space, rest,
	    (struct fact){ .status = FACT_PRESENT, .fields = fields, .fields_count = count });
}

void sheet_unread(struct sheet *sheet, const char *name_space, struct bytes rest, int error)
{
	struct fact fact = { .status = FACT_FAILED, .reason = strerror(error) };

	if (error == ENOENT || error == ENOTDIR)
		fact = (struct fact){ .status = FACT_ABSENT };
	else if (error == EACCES || error == EPERM)
		fact.status = FACT_UNREADABLE;
	add(sheet, name_space, rest, fact);
}

void sheet_fail(struct sheet *sheet, const char *scope, enum fact_status status, const char *reason)
{
	size_t index = scope_of(sheet, bytes_of_text(scope));

	REQUIRE(index < sheet->scopes_count);
	fail_at(sheet, index, status, reason);
}

const struct fact *sheet_next(const struct sheet *sheet, size_t scope, size_t *at)
{
	while (*at < sheet->count) {
		const struct entry *entry = sheet->entries[(*at)++];

		if (entry->scope == scope)
			return &entry->fact;
	}
	return NULL;
}

enum fact_status sheet_failure(const struct sheet *sheet, size_t scope, const char **reason)
{
	*reason = sheet->failures[scope].reason;
	return sheet->failures[scope].status;
}

/* ---- watches ---- */

static void remember(struct sheet *sheet, int directory, const char *const *names)
{
	sheet->watched = memory_grow(sheet->watched,
	    (sheet->watched_count + 1) * sizeof(*sheet->watched));
	sheet->watched[sheet->watched_count++] = (struct watched){ directory, names };
}

void sheet_watch(struct sheet *sheet, const char *path, const char *const *names)
{
	char *at = text_copy(path);
	enum status status = STATUS_NOT_FOUND;
	uint32_t what = WATCH_NAMES | IN_CLOSE_WRITE;
	int directory;

	while (sheet->watch != NULL && status == STATUS_NOT_FOUND) {
		const char **above;
		char *slash;

		status = watch_add(sheet->watch, at[0] == '\0' ? "/" : at, what, &directory);
		if (status == STATUS_OK)
			remember(sheet, directory, names);
		slash = strrchr(at, '/');
		if (slash == NULL)
			break;
		above = arena_take(&sheet->names, 2 * sizeof(*above));
		above[0] = arena_text(&sheet->names, slash + 1);
		names = above;
		what = IN_CREATE | IN_MOVED_TO; /* and no more: it may be as busy as /dev */
		*slash = '\0';
	}
	if (sheet->watch != NULL && status != STATUS_OK)
		log_debug("survey-unwatched", "%s is not watched: %s", path, status_text(status));
	free(at);
}

void sheet_watch_file(struct sheet *sheet, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char **names = arena_take(&sheet->names, 2 * sizeof(*names));
	char *directory;

	REQUIRE(slash != NULL);
	directory = arena_format(&sheet->names, "%.*s", (int)(slash - path), path);
	names[0] = arena_text(&sheet->names, slash + 1);
	sheet_watch(sheet, directory, names);
}

bool sheet_concerns(const struct sheet *sheet, const struct watch_event *event)
{
	bool is_known = false;

	for (size_t i = 0; i < sheet->watched_count; i++) {
		const struct watched *watched = &sheet->watched[i];

		if (watched->directory != event->directory)
			continue;
		is_known = true;
		if (watched->names == NULL)
			return true;
		for (size_t n = 0; watched->names[n] != NULL; n++)
			if (strcmp(watched->names[n], event->name) == 0)
				return true;
	}
	/* Of itself; or of one that a look under way has only just begun to watch. */
	return !is_known || event->name[0] == '\0';
}

void sheet_release_watches(const struct sheet *sheet, const struct sheet *before)
{
	for (size_t i = 0; before != NULL && i < before->watched_count; i++) {
		bool is_wanted = false;

		for (size_t k = 0; k < sheet->watched_count && !is_wanted; k++)
			is_wanted = sheet->watched[k].directory == before->watched[i].directory;
		if (!is_wanted)
			watch_remove(sheet->watch, before->watched[i].directory);
	}
}
