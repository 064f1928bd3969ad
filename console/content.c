/* SPDX-License-Identifier: Apache-2.0 */
#include "console/content.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "brokers/log/dump.h"
#include "console/file_text.h"
#include "console/intent.h"
#include "core/hash.h"
#include "core/record.h"
#include "core/sublog.h"
#include "processors/assess/policy.h"
#include "processors/prioritize/table.h"
#include "proto/intent.pb-c.h"

enum { FILES_MAX = 4096 };

struct content_settings {
	struct setting_list policies;
	char *priority_table;
};

static const struct setting settings_table[] = {
	SETTING_LIST(struct content_settings, policies, "",
	    "directories and files of policies; empty: the shipped ones, and policies/ beside the "
	    "configuration file"),
	SETTING_TEXT(struct content_settings, priority_table, "",
	    "file of the table that says how soon; empty: the shipped one"),
	SETTING_END
};

const struct setting_section content_section = { .name = "content",
	.settings = settings_table,
	.size = sizeof(struct content_settings),
	.help = "what is assessed" };

/* One policy file, read and found good. */
struct entry {
	char *file, *id, *text, *dialect;
};

struct content {
	struct entry *entries;
	size_t count;
	char **directories; /* what a file of theirs that is gone withdraws */
	size_t directories_count;
	struct entry table; /* the priority table; its text is NULL where there is none */
};

/* ---- reading ---- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t size = strlen(name), suffix_size = strlen(suffix);

	return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static void free_entry(struct entry *entry)
{
	free(entry->file);
	free(entry->id);
	free(entry->text);
	free(entry->dialect);
}

static bool is_known_id(const struct content *content, const struct entry *entry,
    struct yaml_errors *errors)
{
	for (size_t i = 0; i < content->count; i++)
		if (strcmp(content->entries[i].id, entry->id) == 0) {
			yaml_error(errors, NULL, (struct yaml_mark){ 0 },
			    "%s: the policy id `%s` is used by %s too; give one of them another",
			    entry->file, entry->id, content->entries[i].file);
			return true;
		}
	return false;
}

static void add_file(struct content *content, const char *path, const char *dialect,
    struct yaml_errors *errors)
{
	char *real = realpath(path, NULL);
	struct entry entry = { .file = real != NULL ? real : text_copy(path),
		.dialect = text_copy(dialect) };
	struct policy *policy = NULL;

	entry.text = file_text_read(entry.file, errors);
	if (entry.text == NULL
	    || policy_parse(entry.file, bytes_of_text(entry.text), dialect, &policy, errors)
		   != STATUS_OK) {
		free_entry(&entry);
		return;
	}
	entry.id = text_copy(policy->id);
	policy_free(policy);
	if (is_known_id(content, &entry, errors)) {
		free_entry(&entry);
		return;
	}
	content->entries = memory_grow(content->entries,
	    (content->count + 1) * sizeof(*content->entries));
	content->entries[content->count++] = entry;
}

static void add_table(struct content *content, const char *path, struct yaml_errors *errors)
{
	char *real = realpath(path, NULL);
	struct entry entry = { .file = real != NULL ? real : text_copy(path) };
	struct priority_table *table = NULL;

	entry.text = file_text_read(entry.file, errors);
	if (entry.text == NULL
	    || priority_table_parse(entry.file, bytes_of_text(entry.text), &table, errors)
		   != STATUS_OK) {
		free_entry(&entry);
		return;
	}
	entry.id = text_copy(priority_table_id(table));
	priority_table_free(table);
	content->table = entry;
}

static int is_policy_file(const struct dirent *item)
{
	return item->d_name[0] != '.'
	    && (has_suffix(item->d_name, ".yaml") || has_suffix(item->d_name, ".yml"));
}

static void add_directory(struct content *content, const char *path, struct yaml_errors *errors)
{
	struct dirent **items;
	char *real = realpath(path, NULL);
	int count = scandir(path, &items, is_policy_file, alphasort);

	if (count < 0) {
		yaml_error(errors, NULL, (struct yaml_mark){ 0 }, "%s: cannot be read: %s", path,
		    strerror(errno));
		free(real);
		return;
	}
	for (int i = 0; i < count; i++) {
		char *file = text_format("%s/%s", path, items[i]->d_name);

		if (content->count < FILES_MAX)
			add_file(content, file, NULL, errors);
		free(file);
		free(items[i]);
	}
	free(items);
	content->directories = memory_grow(content->directories,
	    (content->directories_count + 1) * sizeof(*content->directories));
	content->directories[content->directories_count++] = real;
}

static bool is_directory(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum status finish(struct content *content, struct content **out,
    const struct yaml_errors *errors)
{
	if (errors->count > 0) {
		content_free(content);
		return STATUS_INVALID;
	}
	*out = content;
	return STATUS_OK;
}

enum status content_load(const struct settings *settings, const char *shipped, const char *config,
    struct content **out, struct yaml_errors *errors)
{
	const struct content_settings *set = settings_of(settings, "content");
	struct content *content = memory_new(sizeof(*content));
	char *own = text_format("%s/policies", config);
	char *given = text_format("%s/policies", shipped);
	char *table = text_format("%s/priorities/default.yaml", shipped);

	if (set->priority_table[0] != '\0')
		add_table(content, set->priority_table, errors);
	else if (access(table, F_OK) == 0)
		add_table(content, table, errors);
	free(table);
	for (size_t i = 0; i < set->policies.count; i++) {
		if (is_directory(set->policies.items[i]))
			add_directory(content, set->policies.items[i], errors);
		else
			add_file(content, set->policies.items[i], NULL, errors);
	}
	if (set->policies.count == 0 && is_directory(given))
		add_directory(content, given, errors);
	if (set->policies.count == 0 && is_directory(own))
		add_directory(content, own, errors);
	free(own);
	free(given);
	return finish(content, out, errors);
}

enum status content_load_files(const char *const *files, const char *dialect, struct content **out,
    struct yaml_errors *errors)
{
	struct content *content = memory_new(sizeof(*content));

	for (; *files != NULL; files++)
		add_file(content, *files, dialect, errors);
	return finish(content, out, errors);
}

void content_free(struct content *content)
{
	if (content == NULL)
		return;
	for (size_t i = 0; i < content->count; i++)
		free_entry(&content->entries[i]);
	for (size_t i = 0; i < content->directories_count; i++)
		free(content->directories[i]);
	free_entry(&content->table);
	free(content->entries);
	free(content->directories);
	free(content);
}

size_t content_count(const struct content *content)
{
	return content->count;
}

/* ---- writing ---- */

static const char *policy_key(struct intent *intent, const char *id)
{
	return arena_format(&intent->arena, "policy/%s", id);
}

static void add_document(struct intent *intent, uint32_t kind, const char *key,
    const struct entry *entry)
{
	Fettle__Document document = FETTLE__DOCUMENT__INIT;
	uint8_t hash[HASH_SIZE];

	hash_bytes(bytes_of_text(entry->text), hash);
	document.id = entry->id;
	document.file = entry->file;
	document.text = entry->text;
	document.dialect = entry->dialect;
	RECORD_SET_BYTES(&document, hash, BYTES_OF(hash));
	intent_add(intent, kind, key, &document.base);
}

static void add_removal(struct intent *intent, const char *id)
{
	Fettle__Document policy = FETTLE__DOCUMENT__INIT;

	policy.id = RECORD_TEXT(id);
	intent_add(intent, FETTLE__KIND__KIND_POLICY_REMOVED, policy_key(intent, id), &policy.base);
}

/* Takes what is in INTENT. */
static enum status send(struct intent *intent, const char *data, uint64_t *written)
{
	enum status status = intent_send(intent, data, written);

	intent_fini(intent);
	return status;
}

/* What is in force: called for each policy of the log's intent. */
struct in_force {
	void (*visit)(void *data, const Fettle__Document *policy);
	void *data;
};

static enum status visit_intent(void *data, const struct log_dump_record *dumped)
{
	struct in_force *in_force = data;
	Fettle__Record *record;
	Fettle__Document *policy;

	if (dumped->flow > SUBLOG_INTENT)
		return STATUS_CLOSED; /* intent is over; the sub-logs of observations follow */
	record = fettle__record__unpack(NULL, dumped->record.size, dumped->record.data);
	if (record == NULL)
		return STATUS_OK;
	if (record->envelope != NULL && record->envelope->kind == FETTLE__KIND__KIND_POLICY) {
		policy = fettle__document__unpack(NULL, record->body.len, record->body.data);
		if (policy != NULL && policy->id != NULL)
			in_force->visit(in_force->data, policy);
		if (policy != NULL)
			fettle__document__free_unpacked(policy, NULL);
	}
	fettle__record__free_unpacked(record, NULL);
	return STATUS_OK;
}

static void each_in_force(const char *data,
    void (*visit)(void *data, const Fettle__Document *policy), void *visitor)
{
	struct in_force in_force = { .visit = visit, .data = visitor };

	/* No log yet: nothing is in force. */
	if (log_dump(data, visit_intent, &in_force) == STATUS_NOT_FOUND)
		return;
}

struct sweep {
	const struct content *content;
	struct intent *intent;
};

static bool is_in_directory(const char *file, const char *directory)
{
	size_t size = strlen(directory);

	return strncmp(file, directory, size) == 0 && file[size] == '/'
	    && strchr(file + size + 1, '/') == NULL;
}

static void withdraw_if_gone(void *data, const Fettle__Document *policy)
{
	struct sweep *sweep = data;
	const struct content *content = sweep->content;
	bool is_ours = false;

	for (size_t i = 0; i < content->count; i++)
		if (strcmp(content->entries[i].id, policy->id) == 0)
			return;
	for (size_t i = 0; policy->file != NULL && i < content->directories_count; i++)
		is_ours |= is_in_directory(policy->file, content->directories[i]);
	if (is_ours)
		add_removal(sweep->intent, policy->id);
}

enum status content_publish(const struct content *content, const char *data, uint64_t *written)
{
	struct intent intent;
	struct sweep sweep = { .content = content, .intent = &intent };

	intent_init(&intent);
	if (content->table.text != NULL)
		add_document(&intent, FETTLE__KIND__KIND_PRIORITY_TABLE, "priority-table",
		    &content->table);
	for (size_t i = 0; i < content->count; i++)
		add_document(&intent, FETTLE__KIND__KIND_POLICY,
		    policy_key(&intent, content->entries[i].id), &content->entries[i]);
	each_in_force(data, withdraw_if_gone, &sweep);
	return send(&intent, data, written);
}

struct find_policy {
	const char *id;
	bool is_found;
};

static void compare_id(void *data, const Fettle__Document *policy)
{
	struct find_policy *find = data;

	find->is_found |= strcmp(find->id, policy->id) == 0;
}

enum status content_withdraw(const char *data, const char *id)
{
	struct intent intent;
	struct find_policy find = { .id = id };
	uint64_t written;

	each_in_force(data, compare_id, &find);
	if (!find.is_found)
		return STATUS_NOT_FOUND;
	intent_init(&intent);
	add_removal(&intent, id);
	return send(&intent, data, &written);
}
